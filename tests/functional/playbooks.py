# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run tasks on the engine host with ansible-playbook and read their results.

The results come back in a last debug task, as base64 so that no line of the output can be mistaken for them.
"""

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import runs
from .installation import Site, program
from .side_effects import Process, files_with, processes

Task = dict[str, Any]
Result = dict[str, Any]
RESULTS = re.compile(r"RESULTS ([A-Za-z0-9+/=]+)")
DEADLINE = 240
PAYLOAD = "ansible_"  # a killed module leaves its unpacked code, without options; that is Ansible's


class Play(NamedTuple):
    results: list[Result]
    output: str  # at -vvv, the results decoded


def backup(**options: Any) -> Task:
    """Make a backup."""
    return {"ovirt.backup.engine_backup": {"prefix": "{{ ovirt_prefix }}", **plain(options)}}


def info(**options: Any) -> Task:
    """Read archives."""
    return {"ovirt.backup.engine_backup_info": {"prefix": "{{ ovirt_prefix }}", **plain(options)}}


def prune(**options: Any) -> Task:
    """Remove old archives."""
    return {"ovirt.backup.engine_backup_prune": plain(options)}


def remove(path: Path) -> Task:
    """Remove a file between two other tasks, such as the one that switches a fault on."""
    return {"ansible.builtin.file": {"path": str(path), "state": "absent"}}


def checked(task: Task) -> Task:
    """The task as with --check --diff."""
    return {**task, "check_mode": True, "diff": True}


def plain(options: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}


def codes(result: Result) -> list[str]:
    """The codes of everything that a result complains of."""
    return [problem["code"] for problem in result.get("problems", [])]


class Running:
    """An ansible-playbook that was started."""

    def __init__(self, process: runs.AnyRun) -> None:
        self.process = process

    def finish(self) -> Play:
        """Wait for it and read what its tasks returned."""
        try:
            output = self.process.communicate(timeout=DEADLINE)[0]
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise
        found = RESULTS.search(output)
        assert found, output
        text = base64.b64decode(found.group(1)).decode()
        return Play(json.loads(text), output.replace(found.group(1), text))


class Engine:
    """The engine host, with a private place for what Ansible writes."""

    def __init__(self, site: Site, scratch: Path) -> None:
        self.site = site
        self.scratch = scratch
        self.plays: list[Play] = []
        for name in ("tmp", "local", "remote"):
            (scratch / name).mkdir(parents=True, exist_ok=True)

    def play(self, *tasks: Task) -> list[Result]:
        """Run the tasks, also after a failed one; return their results."""
        return self.finish(self.start(*tasks))

    def start(self, *tasks: Task) -> Running:
        """Begin to run the tasks."""
        playbook = self.scratch / f"play{len(self.plays)}.json"
        playbook.write_text(json.dumps([{"hosts": "engine", "gather_facts": False, "tasks": registered(tasks)}]))
        folders = {
            "TMPDIR": str(self.scratch / "tmp"),
            "ANSIBLE_LOCAL_TEMP": str(self.scratch / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.scratch / "remote"),
        }
        command = [program("ansible-playbook"), "-vvv", "-i", str(self.site.inventory), str(playbook)]
        return Running(runs.start(command, folders, self.scratch))

    def finish(self, running: Running) -> list[Result]:
        """Wait for a started play; keep its output for the search for secrets."""
        play = running.finish()
        self.plays.append(play)
        return play.results

    def assert_left_no_trace(self, folder: Path, before: set[Process]) -> None:
        """No secret in anything a run said or wrote below a folder, no process and no temporary file of it."""
        secrets = self.site.secrets()
        assert secrets
        assert not [secret for play in self.plays for secret in secrets if secret in play.output]
        assert not files_with(secrets, [folder, self.site.logs])
        assert processes(self.site) <= before
        assert not [path for path in (self.scratch / "tmp").iterdir() if not path.name.startswith(PAYLOAD)]
        assert not list((self.scratch / "remote").iterdir())


def registered(tasks: Sequence[Task]) -> list[Task]:
    """The tasks with their results kept, and a last one that prints them."""
    names = [f"result{number}" for number in range(len(tasks))]
    kept = [{**task, "register": name, "ignore_errors": True} for name, task in zip(names, tasks, strict=True)]
    message = "RESULTS {{ [" + ", ".join(names) + "] | to_json | b64encode }}"
    return [*kept, {"ansible.builtin.debug": {"msg": message}}]
