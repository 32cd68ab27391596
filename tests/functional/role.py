# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the playbook of the role as AWX does: no terminal, no input, the variables in a file."""

import base64
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from . import runs
from .installation import program
from .playbooks import DEADLINE, Engine, Play, plain

STORE = {"stores": {"hosts": {"store": {"ansible_connection": "local"}}}}
INTERPRETER = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
RECAP = re.compile(r"^engine\S*\s+: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)
STATISTICS = re.compile(r"^\tRUN: (\{.*\})$", re.MULTILINE)
REFUSAL = "{{ ansible_failed_result | to_json | b64encode }}"
REFUSED = re.compile(r"REFUSED (\d+) ([A-Za-z0-9+/=]+)")


class Ran(NamedTuple):
    """What a run of the playbook came to."""

    changed: int
    failed: int
    statistics: dict[str, Any]
    output: str

    def made(self) -> "Ran":
        """Insist that it did not fail."""
        assert self.failed == 0, self.output
        return self

    def refused(self, *words: str) -> "Ran":
        """Insist that it failed and said this."""
        assert self.failed == 1, self.output
        return self.says(*words)

    def says(self, *words: str) -> "Ran":
        """Insist that it said this, wherever the lines break."""
        said = " ".join(self.output.split())
        assert [word for word in words if word not in said] == [], self.output
        return self


class Role:
    """The role, with the variables that all runs of a test share."""

    def __init__(self, engine: Engine, directory: Path, **variables: Any) -> None:
        self.engine = engine
        self.directory = directory
        self.variables = {"engine_backup_directory": directory, "engine_backup_scope": ["files", "db"], **variables}
        self.store = engine.scratch / "store.json"
        hosts = {"store": {**STORE["stores"]["hosts"]["store"], **INTERPRETER}}
        self.store.write_text(json.dumps({"stores": {"hosts": hosts}}))

    def run(self, *options: str, **variables: Any) -> Ran:
        """Run the playbook."""
        return self.play("ovirt.backup.engine_backup", *options, **variables)

    def refusals(self, *cases: dict[str, Any]) -> list[str]:
        """Run the role with each of these settings, in one play; all have to fail, and this is what they say."""
        tasks = [
            {
                "vars": plain(case),
                "block": [{"ansible.builtin.include_role": {"name": "ovirt.backup.engine_backup"}}],
                "rescue": [{"ansible.builtin.debug": {"msg": f"REFUSED {number} {REFUSAL}"}}],
            }
            for number, case in enumerate(cases)
        ]
        playbook = self.engine.scratch / "refusals.json"
        playbook.write_text(json.dumps([{"hosts": "engine", "gather_facts": False, "tasks": tasks}]))
        ran = self.play(str(playbook)).made()
        found = REFUSED.findall(ran.output)
        assert [int(number) for number, _text in found] == list(range(len(cases))), ran.output
        return [base64.b64decode(text).decode() for _number, text in found]

    def play(self, playbook: str, *options: str, **variables: Any) -> Ran:
        """Run a playbook with the variables of the test."""
        scratch = self.engine.scratch
        given = scratch / "variables.json"
        given.write_text(json.dumps(plain({**self.variables, **variables})))
        command = [
            program("ansible-playbook"), "-i", str(self.engine.site.inventory), "-i", str(self.store),
            "-e", f"@{given}", *options, playbook,
        ]  # fmt: skip
        folders = {
            "TMPDIR": str(scratch / "tmp"),
            "ANSIBLE_LOCAL_TEMP": str(scratch / "local"),
            "ANSIBLE_REMOTE_TEMP": str(scratch / "remote"),
            "ANSIBLE_SHOW_CUSTOM_STATS": "true",
            "ANSIBLE_PIPELINING": "true",
        }
        process = runs.start(command, folders, scratch, session=True)
        try:
            output = process.communicate(timeout=DEADLINE)[0]
        finally:
            process.kill()
        self.engine.plays.append(Play([], output))
        recap = RECAP.search(output)
        assert recap, output
        assert (process.returncode == 0) == (recap[2] == "0")
        said = STATISTICS.search(output)
        return Ran(int(recap[1]), int(recap[2]), json.loads(said[1]) if said else {}, output)

    def archives(self) -> list[str]:
        """The names of the archives in the directory, oldest first."""
        return sorted(path.name for path in self.directory.glob("*.backup"))
