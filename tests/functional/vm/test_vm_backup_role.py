# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role vm_backup: what it saved is what was there, and nothing of it stays in the engine, whatever happens."""

import json
import os
import signal
from pathlib import Path

from lab import rest_engine

from .machines import OURS, Machines, wait_until


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


def test_check_run_check_run(machines: Machines) -> None:
    machines.back_up("app", "cold", options=["--check", "--diff"]).made().says("app: would be backed up")
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
    machines.back_up("app", options=["--check", "--diff"]).made()
    machines.back_up("app").made()
    assert len(machines.finished("app")) == 2


def as_raw(machines: Machines, image: Path) -> bytes:
    target = machines.scratch / "raw"
    assert os.spawnlp(os.P_WAIT, "qemu-img", "qemu-img", "convert", "-O", "raw", str(image), str(target)) == 0
    return target.read_bytes()


def test_machines_that_fail_leave_the_others_alone(machines: Machines) -> None:
    """Refused by the engine's rules, or by a device that can not be told; and one that is fine."""
    rest_engine.set_fault(machines.lab.faults, "device-missing", "raw_Disk1")
    rest_engine.set_fault(machines.lab.faults, "device-twice", "app_Disk2")
    refused = ["HostedEngine", "nobody", "shared", "tight", "twin"]
    ran = machines.back_up(*refused, "raw", "app", "cold", vm_backup_device_timeout=2)
    ran.refused("7 of 8 virtual machines were not backed up", "shared_Lun", "engine_backup", "2 devices")
    ran.says("raw: Find the devices of its disks", "app: Find the devices of its disks")
    assert sorted(ran.statistics["ovirt_backup_failed_vms"]) == sorted([*refused, "raw", "app"])
    assert [len(machines.finished(vm)) for vm in ("app", "raw", "cold")] == [0, 0, 1]
    assert leftovers(machines) == []


def test_software_that_fails_is_cleaned_up_behind(machines: Machines) -> None:
    tasks = machines.scratch / "fails.yml"
    tasks.write_text(json.dumps([{"name": "Break", "ansible.builtin.fail": {"msg": "the software broke"}}]))
    machines.back_up("app", vm_backup_tasks=str(tasks)).refused("app: Break: the software broke")
    assert machines.finished("app") == []
    assert leftovers(machines) == []
    said = [event.description for event in rest_engine.world(machines.lab.home).events.values()]
    assert [text for text in said if "the software broke" in text]


def test_a_run_that_is_killed_is_swept_up_by_the_next_one(machines: Machines) -> None:
    tasks = machines.scratch / "hangs.yml"
    tasks.write_text(json.dumps([{"name": "Hang", "ansible.builtin.wait_for": {"timeout": 100}}]))
    running = machines.start_backup("app", vm_backup_tasks=str(tasks))
    wait_until(lambda: len(leftovers(machines)) == 3)
    machines.back_up("app").refused("still at work")
    os.killpg(running.pid, signal.SIGKILL)
    machines.said(running)
    assert len(leftovers(machines)) == 3
    done = machines.back_up("app").made()
    assert done.statistics["ovirt_backup_failed_vms"] == []
    assert leftovers(machines) == []
    assert len(machines.finished("app")) == 1
