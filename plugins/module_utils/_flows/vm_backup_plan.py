# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup through a snapshot would do, and everything that forbids it. Nothing here writes.

This file is private to the collection.
"""
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from .._core.api_errors import NotFound
from .._core.backup_mark import BACKUP, judge_holder, judge_name, parse_mark, render_mark
from .._core.errors import Problem
from .._core.times import from_iso
from .._core.vm_backup_rules import (
    Selected,
    Selection,
    Skipped,
    judge_backup_vm,
    judge_detachable,
    judge_disk_states,
    judge_foreign,
    judge_held,
    judge_permits,
    judge_space,
    judge_vm,
    select_disks,
)
from .._core.vm_model import Attachment, Cluster, Snapshot, SnapshotDisk, StorageDomain, Vm
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
    ],
)
"""A snapshot with our mark, and what it holds."""

Plan = NamedTuple(
    "Plan",
    [
        ("request", Request),
        ("mark", str),
        ("version", str),
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
    problems = judge_request(request) + tools.configuration.judge()
    version = tools.waiter.patiently("the engine's version", tools.api.read_version)
    vm, unknown = find_vm(request.vm, "vm", tools)
    backup_vm, unknown_too = find_vm(request.backup_vm, "backup_vm", tools)
    problems += unknown + unknown_too
    mark = render_mark(BACKUP, request.name, request.run)
    plan = Plan(request, mark, version, vm, backup_vm, "", [], None, [], NOTHING_SELECTED, {}, {}, [], problems)
    if vm is None or backup_vm is None:
        return plan
    return _judge_attaching(_look_around(plan, vm, backup_vm, tools), vm, backup_vm, tools)


def plan_removing(request: Request, tools: Tools) -> Plan:
    """Return what is to be detached, and removed; a virtual machine that is gone took everything with it."""
    problems = judge_request(request)
    version = tools.waiter.patiently("the engine's version", tools.api.read_version)
    vm, unknown = find_vm(request.vm, "vm", tools)
    backup_vm, unknown_too = find_vm(request.backup_vm, "backup_vm", tools)
    missing = [item for item in unknown + unknown_too if item.code == "vm_not_found"]
    problems += [item for item in unknown + unknown_too if item not in missing]
    warnings = ["%s, so nothing of this backup is left there" % item.message for item in missing]
    mark = render_mark(BACKUP, request.name, request.run)
    plan = Plan(request, mark, version, vm, backup_vm, "", [], None, [], NOTHING_SELECTED, {}, {}, warnings, problems)
    if vm is None:
        return plan
    present = _list_present(backup_vm, tools) if backup_vm is not None and backup_vm.id != vm.id else {}
    plan = _find_marked(plan._replace(present=present, snapshots=_list_snapshots(vm, tools)), vm, tools)
    if backup_vm is not None and any(one.attached for one in marked(plan)):
        return plan._replace(problems=plan.problems + judge_detachable(backup_vm))
    return plan


def judge_request(request: Request) -> List[Problem]:
    """Return what is wrong with the options alone."""
    problems = judge_name(request.name, request.run)
    if request.stale_after < 0 or request.freeze_timeout < 1 or request.timeout < 1:
        text = "stale_after is %d, freeze_timeout %d, timeout %d seconds; only the first may be 0, none negative"
        numbers = (request.stale_after, request.freeze_timeout, request.timeout)
        problems.append(Problem("option_out_of_range", text % numbers))
    return problems


def find_vm(name: str, option: str, tools: Tools) -> Tuple[Optional[Vm], List[Problem]]:
    """Return the virtual machine of a name or id."""
    found = tools.waiter.patiently("virtual machine %s" % name, lambda: tools.api.find_vms(name))
    if len(found) == 1:
        return found[0], []
    if not found:
        text = "there is no virtual machine '%s' (option %s), or this user may not see it"
        return None, [Problem("vm_not_found", text % (name, option))]
    text = "there are %d virtual machines '%s' (option %s): give the id of one: %s"
    ids = ", ".join(sorted(vm.id for vm in found))
    return None, [Problem("vm_ambiguous", text % (len(found), name, option, ids))]


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
            (own if mark.run == plan.request.run else leftovers).append(_read_held(snapshot, plan.present, tools))
    # Two of one run can not be; should somebody have copied the mark, the newest counts.
    own.sort(key=lambda one: one.snapshot.date)
    return plan._replace(
        own=own[-1] if own else None, leftovers=leftovers + own[:-1], problems=plan.problems + problems
    )


def _time_of(snapshot: Snapshot, tools: Tools) -> float:
    try:
        return from_iso(snapshot.date)
    except ValueError:  # an unknown age must not make anything a leftover
        return tools.now()


def _read_held(snapshot: Snapshot, present: Dict[str, Attachment], tools: Tools) -> Held:
    """Return what a snapshot holds; one that ends meanwhile holds nothing."""
    try:
        what = "the disks of snapshot %s" % snapshot.id
        disks = tools.waiter.patiently(what, lambda: tools.api.list_snapshot_disks(snapshot.vm_id, snapshot.id))
    except NotFound:
        disks = []
    return Held(snapshot, disks, [one.disk_id for one in disks if one.disk_id in present])


def _list_snapshots(vm: Vm, tools: Tools) -> List[Snapshot]:
    return tools.waiter.patiently("the snapshots of %s" % vm.name, lambda: tools.api.list_snapshots(vm.id))


def _list_present(backup_vm: Vm, tools: Tools) -> Dict[str, Attachment]:
    what = "the disks of %s" % backup_vm.name
    found = tools.waiter.patiently(what, lambda: tools.api.list_attachments(backup_vm.id))
    return {item.disk_id: item for item in found}


def _look_around(plan: Plan, vm: Vm, backup_vm: Vm, tools: Tools) -> Plan:
    """Return the plan with what is there: snapshots, disks, storage domains."""
    ask, request = tools.waiter.patiently, plan.request
    present = _list_present(backup_vm, tools) if backup_vm.id != vm.id else {}
    plan = _find_marked(plan._replace(present=present, snapshots=_list_snapshots(vm, tools)), vm, tools)
    attachments = [
        _with_disk(item, tools)
        for item in ask("the disks of %s" % vm.name, lambda: tools.api.list_attachments(vm.id))
    ]
    selection = select_disks(vm, attachments, request.disks, request.skips_unsupported)
    domains = {one.id: one for one in ask("the storage domains", tools.api.list_storage_domains)}
    return plan._replace(selection=selection, domains=domains, problems=plan.problems + selection.problems)


def _with_disk(item: Attachment, tools: Tools) -> Attachment:
    if item.disk is not None:
        return item
    disk = tools.waiter.patiently("disk %s" % item.disk_id, lambda: tools.api.read_disk(item.disk_id))
    return item._replace(disk=disk)


def _judge_attaching(plan: Plan, vm: Vm, backup_vm: Vm, tools: Tools) -> Plan:
    """Return the plan with everything that forbids it, and what a person should know."""
    ask, selected = tools.waiter.patiently, plan.selection.selected
    clusters: Dict[str, Cluster] = {one.id: one for one in ask("the clusters", tools.api.list_clusters)}
    foreign = set(plan.present) - {disk_id for held in marked(plan) for disk_id in held.attached}
    if any(item.code == "backup_running" for item in plan.problems):  # it is that run that has them attached
        foreign = set()
    problems = judge_backup_vm(vm, backup_vm, clusters) + judge_foreign(selected, foreign, backup_vm)
    if plan.own is None:
        problems += _judge_others(plan, vm, tools.is_run_alive) + _judge_permits(plan, vm, backup_vm, tools)
        if not is_settling(plan):  # what works on the disks now is ours, and is waited for
            problems += judge_vm(vm, plan.snapshots, plan.request.consistency)
            problems += judge_disk_states(vm, selected) + judge_space(selected, plan.domains)
    elif not is_settling(plan):
        problems += judge_held(plan.own.snapshot, plan.own.disks, selected)
    cluster = clusters[vm.cluster_id].name if vm.cluster_id in clusters else ""
    warnings = plan.warnings + _warn(vm, backup_vm, selected, tools)
    return plan._replace(cluster=cluster, warnings=warnings, problems=plan.problems + problems)


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
    needed: List[Tuple[str, str, str, str, Sequence[str]]] = [
        ("vms", "virtual machine", vm.id, vm.name, [MANIPULATE]),
        ("vms", "the backup VM", backup_vm.id, backup_vm.name, [STORAGE]),
    ]
    if plan.request.consistency == "require" and vm.status == "up":  # the engine freezes with this permit
        needed[0] = needed[0][:-1] + ([MANIPULATE, STORAGE],)
    needed += [("disks", "disk", item.disk.id, item.disk.alias, [ATTACH]) for item in plan.selection.selected]
    problems: List[Problem] = []
    for kind, what, object_id, name, permits in needed:
        found = _list_permits(kind, object_id, tools)
        problems += judge_permits(what, name, permits, found)
    return problems


def _list_permits(kind: str, object_id: str, tools: Tools) -> Optional[Set[str]]:
    what = "the permits on %s %s" % (kind, object_id)
    return tools.waiter.patiently(what, lambda: tools.api.list_permits(kind, object_id))


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
