# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest sees: the directory dev of a virtual machine, with names below disk/by-id as udev makes them."""

from __future__ import annotations

import os
from pathlib import Path

from . import images
from .engine import Engine
from .state import Attachment, Disk, attachment_key

SERIAL = 20


def directory(engine: Engine, vm: str) -> Path:
    """The dev of a virtual machine."""
    return engine.home / "hosts" / vm / "dev"


def plug(engine: Engine, attachment: Attachment) -> None:
    """Show a disk to a running guest, after the delay."""
    disk = engine.disk(attachment.disk)
    if engine.vm(attachment.vm).status != "up" or engine.faults.hits("device-missing", disk.id, disk.alias):
        return
    # Outside the lock: copying a large disk takes long.
    late = engine.faults.seconds("device-late")
    seconds = engine.delays["attach"] if late is None else late
    engine.schedule.after(seconds, lambda: _appear(engine, attachment, disk))


def unplug(engine: Engine, attachment: Attachment) -> None:
    """Take a disk away from the guest; what was written to a disk itself is kept, what was to a snapshot is lost."""
    if not attachment.device:
        return
    dev = directory(engine, attachment.vm)
    path = dev / attachment.device
    disk = engine.world.disks.get(attachment.disk)
    loses = disk is not None and engine.faults.hits("device-loses-writes", disk.id, disk.alias)
    if disk is not None and not attachment.snapshot and not attachment.read_only and not loses:
        images.copy_in(engine.disks, disk, path)
    attachment.device = ""
    for name in (dev / "disk" / "by-id").iterdir():
        if os.path.basename(os.readlink(name)).startswith(path.name):
            name.unlink()
    for file in (path, path.with_name(path.name + "-twin")):
        file.unlink(missing_ok=True)


def _appear(engine: Engine, attachment: Attachment, disk: Disk) -> None:
    dev = directory(engine, attachment.vm)
    (dev / "disk" / "by-id").mkdir(parents=True, exist_ok=True)
    copy = dev / (".copy-" + disk.id)
    try:
        images.copy_out(engine.disks, disk, attachment.image or disk.images[-1].id, copy)
    except (images.ImageError, StopIteration):
        # Detached and merged meanwhile.
        copy.unlink(missing_ok=True)
        return
    with engine.lock:
        if engine.world.attachments.get(attachment_key(attachment.vm, disk.id)) is not attachment:
            copy.unlink()
            return
        device = _free_name(dev, "vd" if attachment.interface == "virtio" else "sd")
        _damage(engine, disk, copy)
        copy.rename(dev / device)
        _make_names(engine, attachment, disk, dev, device)
        attachment.device = device


def _free_name(dev: Path, prefix: str) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    names: list[str] = [*letters, *(first + second for first in letters for second in letters)]
    free = [prefix + name for name in names if not (dev / (prefix + name)).exists()]
    return free[0]


def _damage(engine: Engine, disk: Disk, copy: Path) -> None:
    words = (engine.faults.get("device-wrong-size") or "").split()
    if words and (len(words) == 1 or words[1] in (disk.id, disk.alias)):
        os.truncate(copy, int(words[0]))
    if engine.faults.hits("device-other-bytes", disk.id, disk.alias):
        with open(copy, "r+b") as file:
            file.seek(disk.size // 2)
            file.write(b"other bytes")


def _make_names(engine: Engine, attachment: Attachment, disk: Disk, dev: Path, device: str) -> None:
    short = engine.faults.get("device-short-serial") is not None
    names = [device_name(attachment.interface, disk.id, short)]
    if engine.faults.hits("device-twice", disk.id, disk.alias):
        twin = device + "-twin"
        (dev / twin).write_bytes((dev / device).read_bytes())
        other = device_name(attachment.interface, disk.id, not short)
        _point(dev, other if other != names[0] else names[0] + "_twin", twin)
    for name in names:
        _point(dev, name, device)


def _point(dev: Path, name: str, device: str) -> None:
    path = dev / "disk" / "by-id" / name
    path.unlink(missing_ok=True)
    path.symlink_to(Path("..", "..", device))


def device_name(interface: str, disk: str, short: bool) -> str:
    """What udev names a disk after its serial, which is the disk's id."""
    if interface == "virtio":
        return "virtio-" + disk[:SERIAL]
    if interface in ("ide", "sata"):
        return "ata-QEMU_HARDDISK_" + disk[:SERIAL]
    return "scsi-0QEMU_QEMU_HARDDISK_" + (disk[:SERIAL] if short else disk)
