# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the playbooks of the virtual machines on a stand-in engine, as AWX does: no terminal, no input."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ovirtsdk4
from lab import rest_engine
from lab.rest_engine import RestLab

from .. import runs
from ..installation import environment, program
from ..role import STATISTICS, Ran

DEADLINE = 240
RECAP = re.compile(r"^backup\.lab\.test\s+: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)
OURS = "ovirt.backup"


class Machines:
    """An engine with virtual machines, the host of the backup VM, and a directory for backups."""

    def __init__(self, lab: RestLab, scratch: Path) -> None:
        self.lab = lab
        self.scratch = scratch
        self.backups = scratch / "backups"
        self.outputs: list[str] = []
        self.secrets = [lab.password]
        self.path = os.environ["PATH"]  # where the runs find their programs
        for name in ("tmp", "local", "remote", "async", "configurations"):
            (scratch / name).mkdir(mode=0o700)

    def back_up(self, *vms: str, options: Sequence[str] = (), **variables: Any) -> Ran:
        """Run the playbook vm_backup for these virtual machines."""
        return self.finish(self.start_backup(*vms, options=options, **variables))

    def start_backup(self, *vms: str, options: Sequence[str] = (), **variables: Any) -> runs.AnyRun:
        """Begin to run the playbook vm_backup."""
        given = {
            "vm_backup_vms": vms, "vm_backup_backup_vm": "backup", "vm_backup_directory": str(self.backups),
            "vm_backup_device_directory": "{{ vm_devices }}", "vm_backup_poll_interval": 1, "vm_backup_timeout": 100,
            "vm_backup_configuration_directory": str(self.scratch / "configurations"),
            "vm_backup_device_timeout": 10, **variables,
        }  # fmt: skip
        return self.start("ovirt.backup.vm_backup", given, options)

    def restore(self, *paths: Path, options: Sequence[str] = (), each: Any = None, **variables: Any) -> Ran:
        """Run the playbook vm_restore for these backups."""
        return self.finish(self.start_restore(*paths, options=options, each=each, **variables))

    def start_restore(
        self, *paths: Path, options: Sequence[str] = (), each: Any = None, **variables: Any
    ) -> runs.AnyRun:
        """Begin to run the playbook vm_restore; ``each`` is what every entry of the list says beside its path."""
        given = {
            "vm_restore_backups": [{"path": str(path), **(each or {})} for path in paths],
            "vm_restore_backup_vm": "backup", "vm_restore_device_directory": "{{ vm_devices }}",
            "vm_restore_poll_interval": 1, "vm_restore_timeout": 100, "vm_restore_device_timeout": 10, **variables,
        }  # fmt: skip
        return self.start("ovirt.backup.vm_restore", given, options)

    def start(self, playbook: str, variables: dict[str, Any], options: Sequence[str]) -> runs.AnyRun:
        given = self.scratch / "variables.json"
        given.write_text(json.dumps(variables))
        command = [program("ansible-playbook"), "-i", self.lab.inventory, "-e", f"@{given}", *options, playbook]
        return self.launch(command)

    def launch(self, command: Sequence[str], home: Path | None = None) -> runs.AnyRun:
        """Start a command in a session of its own, with the places of this test."""
        folders = {
            "PATH": self.path,
            "TMPDIR": str(self.scratch / "tmp"),
            "ANSIBLE_LOCAL_TEMP": str(self.scratch / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.scratch / "remote"),
            "ANSIBLE_ASYNC_DIR": str(self.scratch / "async"),
            "ANSIBLE_SHOW_CUSTOM_STATS": "true",
            "ANSIBLE_PIPELINING": "true",
        }
        if command[0] == program("ansible-playbook"):
            return runs.start(command, folders, home or self.scratch, session=True)
        return subprocess.Popen(
            command, env=environment(folders), cwd=home, start_new_session=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def with_token(self) -> list[str]:
        """Options of a run that logs in with a token alone, as a workflow hands it on; it is one more secret."""
        token = log_in(self.lab)
        self.secrets.append(token)
        given = self.scratch.with_name("login.json")
        given.write_text(json.dumps({"ovirt_auth": {"url": self.lab.url, "token": token, "ca_file": self.lab.ca_file}}))
        return ["-e", f"@{given}"]

    def finish(self, process: runs.AnyRun) -> Ran:
        """Wait for a started playbook and read what it came to."""
        output = self.said(process)
        recap = RECAP.search(output)
        assert recap, output
        assert (process.returncode == 0) == (recap[2] == "0"), output
        found = STATISTICS.search(output)
        return Ran(int(recap[1]), int(recap[2]), json.loads(found[1]) if found else {}, output)

    def said(self, process: runs.AnyRun) -> str:
        """Wait for a command and return what it said."""
        try:
            output = process.communicate(timeout=DEADLINE)[0]
        except BaseException:
            process.kill()
            process.communicate()
            raise
        self.outputs.append(output)
        return output

    def finished(self, vm: str) -> list[Path]:
        """The finished backups of a virtual machine, oldest first."""
        return sorted(path.parent for path in self.backups.glob(f"{vm}-*/*/manifest.json"))

    def contents(self, vm: str) -> list[bytes]:
        """What the disks of a virtual machine hold now, in the order of its attachments."""
        world = rest_engine.world(self.lab.home)
        (machine,) = [one for one in world.vms.values() if one.name == vm]
        found = []
        for attachment in world.attached_to(machine.id):
            target = self.scratch / "export"
            rest_engine.export(self.lab.home, attachment.disk, target)
            found.append(target.read_bytes())
        return found


def log_in(lab: RestLab) -> str:
    """Log in and return the token."""
    connection = ovirtsdk4.Connection(
        url=lab.url, username=lab.username, password=lab.password, ca_file=str(lab.ca_file)
    )
    return str(connection.authenticate())


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something in the engine."""
    deadline = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)
