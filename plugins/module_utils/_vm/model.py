# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection knows of virtual machines, their disks and snapshots: the engine's objects as plain values.

Sizes are bytes, times ISO 8601 in UTC, ids the engine's UUIDs; enumerations are the words of the API in lower case. A
text that the engine left out is empty. This file is private to the collection.
"""

from typing import List, NamedTuple, Optional, Tuple


class Configuration(NamedTuple):
    """A virtual machine's configuration: kind ``ovf`` or ``ova``, data the XML text."""

    kind: str
    data: str


class Vm(NamedTuple):
    """A virtual machine of the engine."""

    id: str
    name: str
    status: str  # up, down, paused, image_locked ...
    description: str
    comment: str
    cluster_id: str
    is_hosted_engine: bool
    is_stateless: bool
    is_next_run: bool
    configuration: Optional[Configuration]  # None: not asked for, or left out while the VM is locked


class Disk(NamedTuple):
    """A disk of the engine; sizes in bytes."""

    id: str
    alias: str
    description: str
    image_id: str
    status: str  # ok, locked, illegal; empty for a direct LUN
    storage_type: str  # image, lun, cinder, managed_block_storage
    content_type: str
    is_shareable: bool
    provisioned_size: int
    actual_size: int
    format: str  # cow, raw
    is_sparse: bool
    backup: str  # none, incremental
    wipe_after_delete: bool
    storage_domain_ids: Tuple[str, ...]


class Attachment(NamedTuple):
    """A disk as it is attached to a virtual machine."""

    disk_id: str  # the id of the attachment, too
    vm_id: str
    interface: str  # virtio, virtio_scsi, sata, ide
    is_bootable: bool
    is_active: bool
    is_read_only: bool
    pass_discard: bool
    logical_name: str  # from the guest agent: a hint, it lags
    disk: Optional[Disk]  # None where the engine did not send it along


class SnapshotDisk(NamedTuple):
    """A disk as it is in a snapshot. The engine may report its sizes as 0, so they are not here.

    The format is that of the snapshot's volume: the disk itself is cow from the snapshot on, whatever it was before.
    """

    disk_id: str
    image_id: str
    alias: str
    status: str
    format: str = ""  # cow, raw; empty where the engine does not say
    is_sparse: bool = True


class Snapshot(NamedTuple):
    """A snapshot, also the active one: the state in which the virtual machine is."""

    id: str
    vm_id: str
    description: str
    status: str  # ok, locked, in_preview
    kind: str  # active, regular, stateless, preview
    date: str
    disks: Optional[Tuple[SnapshotDisk, ...]] = None  # None: not asked for, or the engine does not say


class StorageDomain(NamedTuple):
    """A storage domain."""

    id: str
    name: str
    kind: str  # data, iso, export ...
    storage_type: str  # nfs, iscsi, fcp, glusterfs, localfs ...
    status: str  # active, maintenance ...; empty where the engine does not say
    available: int
    critical_space: int  # below this the engine refuses what needs space
    data_center_ids: Tuple[str, ...] = ()  # empty where the engine does not say


class Nic(NamedTuple):
    """A network interface of a virtual machine."""

    id: str
    name: str
    mac: str  # lower case
    is_plugged: bool
    profile_id: str


class VnicProfile(NamedTuple):
    """A vNIC profile with its network."""

    id: str
    name: str
    network_id: str
    network_name: str


class Cluster(NamedTuple):
    """A cluster of the engine."""

    id: str
    name: str
    data_center_id: str


class Event(NamedTuple):
    """A line of the engine's log. The id counts up."""

    id: str
    event_code: int
    description: str
    severity: str
    time: str
    correlation_id: str = ""  # the name of the request that caused it


class VmAround(NamedTuple):
    """A virtual machine and what belongs to it, seen in one look; empty where it was not asked for."""

    vm: Vm
    attachments: List[Attachment]  # with their disks
    snapshots: List[Snapshot] = []  # with their disks, the active one without
    nics: List[Nic] = []
    cluster: Optional[Cluster] = None


class DiskOrder(NamedTuple):
    """A disk that is to be made."""

    id: str  # empty: the engine chooses
    alias: str
    description: str
    storage_domain_id: str
    provisioned_size: int
    initial_size: int  # 0: left to the engine
    format: str
    is_sparse: bool
    backup: str
    wipe_after_delete: bool


class AttachmentOrder(NamedTuple):
    """A disk that is to be attached."""

    disk_id: str
    snapshot_id: str  # empty: the disk itself
    interface: str
    is_bootable: bool
    is_active: bool
    is_read_only: bool
    pass_discard: bool


class VmOrder(NamedTuple):
    """A virtual machine that is to be made from a saved configuration."""

    name: str
    description: str
    comment: str
    cluster_id: str
    configuration: Configuration
    regenerate_ids: bool
