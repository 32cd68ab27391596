# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role vm_restore: what comes back is what was backed up, byte by byte; nothing is made that can not be."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import rest_engine

from .machines import Machines


def made(machines: Machines) -> list[str]:
    """What the engine has beyond the world it began with: virtual machines, disks, attachments to the backup VM."""
    world = rest_engine.world(machines.lab.home)
    backup = rest_engine.identify("vm", "backup")
    return [
        *(one.name for one in world.vms.values() if one.comment.startswith("ovirt.backup") or one.name == "again"),
        *(one.alias for one in world.disks.values() if one.description.startswith("ovirt.backup")),
        *(one.disk for one in world.attached_to(backup) if one.disk != rest_engine.identify("disk", "backup_Disk1")),
    ]


# Half of what the modules of ovirt.ovirt ask for the same steps: see tests/bench/vm_backup.
MOST_REQUESTS = 50


def requests(machines: Machines, name: str = "") -> int:
    """How many requests came, of all kinds or of one."""
    return len([one for one in rest_engine.requests(machines.lab.requests) if name in ("", one.name)])


def test_check_run_check_run(machines: Machines, saved: Path) -> None:
    contents = machines.contents("app")
    attachments = described(machines, "app")
    rest_engine.remove_vm(machines.lab.home, "app")
    machines.restore(saved, options=["--check", "--diff"]).made().says("app: would be restored", "app_Disk2")
    assert made(machines) == []
    before = requests(machines)
    done = machines.restore(saved).made()
    assert requests(machines) - before <= MOST_REQUESTS
    assert done.statistics["ovirt_restored_vms"] == ["app"]
    assert machines.contents("app") == contents
    assert described(machines, "app") == attachments
    assert made(machines) == []
    machines.restore(saved, options=["--check", "--diff"]).made().says("app: is restored already")
    assert machines.restore(saved).made().says("app: is restored already").changed == 0
    assert machines.contents("app") == contents


def described(machines: Machines, vm: str) -> list[tuple[Any, ...]]:
    """Attachments and network interfaces of a virtual machine, as somebody who uses it would see them."""
    world = rest_engine.world(machines.lab.home)
    (machine,) = [one for one in world.vms.values() if one.name == vm]
    disks = [(one.disk, one.interface, one.bootable, one.active) for one in world.attached_to(machine.id)]
    return [*disks, *((one.name, one.mac, one.profile, one.plugged) for one in machine.nics)]


def tamper(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["disks"][0]["alias"] = "other"
    (path / "manifest.json").write_text(json.dumps(manifest))


def cut(path: Path) -> None:
    os.truncate(path / "manifest.json", 100)


def renew(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 99}))


def damage(path: Path) -> None:
    image = next(path.glob("*.qcow2"))
    with open(image, "r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([byte[0] ^ 1]))


def test_what_can_not_be_restored_is_refused_before_a_disk_is_made_or_undone(machines: Machines, saved: Path) -> None:
    """Beside the original; backups that are not what was written; devices that are not there or of another size."""
    twice = [{"path": str(saved), "vm_name": name} for name in ("again", "once more")]
    ran = machines.restore(vm_restore_backups=twice)
    ran.refused("MAC", "2 of 2 backups were not restored", f"{saved} as again: ", f"{saved} as once more: ")
    assert (made(machines), requests(machines, "login")) == ([], 2)  # there is nothing to undo

    rest_engine.remove_vm(machines.lab.home, "app")
    before = requests(machines)
    copies = []
    harms: list[Callable[[Path], None]] = [tamper, cut, renew, damage]
    for harm in harms:
        copy = machines.scratch / harm.__name__
        os.spawnlp(os.P_WAIT, "cp", "cp", "-a", str(saved), str(copy))
        harm(copy)
        copies.append(copy)
    ran = machines.restore(*copies)
    ran.refused("4 of 4 backups were not restored", "digest", "can not be read", "update the collection", "SHA-256")
    assert (made(machines), requests(machines)) == ([], before)

    rest_engine.set_fault(machines.lab.faults, "device-missing", "app_Disk1")
    rest_engine.set_fault(machines.lab.faults, "device-wrong-size", f"{16 << 20} app_Disk2")
    ran = machines.restore(saved, vm_restore_device_timeout=2)
    ran.refused("1 of 1 backups were not restored", "app_Disk1", "app_Disk2", "Find the devices of the disks")
    assert made(machines) == []
    assert "app" not in {one.name for one in rest_engine.world(machines.lab.home).vms.values()}
