# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restored disk is to be, where it goes, and what forbids it. This file is private to the collection."""

import re
import uuid
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..._common.errors import Problem
from ..model import Attachment, Disk, StorageDomain
from ..ovf import Ovf
from .model import DiskPlan, DiskSpec, VmRestoreRequest

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INTERFACES = ("virtio", "virtio_scsi", "sata", "ide")
BLOCK_STORAGE = ("iscsi", "fcp")
SECTOR = 512
# Ids that this collection makes up are of this namespace: the same restore always makes up the same ones, so that a
# request whose answer was lost can not be carried out twice.
NAMESPACE = uuid.UUID("6c8f0c8e-5d0c-5a3b-9a6e-0b1b6f3f2a70")
MOST_CANDIDATES = 100


def list_candidates(name: str, source_id: str, keep_id: bool) -> Iterator[str]:
    """Yield the ids that something may get, best first; the first that is free is taken."""
    if keep_id:
        yield source_id
    for number in range(MOST_CANDIDATES):
        yield str(uuid.uuid5(NAMESPACE, "%s %s %d" % (name, source_id, number)))


def parse_disk_specs(disks: Sequence[Mapping[str, Any]]) -> Tuple[List[DiskSpec], List[Problem]]:
    """Return the disks in the order in which they are attached, and why some of them can not be restored."""
    disk_specs: List[DiskSpec] = []
    problems: List[Problem] = []
    for number, disk in enumerate(disks, 1):
        try:
            disk_specs.append(_read_wish(disk, number))
        except (KeyError, TypeError, ValueError) as error:
            text = "entry %d of disks is not a disk as vm_snapshot_backup or a manifest describes it: %s"
            problems.append(Problem("disk_invalid", text % (number, _tell(error))))
    return sorted(disk_specs, key=lambda disk_spec: disk_spec.order), problems + _check_together(disk_specs)


def _tell(error: Exception) -> str:
    return "%s is missing" % error if isinstance(error, KeyError) else str(error)


def _read_wish(disk: Mapping[str, Any], number: int) -> DiskSpec:
    domain = disk.get("storage_domain") or {}
    if not isinstance(domain, dict):
        raise ValueError("storage_domain is %r, no id and name" % domain)
    return DiskSpec(
        id=_one_like(UUID, "id", str(disk["id"]).lower()),
        alias=str(disk.get("alias") or "disk%d" % number),
        provisioned_size=_size("provisioned_size", disk["provisioned_size"]),
        actual_size=max(0, int(disk.get("actual_size") or 0)),
        format=_one_of(("cow", "raw"), "format", disk["format"]),
        is_sparse=_is_true(disk["sparse"]),
        backup=_one_of(("none", "incremental"), "backup", disk.get("backup") or "none"),
        wipe_after_delete=_is_true(disk.get("wipe_after_delete", False)),
        domain_id=str(domain.get("id") or ""),
        domain_name=str(domain.get("name") or ""),
        interface=_one_of(INTERFACES, "interface", disk["interface"]),
        is_bootable=_is_true(disk.get("bootable", False)),
        is_active=_is_true(disk.get("active", True)),
        is_read_only=_is_true(disk.get("read_only", False)),
        pass_discard=_is_true(disk.get("pass_discard", False)),
        order=int(disk.get("order", number)),
    )


