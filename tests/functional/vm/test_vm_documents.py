# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the documents on virtual machines, as a reader meets them: backup first, then restore."""

import os
from pathlib import Path

import pytest
from lab import rest_engine
from tooling.places import ROOT

from ..documents import PLAYBOOK, Block, plain_runs, read_blocks
from ..installation import program
from .machines import Machines
from .test_vm_backup_role import leftovers

DOCUMENTED = "/srv/vm-backups/app-7c9e6679/20261122T210000"
PLACES = {"/srv/vm-backups": "../scratch/backups", "/srv/restic": "restic", "/srv/borg": "borg"}


def read_document(name: str) -> list[Block]:
    return read_blocks(ROOT / name)


class Reader:
    """Somebody who has the files of a document and types its commands; the engine is the one that is there."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self.home = machines.scratch.with_name("reader")  # its inventory holds the password, as the reader's does
        self.home.mkdir()
        self.backup = ""
        lines = Path(machines.lab.inventory).read_text().rstrip("\n").split("\n")
        ours = {
            "vm_backup_backup_vm": "backup", "vm_restore_backup_vm": "backup",
            "vm_backup_directory": str(machines.backups), "vm_backup_poll_interval": 1, "vm_restore_poll_interval": 1,
            "vm_backup_device_directory": str(rest_engine.devices_of(machines.lab)),
            "vm_restore_device_directory": str(rest_engine.devices_of(machines.lab)),
            "vm_backup_configuration_directory": str(self.home / "configurations"),
        }  # fmt: skip
        text = "\n".join([*lines, *(f"      {name}: {value}" for name, value in ours.items())]) + "\n"
        for name in ("inventory.yml", "inventory-vm.yml"):
            (self.home / name).write_text(text)

    def follow(self, document: str) -> None:
        """Write the files that a document shows, and run those of its commands that are this test's."""
        for block in read_document(document):
            if block.file and not block.file.startswith("inventory"):
                (self.home / block.file).write_text(self.here(block.text))
            elif block.run_by == "test_vm_documents.py":
                self.type(block.text)

    def type(self, text: str) -> None:
        for words in plain_runs(self.here(text)) or [["bash", "-euo", "pipefail", "-c", self.here(text)]]:
            command = [program(words[0]) if words[0] == PLAYBOOK.strip() else words[0], *words[1:]]
            process = self.machines.launch(command, self.home)
            output = self.machines.said(process)
            assert process.returncode == 0, f"{text}\n{output}"

    def here(self, text: str) -> str:
        text = text.replace(DOCUMENTED, self.backup).replace("$PWD", str(self.home))
        for documented, folder in PLACES.items():
            text = text.replace(documented, os.path.normpath(self.home / folder))
        return text


def test_examples_of_the_documents_work(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "yes")
    reader = Reader(machines)
    reader.follow("roles/vm_backup/README.md")
    (backup,) = machines.finished("app")
    assert len(machines.finished("cold")) == 1

    (reader.home / "restic.password").write_text("x")
    reader.type("restic init --quiet --repo /srv/restic --password-file /srv/restic.password")
    reader.type("borg init --encryption none /srv/borg")
    reader.follow("docs/vm_backup.md")
    assert len(machines.finished("cold")) == 3
    assert leftovers(machines) == []

    reader.backup = str(backup)
    reader.follow("roles/vm_restore/README.md")
    reader.follow("docs/vm_restore.md")
    assert machines.contents("app2") == machines.contents("app-rehearsal") == machines.contents("app")
    vms = {one.name: one for one in rest_engine.world(machines.lab.home).vms.values()}
    assert not {nic.mac for nic in vms["app-rehearsal"].nics} & {nic.mac for nic in vms["app"].nics}
    assert not any(nic.plugged for nic in vms["app-rehearsal"].nics)

    contents = machines.contents("cold")
    rest_engine.remove_vm(machines.lab.home, "cold")
    reader.backup = str(machines.finished("cold")[1])
    reader.type(
        "ansible-playbook -i inventory-vm.yml ovirt.backup.vm_restore -e vm_restore_tasks=$PWD/restic_restore.yml"
        f' -e \'{{"vm_restore_backups": [{{"path": "{reader.backup}"}}]}}\''
        ' -e \'{"restic": {"RESTIC_REPOSITORY": "/srv/restic", "RESTIC_PASSWORD_FILE": "/srv/restic.password"}}\''
    )
    assert machines.contents("cold") == contents
