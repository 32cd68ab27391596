# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own client on the lab's engine, both in this process; a journal of the calls, faults on demand.

The rules of an engine are those of the lab. What an engine does on its own time happens on a fake clock, which only
FakeWaiter and a test move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.engine import EngineApi
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.wait import Waiter
from ansible_collections.ovirt.backup.plugins.module_utils._vm.protocols import VmApi
from lab.rest_engine import vms
from lab.rest_engine.state import Attachment, Event, Snapshot, Vm, World, attachment_key, new_id

from .vm_lab import DirectSession, MemoryEngine
from .vm_steering import Steering, journaled

WRITING = frozenset(
    "attach_disk detach_disk create_snapshot remove_snapshot freeze_filesystems thaw_filesystems"
    " create_disk describe_disk remove_disk create_vm update_vm remove_vm update_nic add_event".split()
)


class Ends:
    """How something ends: well, or as one of the lab's faults has it."""

    def __init__(self, **faults: str) -> None:
        self._faults = faults

    def __set__(self, engine: FakeEngine, how: str) -> None:
        for fault in self._faults.values():
            engine.lab.faults.end(fault)
        if how != "good":
            engine.lab.faults.set(self._faults[how], "")


class FakeEngine(Steering, EngineApi):
    """The lab's engine, good in every way until a test changes something."""

    snapshot_ends = Ends(
        active="snapshot-fails",
        gone="snapshot-vanishes",
        illegal="snapshot-disk-illegal",
        never="snapshot-stays-locked",
    )
    merge_ends = Ends(failed="merge-fails", never="merge-stays-locked")
    disk_ends = Ends(illegal="disk-fails", never="disk-stays-locked")

    def __init__(self) -> None:
        Steering.__init__(self)
        self.lab = MemoryEngine(self)
        self.session = DirectSession(self.lab)
        EngineApi.__init__(self, self.session)
        self.permits: dict[tuple[str, str], frozenset[str] | None] = {}  # (kind, id) -> not every permit
        self.checkpointed: dict[str, set[str]] = {}  # vm -> disks

    # --- what there is ---

    @property
    def world(self) -> World:
        return self.lab.world

    @property
    def vms(self) -> dict[str, Vm]:
        return self.world.vms

    @property
    def events(self) -> list[Event]:
        """The newest first."""
        return list(reversed(self.world.events.values()))

    @property
    def attached_snapshots(self) -> dict[tuple[str, str], str]:
        """The snapshots of disks that are attached, by virtual machine and disk."""
        return {(one.vm, one.disk): one.snapshot for one in self.world.attachments.values() if one.snapshot}

    def attached_to(self, vm_id: str) -> list[str]:
        """The ids of the disks of a virtual machine."""
        return [one.disk for one in self.world.attached_to(vm_id)]

    def attachment(self, vm_id: str, disk_id: str) -> Attachment:
        return self.world.attachments[attachment_key(vm_id, disk_id)]

    def made(self, vm_id: str) -> list[Snapshot]:
        """The snapshots that somebody made."""
        return [one for one in self.world.snapshots_of(vm_id) if one.kind != "active"]

    def written(self) -> list[str]:
        """The calls that change something, in their order."""
        return [name for name in self.calls if name in WRITING]

    def picture(self) -> Any:
        """What there is once all is done, without what is made up each time."""
        self.advance(60)
        found = asdict(self.world)
        for record in [*found["vms"].values(), *(nic for vm in found["vms"].values() for nic in vm["nics"])]:
            record.update({"created": "", "id": ""})
        for disk in found["disks"].values():
            disk["images"] = len(disk["images"])
        return [found[name] for name in ("vms", "disks", "attachments")]

    # --- what a test changes ---

    def change_vm(self, vm_id: str, **changes: Any) -> None:
        change(self.vms[vm_id], **changes)

    def change_disk(self, disk_id: str, **changes: Any) -> None:
        change(self.world.disks[disk_id], **changes)

    def drop_vm(self, vm_id: str) -> None:
        """Somebody removed a virtual machine with its disks."""
        vms.drop(self.lab, self.vms[vm_id], keeps_disks=False)

    def add_snapshot(self, vm_id: str, description: str, disk_ids: Sequence[str], **changes: Any) -> Snapshot:
        """Somebody made a snapshot."""
        snapshot = Snapshot(new_id(), vm_id, description, date=self.lab.now())
        for disk_id in disk_ids:
            disk = self.world.disks[disk_id]
            snapshot.images[disk_id] = disk.images[-1].id
            self.lab.lay_over(disk)
        change(snapshot, **changes)
        self.world.snapshots[snapshot.id] = snapshot
        return snapshot

    def attach_behind(self, vm_id: str, disk_id: str, snapshot_id: str = "") -> None:
        """Somebody attached a disk, or a snapshot of one."""
        self.world.attachments[attachment_key(vm_id, disk_id)] = Attachment(vm_id, disk_id, snapshot_id)

    def detach_behind(self, vm_id: str, *disk_ids: str) -> None:
        """Somebody detached disks."""
        for disk_id in disk_ids:
            del self.world.attachments[attachment_key(vm_id, disk_id)]

    # --- what the lab cannot be made to answer ---

    def list_permits(self, kind: str, object_id: str, needed: set[str]) -> set[str] | None:
        if (kind, object_id) not in self.permits:
            return super().list_permits(kind, object_id, needed)
        held = self.permits[(kind, object_id)]
        return None if held is None else set(held)

    def list_checkpointed_disks(self, vm_id: str) -> set[str]:
        return super().list_checkpointed_disks(vm_id) | self.checkpointed.get(vm_id, set())


for _name in [name for name in vars(VmApi) if not name.startswith("_")]:
    setattr(FakeEngine, _name, journaled(getattr(FakeEngine, _name)))


def change(record: Any, **changes: Any) -> None:
    """Give a record of the lab other values."""
    for name, value in changes.items():
        assert hasattr(record, name), name
        setattr(record, name, value)


class FakeWaiter(Waiter):
    """The real loop on the clock of a FakeEngine."""

    def __init__(self, engine: FakeEngine, timeout: float = 3600, poll_interval: float = 3) -> None:
        super().__init__(lambda: engine.time, engine.advance, timeout, poll_interval)
