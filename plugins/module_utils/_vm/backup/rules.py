# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be backed up through a snapshot and when a snapshot is one: judgements over what the engine said.

This file is private to the collection.
"""

import hashlib
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..._common.errors import Problem
from ..image.devices import SHORT
from ..model import Attachment, Cluster, Disk, Snapshot, SnapshotDisk, StorageDomain, Vm, VmAround

GIB = 1024**3
# What the engine wants for the first piece of a snapshot's volume: block storage is given out in such pieces.
PIECE = {"iscsi": GIB, "fcp": GIB}
SMALLEST_PIECE = 1024**2

PREFIXES = {"virtio_scsi": "scsi-0QEMU_QEMU_HARDDISK_", "virtio": "virtio-", "sata": "ata-QEMU_HARDDISK_"}
"""How udev begins the name of a disk below /dev/disk/by-id, by interface. The serial number follows."""

# What ends by itself, and the engine takes the request then.
_PASSING = re.compile(
    r"locked|in progress|being created|performing an operation|migrati|try again in a few minutes", re.IGNORECASE
)
# ... but not this, however it is worded.
_LASTING = re.compile(r"attached to other VMs|ILLEGAL|previewing", re.IGNORECASE)
_VOLATILE = re.compile(r"<ExportDate>[^<]*</ExportDate>")


class Selected(NamedTuple):
    """A disk of the virtual machine that the snapshot is to hold."""

    order: int
    attachment: Attachment
    disk: Disk


class Skipped(NamedTuple):
    """A disk that is not backed up."""

    id: str
    alias: str
    reason: str


class Selection(NamedTuple):
    """The disks of a backup, and those that it leaves out."""

    selected: List[Selected]
    skipped: List[Skipped]
    problems: List[Problem]


def device_names(disk_id: str, interface: str) -> List[str]:
    """Return the names that a disk can have below /dev/disk/by-id, in the order to try them.

    The whole id comes before its first 20 characters (all that virtio-blk keeps), the own interface before the others.
    """
    prefixes = sorted((PREFIXES["virtio_scsi"], PREFIXES["virtio"]), key=lambda one: one != PREFIXES.get(interface))
    if interface == "sata":
        prefixes.insert(0, PREFIXES["sata"])
    return [prefix + serial for serial in (disk_id, disk_id[:SHORT]) for prefix in prefixes]


def is_whole(snapshot: Snapshot, mark: str) -> bool:
    """Is the snapshot made? Status ``ok`` alone says nothing: see failure_of."""
    return (snapshot.status, snapshot.kind, snapshot.description) == ("ok", "regular", mark)


def failure_of(snapshot: Snapshot, mark: str) -> str:
    """Return why what the engine shows under the id of our snapshot will never be one; empty while it still may.

    A new snapshot takes over the id of the active one. Where its creation fails, that id is the active one's again: it
    is there, and it is ``ok``.
    """
    if snapshot.kind == "active":
        return "the engine gave up, its id belongs to the active snapshot again (%s)" % snapshot.status
    if snapshot.status == "in_preview" or snapshot.kind != "regular":
        return "it is of type %s and in status %s" % (snapshot.kind, snapshot.status)
    if snapshot.description != mark:
        return "its description became '%s'" % snapshot.description
    return ""


def describe_snapshot(snapshot: Optional[Snapshot]) -> str:
    """Return what was seen of a snapshot, for a person."""
    if snapshot is None:
        return "it is not there"
    return "snapshot %s is %s (%s)" % (snapshot.id, snapshot.status, snapshot.kind)


def is_passing(detail: str) -> bool:
    """Does a refusal speak of something that ends by itself, so that the same request will be taken later?"""
    return bool(_PASSING.search(detail)) and not _LASTING.search(detail)


def check_poll_interval(seconds: float) -> List[Problem]:
    """Return whether the engine would be asked without a pause."""
    text = "poll_interval is %s seconds; it must be more than 0: the engine would be asked without a pause"
    return [] if seconds > 0 else [Problem("option_out_of_range", text % seconds)]


def choose_vm(seen: Sequence[VmAround], name: str, option: str) -> Tuple[Optional[VmAround], List[Problem]]:
    """Return the virtual machine of a name or id, or why there is not one."""
    found = [one for one in seen if one.vm.name == name or one.vm.id == name.lower()]
    if len(found) == 1:
        return found[0], []
    if not found:
        text = "there is no virtual machine '%s' (option %s), or this user may not see it"
        return None, [Problem("vm_not_found", text % (name, option))]
    text = "there are %d virtual machines '%s' (option %s): give the id of one: %s"
    ids = ", ".join(sorted(one.vm.id for one in found))
    return None, [Problem("vm_ambiguous", text % (len(found), name, option, ids))]


def select_disks(
    vm: Vm, attachments: Sequence[Attachment], wanted: Optional[Sequence[str]], skips_unsupported: bool
) -> Selection:
    """Return which disks of a virtual machine go into the snapshot; ``wanted`` are ids or aliases, None is all."""
    every = [Selected(number, item, item.disk) for number, item in enumerate(attachments) if item.disk is not None]
    chosen, problems = (every, []) if wanted is None else _find_wanted(vm, every, wanted)
    skipped = [
        Skipped(item.disk.id, item.disk.alias, reason)
        for item in chosen
        for reason in [unsupported_reason(vm, item)]
        if reason
    ]
    if not skips_unsupported:
        text = (
            "disk %s (%s) of virtual machine %s can not be in this backup: %s. Name the others in the option disks, or "
            "let unsupported_disks=skip leave it out"
        )
        problems += [Problem("disk_unsupported", text % (one.alias, one.id, vm.name, one.reason)) for one in skipped]
    left_out = {one.id for one in skipped}
    return Selection([item for item in chosen if item.disk.id not in left_out], skipped, problems)


def _find_wanted(vm: Vm, every: List[Selected], wanted: Sequence[str]) -> Tuple[List[Selected], List[Problem]]:
    found: Set[str] = set()
    problems = []
    for name in wanted:
        ids = [item.disk.id for item in every if name == item.disk.id]
        ids = ids or [item.disk.id for item in every if name == item.disk.alias]
        if not ids:
            there = ", ".join("%s (%s)" % (item.disk.alias, item.disk.id) for item in every) or "none"
            text = "virtual machine %s has no disk '%s'; its disks are: %s"
            problems.append(Problem("disk_not_found", text % (vm.name, name, there)))
        if len(ids) > 1:
            text = "virtual machine %s has %d disks of the alias '%s': name one by its id: %s"
            problems.append(Problem("disk_ambiguous", text % (vm.name, len(ids), name, ", ".join(ids))))
        found.update(ids)
    return [item for item in every if item.disk.id in found], problems


def unsupported_reason(vm: Vm, item: Selected) -> str:
    """Return why a disk can not be backed up through a snapshot; empty where it can."""
    if item.disk.storage_type == "lun":
        return "it is a direct LUN, of which the engine makes no snapshot"
    if item.disk.is_shareable:
        return "it is shareable, and the engine makes no snapshot of such a disk"
    if item.disk.storage_type != "image":
        return "a snapshot of storage type %s can not be attached elsewhere" % item.disk.storage_type
    if not item.attachment.is_active and vm.status != "down":
        return "it is unplugged, and the engine could not remove the snapshot while the virtual machine runs"
    return ""


def check_disk_states(vm: Vm, selected: Sequence[Selected]) -> List[Problem]:
    """Return the disks of which no good snapshot can be made now."""
    problems = []
    for item in selected:
        words = (item.disk.alias, item.disk.id, vm.name)
        if item.disk.status == "illegal":
            text = (
                "disk %s (%s) of virtual machine %s is illegal: an upload or the removal of a snapshot broke off. "
                "Repair it first"
            )
            problems.append(Problem("disk_illegal", text % words))
        elif item.disk.status == "locked":
            text = "disk %s (%s) of virtual machine %s is locked by another operation: run again when it has ended"
            problems.append(Problem("disk_locked", text % words))
    return problems


def check_space(selected: Sequence[Selected], domains: Mapping[str, StorageDomain]) -> List[Problem]:
    """Return the storage domains that are too full for the snapshot, or not active."""
    needed: Dict[str, int] = {}
    for item in selected:
        for domain_id in item.disk.storage_domain_ids:
            kind = domains[domain_id].storage_type if domain_id in domains else ""
            needed[domain_id] = needed.get(domain_id, 0) + PIECE.get(kind, SMALLEST_PIECE)
    problems = []
    for domain_id, size in sorted(needed.items()):
        if domain_id in domains:
            problems += _check_domain(domains[domain_id], size)
    return problems


def _check_domain(domain: StorageDomain, needed: int) -> List[Problem]:
    problems = []
    if domain.status not in ("", "active"):
        text = "storage domain %s is in status %s: activate it first"
        problems.append(Problem("storage_domain_inactive", text % (domain.name, domain.status)))
    if domain.available - needed < domain.critical_space:
        text = (
            "storage domain %s has %d bytes free; the snapshot begins with %d, and the engine refuses whatever leaves "
            "less than %d: free some space"
        )
        problems.append(Problem("storage_full", text % (domain.name, domain.available, needed, domain.critical_space)))
    return problems


def check_vm(vm: Vm, snapshots: Sequence[Snapshot], consistency: str) -> List[Problem]:
    """Return why the engine would make no snapshot of a virtual machine in this state."""
    problems = []
    if vm.is_hosted_engine:
        text = (
            "virtual machine %s is the hosted engine, of which the engine makes no snapshot: back it up with the role "
            "ovirt.backup.engine_backup, on the engine itself"
        )
        problems.append(Problem("hosted_engine_vm", text % vm.name))
    problems += _check_snapshots(vm, snapshots)
    if vm.status not in ("up", "down", "paused"):
        text = "virtual machine %s is in status %s; a snapshot needs one that is up, paused or down: run again then"
        problems.append(Problem("vm_busy", text % (vm.name, vm.status)))
    if consistency == "require" and vm.status == "paused":
        text = "virtual machine %s is paused, so its file systems can not be frozen as consistency=require asks"
        problems.append(Problem("consistency_impossible", text % vm.name))
    return problems


def _check_snapshots(vm: Vm, snapshots: Sequence[Snapshot]) -> List[Problem]:
    """Return why the snapshots that there are allow no further one."""
    problems = []
    if any("preview" in (one.kind + one.status) for one in snapshots):
        text = "virtual machine %s previews a snapshot: commit or undo that first"
        problems.append(Problem("vm_preview", text % vm.name))
    if any(one.kind == "stateless" for one in snapshots) or (vm.is_stateless and vm.status != "down"):
        text = "virtual machine %s runs stateless, so no snapshot of it can be made: shut it down first"
        problems.append(Problem("vm_stateless", text % vm.name))
    return problems


def check_backup_vm(vm: Vm, backup_vm: Vm, clusters: Mapping[str, Cluster]) -> List[Problem]:
    """Return why the disks of one virtual machine can not be attached to the other."""
    problems = []
    if vm.id == backup_vm.id:
        text = "virtual machine %s can not back up itself: its disks are attached there already. Use another backup VM"
        problems.append(Problem("same_vm", text % vm.name))
    problems += check_detachable(backup_vm)
    centers = [clusters[one.cluster_id].data_center_id for one in (vm, backup_vm) if one.cluster_id in clusters]
    if len(centers) == 2 and centers[0] != centers[1]:
        text = "virtual machine %s and the backup VM %s are in two data centers: use a backup VM of the same one"
        problems.append(Problem("data_center_differs", text % (vm.name, backup_vm.name)))
    return problems


def check_detachable(backup_vm: Vm) -> List[Problem]:
    """Return why nothing can be detached from the backup VM: then nothing should be attached either."""
    if backup_vm.status in ("up", "down"):
        return []
    text = "the backup VM %s is in status %s; the engine detaches disks only from one that is up or down: start it"
    return [Problem("backup_vm_not_up", text % (backup_vm.name, backup_vm.status))]


def check_foreign(selected: Sequence[Selected], attached: Set[str], backup_vm: Vm) -> List[Problem]:
    """Return the disks that somebody else has attached to the backup VM: there is one place per disk."""
    text = (
        "disk %s (%s), or another snapshot of it, is attached to the backup VM %s already, and not by this backup: "
        "detach it, or use another backup VM"
    )
    return [
        Problem("disk_attached", text % (item.disk.alias, item.disk.id, backup_vm.name))
        for item in selected
        if item.disk.id in attached
    ]


def check_permits(kind: str, what: str, needed: Sequence[str], permits: Optional[Set[str]]) -> List[Problem]:
    """Return the permits that the user lacks; nothing where the engine did not say which it has."""
    lacking = [] if permits is None else [permit for permit in needed if permit not in permits]
    if not lacking:
        return []
    text = "the user lacks %s on %s %s: give it a role with it (docs/permissions.md)"
    return [Problem("not_permitted", text % (", ".join(lacking).upper(), kind, what))]


def check_held(snapshot: Snapshot, held: Sequence[SnapshotDisk], selected: Sequence[Selected]) -> List[Problem]:
    """Return whether the snapshot that is to be used again lacks disks that are wanted."""
    lacking = [item.disk for item in selected if item.disk.id not in {one.disk_id for one in held}]
    if not lacking:
        return []
    text = "the snapshot '%s' (%s) of this backup does not hold %s: without it (state=absent), begin again"
    named = ", ".join("disk %s (%s)" % (disk.alias, disk.id) for disk in lacking)
    return [Problem("snapshot_incomplete", text % (snapshot.description, snapshot.id, named))]


def check_held_states(held: Sequence[SnapshotDisk]) -> List[Problem]:
    """Return the disks that the snapshot broke."""
    text = "disk %s (%s) became illegal when the snapshot was made: look into the engine's log before anything else"
    return [Problem("disk_illegal", text % (one.alias, one.disk_id)) for one in held if one.status == "illegal"]


def describe_disk(
    item: Selected, held: Optional[SnapshotDisk], interface: str, domains: Mapping[str, StorageDomain]
) -> Dict[str, Any]:
    """Return the result's entry of a disk; ``held`` is what the snapshot holds of it, None in a plan."""
    disk, attachment = item.disk, item.attachment
    domain_id = disk.storage_domain_ids[0] if disk.storage_domain_ids else ""
    # From the snapshot on the disk itself is cow, and not as large as what the snapshot holds.
    known = held is not None and held.format
    return {
        "id": disk.id,
        "image_id": held.image_id if held is not None else disk.image_id,
        "alias": disk.alias,
        "provisioned_size": disk.provisioned_size,
        "actual_size": disk.actual_size,
        "format": held.format if held is not None and known else disk.format,
        "sparse": held.is_sparse if held is not None and known else disk.is_sparse,
        "backup": disk.backup,
        "wipe_after_delete": disk.wipe_after_delete,
        "storage_domain": {"id": domain_id, "name": domains[domain_id].name if domain_id in domains else ""},
        "interface": attachment.interface,
        "attached_interface": interface,
        "bootable": attachment.is_bootable,
        "active": attachment.is_active,
        "read_only": attachment.is_read_only,
        "pass_discard": attachment.pass_discard,
        "order": item.order,
        "devices": device_names(disk.id, interface),
    }


