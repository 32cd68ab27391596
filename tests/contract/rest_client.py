# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in engine as a user of the SDK sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import ovirtsdk4 as sdk
from lab import rest_engine
from lab.rest_engine import DiskPlan, RestLab, VmPlan
from ovirtsdk4 import types

MIB = 1024**2
Seen = TypeVar("Seen")


class Client:
    """A connection with what the tests ask for again and again."""

    def __init__(self, lab: RestLab, username: str = "", password: str = "", token: str = "") -> None:
        self.lab = lab
        self.connection = sdk.Connection(
            url=lab.url,
            ca_file=lab.ca_file,
            timeout=20,
            **(
                {"token": token}
                if token
                else {"username": username or lab.username, "password": password or lab.password}
            ),
        )
        self.system = self.connection.system_service()
        self.vms = self.system.vms_service()
        self.disks = self.system.disks_service()

    def vm(self, identity: str) -> Any:
        """The service of a virtual machine."""
        return self.vms.vm_service(identity)

    def make_vm(self, name: str, *sizes: int, status: str = "up", **plan: Any) -> tuple[str, list[str]]:
        """A machine of one's own; the first disk is its boot disk."""
        disks = tuple(
            DiskPlan("{}_Disk{}".format(name, number), size, bootable=number == 1)
            for number, size in enumerate(sizes or (MIB,), 1)
        )
        return rest_engine.add_vm(self.lab.home, VmPlan(name, status, disks, **plan))

    def snapshots(self, vm: str) -> Any:
        """The snapshots of a virtual machine."""
        return self.vm(vm).snapshots_service()

    def begin_snapshot(self, vm: str, disks: list[str] | None = None, description: str = "made by a test") -> Any:
        """Ask for a snapshot."""
        chosen = None if disks is None else [types.DiskAttachment(disk=types.Disk(id=disk)) for disk in disks]
        order = types.Snapshot(description=description, persist_memorystate=False, disk_attachments=chosen)
        return self.snapshots(vm).add(order)

    def make_snapshot(self, vm: str, disks: list[str] | None = None) -> str:
        """Make one and wait for it."""
        made = self.begin_snapshot(vm, disks)
        self.wait_ok(vm, made.id)
        return str(made.id)

    def wait_ok(self, vm: str, snapshot: str) -> Any:
        """Until a snapshot is ok."""
        service = self.snapshots(vm).snapshot_service(snapshot)
        return wait(service.get, lambda seen: seen.snapshot_status == types.SnapshotStatus.OK)

    def remove_snapshot(self, vm: str, snapshot: str) -> None:
        """Remove one and wait until it is gone."""
        service = self.snapshots(vm).snapshot_service(snapshot)
        service.remove()
        wait(lambda: find(service.get), lambda seen: seen is None)

    def attachments(self, vm: str) -> Any:
        """The disk attachments of a virtual machine."""
        return self.vm(vm).disk_attachments_service()

    def attach(self, vm: str, disk: str, snapshot: str = "", interface: str = "virtio_scsi", **more: Any) -> Any:
        """Attach a disk, or a snapshot of one."""
        kept = types.Snapshot(id=snapshot) if snapshot else None
        values: dict[str, Any] = {"active": True, "bootable": False, **more}
        return self.attachments(vm).add(
            types.DiskAttachment(
                interface=types.DiskInterface(interface), disk=types.Disk(id=disk, snapshot=kept), **values
            )
        )

    def detach(self, vm: str, disk: str) -> None:
        """Detach it and nothing else."""
        self.attachments(vm).attachment_service(disk).remove(detach_only=True)

    def devices(self, vm: str, disk: str) -> list[Path]:
        """The names that the guest has for a disk."""
        by_id = Path(self.lab.hosts) / vm / "dev" / "disk" / "by-id"
        return sorted(path for path in by_id.glob("*") if disk[:20] in path.name)

    def wait_device(self, vm: str, disk: str) -> Path:
        """Until the guest sees the disk."""
        return wait(lambda: self.devices(vm, disk), bool)[0].resolve()

    def make_disk(self, name: str, size: int = MIB, domain: str = "data", **more: Any) -> str:
        """Make a floating disk and wait for it."""
        made = self.disks.add(disk_order(name, size, domain, **more))
        wait(self.disks.disk_service(made.id).get, lambda seen: seen.status == types.DiskStatus.OK)
        return str(made.id)

    def bytes_of(self, disk: str, directory: Path, image: str = "") -> bytes:
        """What a disk holds now, or a layer of it."""
        target = directory / "bytes.raw"
        rest_engine.export(self.lab.home, disk, target, image)
        return target.read_bytes()

    def event_codes(self, most: int = 5) -> list[int]:
        """The codes of the newest events."""
        return [event.code for event in self.system.events_service().list(max=most)]


def disk_order(name: str, size: int = MIB, domain: str = "data", **more: Any) -> types.Disk:
    """What a new disk is to be."""
    domains = [types.StorageDomain(id=rest_engine.identify("domain", domain))]
    values: dict[str, Any] = {"format": types.DiskFormat.COW, "sparse": True, **more}
    return types.Disk(name=name, provisioned_size=size, storage_domains=domains, **values)


def wait(look: Callable[[], Seen], is_done: Callable[[Seen], Any], seconds: float = 10.0) -> Seen:
    """Look until it is so."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if is_done(seen):
            return seen
        assert time.monotonic() < deadline, "last seen: {}".format(seen)
        time.sleep(0.02)


def find(get: Callable[[], Any]) -> Any:
    """What there is; None where there is nothing."""
    try:
        return get()
    except sdk.NotFoundError:
        return None
