# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine in memory: the methods of _vm/protocols.py, a journal of their calls, and faults on demand.

What an engine does on its own time happens on a fake clock, which only FakeWaiter and a test move.
Python 3.6 syntax: the tests of the flows run on the Pythons of the managed hosts.
"""

# ruff: noqa: ARG002 (the methods take what the protocol gives, not what the fake needs)
import time
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple
from xml.etree import ElementTree

from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.wait import Waiter
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.attachments import trace_of
from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import (
    Attachment,
    AttachmentOrder,
    Cluster,
    Disk,
    DiskOrder,
    Event,
    Nic,
    Snapshot,
    SnapshotDisk,
    StorageDomain,
    Vm,
    VmAround,
    VmOrder,
    VnicProfile,
)

from . import vm_world
from .vm_steering import Steering, journaled, missing, refuse, refuse_first

WRITING = frozenset(
    "attach_disk detach_disk create_snapshot remove_snapshot freeze_filesystems thaw_filesystems"
    " create_disk describe_disk remove_disk create_vm update_vm remove_vm update_nic add_event".split()
)

OVF = "{http://schemas.dmtf.org/ovf/envelope/1/}"
RASD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


class FakeEngine(Steering):
    """The oVirt of vm_world.py, good in every way until a test changes something."""

    def __init__(self) -> None:
        super().__init__()
        self.vms: Dict[str, Vm] = {vm.id: vm for vm in vm_world.VMS}
        self.disks: Dict[str, Disk] = {disk.id: disk for disk in vm_world.DISKS}
        self.attachments: Dict[Tuple[str, str], Attachment] = {
            (found.vm_id, found.disk_id): found for found in vm_world.ATTACHMENTS
        }
        self.attached_snapshots: Dict[Tuple[str, str], str] = {}  # (vm, disk) -> snapshot
        self.snapshots: Dict[str, List[Snapshot]] = {vm_id: [vm_world.active_snapshot(vm_id)] for vm_id in self.vms}
        self.snapshot_disks: Dict[str, List[SnapshotDisk]] = {}
        self.nics: Dict[str, List[Nic]] = {vm_id: list(nics) for vm_id, nics in vm_world.NICS.items()}
        self.storage_domains: List[StorageDomain] = list(vm_world.STORAGE_DOMAINS)
        self.clusters: List[Cluster] = list(vm_world.CLUSTERS)
        self.profiles: Dict[str, List[VnicProfile]] = {vm_world.DATA_CENTER: list(vm_world.PROFILES)}
        self.checkpointed: Dict[str, Set[str]] = {}  # vm -> disks
        self.imported: Dict[str, str] = {}  # vm -> when, in the words of an OVF
        self.permits: Dict[Tuple[str, str], Optional[FrozenSet[str]]] = {}  # (kind, id) -> not every permit
        self.events: List[Event] = []  # newest first
        self.event_ids: Set[Tuple[str, int]] = set()
        self.frozen: Set[str] = set()  # ids of virtual machines
        self.without_virtio_scsi: Set[str] = set()
        self.version = "4.5.7-1.el9"
        # How long things take, in seconds ...
        self.snapshot_takes = 5.0
        self.merge_takes = 15.0
        self.disk_takes = 2.0
        self.detach_takes = 0.0
        self.import_takes = 2.0
        # ... and how they end.
        self.snapshot_ends = "good"  # active: failed, the id is the active snapshot's again; gone; illegal; never
        self.merge_ends = "good"  # failed: it is back and ok; never
        self.disk_ends = "good"  # illegal, gone, never
        self.lacks_configuration = False
        self.follows_disks = True  # whether attachments come with their disks

    # --- what a test changes ---

    def change_vm(self, vm_id: str, **changes: Any) -> None:
        self.vms[vm_id] = self.vms[vm_id]._replace(**changes)

    def change_disk(self, disk_id: str, **changes: Any) -> None:
        self.disks[disk_id] = self.disks[disk_id]._replace(**changes)

    def change_snapshot(self, snapshot_id: str, **changes: Any) -> None:
        for snapshots in self.snapshots.values():
            snapshots[:] = [one._replace(**changes) if one.id == snapshot_id else one for one in snapshots]

    def change_storage_domain(self, domain_id: str, **changes: Any) -> None:
        self.storage_domains = [one._replace(**changes) if one.id == domain_id else one for one in self.storage_domains]

    def drop_vm(self, vm_id: str) -> None:
        """Somebody removed a virtual machine with its disks."""
        for key in [key for key in self.attachments if key[0] == vm_id]:
            self.disks.pop(key[1], None)
            self._drop_attachment(key)
        self.vms.pop(vm_id)
        self.snapshots.pop(vm_id)
        self.nics.pop(vm_id, None)

    def add_snapshot(self, vm_id: str, description: str, disk_ids: Sequence[str] = (), **changes: Any) -> Snapshot:
        """Add a snapshot that somebody made before."""
        snapshot = Snapshot(self._new_id(), vm_id, description, "ok", "regular", self._now())._replace(**changes)
        self.snapshots[vm_id].append(snapshot)
        self.snapshot_disks[snapshot.id] = [
            SnapshotDisk(disk.id, disk.image_id, disk.alias, "ok", disk.format, disk.is_sparse)
            for disk in map(self.disks.__getitem__, disk_ids)
        ]
        return snapshot

    def written(self) -> List[str]:
        """Return the calls that change something, in their order."""
        return [name for name in self.calls if name in WRITING]

    def attached_to(self, vm_id: str) -> List[str]:
        """Return the ids of the disks of a virtual machine."""
        return [disk_id for one, disk_id in self.attachments if one == vm_id]

    # --- the engine itself ---

    def _new_id(self) -> str:
        self._made += 1
        return "f%07d-0000-4000-8000-000000000000" % self._made

    def _now(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.wall()))

    def _tell(self, event_code: int, description: str, severity: str = "normal", trace: str = "") -> None:
        self.events.insert(0, Event(str(len(self.events) + 1), event_code, description, severity, self._now(), trace))

    def _vm(self, vm_id: str) -> Vm:
        return self.vms[vm_id] if vm_id in self.vms else missing("virtual machine", vm_id)

    def _disk(self, disk_id: str) -> Disk:
        return self.disks[disk_id] if disk_id in self.disks else missing("disk", disk_id)

    def _snapshot(self, vm_id: str, snapshot_id: str) -> Snapshot:
        for snapshot in self.snapshots.get(vm_id, []):
            if snapshot.id == snapshot_id:
                return snapshot
        return missing("snapshot", snapshot_id)

    def _attachment(self, vm_id: str, disk_id: str) -> Attachment:
        self._vm(vm_id)
        if (vm_id, disk_id) not in self.attachments:
            missing("disk attachment", disk_id)
        return self.attachments[(vm_id, disk_id)]

    def _with_configuration(self, vm: Vm) -> Vm:
        disks = [self.disks[disk_id] for disk_id in self.attached_to(vm.id)]
        is_locked = vm.status == "image_locked" or any(disk.status == "locked" for disk in disks)
        if is_locked or self.lacks_configuration:
            return vm
        images = [(disk, self.attachments[(vm.id, disk.id)]) for disk in disks]
        made = self.imported.get(vm.id, vm_world.CREATED)
        return vm._replace(configuration=vm_world.make_ovf(vm, images, self.nics.get(vm.id, []), made))

    def _attachments_of(self, vm_id: str) -> List[Attachment]:
        return [
            found._replace(disk=self.disks[found.disk_id] if self.follows_disks else None)
            for found in self.attachments.values()
            if found.vm_id == vm_id
        ]

    def _with_held(self, snapshot: Snapshot) -> Snapshot:
        held = [
            one._replace(status=self.disks[one.disk_id].status)
            for one in self.snapshot_disks.get(snapshot.id, [])
            if one.disk_id in self.disks
        ]
        return snapshot if snapshot.kind == "active" else snapshot._replace(disks=tuple(held))

    def _drop_attachment(self, key: Tuple[str, str]) -> None:
        self.attachments.pop(key, None)
        self.attached_snapshots.pop(key, None)

    def _set_status(self, disk_ids: Sequence[str], status: str) -> None:
        for disk_id in disk_ids:
            if disk_id in self.disks:
                self.change_disk(disk_id, status=status)

    @journaled
    def read_version(self) -> str:
        return self.version

    @journaled
    def fetch_vms(
        self,
        names: Sequence[str],
        with_snapshots: bool = False,
        with_nics: bool = False,
        with_clusters: bool = False,
        with_configuration: bool = False,
    ) -> List[VmAround]:
        clusters = {one.id: one for one in self.clusters} if with_clusters else {}
        return [
            VmAround(
                self._with_configuration(vm) if with_configuration else vm, self._attachments_of(vm.id),
                [self._with_held(one) for one in self.snapshots[vm.id]] if with_snapshots else [],
                list(self.nics.get(vm.id, [])) if with_nics else [], clusters.get(vm.cluster_id),
            )
            for vm in self.vms.values() if vm.id in [name.lower() for name in names] or vm.name in names
        ]  # fmt: skip

    @journaled
    def read_vm(self, vm_id: str, with_configuration: bool = False) -> Vm:
        vm = self._vm(vm_id)
        return self._with_configuration(vm) if with_configuration else vm

    @journaled
    def list_permits(self, kind: str, object_id: str, needed: Set[str]) -> Optional[Set[str]]:
        permits = self.permits.get((kind, object_id), vm_world.EVERY_PERMIT)
        return None if permits is None else set(permits)

    @journaled
    def list_attachments(self, vm_id: str) -> List[Attachment]:
        self._vm(vm_id)
        return self._attachments_of(vm_id)

    @journaled
    def read_attachment(self, vm_id: str, disk_id: str) -> Attachment:
        return self._attachment(vm_id, disk_id)

    @journaled
    def attach_disk(self, vm_id: str, order: AttachmentOrder) -> Attachment:
        if vm_id not in self.vms:
            refuse("Cannot attach Virtual Disk. VM is not found.", 400)
        vm = self._vm(vm_id)
        self._check_attaching(vm, order)
        found = Attachment(
            order.disk_id,
            vm_id,
            order.interface,
            order.is_bootable,
            order.is_active,
            order.is_read_only,
            order.pass_discard,
            "",
            None,
        )
        self.attachments[(vm_id, order.disk_id)] = found
        if order.snapshot_id:
            self.attached_snapshots[(vm_id, order.disk_id)] = order.snapshot_id
        trace = trace_of(vm_id, order.disk_id, order.snapshot_id) if order.snapshot_id else ""
        alias = self.disks[order.disk_id].alias
        self._tell(2016, "Disk %s was successfully attached to VM %s by admin." % (alias, vm.name), trace=trace)
        return found

    def _check_attaching(self, vm: Vm, order: AttachmentOrder) -> None:
        start = "Cannot attach Virtual Disk"
        if vm.status not in ("up", "paused", "down"):
            refuse("%s because the VM is in %s status." % (start, vm.status))
        if order.disk_id not in self.disks:
            refuse("%s. The specified disk does not exist." % start, 400)
        disk = self.disks[order.disk_id]
        if (vm.id, disk.id) in self.attachments:
            refuse("%s. The disk is already attached to VM." % start)
        self._check_source(order, disk, start)
        if order.interface == "virtio_scsi" and vm.id in self.without_virtio_scsi:
            refuse("%s. VirtIO-SCSI is disabled for the VM" % start)
        if order.is_read_only and order.interface in ("ide", "sata"):
            refuse("%s. IDE disks can't be read-only." % start, 400)
        boots = [found for found in self.attachments.values() if found.vm_id == vm.id and found.is_bootable]
        if order.is_bootable and boots:
            alias = self.disks[boots[0].disk_id].alias
            refuse("%s. Disk %s in VM %s is already marked as boot." % (start, alias, vm.name))

    def _check_source(self, order: AttachmentOrder, disk: Disk, start: str) -> None:
        if order.snapshot_id:
            found = [one for ones in self.snapshots.values() for one in ones if one.id == order.snapshot_id]
            if not found:
                refuse("%s. VM's Snapshot does not exist." % start, 400)
            if found[0].kind != "regular":
                refuse("%s. The operation is only allowed for regular snapshots." % start)
            if found[0].status != "ok":
                refuse("%s. The snapshot is in %s status." % (start, found[0].status.upper()))
            if disk.id not in [one.disk_id for one in self.snapshot_disks.get(order.snapshot_id, [])]:
                refuse("%s. The specified disk does not exist." % start, 400)
        elif not disk.is_shareable and any(disk_id == disk.id for _vm_id, disk_id in self.attachments):
            refuse("%s. The disk is not shareable and is already attached to a VM." % start)
        if disk.status == "illegal":
            text = "%s. Disk is in an illegal state. Disks in an illegal state can only be deleted."
            refuse(text % start, 400)
        if disk.status == "locked":
            text = "%s: The following disks are locked: %s. Please try again in a few minutes."
            refuse(text % (start, disk.alias))

    @journaled
    def detach_disk(self, vm_id: str, disk_id: str) -> None:
        self._attachment(vm_id, disk_id)
        vm = self._vm(vm_id)
        if vm.status not in ("up", "down"):
            refuse("Cannot detach Virtual Disk because the VM is in %s status." % vm.status)
        own = [one.disk_id for found in self.snapshots[vm_id] for one in self.snapshot_disks.get(found.id, [])]
        if disk_id in own:
            refuse(
                "Cannot detach Virtual Disk. The disk is already configured in a snapshot. In order to detach it,"
                " remove the disk's snapshots."
            )
        self._later(self.detach_takes, lambda: self._drop_attachment((vm_id, disk_id)))
        alias = self.disks[disk_id].alias
        self._tell(2018, "Disk %s was successfully detached from VM %s by admin." % (alias, vm.name))

    @journaled
    def list_snapshots(self, vm_id: str) -> List[Snapshot]:
        self._vm(vm_id)
        return list(self.snapshots[vm_id])

    @journaled
    def read_snapshot(self, vm_id: str, snapshot_id: str, with_disks: bool = False) -> Snapshot:
        self._vm(vm_id)
        found = self._snapshot(vm_id, snapshot_id)
        return self._with_held(found) if with_disks else found

    @journaled
    def create_snapshot(self, vm_id: str, description: str, disk_ids: Sequence[str]) -> Snapshot:
        vm = self._vm(vm_id)
        self._check_snapshot(vm, disk_ids)
        # As in an engine: the new snapshot takes over the id of the active one, which gets another.
        active = next(one for one in self.snapshots[vm_id] if one.kind == "active")
        snapshot = Snapshot(active.id, vm_id, description, "locked", "regular", self._now())
        others = [one for one in self.snapshots[vm_id] if one.kind != "active"]
        self.snapshots[vm_id] = [active._replace(id=self._new_id()), *others, snapshot]
        self.snapshot_disks[snapshot.id] = [
            SnapshotDisk(disk.id, disk.image_id, disk.alias, "locked", disk.format, disk.is_sparse)
            for disk in map(self.disks.__getitem__, disk_ids)
        ]
        self._set_status(disk_ids, "locked")
        if vm.status == "down":
            self.change_vm(vm_id, status="image_locked")
        self._tell(45, "Snapshot '%s' creation for VM '%s' was initiated." % (description, vm.name))
        self._later(self.snapshot_takes, lambda: self._end_snapshot(vm, snapshot, list(disk_ids)))
        return snapshot

    def _check_snapshot(self, vm: Vm, disk_ids: Sequence[str]) -> None:
        start = "Cannot create Snapshot"
        kinds = [(one.kind, one.status) for one in self.snapshots[vm.id]]
        own = [self.attachments[(vm.id, one)].disk_id for one in disk_ids if (vm.id, one) in self.attachments]
        disks = [self.disks[one] for one in own]
        low = [
            domain.name
            for domain in self.storage_domains
            if domain.available < domain.critical_space and any(domain.id in disk.storage_domain_ids for disk in disks)
        ]
        unfit = [disk.alias for disk in disks if disk.is_shareable or disk.storage_type != "image"]
        locked = [disk.alias for disk in disks if disk.status == "locked"]
        illegal = [disk.alias for disk in disks if disk.status == "illegal"]
        refuse_first(
            (vm.status == "image_locked", 409, "%s: VM is locked. Please try again in a few minutes." % start),
            (vm.status == "migrating", 409, "%s. VM migration is in progress" % start),
            (vm.is_stateless, 409, "%s. The VM is running as Stateless." % start),
            (any("preview" in kind + status for kind, status in kinds), 409, start + ". VM is previewing a Snapshot."),
            (
                ("regular", "locked") in kinds,
                409,
                "%s. Snapshot is currently being created for VM %s." % (start, vm.name),
            ),
            (
                len(own) < len(disk_ids),
                400,
                "%s. The following disk(s) are not attached to the VM %s: %s."
                % (start, vm.name, ", ".join(one for one in disk_ids if one not in own)),
            ),
            (
                bool(unfit),
                400,
                "%s. Snapshot is not allowed for the following disk(s): %s." % (start, ", ".join(unfit)),
            ),
            (
                bool(locked),
                409,
                "%s: The following disks are locked: %s. Please try again in a few minutes."
                % (start, ", ".join(locked)),
            ),
            (
                bool(illegal),
                500,
                "%s. The following attached disks are in ILLEGAL status: %s - please remove them and"
                " try again." % (start, ", ".join(illegal)),
            ),
            (bool(low), 409, "%s. Low disk space on Storage Domain %s." % (start, ", ".join(low))),
        )

    def _end_snapshot(self, vm: Vm, snapshot: Snapshot, disk_ids: List[str]) -> None:
        if vm.id not in self.vms or self.snapshot_ends == "never":
            return
        self._set_status(disk_ids, "ok")
        self.change_vm(vm.id, status=vm.status)
        words = (snapshot.description, vm.name)
        if self.snapshot_ends in ("good", "illegal"):
            self.change_snapshot(snapshot.id, status="ok")
            for disk_id in disk_ids:
                self.change_disk(disk_id, image_id=self._new_id(), format="cow", is_sparse=True)
            self._tell(68, "Snapshot '%s' creation for VM '%s' has been completed." % words)
            if self.snapshot_ends == "illegal":
                self._set_status(disk_ids[:1], "illegal")
            return
        self._tell(69, "Failed to complete snapshot '%s' creation for VM '%s'." % words, "error")
        left = [one for one in self.snapshots[vm.id] if one.id != snapshot.id]
        self.snapshot_disks.pop(snapshot.id)
        if self.snapshot_ends == "active":
            left = [one._replace(id=snapshot.id) if one.kind == "active" else one for one in left]
        self.snapshots[vm.id] = left

    @journaled
    def remove_snapshot(self, vm_id: str, snapshot_id: str) -> None:
        vm, snapshot = self._vm(vm_id), self._snapshot(vm_id, snapshot_id)
        start = "Cannot remove Snapshot"
        disk_ids = [one.disk_id for one in self.snapshot_disks.get(snapshot_id, [])]
        locked = [disk_id for disk_id in disk_ids if self.disks[disk_id].status == "locked"]
        own = {one.id: one.description for one in self.snapshots[vm_id]}
        elsewhere = [
            "%s ,%s, %s" % (self.disks[disk_id].alias, own[found], self.vms[other].name)
            for (other, disk_id), found in self.attached_snapshots.items()
            if found in own
        ]
        refuse_first(
            (
                snapshot.status == "locked" or bool(locked),
                409,
                "%s: The following disks are locked: %s. Please try again in a few minutes."
                % (start, ", ".join(locked)),
            ),
            (
                bool(elsewhere),
                409,
                "%s. The following VM's disks snapshots are attached to other VMs (Disk Alias/"
                "Snapshot Description/VM attached to):\n\n %s \n\nPlease detach them from those VMs and try again."
                % (start, "%n".join(elsewhere)),
            ),
            (snapshot.status == "in_preview", 409, "%s. VM is previewing a Snapshot." % start),
            (
                vm.status not in ("up", "powering_up", "paused", "reboot_in_progress", "down"),
                409,
                "%s. The VM is in %s status." % (start, vm.status),
            ),
        )
        self.change_snapshot(snapshot_id, status="locked")
        self._set_status(disk_ids, "locked")
        self._tell(342, "Snapshot '%s' deletion for VM '%s' was initiated." % (snapshot.description, vm.name))
        self._later(self.merge_takes, lambda: self._end_merge(vm, snapshot, disk_ids))

    def _end_merge(self, vm: Vm, snapshot: Snapshot, disk_ids: List[str]) -> None:
        if vm.id not in self.vms or self.merge_ends == "never":
            return
        self._set_status(disk_ids, "ok")
        words = (snapshot.description, vm.name)
        if self.merge_ends == "failed":
            self.change_snapshot(snapshot.id, status="ok")
            self._tell(357, "Failed to delete snapshot '%s' for VM '%s'." % words, "error")
            return
        self.snapshots[vm.id] = [one for one in self.snapshots[vm.id] if one.id != snapshot.id]
        self.snapshot_disks.pop(snapshot.id, None)
        self._tell(356, "Snapshot '%s' deletion for VM '%s' has been completed." % words)

    @journaled
    def freeze_filesystems(self, vm_id: str) -> None:
        if self._vm(vm_id).status != "up":
            refuse("Cannot freeze guest filesystems. VM is not running.")
        self.frozen.add(vm_id)

    @journaled
    def thaw_filesystems(self, vm_id: str) -> None:
        if self._vm(vm_id).status != "up":
            refuse("Cannot thaw guest filesystems. VM is not running.")
        self.frozen.discard(vm_id)

    @journaled
    def list_checkpointed_disks(self, vm_id: str) -> Set[str]:
        self._vm(vm_id)
        return set(self.checkpointed.get(vm_id, ()))

    @journaled
    def read_disk(self, disk_id: str) -> Disk:
        return self._disk(disk_id)

    @journaled
    def find_disks(self, mark: str, ids: Sequence[str] = ()) -> List[Disk]:
        return [disk for disk in self.disks.values() if disk.id in ids or (mark and disk.description.startswith(mark))]

    @journaled
    def create_disk(self, order: DiskOrder) -> Disk:
        domain = next((one for one in self.storage_domains if one.id == order.storage_domain_id), None)
        if domain is None:
            refuse("Cannot add Virtual Disk. Storage Domain doesn't exist.", 400)
        start, space = "Cannot add Virtual Disk", order.provisioned_size if not order.is_sparse else order.initial_size
        taken = self.disks.get(order.id)
        refuse_first(
            (
                taken is not None,
                409,
                "%s. The selected disk ID: %s is already used by the following existing disk: %s."
                % (start, order.id, taken.alias if taken else ""),
            ),
            (
                order.backup == "incremental" and order.format != "cow",
                409,
                "%s. Disk configuration (%s %s backup-%s) is incompatible with the storage domain type."
                % (start, order.format.upper(), "Sparse" if order.is_sparse else "Preallocated", order.backup),
            ),
            (
                domain.available - space < domain.critical_space,
                409,
                "%s. Low disk space on Storage Domain %s." % (start, domain.name),
            ),
        )
        disk = Disk(
            order.id or self._new_id(),
            order.alias,
            order.description,
            self._new_id(),
            "locked",
            "image",
            "data",
            False,
            order.provisioned_size,
            0,
            order.format,
            order.is_sparse,
            order.backup,
            order.wipe_after_delete,
            (domain.id,),
        )
        self.disks[disk.id] = disk
        self._later(self.disk_takes, lambda: self._end_disk(disk.id))
        return disk

    def _end_disk(self, disk_id: str) -> None:
        if self.disk_ends == "gone":
            self.disks.pop(disk_id, None)
        elif self.disk_ends != "never":
            self._set_status([disk_id], "ok" if self.disk_ends == "good" else "illegal")

    @journaled
    def describe_disk(self, disk_id: str, description: str) -> None:
        self._disk(disk_id)
        self.change_disk(disk_id, description=description)

    @journaled
    def remove_disk(self, disk_id: str) -> None:
        disk = self._disk(disk_id)
        keys = [key for key in self.attachments if key[1] == disk_id]
        running = [self.vms[key[0]].name for key in keys if self.vms[key[0]].status != "down"]
        if running:
            refuse("Cannot remove Virtual Disk. The disk is plugged to running VMs: %s" % ", ".join(running))
        if disk.status == "locked":
            refuse("Cannot remove Virtual Disk: The following disks are locked: %s." % disk.alias)
        for key in keys:
            self._drop_attachment(key)
        self.disks.pop(disk_id)

    @journaled
    def list_storage_domains(self) -> List[StorageDomain]:
        return list(self.storage_domains)

    @journaled
    def list_clusters(self) -> List[Cluster]:
        return list(self.clusters)

    @journaled
    def create_vm(self, order: VmOrder) -> Vm:
        try:
            envelope = ElementTree.fromstring(order.configuration.data.encode())
            written_id = next(
                str(section.get(OVF + "id"))
                for section in envelope.iter("Section")
                if section.get(XSI_TYPE) == "ovf:OperatingSystemSection_Type"
            )
        except (ElementTree.ParseError, StopIteration):
            refuse("Import VM failed - failed to parse a given ovf configuration", 400)
        items = [item for item in envelope.iter("Item") if item.findtext(RASD + "ResourceType") == "10"]
        nics = [self._read_nic(item, order) for item in items]
        self._check_import(order, written_id, nics)
        vm_id = self._new_id() if order.regenerate_ids else written_id
        vm = Vm(
            vm_id,
            order.name,
            "image_locked",
            order.description,
            order.comment,
            order.cluster_id,
            False,
            False,
            False,
            None,
        )
        self.vms[vm_id] = vm
        self.imported[vm_id] = self._now().replace("-", "/").replace("T", " ").rstrip("Z")
        self.snapshots[vm_id] = [Snapshot(self._new_id(), vm_id, "Active VM", "ok", "active", self._now())]
        self.nics[vm_id] = nics
        self._attach_what_is_written(envelope, written_id)
        self._later(self.import_takes, lambda: self.change_vm(vm_id, status="down"))
        return vm

    def _read_nic(self, item: "ElementTree.Element", order: VmOrder) -> Nic:
        names = {profile.name: profile.id for ones in self.profiles.values() for profile in ones}
        mac = item.findtext(RASD + "MACAddress", "").lower()
        if order.regenerate_ids or not mac:  # one from the pool
            mac = "56:6f:00:00:10:%02x" % (len(self.vms) % 256)
        profile = names.get(item.findtext(RASD + "OtherResourceType", ""), "")
        return Nic(self._new_id(), item.findtext(RASD + "Name", ""), mac, True, profile)

    def _check_import(self, order: VmOrder, written_id: str, nics: Sequence[Nic]) -> None:
        macs = {nic.mac for ones in self.nics.values() for nic in ones}
        clashes = [nic.name for nic in nics if nic.mac in macs]
        there = self.vms.get(written_id)
        refuse_first(
            (
                order.cluster_id not in [one.id for one in self.clusters],
                400,
                "Cannot import VM. Cluster id is not valid.",
            ),
            (
                order.name in [vm.name for vm in self.vms.values()],
                409,
                "Import VM failed - VM Name already exists in"
                " the Data Center. Please rename the VM in the Data Center first",
            ),
            (
                there is not None and not order.regenerate_ids,
                409,
                "Import VM failed - VM ID already exists in the"
                " system. Please remove the VM (%s) from the system first" % (there.name if there else ""),
            ),
            (
                bool(clashes),
                409,
                "Cannot import Virtual Machine, because that action would create duplicates in target"
                " MAC pool, which are not allowed. Problematic NICs are %s" % ", ".join(clashes),
            ),
        )

    def _attach_what_is_written(self, envelope: "ElementTree.Element", vm_id: str) -> None:
        """As an engine does: free disks that the configuration names, to the virtual machine of the id in it."""
        for found in envelope.iter("File"):
            disk_id = str(found.get(OVF + "href")).split("/", 1)[0]
            is_free = disk_id in self.disks and not any(key[1] == disk_id for key in self.attachments)
            if is_free and vm_id in self.vms:
                self.attachments[(vm_id, disk_id)] = vm_world.make_attachment(vm_id, disk_id)

    @journaled
    def update_vm(self, vm_id: str, changes: Dict[str, str]) -> Vm:
        self._vm(vm_id)
        if changes.get("name") in [vm.name for vm in self.vms.values() if vm.id != vm_id]:
            refuse("Cannot edit VM. The VM name is already in use, please choose a unique name and try again.")
        self.change_vm(vm_id, **changes)
        return self.vms[vm_id]

    @journaled
    def remove_vm(self, vm_id: str) -> None:
        vm = self._vm(vm_id)
        if vm.status != "down":
            refuse("Cannot remove VM. VM is running." if vm.status == "up" else "Cannot remove VM: VM is locked.")
        for key in [key for key in self.attachments if key[0] == vm_id]:
            self._drop_attachment(key)
        self.vms.pop(vm_id)
        self.snapshots.pop(vm_id)
        self.nics.pop(vm_id, None)

    @journaled
    def update_nic(self, vm_id: str, nic: Nic) -> None:
        if nic.id not in [one.id for one in self.nics.get(vm_id, [])]:
            missing("network interface", nic.id)
        self.nics[vm_id] = [
            one._replace(profile_id=nic.profile_id, is_plugged=nic.is_plugged) if one.id == nic.id else one
            for one in self.nics[vm_id]
        ]

    @journaled
    def list_vnic_profiles(self, data_center_id: str) -> List[VnicProfile]:
        return list(self.profiles.get(data_center_id, []))

    @journaled
    def find_macs(self, macs: Sequence[str]) -> Dict[str, str]:
        found = {nic.mac: self.vms[vm_id].name for vm_id, nics in self.nics.items() for nic in nics}
        return {mac: found[mac] for mac in macs if mac in found}

    @journaled
    def add_event(self, origin: str, custom_id: int, severity: str, description: str, vm_id: str) -> None:
        if (origin, custom_id) in self.event_ids:
            refuse("Cannot add External Event. External Event with this custom id already exists.", 400)
        self.event_ids.add((origin, custom_id))
        self._tell({"normal": 9801, "warning": 9802, "error": 9803}[severity], description, severity)

    @journaled
    def find_events(self, text: str, most: int) -> List[Event]:
        return [event for event in self.events if text in event.description][:most]

    @journaled
    def find_events_of_requests(self, traces: Sequence[str]) -> List[Event]:
        return [event for event in self.events if event.correlation_id in traces]

    @journaled
    def find_events_since(self, event_id: int, event_code: int, vm_name: str) -> List[Event]:
        return [
            event
            for event in self.events
            if int(event.id) > event_id and event.event_code == event_code and "VM %s " % vm_name in event.description
        ]


class FakeWaiter(Waiter):
    """The real loop on the clock of a FakeEngine; ``awaited`` are the things that were waited for."""

    def __init__(self, engine: FakeEngine, timeout: float = 3600, poll_interval: float = 3) -> None:
        super().__init__(lambda: engine.time, engine.advance, timeout, poll_interval)
        self.awaited: List[str] = []

    def until(
        self,
        what: str,
        look: Callable[[], Any],
        is_done: Callable[[Any], bool],
        describe: Callable[[Any], str],
        timeout: Optional[float] = None,
        head_start: float = 0.0,
    ) -> Any:
        self.awaited.append(what)
        return super().until(what, look, is_done, describe, timeout, head_start)
