# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the undoing of an unfinished restore: only what carries its mark. This file is private to the collection."""
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from .._core.errors import Problem
from .._core.vm_model import Attachment, Disk, Vm
from .._core.vm_restore_model import Request, World
from .._core.vm_restore_report import tell_disk, tell_vm
from .vm_restore_plan import judge_not_running
from .vm_restore_world import Tools, find_backup_vm, find_marked_disks, find_vms_named, list_attached, sort_begun

Removal = NamedTuple(
    "Removal",
    [
        ("request", Request),
        ("backup_vm", Optional[Vm]),
        ("vms", Tuple[Vm, ...]),
        ("disks", Tuple[Disk, ...]),
        ("attached", Dict[str, Attachment]),  # to the backup VM, by disk
        ("removed", Tuple[str, ...]),
        ("kept", Tuple[str, ...]),  # what goes with a virtual machine and carries no mark
        ("warnings", Tuple[str, ...]),
        ("problems", Tuple[Problem, ...]),
    ],
)


def plan_removal(request: Request, tools: Tools) -> Removal:
    """Return what is removed and what forbids it."""
    backup_vm, unfit = find_backup_vm(request, tools)
    attached = list_attached(backup_vm, tools)
    vms = find_vms_named(request, tools)
    world = World(backup_vm, attached, find_marked_disks(request, tools), vms, {}, None, [], [], [])
    begun = sort_begun(request, world, tools)
    marked = list(begun.disks.values()) + begun.leftovers
    gone = [vm for vm in (begun.vm, begun.leftover_vm) if vm is not None]
    held = list_held([vm for vm in vms if vm not in gone], marked, tools)
    disks = [disk for disk in marked if disk.id not in held]
    kept = list_unmarked(gone, marked, tools) + [held[one] for one in sorted(held)]
    problems = begun.problems + judge_not_running(begun)
    is_needed = not set(attached).isdisjoint(disk.id for disk in disks)  # only to detach from it
    problems += unfit if is_needed else []
    warnings = ["%s; so nothing is attached there" % one.message for one in unfit if backup_vm is None]
    removed = [tell_vm(vm) for vm in gone] + [tell_disk(disk) for disk in disks]
    return Removal(
        request, backup_vm, tuple(gone), tuple(disks), attached, tuple(removed), tuple(kept), tuple(warnings),
        tuple(problems),
    )


def list_unmarked(vms: Sequence[Vm], marked: Sequence[Disk], tools: Tools) -> List[str]:
    """Return the disks of a virtual machine that is going to be removed which stay: they carry no mark."""
    ids = {disk.id for disk in marked}
    items = [item for vm in vms for item in list_attached(vm, tools).values() if item.disk_id not in ids]
    return [tell_disk(item.disk) if item.disk is not None else "disk %s" % item.disk_id for item in items]


def list_held(vms: Sequence[Vm], marked: Sequence[Disk], tools: Tools) -> Dict[str, str]:
    """Return the marked disks that a virtual machine without a mark has, by id: somebody took them over."""
    disks = {disk.id: disk for disk in marked}
    text = "%s: it is attached to %s, which carries no mark"
    return {
        disk_id: text % (tell_disk(disks[disk_id]), vm.name)
        for vm in vms for disk_id in list_attached(vm, tools) if disk_id in disks
    }
