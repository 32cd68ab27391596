# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup through a snapshot would do, and everything that forbids it. Nothing here writes.

This file is private to the collection.
"""
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from .._core.backup_mark import BACKUP, judge_holder, judge_name, parse_mark, render_mark
from .._core.errors import Problem
from .._core.times import from_iso
from .._core.vm_attachments import Claim, may_hold
from .._core.vm_backup_rules import (
    Selected,
    Selection,
    Skipped,
    choose_vm,
    judge_backup_vm,
    judge_detachable,
    judge_disk_states,
    judge_foreign,
    judge_held,
    judge_poll_interval,
    judge_space,
    judge_vm,
    select_disks,
)
from .._core.vm_model import Attachment, Cluster, Snapshot, SnapshotDisk, StorageDomain, Vm, VmAround
from .vm_backup_ownership import prove
from .vm_permits import Needed, judge_needed
from .vm_protocols import VmApi, Waiter

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

Request = NamedTuple(
    "Request",
    [
        ("vm", str),
        ("backup_vm", str),
        ("name", str),
        ("run", str),
        ("stale_after", int),
        ("disks", Optional[Tuple[str, ...]]),  # None: all
        ("interface", str),
        ("consistency", str),
        ("freeze_timeout", int),
        ("skips_unsupported", bool),
        ("outcome", str),  # success, failure; empty: no closing event
        ("message", str),
        ("events", bool),
        ("timeout", int),
        ("poll_interval", float),
        ("settle", float),  # seconds after which a request whose answer was lost is taken as not carried out
    ],
)


class SavedConfiguration(Protocol):
    """_host.configuration_file.ConfigurationFile, and the fake of the unit tests."""

    path: str

    def judge(self) -> List[Problem]:
        """Why the file can not be written."""

    def read(self) -> Optional[str]:
        """What is saved; None: nothing."""

    def save(self, text: str) -> None:
        """Save a text whole or not at all."""


Tools = NamedTuple(
    "Tools",
    [
        ("api", VmApi),
        ("waiter", Waiter),
        ("new_waiter", Callable[[float], Waiter]),  # a waiter of its own time, to clean up when that of the run is over
        ("configuration", SavedConfiguration),
        ("is_run_alive", Callable[[str], Optional[bool]]),
        ("now", Callable[[], float]),  # seconds since the epoch
    ],
)
Held = NamedTuple(
    "Held",
    [
        ("snapshot", Snapshot),
        ("disks", List[SnapshotDisk]),
        ("attached", List[str]),  # ids of those of its disks that are attached to the backup VM
        ("unproven", List[str]),  # ... and of those that are, but perhaps from a snapshot of somebody else
    ],
)
"""A snapshot with our mark, and what it holds."""

Plan = NamedTuple(
    "Plan",
    [
        ("request", Request),
        ("mark", str),
        ("version", str),  # of the engine; only read where something is to be attached
        ("vm", Optional[Vm]),
        ("backup_vm", Optional[Vm]),
        ("cluster", str),
        ("snapshots", List[Snapshot]),  # all of the virtual machine
        ("own", Optional[Held]),  # the snapshot of this backup
        ("leftovers", List[Held]),  # of runs that no longer live
        ("selection", Selection),
        ("present", Dict[str, Attachment]),  # what is attached to the backup VM
        ("domains", Dict[str, StorageDomain]),
        ("warnings", List[str]),
        ("problems", List[Problem]),
    ],
)

MANIPULATE, STORAGE, ATTACH = "manipulate_vm_snapshots", "configure_vm_storage", "attach_disk"
NOTHING_SELECTED = Selection([], [], [])


def plan_attaching(request: Request, tools: Tools) -> Plan:
    """Return what it takes to have the disks of a snapshot attached to the backup VM."""
    seen = _look_at_vms(request, tools, with_clusters=True)
    vm, unknown = choose_vm(seen, request.vm, "vm")
    backup_vm, unknown_too = choose_vm(seen, request.backup_vm, "backup_vm")
    plan = _begin(request, vm, backup_vm)
    problems = judge_request(request) + tools.configuration.judge() + unknown + unknown_too
    plan = plan._replace(problems=problems)
    if vm is None or backup_vm is None:
        return plan
    return _judge_attaching(_look_around(plan, vm, tools), vm, backup_vm, tools)


def plan_removing(request: Request, tools: Tools) -> Plan:
    """Return what is to be detached, and removed; a virtual machine that is gone took everything with it."""
    seen = _look_at_vms(request, tools, with_clusters=False)
    vm, unknown = choose_vm(seen, request.vm, "vm")
    backup_vm, unknown_too = choose_vm(seen, request.backup_vm, "backup_vm")
    missing = [item for item in unknown + unknown_too if item.code == "vm_not_found"]
    problems = judge_request(request) + [item for item in unknown + unknown_too if item not in missing]
    warnings = ["%s, so nothing of this backup is left there" % item.message for item in missing]
    plan = _begin(request, vm, backup_vm)._replace(warnings=warnings, problems=problems)
    if vm is None:
        return plan
    plan = _find_marked(plan, vm.vm, tools)
    if backup_vm is not None and any(one.attached or one.unproven for one in marked(plan)):
        return plan._replace(problems=plan.problems + judge_detachable(backup_vm.vm))
    return plan


def _look_at_vms(request: Request, tools: Tools, with_clusters: bool) -> List[VmAround]:
    names = [request.vm, request.backup_vm]
    return tools.waiter.patiently(
        "the virtual machines %s" % " and ".join(names),
        lambda: tools.api.look_at_vms(names, with_snapshots=True, with_clusters=with_clusters),
    )


def _begin(request: Request, vm: Optional[VmAround], backup_vm: Optional[VmAround]) -> Plan:
    """Return the plan with what was seen in the first look."""
    is_other = vm is not None and backup_vm is not None and vm.vm.id != backup_vm.vm.id
    present = {item.disk_id: item for item in backup_vm.attachments} if backup_vm is not None and is_other else {}
    return Plan(
        request, render_mark(BACKUP, request.name, request.run), "", vm.vm if vm is not None else None,
        backup_vm.vm if backup_vm is not None else None, "", vm.snapshots if vm is not None else [], None, [],
        NOTHING_SELECTED, present, {}, [], [],
    )  # fmt: skip


def judge_request(request: Request) -> List[Problem]:
    """Return what is wrong with the options alone."""
    problems = judge_name(request.name, request.run)
    if request.stale_after < 0 or request.freeze_timeout < 1 or request.timeout < 1:
        text = "stale_after is %d, freeze_timeout %d, timeout %d seconds; only the first may be 0, none negative"
        numbers = (request.stale_after, request.freeze_timeout, request.timeout)
        problems.append(Problem("option_out_of_range", text % numbers))
    return problems + judge_poll_interval(request.poll_interval)


def marked(plan: Plan) -> List[Held]:
    """Return every snapshot of this backup, those of dead runs included."""
    return plan.leftovers + ([plan.own] if plan.own is not None else [])


def is_settling(plan: Plan) -> bool:
    """Does the engine still work on a snapshot of ours?"""
    return any(one.snapshot.status == "locked" for one in marked(plan))


def _find_marked(plan: Plan, vm: Vm, tools: Tools) -> Plan:
    """Return the plan with the snapshot of this backup, those that dead runs of it left, and why others are left alone.

    Where a run still lives, or may, its snapshot is a problem.
    """
    own: List[Held] = []
    leftovers: List[Held] = []
    problems: List[Problem] = []
    for snapshot in plan.snapshots:
        mark = parse_mark(snapshot.description)
        if mark is None or mark.kind != BACKUP or mark.name != plan.request.name or snapshot.kind == "active":
            continue
        what = "snapshot '%s' (%s) of virtual machine %s" % (snapshot.description, snapshot.id, vm.name)
        is_alive = None if mark.run == plan.request.run else tools.is_run_alive(mark.run)
        age = tools.now() - _time_of(snapshot, tools)
        running = judge_holder(what, mark, plan.request.run, is_alive, age, plan.request.stale_after)
        problems += running
        if not running:
            (own if mark.run == plan.request.run else leftovers).append(_hold(snapshot, plan.present))
    # Two of one run can not be; should somebody have copied the mark, the newest counts.
    own.sort(key=lambda one: one.snapshot.date)
    plan = plan._replace(
        own=own[-1] if own else None, leftovers=leftovers + own[:-1], problems=plan.problems + problems
    )
    return _tell_apart(plan, tools)


def _tell_apart(plan: Plan, tools: Tools) -> Plan:
    """Return the plan with what may be attached from a snapshot of somebody else set apart.

    There is one place per disk on the backup VM. Where only snapshots of ours hold a disk that stands there it is ours;
    else the engine's log tells.
    """
    claims, vm = _list_claims(plan), plan.backup_vm
    if not claims or vm is None:
        return plan
    proven = {claim.disk_id for claim in prove(claims, vm, tools.api, tools.waiter)}
    unproven = {claim.disk_id for claim in claims} - proven
    return plan._replace(
        own=_split(plan.own, unproven) if plan.own is not None else None,
        leftovers=[_split(held, unproven) for held in plan.leftovers],
    )


def _list_claims(plan: Plan) -> List[Claim]:
    """Return the attachments that may be of our snapshots, and of those of others as well."""
    ours = {held.snapshot.id for held in marked(plan)}
    others = [one for one in plan.snapshots if one.id not in ours]
    return [
        Claim(held.snapshot.id, one.disk_id, one.alias) for held in marked(plan) for one in held.disks
        if one.disk_id in held.attached and may_hold(others, one.disk_id)
    ]


def _split(held: Held, unproven: Set[str]) -> Held:
    return held._replace(
        attached=[one for one in held.attached if one not in unproven],
        unproven=[one for one in held.attached if one in unproven],
    )


def _time_of(snapshot: Snapshot, tools: Tools) -> float:
    try:
        return from_iso(snapshot.date)
    except ValueError:  # an unknown age must not make anything a leftover
        return tools.now()


def _hold(snapshot: Snapshot, present: Dict[str, Attachment]) -> Held:
    """Return what a snapshot holds; one that ends meanwhile holds nothing."""
    disks = [_with_alias_of_now(one, present.get(one.disk_id)) for one in snapshot.disks or ()]
    return Held(snapshot, disks, [one.disk_id for one in disks if one.disk_id in present], [])


def _with_alias_of_now(held: SnapshotDisk, attachment: Optional[Attachment]) -> SnapshotDisk:
    """Return a disk of a snapshot with the alias by which the engine speaks of it, not that of its day."""
    disk = attachment.disk if attachment is not None else None
    return held._replace(alias=disk.alias) if disk is not None else held


def _look_around(plan: Plan, vm: VmAround, tools: Tools) -> Plan:
    """Return the plan with what is there: snapshots, disks, storage domains."""
    plan = _find_marked(plan, vm.vm, tools)
    attachments = [_with_disk(item, tools) for item in vm.attachments]
    selection = select_disks(vm.vm, attachments, plan.request.disks, plan.request.skips_unsupported)
    listed = tools.waiter.patiently("the storage domains", tools.api.list_storage_domains)
    version = tools.waiter.patiently("the engine's version", tools.api.read_version)
    return plan._replace(
        version=version, cluster=vm.cluster.name if vm.cluster is not None else "", selection=selection,
        domains={one.id: one for one in listed}, problems=plan.problems + selection.problems,
    )


def _with_disk(item: Attachment, tools: Tools) -> Attachment:
    if item.disk is not None:
        return item
    disk = tools.waiter.patiently("disk %s" % item.disk_id, lambda: tools.api.read_disk(item.disk_id))
    return item._replace(disk=disk)


def _judge_attaching(plan: Plan, vm: VmAround, backup_vm: VmAround, tools: Tools) -> Plan:
    """Return the plan with everything that forbids it, and what a person should know."""
    selected = plan.selection.selected
    clusters: Dict[str, Cluster] = {one.cluster.id: one.cluster for one in (vm, backup_vm) if one.cluster is not None}
    foreign = judge_foreign(selected, _list_foreign(plan), backup_vm.vm)
    problems = judge_backup_vm(vm.vm, backup_vm.vm, clusters) + foreign
    if plan.own is None:
        problems += _judge_others(plan, vm.vm, tools.is_run_alive) + _judge_permits(plan, vm.vm, backup_vm.vm, tools)
        if not is_settling(plan):  # what works on the disks now is ours, and is waited for
            problems += judge_vm(vm.vm, plan.snapshots, plan.request.consistency)
            problems += judge_disk_states(vm.vm, selected) + judge_space(selected, plan.domains)
    elif not is_settling(plan):
        problems += judge_held(plan.own.snapshot, plan.own.disks, selected)
    warnings = plan.warnings + _warn(vm.vm, backup_vm.vm, selected, tools)
    return plan._replace(warnings=warnings, problems=plan.problems + problems)


def _list_foreign(plan: Plan) -> Set[str]:
    """Return the disks that stand on the backup VM and are not of this backup."""
    if any(item.code == "backup_running" for item in plan.problems):  # it is that run that has them attached
        return set()
    foreign = set(plan.present) - {disk_id for held in marked(plan) for disk_id in held.attached}
    # Whose those of a leftover are is said when it is removed.
    return foreign - {disk_id for held in plan.leftovers for disk_id in held.unproven}


def _judge_others(plan: Plan, vm: Vm, is_run_alive: Callable[[str], Optional[bool]]) -> List[Problem]:
    """Return whether a backup of another name is at work: one blocks the removal of the other's snapshot."""
    problems = []
    text = "snapshot '%s' of virtual machine %s belongs to another backup, which is at work: run again when it ended"
    for snapshot in plan.snapshots:
        mark = parse_mark(snapshot.description)
        if mark is None or mark.kind != BACKUP or mark.name == plan.request.name or mark.run == plan.request.run:
            continue
        if is_run_alive(mark.run):
            problems.append(Problem("backup_running", text % (snapshot.description, vm.name)))
    return problems


