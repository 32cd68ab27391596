# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a backup through a snapshot, of a run and of a plan alike. This file is private to the collection."""

import hashlib
from typing import Any, Dict, List, NamedTuple, Optional

from ..model import Configuration, Snapshot, SnapshotDisk, Vm
from .plan import BackupSnapshot, VmBackupPlan, list_skipped, marked
from .rules import describe_consistency, describe_disk


class VmBackupResult(NamedTuple):
    """What a backup did."""

    snapshot: Optional[Snapshot]  # None: planned, or none is there
    consistency: Dict[str, Any]
    held: List[SnapshotDisk]
    configuration: Optional[Configuration]
    is_saved: bool  # the configuration was, or is to be, written
    cleaned_up: List[str]
    warnings: List[str]
    changed: bool


RESUMED_NOTE = "the snapshot was made by an earlier call, whose result tells"
PLANNED_NOTE = "planned"


def name_snapshot(snapshot: Snapshot, vm: Vm) -> str:
    """Return the words for a snapshot in messages and in the diff."""
    return "snapshot '%s' (%s) of virtual machine %s" % (snapshot.description, snapshot.id, vm.name)


def list_cleaned_up(leftovers: List[BackupSnapshot], vm: Vm, backup_vm: Optional[Vm]) -> List[str]:
    """Return what of dead runs is, or is to be, taken away."""
    found = []
    for held in leftovers:
        where = backup_vm.name if backup_vm is not None else ""
        found += ["attachment of disk %s to the backup VM %s" % (disk_id, where) for disk_id in held.attached]
        found.append(name_snapshot(held.snapshot, vm))
    return found


def _list_swept_of(plan: VmBackupPlan, taken: List[BackupSnapshot]) -> List[str]:
    leftovers = [held.snapshot.id for held in plan.leftovers]
    cleaned_up = [held for held in taken if held.snapshot.id in leftovers]
    return list_cleaned_up(cleaned_up, plan.vm, plan.backup_vm) if plan.vm is not None else []


def unknown_consistency(requested: str, note: str) -> Dict[str, Any]:
    """Return the consistency of a snapshot that this call did not make."""
    return describe_consistency(requested, None, note=note)


def describe_attached(plan: VmBackupPlan, path: str, done: VmBackupResult) -> Dict[str, Any]:
    """Return the result of state attached."""
    held = {item.disk_id: item for item in done.held}
    return dict(
        _describe(plan, done.changed, done.cleaned_up, plan.warnings + done.warnings),
        engine_version=plan.version,
        snapshot=_describe_snapshot(plan, done),
        configuration=_describe_configuration(path, done.configuration),
        disks=[
            describe_disk(item, held.get(item.disk.id), _interface_of(plan, item.disk.id), plan.domains)
            for item in plan.selection.selected
        ],
        skipped=list_skipped(plan.selection.skipped),
        diff=_compare(plan, done),
    )


def describe_removed(plan: VmBackupPlan, removes: bool, taken: List[BackupSnapshot]) -> Dict[str, Any]:
    """Return the result of state detached, or absent where ``removes`` is set; ``taken`` is what was taken away."""
    detached = [disk_id for held in taken for disk_id in held.attached]
    snapshots = [held.snapshot.description for held in taken]
    removed = snapshots if removes else []
    return dict(
        _describe(plan, bool(detached or removed), _list_swept_of(plan, taken) if removes else [], plan.warnings),
        snapshot=_describe_own(plan),
        detached=detached,
        removed=removed,
        diff={
            "before": {"snapshots": snapshots, "attached": detached},
            "after": {"snapshots": [] if removes else snapshots, "attached": []},
        },
    )


def choose_taken(plan: VmBackupPlan, removes: bool) -> List[BackupSnapshot]:
    """Return the snapshots whose disks are detached: of dead runs only where they are removed, too."""
    if removes:
        return marked(plan)
    return [plan.own] if plan.own is not None else []


def _describe_own(plan: VmBackupPlan) -> Optional[Dict[str, Any]]:
    if plan.own is None:
        return None
    own = plan.own.snapshot
    consistency = unknown_consistency(plan.request.consistency, RESUMED_NOTE)
    return {"id": own.id, "date": own.date, "description": own.description, "consistency": consistency}


def _describe(plan: VmBackupPlan, changed: bool, cleaned_up: List[str], warnings: List[str]) -> Dict[str, Any]:
    return {
        "changed": changed,
        "vm": _describe_vm(plan.vm, plan.cluster),
        "backup_vm": _describe_vm(plan.backup_vm, ""),
        "swept": cleaned_up,
        "warnings": warnings,
    }


def _describe_vm(vm: Optional[Vm], cluster: str) -> Optional[Dict[str, str]]:
    if vm is None:
        return None
    found = {"id": vm.id, "name": vm.name, "status": vm.status}
    return dict(found, cluster=cluster) if cluster else found


def _describe_snapshot(plan: VmBackupPlan, done: VmBackupResult) -> Dict[str, Any]:
    if done.snapshot is None:
        return {"id": "", "date": "", "description": plan.mark, "consistency": done.consistency}
    return {
        "id": done.snapshot.id,
        "date": done.snapshot.date,
        "description": done.snapshot.description,
        "consistency": done.consistency,
    }


def _describe_configuration(path: str, configuration: Optional[Configuration]) -> Dict[str, Any]:
    if configuration is None:
        return {"type": "", "path": path, "sha256": "", "size": 0}
    content = configuration.data.encode("utf-8")
    return {
        "type": configuration.kind,
        "path": path,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


def _interface_of(plan: VmBackupPlan, disk_id: str) -> str:
    """Return the interface by which a disk is, or is to be, attached to the backup VM."""
    is_kept = plan.own is not None and disk_id in plan.own.attached and plan.present[disk_id].is_active
    return plan.present[disk_id].interface if is_kept else plan.request.interface


def _compare(plan: VmBackupPlan, done: VmBackupResult) -> Dict[str, Any]:
    wanted = [item.disk for item in plan.selection.selected]
    there = plan.own.attached if plan.own is not None else []
    return {
        "before": {
            "snapshot": plan.own.snapshot.description if plan.own is not None else "",
            "attached": ["%s (%s)" % (disk.alias, disk.id) for disk in wanted if disk.id in there],
            "configuration": "" if done.is_saved else "saved",
            "leftovers": done.cleaned_up,
        },
        "after": {
            "snapshot": plan.mark,
            "attached": ["%s (%s)" % (disk.alias, disk.id) for disk in wanted],
            "configuration": "saved",
            "leftovers": [],
        },
    }