def describe_consistency(
    requested: str, frozen: Optional[bool], seconds: float = 0.0, note: str = ""
) -> Dict[str, Any]:
    """Return the truth about the file systems in the snapshot; ``frozen`` is None where nobody knows."""
    return {"requested": requested, "frozen": frozen, "seconds": round(seconds, 1), "note": note}


def consistency_without_freezing(requested: str, vm: Vm) -> Optional[Dict[str, Any]]:
    """Return the consistency of a snapshot for which nothing is to be frozen; None where freezing is to be tried."""
    if vm.status == "down":
        return describe_consistency(requested, False, note="the virtual machine was down, its disks were at rest")
    if requested == "never":
        note = "freezing was not asked for; the engine may have frozen the file systems for a moment on its own account"
        return describe_consistency(requested, False, note=note)
    if vm.status != "up":
        note = "the virtual machine was %s: as after a power loss" % vm.status
        return describe_consistency(requested, False, note=note)
    return None


def is_same_configuration(one: str, other: str) -> bool:
    """Are two configurations equal but for the time at which the engine wrote them?"""
    return _VOLATILE.sub("", one) == _VOLATILE.sub("", other)


def event_id(*parts: str) -> int:
    """Return a number for an event: the same for the same parts, and hardly ever for others."""
    return int(hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()[:8], 16) & 0x7FFFFFFF
