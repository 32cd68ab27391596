# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a virtual machine: floating disks on the backup VM, then the virtual machine around them, read back.

What is made carries a mark until everything is proven; so it is found again after a kill at any point, and nothing
else is ever touched. This file is private to the collection.
"""

from functools import partial
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from ..._common.errors import BackupError, Interrupted, NotProven, Problem, Refused
from ..model import AttachmentOrder, Configuration, Disk, DiskOrder, Vm, VmAround, VmOrder
from ..ovf import edit_ovf
from ..tag import RESTORE, render_tag
from .current_state import RestoreContext, attachments_of, find_disks, mark_of
from .model import ABSENT, PREPARED, RESTORED, DiskPlan, VmRestorePlan, VmRestoreRequest
from .networks import compare_nics, edit_of, list_corrections
from .plan import plan_restore
from .removal import Removal, plan_removal
from .report import (
    describe_after,
    describe_before,
    describe_disk,
    describe_nic,
    describe_vm,
    list_removed,
    tell_disk,
    tell_vm,
)
from .rules import compare_attachments, initial_size
from .steps import RestoreSteps


class VmRestoreResult(NamedTuple):
    """What a restore did."""

    changed: bool
    is_finished: bool  # or would be: nothing of this restore is left to do
    vm: Dict[str, str]
    disks: List[Dict[str, Any]]
    nics: List[Dict[str, Any]]
    removed: List[str]
    kept: List[str]
    warnings: List[str]
    before: Dict[str, Any]
    after: Dict[str, Any]


LONGEST_REASON = 500  # of a failure, in the engine's log


def preview_restore(request: VmRestoreRequest, state: str, tools: RestoreContext) -> VmRestoreResult:
    """Return what restore_vm would do; raise Refused with everything that forbids it. Writes nothing."""
    if state == ABSENT:
        removal = _refuse_removal(plan_removal(request, tools))
        return _conclude_removal(removal, list(removal.removed), [])
    plan = _refuse(plan_restore(request, state, tools, is_preview=True))
    if plan.finished is not None:
        return _conclude(plan, False, plan.finished.status, [], [])
    is_done = state == PREPARED and not list_removed(plan) and _is_prepared(plan)
    status = "none yet" if state == PREPARED else "down"
    return _conclude(plan, not is_done, status, list_removed(plan), [])


def restore_vm(request: VmRestoreRequest, state: str, tools: RestoreContext) -> VmRestoreResult:
    """Bring a restore into a state; everything that can refuse that does so before the first write."""
    work = RestoreSteps(tools)
    try:
        if state == ABSENT:
            return _remove(_refuse_removal(plan_removal(request, tools)), work)
        plan = _refuse(plan_restore(request, state, tools))
        if plan.finished is not None:
            return _conclude(plan, False, plan.finished.status, [], [])
        return _prepare(plan, work) if state == PREPARED else _restore(plan, work)
    except (BackupError, Interrupted) as error:
        error.facts.setdefault("phase", work.phase)
        error.facts.setdefault("removed", work.removed)
        if request.events and work.changed and isinstance(error, BackupError):  # who was told to stop, stops
            reason = " ".join(error.message.split())[:LONGEST_REASON]
            text = "%s: failed while %s: %s" % (_mark(request), work.phase, reason)
            work.tell("error", text, "", request.now)
        raise


def _mark(request: VmRestoreRequest, disk_id: str = "") -> str:
    return render_tag(RESTORE, request.name, request.run, disk_id)


def _refuse(plan: VmRestorePlan) -> VmRestorePlan:
    if plan.problems:
        raise Refused(plan.problems, phase="plan", plan=describe_after(plan))
    return plan


def _is_prepared(plan: VmRestorePlan) -> bool:
    return all(_is_ready(plan, one) for one in plan.disks)


def _is_ready(plan: VmRestorePlan, one: DiskPlan) -> bool:
    return one.existing is not None and one.disk_id in plan.attached and plan.attached[one.disk_id].is_active


def _conclude(
    plan: VmRestorePlan, changed: bool, status: str, removed: List[str], warnings: Sequence[str]
) -> VmRestoreResult:
    return VmRestoreResult(
        changed,
        plan.finished is not None or plan.state == RESTORED,
        describe_vm(plan, status),
        [describe_disk(one, plan.request.interface) for one in plan.disks],
        [describe_nic(one) for one in plan.nics],
        removed,
        [],
        list(plan.warnings) + list(warnings),
        describe_before(plan),
        describe_after(plan),
    )


# --- state: prepared ---


def _prepare(plan: VmRestorePlan, work: RestoreSteps) -> VmRestoreResult:
    """Have a floating disk for each saved one, attached to the backup VM."""
    backup_vm, request = _require(plan.backup_vm), plan.request
    if request.events and (list_removed(plan) or not _is_prepared(plan)):
        text = "%s: begins to restore virtual machine %s" % (_mark(request), request.vm_name)
        work.tell("normal", text, backup_vm.id, request.now)
    work.phase = "cleaning"
    _remove_leftovers(plan, work)
    work.phase = "making disks"
    disks = [one.existing or work.make_disk(_order_disk(request, one)) for one in plan.disks]
    found = work.await_disks(disks, are_seen=True)
    for one in plan.disks:
        _prove_size(one, found[one.disk_id])
    work.phase = "attaching"
    _show(plan, backup_vm, work)
    return _conclude(plan, work.changed, "none yet", work.removed, work.warnings)


def _show(plan: VmRestorePlan, backup_vm: Vm, work: RestoreSteps) -> None:
    """Attach those disks to the backup VM that it does not see yet."""
    lacking = [one.disk_id for one in plan.disks if not _is_ready(plan, one)]
    work.detach(backup_vm, [one for one in lacking if one in plan.attached])  # and not active: it is attached anew
    orders = [AttachmentOrder(one, "", plan.request.interface, False, True, False, False) for one in lacking]
    if orders:
        work.attach(backup_vm, orders)


def _remove_leftovers(plan: VmRestorePlan, work: RestoreSteps) -> None:
    """Take away what dead runs of this restore left, and a virtual machine that is not to be there yet."""
    backup_vm = _require(plan.backup_vm)
    for vm in (plan.vm, plan.leftover_vm):
        if vm is not None:
            work.remove_vm(vm)
    work.detach(backup_vm, [disk.id for disk in plan.leftovers if disk.id in plan.attached])
    work.remove_disks(plan.leftovers)


def _order_disk(request: VmRestoreRequest, one: DiskPlan) -> DiskOrder:
    disk_spec = one.disk_spec
    domain_id = one.domain.id if one.domain is not None else ""
    return DiskOrder(
        one.disk_id,
        disk_spec.alias,
        _mark(request, disk_spec.id),
        domain_id,
        disk_spec.provisioned_size,
        initial_size(one),
        one.format,
        one.is_sparse,
        disk_spec.backup,
        disk_spec.wipe_after_delete,
    )


def _prove_size(one: DiskPlan, disk: Disk) -> None:
    if disk.provisioned_size < one.disk_spec.provisioned_size:
        text = "disk %s (%s) was made with %d bytes, %d are needed"
        words = (disk.alias, disk.id, disk.provisioned_size, one.disk_spec.provisioned_size)
        raise NotProven([Problem("disk_too_small", text % words)], "The disk can not take what was saved")


def _require(vm: Optional[Vm]) -> Vm:
    if vm is None:
        raise AssertionError("a plan without problems has a backup VM")
    return vm


# --- state: restored ---


def _restore(plan: VmRestorePlan, work: RestoreSteps) -> VmRestoreResult:
    """Have the virtual machine with its disks, as it was saved; proven by reading it back."""
    backup_vm = _require(plan.backup_vm)
    work.phase = "detaching"
    work.detach(backup_vm, [one.disk_id for one in plan.disks if one.disk_id in plan.attached])
    work.await_disks([one.existing for one in plan.disks if one.existing is not None], are_seen=False)
    work.phase = "making the virtual machine"
    vm = work.await_vm(plan.vm or work.make_vm(_order_vm(plan), plan.vm_id))
    try:
        return _fit_out(plan, vm, work)
    except BackupError as error:
        raise _explain_removal(error, plan, vm, work) from None


def _fit_out(plan: VmRestorePlan, vm: Vm, work: RestoreSteps) -> VmRestoreResult:
    """Give the virtual machine its disks and network interfaces, prove it, and take the marks off."""
    request = plan.request
    work.phase = "attaching"
    missing = [_order_attachment(one) for one in plan.disks if one.disk_id not in plan.own or plan.vm is None]
    around = work.attach(vm, missing)
    if _correct_nics(plan, around, work):
        around = work.look_at(vm)
    work.phase = "proving"
    plan = _prove(plan, around)
    work.phase = "taking off the marks"
    _take_marks_off(plan, vm, work)
    if request.events:
        text = "%s: virtual machine %s is restored, %d disks" % (_mark(request), request.vm_name, len(plan.disks))
        work.tell("normal", text, vm.id, request.now)
    return _conclude(plan, work.changed, around.vm.status, work.removed, work.warnings)


def _explain_removal(error: BackupError, plan: VmRestorePlan, vm: Vm, work: RestoreSteps) -> BackupError:
    """Return the error that says where the disks are, where somebody has removed the virtual machine; else this one."""
    try:
        if work.find_vm(vm.id) is not None:
            return error
        disks = find_disks(plan.request, [one.disk_id for one in plan.disks], work.tools)
    except BackupError:  # the first one is to be told
        return error
    ids = [one.disk_id for one in plan.disks]
    standing = [tell_disk(disk) for disk in disks if disk.id in ids]
    text = (
        "Somebody removed %s before the restore had ended (while %s). %s. Run state=restored again: it makes the "
        "virtual machine anew around the disks that are there, or says that some have to be prepared again; "
        "state=absent removes them"
    )
    kept = "Still there, attached to nothing: %s" % ", ".join(standing) if standing else "Its disks went with it"
    message = text % (tell_vm(vm), work.phase, kept)
    return BackupError(message, "vm_vanished", phase=work.phase, standing=standing)


def _order_vm(plan: VmRestorePlan) -> VmOrder:
    """Return the virtual machine to make. Ids and MAC addresses stand in its configuration: see ovf.edit_ovf."""
    request = plan.request
    edits = {nic.id: edit_of(nic) for nic in plan.nics}
    text = edit_ovf(request.configuration, request.vm_name, plan.vm_id, edits)
    cluster_id = plan.cluster.id if plan.cluster is not None else ""
    description = plan.ovf.description if plan.ovf is not None else ""
    return VmOrder(
        request.vm_name, description, _mark(request), cluster_id, Configuration("ovf", text), regenerate_ids=False
    )


def _order_attachment(one: DiskPlan) -> AttachmentOrder:
    disk_spec = one.disk_spec
    return AttachmentOrder(
        one.disk_id,
        "",
        disk_spec.interface,
        disk_spec.is_bootable,
        disk_spec.is_active,
        disk_spec.is_read_only,
        disk_spec.pass_discard,
    )


def _correct_nics(plan: VmRestorePlan, around: VmAround, work: RestoreSteps) -> bool:
    """Put right what the engine made of the network interfaces otherwise than the configuration says; was there any?"""
    corrections = list_corrections(plan.nics, around.nics)
    for nic in corrections:
        what = "network interface %s to be changed" % nic.name
        work.change(what, partial(work.tools.api.update_nic, around.vm.id, nic))
    return bool(corrections)


def _prove(plan: VmRestorePlan, around: VmAround) -> VmRestorePlan:
    """Compare all that was read back; return the plan with the MAC addresses that the engine gave."""
    vm = around.vm
    problems = compare_attachments(plan.disks, attachments_of(around)) + compare_nics(plan.nics, around.nics)
    cluster_id = plan.cluster.id if plan.cluster is not None else ""
    for what, wanted, found in (("name", plan.request.vm_name, vm.name), ("cluster", cluster_id, vm.cluster_id)):
        if wanted != found:
            problems.append(Problem("restore_differs", "its %s is %s instead of %s" % (what, found, wanted)))
    if problems:
        start = "Virtual machine %s is made, but not what was saved; it keeps the mark of this restore" % vm.name
        raise NotProven(problems, start, vm=describe_vm(plan, vm.status))
    macs = {nic.name: nic.mac for nic in around.nics}
    return plan._replace(nics=tuple(one._replace(mac=macs.get(one.name, one.mac)) for one in plan.nics))


def _take_marks_off(plan: VmRestorePlan, vm: Vm, work: RestoreSteps) -> None:
    """Give disks and virtual machine the texts that they had.

    The disks first: as long as the virtual machine has its mark, the rest is found again.
    """
    api = work.tools.api
    saved = {disk.id: disk.description for disk in plan.ovf.disks} if plan.ovf is not None else {}
    for one in plan.disks:
        if one.existing is None or mark_of(plan.request, one.existing.description) is not None:
            what = "the mark of disk %s to be taken off" % one.disk_spec.alias
            work.change(what, partial(api.describe_disk, one.disk_id, saved.get(one.disk_spec.id, "")))
    comment = plan.ovf.comment if plan.ovf is not None else ""
    work.change("the mark of %s to be taken off" % vm.name, lambda: api.update_vm(vm.id, {"comment": comment}))


# --- state: absent ---


def _refuse_removal(removal: Removal) -> Removal:
    if removal.problems:
        raise Refused(removal.problems, phase="plan")
    return removal


def _remove(removal: Removal, work: RestoreSteps) -> VmRestoreResult:
    """Undo what an unfinished restore made."""
    work.phase = "removing"
    for vm in removal.vms:
        work.remove_vm(vm)
    if removal.backup_vm is not None:
        work.detach(removal.backup_vm, [disk.id for disk in removal.disks if disk.id in removal.attached])
    work.remove_disks(removal.disks)
    if removal.request.events and work.changed:
        work.tell("normal", "%s: undone" % _mark(removal.request), "", removal.request.now)
    return _conclude_removal(removal, work.removed, work.warnings)


def _conclude_removal(removal: Removal, removed: List[str], warnings: Sequence[str]) -> VmRestoreResult:
    before = {"vm": {vm.name: vm.status for vm in removal.vms}, "disks": [tell_disk(disk) for disk in removal.disks]}
    after: Dict[str, Any] = {"vm": {}, "disks": []}
    return VmRestoreResult(
        bool(removed),
        False,
        {},
        [],
        [],
        removed,
        list(removal.kept),
        list(removal.warnings) + list(warnings),
        before,
        after,
    )
