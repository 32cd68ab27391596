# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore finds: the backup, the engine, and what it made before. Nothing here writes.

This file is private to the collection.
"""

import hashlib
from itertools import islice
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, TypeVar

from ..._common.errors import Problem
from ..._common.times import from_iso
from ..api_errors import NotFound
from ..backup.rules import check_detachable, choose_vm
from ..model import Attachment, Disk, Vm, VmAround
from ..ovf import OvfError, read_ovf
from ..protocols import VmApi, Waiter
from ..tag import RESTORE, Tag, check_name, check_owner, parse_tag, render_tag
from .model import BackedUpVm, EngineState, InProgress, VmRestoreRequest
from .rules import check_configuration, list_candidates, parse_disk_specs


class RestoreContext(NamedTuple):
    """What a restore works with."""

    api: VmApi
    waiter: Waiter
    is_run_alive: Callable[[str], Optional[bool]]


Found = TypeVar("Found")
EVENTS_LOOKED_AT = 5
# So many of the ids that something may get are looked for along with the rest: the saved one, and one of our own.
CANDIDATES_LOOKED_AT = 2


def read_saved(request: VmRestoreRequest) -> BackedUpVm:
    """Return configuration and disks of the backup, and what is wrong with them."""
    disk_specs, problems = parse_disk_specs(request.disks or [])
    if not request.configuration:
        text = "there is no saved configuration at '%s' (option configuration_path)"
        problems.append(Problem("configuration_file_missing", text % request.configuration_path))
        return BackedUpVm(None, disk_specs, problems)
    digest = hashlib.sha256(request.configuration.encode("utf-8")).hexdigest()
    if request.configuration_sha256 and digest != request.configuration_sha256.lower():
        text = "the configuration has the SHA-256 %s, it was saved with %s: it was cut or edited"
        problems.append(Problem("configuration_damaged", text % (digest, request.configuration_sha256)))
    try:
        ovf = read_ovf(request.configuration)
    except OvfError as error:
        return BackedUpVm(None, disk_specs, problems + [Problem(error.code, error.message)])
    return BackedUpVm(ovf, disk_specs, problems + check_configuration(ovf, disk_specs))


def read_world(request: VmRestoreRequest, saved: BackedUpVm, tools: RestoreContext) -> EngineState:
    """Return what there is in the engine."""
    api, ask = tools.api, tools.waiter.retry_read
    vm_ids = list_possible_ids(request, [saved.ovf.vm_id] if saved.ovf is not None else [])
    disk_ids = list_possible_ids(request, [disk_spec.id for disk_spec in saved.disk_specs])
    arounds = look_around(request, vm_ids, tools)
    backup_vm, problems = choose_backup_vm(request, arounds)
    named = list_named(request, arounds)
    disks = find_disks(request, disk_ids, tools)
    return EngineState(
        backup_vm.vm if backup_vm is not None else None,
        attachments_of(backup_vm),
        list_marked(request, disks),
        [one.vm for one in named],
        attachments_of(choose_own(request, named)),
        _tell_which_are_there(vm_ids, {one.vm.id for one in arounds}),
        _tell_which_are_there(disk_ids, {disk.id for disk in disks}),
        ask("the storage domains", api.list_storage_domains),
        ask("the clusters", api.list_clusters),
        problems,
    )


def list_possible_ids(request: VmRestoreRequest, source_ids: Sequence[str]) -> List[str]:
    """Return the first ids that what was saved may get."""
    candidates = [list_candidates(request.name, one, request.keep_ids) for one in source_ids if one]
    return [one for ids in candidates for one in islice(ids, CANDIDATES_LOOKED_AT)]


def _tell_which_are_there(ids: Sequence[str], found: Set[str]) -> Dict[str, bool]:
    return {one: one in found for one in ids}


def choose_own(request: VmRestoreRequest, named: Sequence[VmAround]) -> Optional[VmAround]:
    """Return the virtual machine that this restore may have made, if there is one only."""
    candidates = [one for one in named if mark_of(request, one.vm.comment) is not None] or named
    return candidates[0] if len(candidates) == 1 else None


def look_around(request: VmRestoreRequest, ids: Sequence[str], tools: RestoreContext) -> List[VmAround]:
    """Return the backup VM, those that have the name of the one to restore, and those of the ids, with their disks."""
    names = [request.backup_vm, request.vm_name] + list(ids)
    what = "virtual machines named %s or %s" % (request.backup_vm, request.vm_name)
    return tools.waiter.retry_read(what, lambda: tools.api.fetch_vms(names))


def choose_backup_vm(
    request: VmRestoreRequest, arounds: Sequence[VmAround]
) -> Tuple[Optional[VmAround], List[Problem]]:
    """Return the backup VM, and why it can not be one."""
    found, unknown = choose_vm(arounds, request.backup_vm, "backup_vm")
    if found is None:
        return None, unknown
    if found.vm.is_hosted_engine:
        text = "%s is the hosted engine: no disk can be attached to it. Use another backup VM"
        return found, [Problem("hosted_engine_vm", text % found.vm.name)]
    return found, check_detachable(found.vm)


def list_named(request: VmRestoreRequest, arounds: Sequence[VmAround]) -> List[VmAround]:
    """Return the virtual machines that have the name of the one to restore."""
    return [one for one in arounds if one.vm.name == request.vm_name]


def attachments_of(around: Optional[VmAround]) -> Dict[str, Attachment]:
    """Return the disks of a virtual machine by their ids."""
    return {} if around is None else {item.disk_id: item for item in around.attachments}


def find_disks(request: VmRestoreRequest, ids: Sequence[str], tools: RestoreContext) -> List[Disk]:
    """Return the disks that carry the mark of a restore of this name, and those of the ids."""
    start = render_tag(RESTORE, request.name, "")
    what = "the disks of restore %s" % request.name
    return tools.waiter.retry_read(what, lambda: tools.api.find_disks(start, ids))


def list_marked(request: VmRestoreRequest, disks: Sequence[Disk]) -> List[Disk]:
    """Return the disks that carry the mark of this restore, whoever runs it.

    Where it is told which disks are restored, those of others are not of this restore, though they bear its name.
    """
    marks = [(disk, mark_of(request, disk.description)) for disk in disks]
    wanted = None if request.disks is None else {str(disk.get("id")).lower() for disk in request.disks}
    return [disk for disk, mark in marks if mark is not None and (wanted is None or mark.disk_id.lower() in wanted)]


def mark_of(request: VmRestoreRequest, text: str) -> Optional[Tag]:
    """Return the mark in a description or comment if it is one of this restore."""
    mark = parse_tag(text)
    return mark if mark is not None and (mark.kind, mark.name) == (RESTORE, request.name) else None


def read_or_none(what: str, read: Callable[[], Found], tools: RestoreContext) -> Optional[Found]:
    """Return what there is, or None."""
    try:
        return tools.waiter.retry_read(what, read)
    except NotFound:
        return None


def classify_existing(
    request: VmRestoreRequest, marked: Sequence[Disk], named: Sequence[Vm], tools: RestoreContext
) -> InProgress:
    """Return what this restore made so far, what dead runs of it left, and why that must be left alone."""
    own: Dict[str, Disk] = {}
    leftovers: List[Disk] = []
    others: Dict[str, Tuple[str, Tag]] = {}  # by run: what of it was found first
    for disk, mark in _with_marks(request, [(disk, disk.description) for disk in marked]):
        if mark.run == request.run and disk.status != "illegal" and mark.disk_id.lower() not in own:
            own[mark.disk_id.lower()] = disk
        else:
            leftovers.append(disk)
            others.setdefault(mark.run, ("disk %s (%s)" % (disk.alias, disk.id), mark))
    vms = {}
    for vm, mark in _with_marks(request, [(vm, vm.comment) for vm in named]):
        vms[mark.run == request.run] = vm
        others.setdefault(mark.run, ("virtual machine %s" % vm.name, mark))
    problems = check_name(request.name, request.run)
    for run, (what, mark) in sorted(others.items()):
        problems += _check_other_run(what, mark, request, tools) if run != request.run else []
    return InProgress(own, leftovers, vms.get(True), vms.get(False), problems)


def _with_marks(request: VmRestoreRequest, things: List[Tuple[Found, str]]) -> List[Tuple[Found, Tag]]:
    """Return those of the things whose text is a mark of this restore, with the mark."""
    marks = [(thing, mark_of(request, text)) for thing, text in things]
    return [(thing, mark) for thing, mark in marks if mark is not None]


def _check_other_run(what: str, mark: Tag, request: VmRestoreRequest, tools: RestoreContext) -> List[Problem]:
    is_alive = tools.is_run_alive(mark.run)
    age = _age_of(mark, request, tools) if is_alive is None else 0.0
    return check_owner(what, mark, request.run, is_alive, age, request.stale_after)


def _age_of(mark: Tag, request: VmRestoreRequest, tools: RestoreContext) -> float:
    """Return how long ago a run began, by its event; an unknown age must not make anything a leftover."""
    text = render_tag(mark.kind, mark.name, mark.run)
    events = tools.waiter.retry_read("the events of %s" % text, lambda: tools.api.find_events(text, EVENTS_LOOKED_AT))
    try:
        return max([request.now - from_iso(event.time) for event in events] or [0.0])
    except ValueError:
        return 0.0
