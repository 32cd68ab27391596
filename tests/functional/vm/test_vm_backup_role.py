# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role vm_backup: what it saved is what was there, and nothing of it stays in the engine, whatever happens."""

import json
import os
from pathlib import Path

from lab import rest_engine

from .machines import OURS, Machines


def leftovers(machines: Machines) -> list[str]:
    """What carries our mark in the engine, and the foreign disks on the backup VM."""
    world = rest_engine.world(machines.lab.home)
    marked = [one.description for one in world.snapshots.values() if one.description.startswith(OURS)]
    own = rest_engine.identify("disk", "backup_Disk1")
    here = rest_engine.identify("vm", "backup")
    return marked + [one.disk for one in world.attached_to(here) if one.disk != own]


def images(path: Path) -> list[Path]:
    """The images of a backup, in the order of its manifest."""
    manifest = json.loads((path / "manifest.json").read_text())
    return [path / disk["image"]["file"] for disk in manifest["disks"]]


def test_check_and_run(machines: Machines) -> None:
    planned = machines.back_up("app", "cold", options=["--check", "--diff"], vm_backup_parallel=1).made()
    planned.says("app: would be backed up", "cold: would be backed up")
    assert not machines.backups.exists()
    assert leftovers(machines) == []
    before = machines.contents("app")
    done = machines.back_up("app", "cold").made()
    assert done.statistics["ovirt_backup_failed_vms"] == []
    assert len(done.statistics["ovirt_backup_vms"]) == 2
    (path,) = machines.finished("app")
    for image, content in zip(images(path), before, strict=True):
        assert content == as_raw(machines, image)
    assert leftovers(machines) == []


def as_raw(machines: Machines, image: Path) -> bytes:
    target = machines.scratch / "raw"
    assert os.spawnlp(os.P_WAIT, "qemu-img", "qemu-img", "convert", "-O", "raw", str(image), str(target)) == 0
    return target.read_bytes()


def test_machines_that_fail_leave_the_others_alone(machines: Machines) -> None:
    """Refused by the engine's rules, or by a device that can not be told; and one that is fine."""
    rest_engine.set_fault(machines.lab.faults, "device-missing", "raw_Disk1")
    rest_engine.set_fault(machines.lab.faults, "device-twice", "app_Disk2")
    machines.back_up("app", vm_backup_poll_interval=0).refused("vm_backup_poll_interval are 1 or more")
    refused = ["HostedEngine", "nobody", "shared"]
    ran = machines.back_up(*refused, "raw", "app", "cold", vm_backup_device_timeout=2)
    ran.refused("5 of 6 virtual machines were not backed up", "shared_Lun", "engine_backup", "2 devices")
    ran.says("raw: Begin the backup", "app: Begin the backup")
    assert sorted(ran.statistics["ovirt_backup_failed_vms"]) == sorted([*refused, "raw", "app"])
    assert [len(machines.finished(vm)) for vm in ("app", "raw", "cold")] == [0, 0, 1]
    assert leftovers(machines) == []


def test_software_and_a_merge_that_fail_are_told_of_the_right_machine(machines: Machines) -> None:
    """Each machine is a wave of its own: the merge of the first one fails while the second one is backed up."""
    broken = {"name": "Break", "ansible.builtin.fail": {"msg": "the software broke"}}
    tasks = machines.scratch / "fails.yml"
    tasks.write_text(json.dumps([{**broken, "when": "vm_backup_item.vm.name != 'raw'"}]))
    rest_engine.set_fault(machines.lab.faults, "merge-disk-illegal", "cold_Disk1")
    ran = machines.back_up("cold", "app", "raw", vm_backup_parallel=1, vm_backup_tasks=str(tasks))
    ran.refused("2 of 3 virtual machines were not backed up", "app: Break: the software broke", "raw: backed up")
    ran.says("cold: Break: the software broke; Could not remove the snapshot")
    assert ran.statistics["ovirt_backup_failed_vms"] == ["cold", "app"]
    assert [len(machines.finished(vm)) for vm in ("cold", "app", "raw")] == [0, 0, 1]
    assert len(leftovers(machines)) == 1
    said = [event.description for event in rest_engine.world(machines.lab.home).events.values()]
    assert [text for text in said if "the software broke" in text]
