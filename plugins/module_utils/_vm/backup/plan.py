# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup through a snapshot would do, and everything that forbids it. Nothing here writes.

This file is private to the collection.
"""

from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..._common.errors import Problem
from ..._common.times import from_iso
from ..model import Attachment, Cluster, Snapshot, SnapshotDisk, StorageDomain, Vm, VmAround
from ..permits import Needed, check_needed
from ..protocols import VmApi, Waiter
from ..tag import BACKUP, check_name, check_owner, parse_tag, render_tag
from .attachments import Claim, may_hold
from .ownership import prove
from .rules import (
    Selected,
    Selection,
    Skipped,
    check_backup_vm,
    check_detachable,
    check_disk_states,
    check_foreign,
    check_held,
    check_poll_interval,
    check_space,
    check_vm,
    choose_vm,
    select_disks,
)

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class VmBackupRequest(NamedTuple):
    """What a backup is asked to do: the options of vm_snapshot_backup. Times are in seconds."""

    vm: str
    backup_vm: str
    name: str
    run: str
    stale_after: int
    disks: Optional[Tuple[str, ...]]  # None: all
    interface: str
    consistency: str
    freeze_timeout: int
    skips_unsupported: bool
    outcome: str  # success, failure; empty: no closing event
    message: str
    events: bool
    timeout: int
    poll_interval: float
    settle: float  # seconds after which a request whose answer was lost is taken as not carried out


class SavedConfiguration(Protocol):
    """_vm.configuration_file.ConfigurationFile, and the fake of the unit tests."""

    path: str

    def check(self) -> List[Problem]:
        """Why the file can not be written."""

    def read(self) -> Optional[str]:
        """What is saved; None: nothing."""

    def save(self, text: str) -> None:
        """Save a text whole or not at all."""


class BackupContext(NamedTuple):
    """What a backup works with."""

    api: VmApi
    waiter: Waiter
    new_waiter: Callable[[float], Waiter]  # a waiter of its own time, to clean up when that of the run is over
    configuration: SavedConfiguration
    is_run_alive: Callable[[str], Optional[bool]]
    now: Callable[[], float]  # seconds since the epoch


class BackupSnapshot(NamedTuple):
    """A snapshot with our mark, and what it holds."""

    snapshot: Snapshot
    disks: List[SnapshotDisk]
    attached: List[str]  # ids of those of its disks that are attached to the backup VM
    unproven: List[str]  # ... and of those that are, but perhaps from a snapshot of somebody else


class VmBackupPlan(NamedTuple):
    """What a backup will do, and every problem that forbids it."""

    request: VmBackupRequest
    mark: str
    version: str  # of the engine; only read where something is to be attached
    vm: Optional[Vm]
    backup_vm: Optional[Vm]
    cluster: str
    snapshots: List[Snapshot]  # all of the virtual machine
    own: Optional[BackupSnapshot]  # the snapshot of this backup
    leftovers: List[BackupSnapshot]  # of runs that no longer live
    selection: Selection
    present: Dict[str, Attachment]  # what is attached to the backup VM
    domains: Dict[str, StorageDomain]
    warnings: List[str]
    problems: List[Problem]


MANIPULATE, STORAGE, ATTACH = "manipulate_vm_snapshots", "configure_vm_storage", "attach_disk"
NOTHING_SELECTED = Selection([], [], [])


def plan_attaching(request: VmBackupRequest, tools: BackupContext) -> VmBackupPlan:
    """Return what it takes to have the disks of a snapshot attached to the backup VM."""
    seen = _fetch_vms(request, tools, with_clusters=True)
    vm, unknown = choose_vm(seen, request.vm, "vm")
    backup_vm, unknown_too = choose_vm(seen, request.backup_vm, "backup_vm")
    plan = _begin(request, vm, backup_vm)
    problems = check_request(request) + tools.configuration.check() + unknown + unknown_too
    plan = plan._replace(problems=problems)
    if vm is None or backup_vm is None:
        return plan
    return _check_attaching(_look_around(plan, vm, tools), vm, backup_vm, tools)


def plan_removing(request: VmBackupRequest, tools: BackupContext) -> VmBackupPlan:
    """Return what is to be detached, and removed; a virtual machine that is gone took everything with it."""
    seen = _fetch_vms(request, tools, with_clusters=False)
    vm, unknown = choose_vm(seen, request.vm, "vm")
    backup_vm, unknown_too = choose_vm(seen, request.backup_vm, "backup_vm")
    missing = [item for item in unknown + unknown_too if item.code == "vm_not_found"]
    problems = check_request(request) + [item for item in unknown + unknown_too if item not in missing]
    warnings = ["%s, so nothing of this backup is left there" % item.message for item in missing]
    plan = _begin(request, vm, backup_vm)._replace(warnings=warnings, problems=problems)
    if vm is None:
        return plan
    plan = _find_marked(plan, vm.vm, tools)
    if backup_vm is not None and any(one.attached or one.unproven for one in marked(plan)):
        return plan._replace(problems=plan.problems + check_detachable(backup_vm.vm))
    return plan


def _fetch_vms(request: VmBackupRequest, tools: BackupContext, with_clusters: bool) -> List[VmAround]:
    names = [request.vm, request.backup_vm]
    return tools.waiter.retry_read(
        "the virtual machines %s" % " and ".join(names),
        lambda: tools.api.fetch_vms(names, with_snapshots=True, with_clusters=with_clusters),
    )


def _begin(request: VmBackupRequest, vm: Optional[VmAround], backup_vm: Optional[VmAround]) -> VmBackupPlan:
    """Return the plan with what was seen in the first look."""
    is_other = vm is not None and backup_vm is not None and vm.vm.id != backup_vm.vm.id
    present = {item.disk_id: item for item in backup_vm.attachments} if backup_vm is not None and is_other else {}
    return VmBackupPlan(
        request,
        render_tag(BACKUP, request.name, request.run),
        "",
        vm.vm if vm is not None else None,
        backup_vm.vm if backup_vm is not None else None,
        "",
        vm.snapshots if vm is not None else [],
        None,
        [],
        NOTHING_SELECTED,
        present,
        {},
        [],
        [],
    )


def check_request(request: VmBackupRequest) -> List[Problem]:
    """Return what is wrong with the options alone."""
    problems = check_name(request.name, request.run)
    if request.stale_after < 0 or request.freeze_timeout < 1 or request.timeout < 1:
        text = "stale_after is %d, freeze_timeout %d, timeout %d seconds; only the first may be 0, none negative"
        numbers = (request.stale_after, request.freeze_timeout, request.timeout)
        problems.append(Problem("option_out_of_range", text % numbers))
    return problems + check_poll_interval(request.poll_interval)


def marked(plan: VmBackupPlan) -> List[BackupSnapshot]:
    """Return every snapshot of this backup, those of dead runs included."""
    return plan.leftovers + ([plan.own] if plan.own is not None else [])


def is_settling(plan: VmBackupPlan) -> bool:
    """Does the engine still work on a snapshot of ours?"""
    return any(one.snapshot.status == "locked" for one in marked(plan))


def _find_marked(plan: VmBackupPlan, vm: Vm, tools: BackupContext) -> VmBackupPlan:
    """Return the plan with the snapshot of this backup, those that dead runs of it left, and why others are left alone.

    Where a run still lives, or may, its snapshot is a problem.
    """
    own: List[BackupSnapshot] = []
    leftovers: List[BackupSnapshot] = []
    problems: List[Problem] = []
    for snapshot in plan.snapshots:
        mark = parse_tag(snapshot.description)
        if mark is None or mark.kind != BACKUP or mark.name != plan.request.name or snapshot.kind == "active":
            continue
        what = "snapshot '%s' (%s) of virtual machine %s" % (snapshot.description, snapshot.id, vm.name)
        is_alive = None if mark.run == plan.request.run else tools.is_run_alive(mark.run)
        age = tools.now() - _time_of(snapshot, tools)
        running = check_owner(what, mark, plan.request.run, is_alive, age, plan.request.stale_after)
        problems += running
        if not running:
            (own if mark.run == plan.request.run else leftovers).append(_hold(snapshot, plan.present))
    # Two of one run can not be; should somebody have copied the mark, the newest counts.
    own.sort(key=lambda one: one.snapshot.date)
    plan = plan._replace(
        own=own[-1] if own else None, leftovers=leftovers + own[:-1], problems=plan.problems + problems
    )
    return _tell_apart(plan, tools)


def _tell_apart(plan: VmBackupPlan, tools: BackupContext) -> VmBackupPlan:
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


def _list_claims(plan: VmBackupPlan) -> List[Claim]:
    """Return the attachments that may be of our snapshots, and of those of others as well."""
    ours = {held.snapshot.id for held in marked(plan)}
    others = [one for one in plan.snapshots if one.id not in ours]
    return [
        Claim(held.snapshot.id, one.disk_id, one.alias)
        for held in marked(plan)
        for one in held.disks
        if one.disk_id in held.attached and may_hold(others, one.disk_id)
    ]


def _split(held: BackupSnapshot, unproven: Set[str]) -> BackupSnapshot:
    return held._replace(
        attached=[one for one in held.attached if one not in unproven],
        unproven=[one for one in held.attached if one in unproven],
    )


def _time_of(snapshot: Snapshot, tools: BackupContext) -> float:
    try:
        return from_iso(snapshot.date)
    except ValueError:  # an unknown age must not make anything a leftover
        return tools.now()


def _hold(snapshot: Snapshot, present: Dict[str, Attachment]) -> BackupSnapshot:
    """Return what a snapshot holds; one that ends meanwhile holds nothing."""
    disks = [_with_alias_of_now(one, present.get(one.disk_id)) for one in snapshot.disks or ()]
    return BackupSnapshot(snapshot, disks, [one.disk_id for one in disks if one.disk_id in present], [])


def _with_alias_of_now(held: SnapshotDisk, attachment: Optional[Attachment]) -> SnapshotDisk:
    """Return a disk of a snapshot with the alias by which the engine speaks of it, not that of its day."""
    disk = attachment.disk if attachment is not None else None
    return held._replace(alias=disk.alias) if disk is not None else held


def _look_around(plan: VmBackupPlan, vm: VmAround, tools: BackupContext) -> VmBackupPlan:
    """Return the plan with what is there: snapshots, disks, storage domains."""
    plan = _find_marked(plan, vm.vm, tools)
    attachments = [_with_disk(item, tools) for item in vm.attachments]
    selection = select_disks(vm.vm, attachments, plan.request.disks, plan.request.skips_unsupported)
    listed = tools.waiter.retry_read("the storage domains", tools.api.list_storage_domains)
    version = tools.waiter.retry_read("the engine's version", tools.api.read_version)
    return plan._replace(
        version=version,
        cluster=vm.cluster.name if vm.cluster is not None else "",
        selection=selection,
        domains={one.id: one for one in listed},
        problems=plan.problems + selection.problems,
    )


def _with_disk(item: Attachment, tools: BackupContext) -> Attachment:
    if item.disk is not None:
        return item
    disk = tools.waiter.retry_read("disk %s" % item.disk_id, lambda: tools.api.read_disk(item.disk_id))
    return item._replace(disk=disk)


def _check_attaching(plan: VmBackupPlan, vm: VmAround, backup_vm: VmAround, tools: BackupContext) -> VmBackupPlan:
    """Return the plan with everything that forbids it, and what a person should know."""
    selected = plan.selection.selected
    clusters: Dict[str, Cluster] = {one.cluster.id: one.cluster for one in (vm, backup_vm) if one.cluster is not None}
    foreign = check_foreign(selected, _list_foreign(plan), backup_vm.vm)
    problems = check_backup_vm(vm.vm, backup_vm.vm, clusters) + foreign
    if plan.own is None:
        problems += _check_others(plan, vm.vm, tools.is_run_alive) + _check_permits(plan, vm.vm, backup_vm.vm, tools)
        if not is_settling(plan):  # what works on the disks now is ours, and is waited for
            problems += check_vm(vm.vm, plan.snapshots, plan.request.consistency)
            problems += check_disk_states(vm.vm, selected) + check_space(selected, plan.domains)
    elif not is_settling(plan):
        problems += check_held(plan.own.snapshot, plan.own.disks, selected)
    warnings = plan.warnings + _warn(vm.vm, backup_vm.vm, selected, tools)
    return plan._replace(warnings=warnings, problems=plan.problems + problems)


def _list_foreign(plan: VmBackupPlan) -> Set[str]:
    """Return the disks that stand on the backup VM and are not of this backup."""
    if any(item.code == "backup_running" for item in plan.problems):  # it is that run that has them attached
        return set()
    foreign = set(plan.present) - {disk_id for held in marked(plan) for disk_id in held.attached}
    # Whose those of a leftover are is said when it is removed.
    return foreign - {disk_id for held in plan.leftovers for disk_id in held.unproven}


def _check_others(plan: VmBackupPlan, vm: Vm, is_run_alive: Callable[[str], Optional[bool]]) -> List[Problem]:
    """Return whether a backup of another name is at work: one blocks the removal of the other's snapshot."""
    problems = []
    text = "snapshot '%s' of virtual machine %s belongs to another backup, which is at work: run again when it ended"
    for snapshot in plan.snapshots:
        mark = parse_tag(snapshot.description)
        if mark is None or mark.kind != BACKUP or mark.name == plan.request.name or mark.run == plan.request.run:
            continue
        if is_run_alive(mark.run):
            problems.append(Problem("backup_running", text % (snapshot.description, vm.name)))
    return problems


def _check_permits(plan: VmBackupPlan, vm: Vm, backup_vm: Vm, tools: BackupContext) -> List[Problem]:
    is_frozen = plan.request.consistency == "require" and vm.status == "up"  # the engine freezes with the second permit
    needed = [
        Needed("vms", vm.id, "virtual machine", vm.name, [MANIPULATE, STORAGE] if is_frozen else [MANIPULATE]),
        Needed("vms", backup_vm.id, "the backup VM", backup_vm.name, [STORAGE]),
    ]
    needed += [Needed("disks", one.disk.id, "disk", one.disk.alias, [ATTACH]) for one in plan.selection.selected]
    return check_needed(needed, tools.api, tools.waiter)


def _warn(vm: Vm, backup_vm: Vm, selected: Sequence[Selected], tools: BackupContext) -> List[str]:
    what = "the checkpoints of %s" % vm.name
    checkpointed = tools.waiter.retry_read(what, lambda: tools.api.list_checkpointed_disks(vm.id))
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
