# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the undoing of an unfinished restore: only what carries its mark. This file is private to the collection."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..._common.errors import Problem
from ..model import Attachment, Disk, Vm, VmAround
from .current_state import (
    RestoreContext,
    attachments_of,
    choose_backup_vm,
    classify_existing,
    find_disks,
    list_marked,
    list_named,
    look_around,
)
from .model import VmRestoreRequest
from .plan import check_not_running
from .report import tell_disk, tell_vm


class Removal(NamedTuple):
    """What an unfinished restore left, and what of it is removed."""

    request: VmRestoreRequest
    backup_vm: Optional[Vm]
    vms: Tuple[Vm, ...]
    disks: Tuple[Disk, ...]
    attached: Dict[str, Attachment]  # to the backup VM, by disk
    removed: Tuple[str, ...]
    kept: Tuple[str, ...]  # what goes with a virtual machine and carries no mark
    warnings: Tuple[str, ...]
    problems: Tuple[Problem, ...]


def plan_removal(request: VmRestoreRequest, tools: RestoreContext) -> Removal:
    """Return what is removed and what forbids it."""
    arounds = look_around(request, [], tools)
    backup_vm, unfit = choose_backup_vm(request, arounds)
    named, attached = list_named(request, arounds), attachments_of(backup_vm)
    found = list_marked(request, find_disks(request, [], tools))
    in_progress = classify_existing(request, found, [one.vm for one in named], tools)
    marked = list(in_progress.disks.values()) + in_progress.leftovers
    vms = [one for one in named if one.vm in (in_progress.vm, in_progress.leftover_vm)]
    held = list_held([one for one in named if one not in vms], marked)
    disks = [disk for disk in marked if disk.id not in held]
    return Removal(
        request,
        backup_vm.vm if backup_vm is not None else None,
        tuple(one.vm for one in vms),
        tuple(disks),
        attached,
        tuple([tell_vm(one.vm) for one in vms] + list(map(tell_disk, disks))),
        tuple(list_unmarked(vms, marked) + [held[one] for one in sorted(held)]),
        tuple("%s; so nothing is attached there" % one.message for one in unfit if backup_vm is None),
        tuple(in_progress.problems + check_not_running(in_progress) + check_need(attached, disks, unfit)),
    )


def check_need(attached: Dict[str, Attachment], disks: Sequence[Disk], unfit: List[Problem]) -> List[Problem]:
    """Return what is wrong with the backup VM, where it is needed: only to detach from it."""
    return [] if set(attached).isdisjoint(disk.id for disk in disks) else unfit


def list_unmarked(vms: Sequence[VmAround], marked: Sequence[Disk]) -> List[str]:
    """Return the disks of a virtual machine that is going to be removed which stay: they carry no mark."""
    ids = {disk.id for disk in marked}
    items = [item for vm in vms for item in vm.attachments if item.disk_id not in ids]
    return [tell_disk(item.disk) if item.disk is not None else "disk %s" % item.disk_id for item in items]


def list_held(vms: Sequence[VmAround], marked: Sequence[Disk]) -> Dict[str, str]:
    """Return the marked disks that a virtual machine without a mark has, by id: somebody took them over."""
    disks = {disk.id: disk for disk in marked}
    text = "%s: it is attached to %s, which carries no mark"
    return {
        item.disk_id: text % (tell_disk(disks[item.disk_id]), one.vm.name)
        for one in vms
        for item in one.attachments
        if item.disk_id in disks
    }