def _one_like(pattern: "re.Pattern[str]", key: str, text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError("%s is %r" % (key, text))
    return text


def _one_of(choices: Sequence[str], key: str, value: Any) -> str:
    if value not in choices:
        raise ValueError("%s is %r, not one of %s" % (key, value, ", ".join(choices)))
    return str(value)


def _size(key: str, value: Any) -> int:
    size = int(value)
    if size <= 0 or size % SECTOR:
        raise ValueError("%s is %d, no whole number of sectors" % (key, size))
    return size


def _is_true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("true", "yes", "1")


def _check_together(disk_specs: Sequence[DiskSpec]) -> List[Problem]:
    ids = [disk_spec.id for disk_spec in disk_specs]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    problems = [Problem("disk_invalid", "disk %s is there more than once" % one) for one in twice]
    boot = [disk_spec.alias for disk_spec in disk_specs if disk_spec.is_bootable]
    if len(boot) > 1:
        text = "%d disks are marked as boot disk (%s), a virtual machine has one"
        problems.append(Problem("disk_invalid", text % (len(boot), ", ".join(boot))))
    return problems


def check_configuration(ovf: Ovf, disk_specs: Sequence[DiskSpec]) -> List[Problem]:
    """Return whether disks and configuration are not of one virtual machine, or must not be restored."""
    known = {disk.id for disk in ovf.disks}
    strange = [disk_spec.id for disk_spec in disk_specs if disk_spec.id not in known]
    problems = []
    if strange:
        text = "the configuration of %s does not name %s: the disks are of another virtual machine or another backup"
        problems.append(Problem("configuration_mismatch", text % (ovf.name, ", ".join(strange))))
    if ovf.is_hosted_engine:
        text = (
            "%s is the hosted engine, which can not restore itself: restore the engine with the role "
            "ovirt.backup.engine_restore_fresh"
        )
        problems.append(Problem("hosted_engine_vm", text % ovf.name))
    return problems


def list_not_restored(ovf: Ovf, disk_specs: Sequence[DiskSpec]) -> List[str]:
    """Return a warning for each disk that the configuration names and the backup does not hold."""
    wanted = {disk_spec.id for disk_spec in disk_specs}
    text = "disk %s (%s) was attached to the saved virtual machine and is not in the backup: it is not restored"
    return [text % (disk.alias or disk.id, disk.id) for disk in ovf.disks if disk.id not in wanted]


def choose_domain(
    disk_spec: DiskSpec, request: VmRestoreRequest, domains: Sequence[StorageDomain], data_center_id: str
) -> Tuple[Optional[StorageDomain], List[Problem]]:
    """Return where a disk goes, or why that can not be; an empty data center is an unknown one."""
    mapped = request.storage_domain_map
    asked = mapped.get(disk_spec.domain_id) or mapped.get(disk_spec.domain_name) or request.storage_domain
    names = [name for name in ([asked] if asked else [disk_spec.domain_id, disk_spec.domain_name]) if name]
    found = [domain for name in names for domain in domains if name in (domain.id, domain.name)]
    problems = check_domain(disk_spec, found[0], data_center_id) if found else [_missing_domain(disk_spec, names)]
    return (None, problems) if problems else (found[0], [])


def _missing_domain(disk_spec: DiskSpec, names: Sequence[str]) -> Problem:
    text = (
        "disk %s (%s): there is no storage domain %s here, or this user may not see it: choose one with storage_domain "
        "or storage_domain_map"
    )
    return Problem(
        "storage_domain_missing", text % (disk_spec.alias, disk_spec.id, " or ".join(names) or "named in the backup")
    )


def check_domain(disk_spec: DiskSpec, domain: StorageDomain, data_center_id: str) -> List[Problem]:
    """Return why a storage domain can not take a disk."""
    what = "disk %s (%s)" % (disk_spec.alias, disk_spec.id)
    if domain.kind != "data" or domain.status not in ("", "active"):
        text = "%s: storage domain %s can not take it: it is of type %s and in status %s"
        words = (what, domain.name, domain.kind, domain.status or "unknown")
        return [Problem("storage_domain_inactive", text % words)]
    if data_center_id and domain.data_center_ids and data_center_id not in domain.data_center_ids:
        text = "%s: storage domain %s is in another data center than the cluster: choose one of the same"
        return [Problem("data_center_differs", text % (what, domain.name))]
    return []


def fit_format(disk_spec: DiskSpec, domain: Optional[StorageDomain]) -> Tuple[str, bool, str]:
    """Return format, sparseness and a note: the engine refuses some combinations, depending on the storage."""
    if disk_spec.backup == "incremental" and disk_spec.format != "cow":
        return "cow", disk_spec.is_sparse, "made as cow: incremental backup needs it"
    if (
        domain is not None
        and domain.storage_type in BLOCK_STORAGE
        and (disk_spec.format, disk_spec.is_sparse) == ("raw", True)
    ):
        return "cow", True, "made as cow: block storage has no sparse raw disks"
    if (disk_spec.format, disk_spec.is_sparse, disk_spec.backup) == ("cow", False, "none"):
        return "cow", True, "made sparse: the engine makes preallocated cow disks for incremental backup only"
    return disk_spec.format, disk_spec.is_sparse, ""


def initial_size(plan: DiskPlan) -> int:
    """Return what a thin disk on block storage gets at once, so that the backup VM is not paused for more of it."""
    is_block = plan.domain is not None and plan.domain.storage_type in BLOCK_STORAGE
    return min(plan.disk_spec.actual_size, plan.disk_spec.provisioned_size) if is_block and plan.is_sparse else 0


def check_space(plans: Sequence[DiskPlan]) -> List[Problem]:
    """Return the storage domains that would run full; what already exists needs nothing more."""
    needed: Dict[str, int] = {}
    domains = {plan.domain.id: plan.domain for plan in plans if plan.domain is not None}
    for plan in plans:
        if plan.domain is not None and plan.existing is None:
            size = plan.disk_spec.provisioned_size
            size = min(plan.disk_spec.actual_size, size) if plan.is_sparse else size
            needed[plan.domain.id] = needed.get(plan.domain.id, 0) + size
    text = "storage domain %s has %d bytes free, the disks need %d and the engine wants %d left"
    return [
        Problem("storage_full", text % (domain.name, domain.available, needed[number], domain.critical_space))
        for number, domain in sorted(domains.items())
        if number in needed and domain.available - needed[number] < domain.critical_space
    ]


def check_existing(disk_spec: DiskSpec, domain: Optional[StorageDomain], disk: Disk) -> List[Problem]:
    """Return whether a disk that this restore made before is not the one that is wanted now."""
    what = "disk %s, made before for %s," % (disk.id, disk_spec.alias)
    advice = "take it away with state=absent first"
    problems = []
    if disk.provisioned_size < disk_spec.provisioned_size:
        text = "%s has %d bytes, %d are needed: %s"
        problems.append(
            Problem("disk_too_small", text % (what, disk.provisioned_size, disk_spec.provisioned_size, advice))
        )
    elif disk.provisioned_size > disk_spec.provisioned_size:
        text = "%s has %d bytes instead of %d: %s"
        problems.append(
            Problem("disk_differs", text % (what, disk.provisioned_size, disk_spec.provisioned_size, advice))
        )
    if domain is not None and disk.storage_domain_ids and domain.id not in disk.storage_domain_ids:
        problems.append(Problem("disk_differs", "%s is not on storage domain %s: %s" % (what, domain.name, advice)))
    return problems


def compare_attachments(plans: Sequence[DiskPlan], found: Mapping[str, Attachment]) -> List[Problem]:
    """Return how the disks of a virtual machine differ from what was saved."""
    differences = []
    for plan in plans:
        differences += _compare_attachment(plan, found.get(plan.disk_id))
    wanted = {plan.disk_id for plan in plans}
    differences += ["disk %s is attached and is not one of the backup" % one for one in sorted(set(found) - wanted)]
    return [Problem("restore_differs", text) for text in differences]


def _compare_attachment(plan: DiskPlan, found: Optional[Attachment]) -> List[str]:
    what = "disk %s (%s)" % (plan.disk_spec.alias, plan.disk_id)
    if found is None:
        return ["%s is not attached" % what]
    if found.disk is None:
        return ["%s is attached, and the engine does not say what it is" % what]
    disk_spec = plan.disk_spec
    pairs: List[Tuple[str, Any, Any]] = [
        ("interface", disk_spec.interface, found.interface),
        ("bootable", disk_spec.is_bootable, found.is_bootable),
        ("active", disk_spec.is_active, found.is_active),
        ("read_only", disk_spec.is_read_only, found.is_read_only),
        ("pass_discard", disk_spec.pass_discard, found.pass_discard),
        ("provisioned_size", disk_spec.provisioned_size, found.disk.provisioned_size),
        ("status", "ok", found.disk.status),
    ]
    return ["%s: %s is %s, saved was %s" % (what, key, is_now, was) for key, was, is_now in pairs if was != is_now]
