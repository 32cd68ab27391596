# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles vm_backup and vm_restore with software that hangs, is killed, or writes half: none of it counts."""

import json
import os
from pathlib import Path

from lab import rest_engine

from ..side_effects import Witness
from .bad_tool import break_tool, hanging
from .machines import Machines
from .test_vm_backup_role import leftovers
from .test_vm_restore_role import made

GLANCE = 0.3  # seconds between two looks at all processes; a module takes longer
# Tasks of a user: some that hang on one virtual machine, then those of the collection.
TASKS = [
    {"name": "Hang", "ansible.builtin.wait_for": {"timeout": 90}, "when": "vm_backup_item.vm.name == 'diskless'"},
    {"name": "Save", "ansible.builtin.include_tasks": "{{ role_path }}/tasks/qemu_img.yml"},
]


def test_a_backup_by_bad_software_is_none(machines: Machines) -> None:
    break_tool(machines, **{"app-": "killed", "raw-": "half"})
    tasks = machines.scratch / "tasks.yml"
    tasks.write_text(json.dumps(TASKS))
    twin = rest_engine.identify("vm", "twin")
    options = ["--diff", *machines.with_token()]
    with Witness(GLANCE) as witness:
        ran = machines.back_up(
            "app", "raw", "diskless", twin, vm_backup_tasks=str(tasks), vm_backup_software_timeout=5, options=options
        )
    assert not [line for line in witness.seen for secret in machines.secrets if secret.encode() in line]
    ran.refused("3 of 4 virtual machines were not backed up", "app: Save each disk", "raw: Save each disk")
    ran.says("was killed by signal 9", "the image is not proven, and was discarded", "diskless: Hang: ")
    assert ran.statistics["ovirt_backup_failed_vms"] == ["app", "raw", "diskless"]
    (good,) = machines.finished("twin")
    assert ran.statistics["ovirt_backup_vms"] == [str(good)]
    assert {path.parent for path in machines.backups.rglob("*.qcow2*")} == {good}
    assert leftovers(machines) == []


def test_a_restore_by_bad_software_is_none(machines: Machines, saved: Path) -> None:
    break_tool(machines, **{"hangs/" + rest_engine.identify("disk", "app_Disk2"): "hangs", "half/": "half"})
    names = ("hangs", "half", "good")
    for name in names:
        os.spawnlp(os.P_WAIT, "cp", "cp", "-a", str(saved), str(machines.scratch / name))
    backups = [{"path": str(machines.scratch / name), "vm_name": name, "macs": "new"} for name in names]
    options = ["--diff", *machines.with_token()]
    with Witness(GLANCE) as witness:
        ran = machines.restore(vm_restore_backups=backups, vm_restore_timeout=5, options=options)
    assert not [line for line in witness.seen for secret in machines.secrets if secret.encode() in line]
    ran.refused("2 of 3 backups were not restored", "hangs: Write each image", "half: Write each image")
    ran.says("took longer than 5 seconds and was ended", "the device does not hold it")
    assert ran.statistics["ovirt_restored_vms"] == ["good"]
    assert machines.contents("good") == machines.contents("app")
    assert hanging() == [] and made(machines) == []
    assert not {one.name for one in rest_engine.world(machines.lab.home).vms.values()} & {"hangs", "half"}
