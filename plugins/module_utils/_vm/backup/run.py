# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up a virtual machine through a snapshot and a backup VM: the order of things, and the way back from each.

This file is private to the collection.
"""

from typing import Any, Dict, List, Tuple

from ..._common.errors import BackupError, Interrupted, Refused
from ..model import Vm
from .freeze import FileSystems
from .plan import (
    BackupContext,
    BackupSnapshot,
    VmBackupPlan,
    VmBackupRequest,
    is_settling,
    marked,
    plan_attaching,
    plan_removing,
)
from .removal import Remover
from .result import (
    PLANNED_NOTE,
    RESUMED_NOTE,
    VmBackupResult,
    choose_taken,
    describe_attached,
    describe_removed,
    list_cleaned_up,
    name_snapshot,
    unknown_consistency,
)
from .work import AttachOperation, differs, explain, list_missing, read_configuration, tell

LONGEST_REASON = 500  # of a failure, in the engine's log


def preview_attaching(request: VmBackupRequest, tools: BackupContext) -> Dict[str, Any]:
    """Return what attach would do; raise Refused with everything that would make it fail. Writes nothing."""
    plan, vm, _backup_vm = _ready(plan_attaching(request, tools))
    note = RESUMED_NOTE if plan.own is not None else PLANNED_NOTE
    consistency = unknown_consistency(request.consistency, note)
    is_done = plan.own is not None and not is_settling(plan) and not list_missing(plan)
    configuration = read_configuration(vm, tools) if is_done else None
    is_saved = not is_done or differs(configuration, tools)
    cleaned_up = list_cleaned_up(plan.leftovers, vm, plan.backup_vm)
    snapshot = plan.own.snapshot if plan.own is not None else None
    held = plan.own.disks if plan.own is not None else []
    done = VmBackupResult(
        snapshot,
        consistency,
        held,
        configuration,
        is_saved,
        cleaned_up,
        [],
        not is_done or is_saved or bool(cleaned_up),
    )
    return describe_attached(plan, tools.configuration.path, done)


def attach(request: VmBackupRequest, tools: BackupContext) -> Dict[str, Any]:
    """Have a proven snapshot, its configuration saved and its disks attached; undo all of it where that fails."""
    plan, vm, backup_vm = _ready(plan_attaching(request, tools))
    cleaned_up: List[str] = []
    _thaw_after_kill(plan, vm, tools)
    if plan.leftovers or is_settling(plan):
        cleaned_up = _remove_leftovers(plan, vm, tools)
        plan, vm, backup_vm = _ready(plan_attaching(request, tools))
    work = AttachOperation(plan, vm, backup_vm, tools)
    try:
        done = work.run()
    except BaseException as error:
        try:
            work.rollback(error)
        except Interrupted:  # the first signal, in the middle of it; there is no second one
            work.rollback(error)
        raise
    done = done._replace(cleaned_up=cleaned_up, changed=done.changed or bool(cleaned_up))
    return describe_attached(plan, tools.configuration.path, done)


def preview_removing(request: VmBackupRequest, tools: BackupContext, removes: bool) -> Dict[str, Any]:
    """Return what detach, or remove, would do. Writes nothing."""
    plan = plan_removing(request, tools)
    _refuse(plan)
    return describe_removed(plan, removes, choose_taken(plan, removes))


def detach(request: VmBackupRequest, tools: BackupContext) -> Dict[str, Any]:
    """Take the disks off the backup VM and keep the snapshot."""
    plan = plan_removing(request, tools)
    _refuse(plan)
    return _take_away(plan, False, tools)


def remove(request: VmBackupRequest, tools: BackupContext) -> Dict[str, Any]:
    """Take the disks off the backup VM and remove the snapshot, those of dead runs of this backup included."""
    plan = plan_removing(request, tools)
    _refuse(plan)
    return _take_away(plan, True, tools)


def _ready(plan: VmBackupPlan) -> Tuple[VmBackupPlan, Vm, Vm]:
    """Return the plan and both virtual machines, or refuse it with all its problems."""
    _refuse(plan)
    if plan.vm is None or plan.backup_vm is None:  # a plan without them has problems
        raise BackupError("The plan has no virtual machine", phase="plan")
    return plan, plan.vm, plan.backup_vm


def _refuse(plan: VmBackupPlan) -> None:
    if plan.problems:
        raise Refused(plan.problems, phase="plan")


def _remove_leftovers(plan: VmBackupPlan, vm: Vm, tools: BackupContext) -> List[str]:
    """Take away what dead runs left, and let the engine end what it still does for this one."""
    remover = Remover(vm, plan.backup_vm, plan.request.settle, tools.waiter, tools)
    if plan.own is not None:
        remover.wait_at_rest(plan.own.snapshot)
    try:
        cleaned_up = [remover.take_away(held) for held in plan.leftovers]
    except BackupError as error:
        error.facts.setdefault("phase", "sweeping")
        raise
    return list_cleaned_up(cleaned_up, vm, plan.backup_vm)


def _take_away(plan: VmBackupPlan, removes: bool, tools: BackupContext) -> Dict[str, Any]:
    """Detach the disks of what carries our mark, and remove it where asked to."""
    if plan.vm is None:
        return describe_removed(plan, removes, [])
    chosen = choose_taken(plan, removes)
    taken: List[BackupSnapshot] = []
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


def _tell_outcome(plan: VmBackupPlan, vm: Vm, tools: BackupContext) -> List[str]:
    """Close the backup in the engine's event log, where the caller says how it ended."""
    if plan.request.outcome == "success":
        return tell(plan, vm, "normal", plan.request.message or "the backup ended well", tools.waiter, tools)
    if plan.request.outcome == "failure":
        return tell(plan, vm, "error", plan.request.message or "the backup failed", tools.waiter, tools)
    return []


def _thaw_after_kill(plan: VmBackupPlan, vm: Vm, tools: BackupContext) -> None:
    """Thaw the guest where a call that was to make the snapshot may have been killed before it could.

    Either there is a snapshot of which nothing was attached yet, or none and the caller knows that something failed.
    """
    found = marked(plan)
    is_unfinished = any(not held.attached for held in found) or (not found and plan.request.outcome == "failure")
    if is_unfinished and vm.status == "up" and plan.request.consistency != "never":
        FileSystems(vm, plan.request.freeze_timeout, tools).thaw_unasked()
