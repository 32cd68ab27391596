# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SDK's objects as the plain values of _vm.model. What the engine left out is empty, false or zero.

This file is private to the collection.
"""

import datetime
from typing import Any

from ..model import (
    Attachment,
    Cluster,
    Configuration,
    Disk,
    Event,
    Nic,
    Snapshot,
    SnapshotDisk,
    StorageDomain,
    Vm,
    VnicProfile,
)

GIB = 1024**3
HOSTED_ENGINE = frozenset(("hosted_engine", "managed_hosted_engine"))


def word(value: Any) -> str:
    """Return an enumeration's word or a text; empty where there is none."""
    return "" if value is None else str(getattr(value, "value", value))


def id_of(value: Any) -> str:
    """Return the id of an object; empty where there is no object."""
    return word(getattr(value, "id", None))


def time_of(value: Any) -> str:
    """Return a time in UTC; empty where there is none. A time without a zone is taken for UTC."""
    if value is None:
        return ""
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.timezone.utc)
    return str(value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))


def read_vm(vm: Any) -> Vm:
    """Return a virtual machine."""
    return Vm(
        word(vm.id),
        word(vm.name),
        word(vm.status),
        word(vm.description),
        word(vm.comment),
        id_of(vm.cluster),
        is_hosted_engine=word(vm.origin) in HOSTED_ENGINE,
        is_stateless=bool(vm.stateless),
        is_next_run=bool(vm.next_run_configuration_exists),
        configuration=read_configuration(vm.initialization),
    )


def read_configuration(initialization: Any) -> Any:
    """Return a configuration; None where the engine left it out."""
    found = initialization.configuration if initialization else None
    return Configuration(word(found.type), found.data) if found and found.data else None


def is_whole_disk(disk: Any) -> bool:
    """Are these the details of a disk, not only a link to it?"""
    return disk is not None and disk.storage_type is not None


def read_disk(disk: Any) -> Disk:
    """Return a disk. A direct LUN tells its size only with its logical units."""
    domains = disk.storage_domains or [disk.storage_domain]
    return Disk(
        word(disk.id),
        word(disk.alias) or word(disk.name),
        word(disk.description),
        word(disk.image_id),
        word(disk.status),
        word(disk.storage_type),
        word(disk.content_type),
        bool(disk.shareable),
        disk.provisioned_size or size_of_lun(disk),
        disk.actual_size or 0,
        word(disk.format),
        bool(disk.sparse),
        word(disk.backup) or "none",
        bool(disk.wipe_after_delete),
        tuple(filter(None, map(id_of, domains))),
    )


def size_of_lun(disk: Any) -> int:
    """Return the size of a direct LUN; 0 for other disks."""
    units = disk.lun_storage.logical_units if disk.lun_storage else None
    return sum(unit.size or 0 for unit in units or [])


def read_attachment(attachment: Any, vm_id: str) -> Attachment:
    """Return a disk attachment; its disk only where the engine sent the details along."""
    return Attachment(
        word(attachment.id) or id_of(attachment.disk),
        id_of(attachment.vm) or vm_id,
        word(attachment.interface),
        bool(attachment.bootable),
        bool(attachment.active),
        bool(attachment.read_only),
        bool(attachment.pass_discard),
        word(attachment.logical_name),
        read_disk(attachment.disk) if is_whole_disk(attachment.disk) else None,
    )


def read_snapshot(snapshot: Any, vm_id: str) -> Snapshot:
    """Return a snapshot."""
    return Snapshot(
        word(snapshot.id),
        vm_id,
        word(snapshot.description),
        word(snapshot.snapshot_status),
        word(snapshot.snapshot_type),
        time_of(snapshot.date),
        # An empty list also stands for disks that did not come along.
        tuple(map(read_snapshot_disk, snapshot.disks)) if snapshot.disks else None,
    )


def read_snapshot_disk(disk: Any) -> SnapshotDisk:
    """Return a disk as it is in a snapshot."""
    return SnapshotDisk(
        word(disk.id),
        word(disk.image_id),
        word(disk.alias) or word(disk.name),
        word(disk.status),
        word(disk.format),
        disk.sparse is not False,
    )


def read_storage_domain(domain: Any) -> StorageDomain:
    """Return a storage domain. The engine tells its critical space in GiB."""
    return StorageDomain(
        word(domain.id),
        word(domain.name),
        word(domain.type),
        word(domain.storage.type if domain.storage else None),
        word(domain.status),
        domain.available or 0,
        (domain.critical_space_action_blocker or 0) * GIB,
        tuple(id_of(center) for center in domain.data_centers or []),
    )


def read_cluster(cluster: Any) -> Cluster:
    """Return a cluster."""
    return Cluster(word(cluster.id), word(cluster.name), id_of(cluster.data_center))


def read_nic(nic: Any) -> Nic:
    """Return a network interface."""
    mac = word(nic.mac.address if nic.mac else None).lower()
    return Nic(word(nic.id), word(nic.name), mac, bool(nic.plugged), id_of(nic.vnic_profile))


def read_vnic_profile(profile: Any, network: Any) -> VnicProfile:
    """Return a vNIC profile of a network."""
    return VnicProfile(word(profile.id), word(profile.name), word(network.id), word(network.name))


def read_event(event: Any) -> Event:
    """Return an event."""
    return Event(
        word(event.id),
        event.code or 0,
        word(event.description),
        word(event.severity),
        time_of(event.time),
        word(event.correlation_id),
    )
