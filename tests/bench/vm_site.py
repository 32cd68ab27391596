# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in engine with realistic delays to measure on, and playbooks that are timed task by task."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lab import rest_engine
from lab.rest_engine import Logged, RestLab, VmPlan

USAGE = Path(__file__).with_name("usage")
HEADING = "TASK ["


class Usage(NamedTuple):
    """What one run of a module took: peak memory of its own and of a program it ran, CPU seconds, bytes read."""

    module: str
    memory: int
    children: int
    cpu: float
    read: int


class Played(NamedTuple):
    """A run of a playbook: seconds, those of each task by its name, the modules' usage, and the requests that came."""

    seconds: float
    tasks: dict[str, float]
    usage: list[Usage]
    requests: list[Logged]


class Site:
    """An engine, the host of its backup VM, and a directory for backups."""

    def __init__(self, home: Path, lab: RestLab) -> None:
        self.home = home
        self.lab = lab
        self.backups = home / "backups"

    def back_up(self, *vms: str, **variables: Any) -> Played:
        """Run the playbook vm_backup, poll intervals and all else as it comes."""
        return self.play("ovirt.backup.vm_backup", vm_backup_vms=vms, **self.settings("vm_backup"), **variables)

    def restore(self, path: Path) -> Played:
        """Run the playbook vm_restore for one backup."""
        given = {"vm_restore_backups": [{"path": str(path)}], **self.settings("vm_restore")}
        return self.play("ovirt.backup.vm_restore", **given)

    def settings(self, role: str) -> dict[str, Any]:
        settings = {f"{role}_backup_vm": "backup", f"{role}_device_directory": "{{ vm_devices }}"}
        if role == "vm_backup":
            settings["vm_backup_directory"] = str(self.backups)
            settings["vm_backup_configuration_directory"] = str(self.home / "configurations")
        return settings

    def play(self, playbook: str, collections: str = "", **variables: Any) -> Played:
        """Run a playbook to its end, or show what it said and stop."""
        before = len(list(rest_engine.requests(self.lab.requests)))
        noted = self.home / "usage.jsonl"
        noted.write_text("")
        paths = [os.environ["ANSIBLE_COLLECTIONS_PATH"], *filter(None, [collections])]
        environment = {
            **os.environ, "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(paths), "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_HOME": str(self.home / "ansible"), "ANSIBLE_ASYNC_DIR": str(self.home / "async"),
            "BENCH_USAGE": str(noted), "PYTHONPATH": str(USAGE),
        }  # fmt: skip
        command = ["ansible-playbook", "-i", self.lab.inventory, "-e", json.dumps(variables), playbook]
        began = time.monotonic()
        said: list[tuple[float, str]] = []
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:  # fmt: skip
            assert process.stdout is not None
            said += [(time.monotonic() - began, line) for line in process.stdout]
        seconds = time.monotonic() - began
        if process.returncode != 0:
            sys.exit("".join(line for _when, line in said))
        usage = [Usage(**json.loads(line)) for line in noted.read_text().splitlines()]
        requests = list(rest_engine.requests(self.lab.requests))[before:]
        return Played(seconds, sum_tasks([*said, (seconds, HEADING)]), usage, requests)

    def backup_of(self, vm: str) -> Path:
        """The directory of the only finished backup of a virtual machine."""
        (manifest,) = self.backups.glob(f"{vm}-*/*/manifest.json")
        return manifest.parent


def sum_tasks(said: list[tuple[float, str]]) -> dict[str, float]:
    """Return the seconds of each task: from its heading to the next one; what it says of this time is left out."""
    headings = [(when, line) for when, line in said if line.startswith(HEADING)]
    seconds: dict[str, float] = {}
    for (when, line), (then, _next) in zip(headings, headings[1:], strict=False):
        name = line.removeprefix(HEADING).partition("]")[0].rpartition(" : ")[2].partition(": ")[0]
        seconds[name] = seconds.get(name, 0.0) + then - when
    return seconds


@contextmanager
def site(home: Path, world: tuple[VmPlan, ...] | None = None) -> Iterator[Site]:
    """Start an engine whose snapshots, merges and disks take as long as those of a real one; remove it at the end."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, mode=0o700)
    lab = rest_engine.start(home / "lab", world, **rest_engine.REALISTIC)
    try:
        yield Site(home, lab)
    finally:
        rest_engine.stop(lab.home, remove=True)
        shutil.rmtree(home)