def _judge_permits(plan: Plan, vm: Vm, backup_vm: Vm, tools: Tools) -> List[Problem]:
    is_frozen = plan.request.consistency == "require" and vm.status == "up"  # the engine freezes with the second permit
    needed = [
        Needed("vms", vm.id, "virtual machine", vm.name, [MANIPULATE, STORAGE] if is_frozen else [MANIPULATE]),
        Needed("vms", backup_vm.id, "the backup VM", backup_vm.name, [STORAGE]),
    ]
    needed += [Needed("disks", one.disk.id, "disk", one.disk.alias, [ATTACH]) for one in plan.selection.selected]
    return judge_needed(needed, tools.api, tools.waiter)


def _warn(vm: Vm, backup_vm: Vm, selected: Sequence[Selected], tools: Tools) -> List[str]:
    what = "the checkpoints of %s" % vm.name
    checkpointed = tools.waiter.patiently(what, lambda: tools.api.list_checkpointed_disks(vm.id))
    aliases = [item.disk.alias for item in selected if item.disk.id in checkpointed]
    warnings = []
    if aliases:
        text = (
            "Detaching %s from the backup VM invalidates the checkpoints of changed-block backups of virtual machine "
            "%s: the next backup of that kind must be a full one"
        )
        warnings.append(text % (", ".join(aliases), vm.name))
    if backup_vm.status == "down":
        warnings.append("The backup VM %s is down: nobody can read the disks before it is started" % backup_vm.name)
    if not selected:
        warnings.append("No disk of virtual machine %s is in this backup, only its configuration" % vm.name)
    return warnings


def list_skipped(skipped: Sequence[Skipped]) -> List[Dict[str, str]]:
    """Return what is left out, the shape of a module result."""
    return [{"id": one.id, "alias": one.alias, "reason": one.reason} for one in skipped]
