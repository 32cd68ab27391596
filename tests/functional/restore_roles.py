# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the playbooks of the restore roles as AWX does, kill them, and look at what they leave on the host."""

import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from lab import faults
from lab.databases import row_counts
from lab.postgres import query
from lab.processes import is_alive
from tooling.places import ROOT

from . import runs
from .documents import read_blocks, replace_places
from .installation import program
from .lab_engine import LabEngine
from .playbooks import DEADLINE, Engine, Play, backup, plain
from .role import RECAP, STATISTICS, Ran
from .side_effects import PAUSE

FENCE = "SELECT option_value FROM vdc_options WHERE option_name = 'DisableFenceAtStartupInSec'"
MOVED_ON = "INSERT INTO vdc_options (option_name, option_value, version) VALUES ('MovedOn', 'yes', 'general')"
HAS_MOVED_ON = "SELECT count(*) FROM vdc_options WHERE option_name = 'MovedOn'"
ENDED = {"public." + name for name in (
    "async_tasks", "async_tasks_entities", "business_entity_snapshot", "command_entities", "command_assoc_entities",
    "job", "job_subject_entity", "step", "step_subject_entity",
)}  # fmt: skip


LOGS = {"public.audit_log", "public.engine_backup_log"}


class RestoreRole:
    """One of the roles, with the variables that all runs of a test share."""

    def __init__(self, name: str, lab_engine: LabEngine, engine: Engine, archives: Path, **variables: Any) -> None:
        self.name = name
        self.lab_engine = lab_engine
        self.engine = engine
        self.archives = archives
        self.variables = {"postgresql_socket": "{{ postgresql_socket }}", "postgresql_become_user": "", **variables}
        self.playbook = f"ovirt.backup.{name}"
        self.given = engine.scratch / "variables.json"  # holds passwords, so it goes after each run
        self.more: dict[str, str] = {}  # environment of the next run

    @property
    def journal(self) -> Path:
        return self.engine.site.prefix / "var/lib/ovirt-engine-backup/engine_restore.journal.json"

    def noted(self) -> dict[str, Any]:
        """What the journal says; nothing where there is none."""
        found: dict[str, Any] = json.loads(self.journal.read_text(encoding="utf-8")) if self.journal.exists() else {}
        return found

    def use_example(self, **vault: str) -> None:
        """Run the file that the README of the role shows, in place of the playbook, with what its vault holds."""
        blocks = read_blocks(ROOT / "roles" / self.name / "README.md")
        (text,) = [block.text for block in blocks if block.file == "site.yml"]
        path = self.engine.scratch / "site.yml"
        path.write_text(text.replace("/var/lib/ovirt-engine-backup", str(self.archives)), encoding="utf-8")
        assert replace_places(text, self.archives) != text
        (self.engine.scratch / "group_vars").mkdir()
        (self.engine.scratch / "group_vars/engine.json").write_text(json.dumps(vault), encoding="utf-8")
        self.playbook = str(path)

    def start(self, *options: str, **variables: Any) -> runs.AnyRun:
        """Begin a run; the names of variables are completed with the name of the role."""
        scratch = self.engine.scratch
        given = {f"{self.name}_{name}": value for name, value in {**self.variables, **variables}.items()}
        self.given.write_text(json.dumps(plain(given)))
        command = [
            program("ansible-playbook"), "-i", str(self.engine.site.inventory), "-e", f"@{self.given}",
            *options, self.playbook,
        ]  # fmt: skip
        folders = {
            "TMPDIR": str(scratch / "tmp"),
            "ANSIBLE_LOCAL_TEMP": str(scratch / "local"),
            "ANSIBLE_REMOTE_TEMP": str(scratch / "remote"),
            "ANSIBLE_SHOW_CUSTOM_STATS": "true",
            "ANSIBLE_PIPELINING": "true",
        }
        return runs.start(command, {**folders, **self.more}, scratch, session=True)

    def run(self, *options: str, **variables: Any) -> Ran:
        """Run the playbook to its end."""
        return self.finish(self.start(*options, **variables))

    def finish(self, process: runs.AnyRun) -> Ran:
        """Wait for the end of a run."""
        try:
            output = process.communicate(timeout=DEADLINE)[0]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            self.given.unlink()
        self.engine.plays.append(Play([], output))
        recap = RECAP.search(output)
        assert recap, output
        assert (process.returncode == 0) == (recap[2] == "0"), output
        said = STATISTICS.search(output)
        return Ran(int(recap[1]), int(recap[2]), json.loads(said[1]) if said else {}, output)

    def run_with_fault(self, name: str, parameter: str, **variables: Any) -> Ran:
        """Run with a fault that is gone when the rollback begins."""
        switch = self.lab_engine.fault(name, parameter)
        done = threading.Event()

        def heal() -> None:
            while not done.wait(PAUSE):
                if self.noted().get("rollback"):
                    switch.unlink(missing_ok=True)

        healer = threading.Thread(target=heal)
        healer.start()
        try:
            return self.run(**variables)
        finally:
            done.set()
            healer.join()
            switch.unlink(missing_ok=True)

    def ask(self, sql: str) -> str:
        """What the engine's own database answers."""
        return query(self.lab_engine.lab, self.lab_engine.lab.databases["engine"].name, sql).strip()

    def rows(self) -> dict[str, dict[str, int]]:
        """The rows of every table but those that each restore empties and the logs, which grow."""
        found = {}
        for kind in self.lab_engine.lab.databases:
            counted = row_counts(self.lab_engine.lab, kind)
            found[kind] = {name: rows for name, rows in counted.items() if name not in ENDED | LOGS}
        return found

    def assert_is_well(self) -> None:
        """The engine runs, the value that guards against fencing is the old one, no run is unfinished."""
        assert self.noted() == {}
        assert self.ask(FENCE) == "300"
        assert is_alive(self.lab_engine.lab.home, "ovirt-engine")


def outcome(ran: Ran) -> str:
    """What the statistics of a run say came of it."""
    return str(ran.statistics["engine_restore"]["outcome"])


def summary(ran: Ran) -> list[str]:
    """The lines of the last message."""
    found = re.findall(r'"msg": \[\n(.*?)\n +\]\n', ran.output, re.DOTALL)
    return [json.loads(line.strip().rstrip(",")) for line in found[-1].splitlines()]


@pytest.fixture(scope="session")
def archives(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with engine.backup, a proven backup of the ground in use."""
    folder = tmp_path_factory.mktemp("restored")
    directory = folder / "archives"
    directory.mkdir(mode=0o700)
    lab_engine.in_use()
    (made,) = Engine(lab_engine.site, folder / "ansible").play(backup(path=directory / "engine.backup"))
    assert made["changed"], made.get("msg")
    faults.clear(lab_engine.lab.faults)
    return directory
