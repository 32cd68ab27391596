# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up a virtual machine through a snapshot and a backup VM: the order of things, and the way back from each.

This file is private to the collection.
"""
from typing import Any, Dict, List, Tuple

from .._core.errors import BackupError, Interrupted, Refused
from .._core.vm_model import Vm
from .vm_backup_freeze import FileSystems
from .vm_backup_plan import Held, Plan, Request, Tools, is_settling, marked, plan_attaching, plan_removing
from .vm_backup_removal import Remover
from .vm_backup_result import (
    PLANNED_NOTE,
    RESUMED_NOTE,
    Done,
    choose_taken,
    describe_attached,
    describe_removed,
    list_swept,
    name_snapshot,
    unknown_consistency,
)
from .vm_backup_work import Work, differs, explain, list_missing, read_configuration, tell

LONGEST_REASON = 500  # of a failure, in the engine's log


def preview_attaching(request: Request, tools: Tools) -> Dict[str, Any]:
    """Return what attach would do; raise Refused with everything that would make it fail. Writes nothing."""
    plan, vm, _backup_vm = _ready(plan_attaching(request, tools))
    note = RESUMED_NOTE if plan.own is not None else PLANNED_NOTE
    consistency = unknown_consistency(request.consistency, note)
    is_done = plan.own is not None and not is_settling(plan) and not list_missing(plan)
    configuration = read_configuration(vm, tools) if is_done else None
    is_saved = not is_done or differs(configuration, tools)
    swept = list_swept(plan.leftovers, vm, plan.backup_vm)
    snapshot = plan.own.snapshot if plan.own is not None else None
    held = plan.own.disks if plan.own is not None else []
    done = Done(
        snapshot, consistency, held, configuration, is_saved, swept, [], not is_done or is_saved or bool(swept)
    )
    return describe_attached(plan, tools.configuration.path, done)


def attach(request: Request, tools: Tools) -> Dict[str, Any]:
    """Have a proven snapshot, its configuration saved and its disks attached; undo all of it where that fails."""
    plan, vm, backup_vm = _ready(plan_attaching(request, tools))
    swept: List[str] = []
    _thaw_after_kill(plan, vm, tools)
    if plan.leftovers or is_settling(plan):
        swept = _sweep(plan, vm, tools)
        plan, vm, backup_vm = _ready(plan_attaching(request, tools))
    work = Work(plan, vm, backup_vm, tools)
    try:
        done = work.do()
    except BaseException as error:
        try:
            work.undo(error)
        except Interrupted:  # the first signal, in the middle of it; there is no second one
            work.undo(error)
        raise
    done = done._replace(swept=swept, changed=done.changed or bool(swept))
    return describe_attached(plan, tools.configuration.path, done)


def preview_removing(request: Request, tools: Tools, removes: bool) -> Dict[str, Any]:
    """Return what detach, or remove, would do. Writes nothing."""
    plan = plan_removing(request, tools)
    _refuse(plan)
    return describe_removed(plan, removes, choose_taken(plan, removes))


def detach(request: Request, tools: Tools) -> Dict[str, Any]:
    """Take the disks off the backup VM and keep the snapshot."""
    plan = plan_removing(request, tools)
    _refuse(plan)
    return _take_away(plan, False, tools)


def remove(request: Request, tools: Tools) -> Dict[str, Any]:
    """Take the disks off the backup VM and remove the snapshot, those of dead runs of this backup included."""
    plan = plan_removing(request, tools)
    _refuse(plan)
    return _take_away(plan, True, tools)


def _ready(plan: Plan) -> Tuple[Plan, Vm, Vm]:
    """Return the plan and both virtual machines, or refuse it with all its problems."""
    _refuse(plan)
    if plan.vm is None or plan.backup_vm is None:  # a plan without them has problems
        raise BackupError("The plan has no virtual machine", phase="plan")
    return plan, plan.vm, plan.backup_vm


def _refuse(plan: Plan) -> None:
    if plan.problems:
        raise Refused(plan.problems, phase="plan")


def _sweep(plan: Plan, vm: Vm, tools: Tools) -> List[str]:
    """Take away what dead runs left, and let the engine end what it still does for this one."""
    remover = Remover(vm, plan.backup_vm, plan.request.settle, tools.waiter, tools)
    if plan.own is not None:
        remover.wait_at_rest(plan.own.snapshot)
    try:
        swept = [remover.take_away(held) for held in plan.leftovers]
    except BackupError as error:
        error.facts.setdefault("phase", "sweeping")
        raise
    return list_swept(swept, vm, plan.backup_vm)


def _take_away(plan: Plan, removes: bool, tools: Tools) -> Dict[str, Any]:
    """Detach the disks of what carries our mark, and remove it where asked to."""
    if plan.vm is None:
        return describe_removed(plan, removes, [])
    chosen = choose_taken(plan, removes)
    taken: List[Held] = []
    _thaw_after_kill(plan, plan.vm, tools)
    remover = Remover(plan.vm, plan.backup_vm, plan.request.settle, tools.waiter, tools)
    standing = [name_snapshot(held.snapshot, plan.vm) for held in chosen]
    try:
        for held in chosen:
            if removes:
                taken.append(remover.take_away(held))
                standing.pop(0)
            else:
                taken.append(remover.detach_all(held))
    except BaseException as error:
        explain(error, "removing" if removes else "detaching", [], standing)
        if plan.request.outcome and isinstance(error, BackupError):
            reason = "; ".join(filter(None, (plan.request.message, error.message)))[:LONGEST_REASON]
            tell(plan, plan.vm, "error", reason, tools.waiter, tools)
        raise
    result = describe_removed(plan, removes, taken)
    if result["changed"]:
        result["warnings"] += _tell_outcome(plan, plan.vm, tools)
    return result


def _tell_outcome(plan: Plan, vm: Vm, tools: Tools) -> List[str]:
    """Close the backup in the engine's event log, where the caller says how it ended."""
    if plan.request.outcome == "success":
        return tell(plan, vm, "normal", plan.request.message or "the backup ended well", tools.waiter, tools)
    if plan.request.outcome == "failure":
        return tell(plan, vm, "error", plan.request.message or "the backup failed", tools.waiter, tools)
    return []


def _thaw_after_kill(plan: Plan, vm: Vm, tools: Tools) -> None:
    """Thaw the guest where a call that was to make the snapshot may have been killed before it could.

    Either there is a snapshot of which nothing was attached yet, or none and the caller knows that something failed.
    """
    found = marked(plan)
    is_unfinished = any(not held.attached for held in found) or (not found and plan.request.outcome == "failure")
    if is_unfinished and vm.status == "up" and plan.request.consistency != "never":
        FileSystems(vm, plan.request.freeze_timeout, tools).thaw_unasked()
