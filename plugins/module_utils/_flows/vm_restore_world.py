# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore finds: the backup, the engine, and what it made before. Nothing here writes.

This file is private to the collection.
"""
import hashlib
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar

from .._core.api_errors import NotFound
from .._core.backup_mark import RESTORE, Mark, judge_holder, judge_name, parse_mark, render_mark
from .._core.errors import Problem
from .._core.ovf import Ovf, OvfError, read_ovf
from .._core.times import from_iso
from .._core.vm_backup_rules import judge_detachable
from .._core.vm_model import Attachment, Disk, Vm
from .._core.vm_restore_model import Begun, Request, Saved, World
from .._core.vm_restore_rules import judge_configuration, read_wishes
from .vm_protocols import VmApi, Waiter

Tools = NamedTuple("Tools", [("api", VmApi), ("waiter", Waiter), ("is_run_alive", Callable[[str], Optional[bool]])])
Found = TypeVar("Found")
EVENTS_LOOKED_AT = 5


def read_saved(request: Request) -> Saved:
    """Return configuration and disks of the backup, and what is wrong with them."""
    wishes, problems = read_wishes(request.disks or [])
    if not request.configuration:
        text = "there is no saved configuration at '%s' (option configuration_path)"
        problems.append(Problem("configuration_file_missing", text % request.configuration_path))
        return Saved(None, wishes, problems)
    digest = hashlib.sha256(request.configuration.encode("utf-8")).hexdigest()
    if request.configuration_sha256 and digest != request.configuration_sha256.lower():
        text = "the configuration has the SHA-256 %s, it was saved with %s: it was cut or edited"
        problems.append(Problem("configuration_damaged", text % (digest, request.configuration_sha256)))
    try:
        ovf = read_ovf(request.configuration)
    except OvfError as error:
        return Saved(None, wishes, problems + [Problem(error.code, error.message)])
    return Saved(ovf, wishes, problems + judge_configuration(ovf, wishes))


def read_world(request: Request, ovf: Optional[Ovf], tools: Tools) -> World:
    """Return what there is in the engine."""
    api, ask = tools.api, tools.waiter.patiently
    backup_vm, problems = find_backup_vm(request, tools)
    attached = list_attached(backup_vm, tools)
    vms = find_vms_named(request, tools)
    candidates = [vm for vm in vms if mark_of(request, vm.comment) is not None] or vms
    own = list_attached(candidates[0] if len(candidates) == 1 else None, tools)
    vm_id = ovf.vm_id if ovf is not None else ""
    original = read_or_none("the original virtual machine", lambda: api.read_vm(vm_id), tools) if vm_id else None
    domains = ask("the storage domains", api.list_storage_domains)
    clusters = ask("the clusters", api.list_clusters)
    marked = find_marked_disks(request, tools)
    return World(backup_vm, attached, marked, vms, own, original, domains, clusters, problems)


def find_backup_vm(request: Request, tools: Tools) -> Tuple[Optional[Vm], List[Problem]]:
    """Return the backup VM, and why it can not be one."""
    name = request.backup_vm
    found = tools.waiter.patiently("the backup VM %s" % name, lambda: tools.api.find_vms(name))
    if not found:
        text = "there is no virtual machine '%s' (option backup_vm), or this user may not see it"
        return None, [Problem("vm_not_found", text % name)]
    if len(found) > 1:
        text = "there are %d virtual machines '%s' (option backup_vm): give the id of one: %s"
        ids = ", ".join(sorted(vm.id for vm in found))
        return None, [Problem("vm_ambiguous", text % (len(found), name, ids))]
    if found[0].is_hosted_engine:
        text = "%s is the hosted engine: no disk can be attached to it. Use another backup VM"
        return found[0], [Problem("hosted_engine_vm", text % found[0].name)]
    return found[0], judge_detachable(found[0])


def find_vms_named(request: Request, tools: Tools) -> List[Vm]:
    """Return the virtual machines that have the name of the one to restore."""
    name = request.vm_name
    found = tools.waiter.patiently("virtual machines named %s" % name, lambda: tools.api.find_vms(name))
    return [vm for vm in found if vm.name == name]


def find_marked_disks(request: Request, tools: Tools) -> List[Disk]:
    """Return the disks that carry the mark of this restore, whoever runs it.

    Where it is told which disks are restored, those of others are not of this restore, though they bear its name.
    """
    start = render_mark(RESTORE, request.name, "")
    found = tools.waiter.patiently("the disks of restore %s" % request.name, lambda: tools.api.find_disks(start))
    marks = [(disk, mark_of(request, disk.description)) for disk in found]
    wanted = None if request.disks is None else {str(disk.get("id")).lower() for disk in request.disks}
    return [
        disk for disk, mark in marks if mark is not None and (wanted is None or mark.disk_id.lower() in wanted)
    ]


def mark_of(request: Request, text: str) -> Optional[Mark]:
    """Return the mark in a description or comment if it is one of this restore."""
    mark = parse_mark(text)
    return mark if mark is not None and (mark.kind, mark.name) == (RESTORE, request.name) else None


def list_attached(vm: Optional[Vm], tools: Tools) -> Dict[str, Attachment]:
    """Return the disks of a virtual machine by their ids."""
    if vm is None:
        return {}
    vm_id = vm.id
    found = tools.waiter.patiently("the disks of %s" % vm.name, lambda: tools.api.list_attachments(vm_id))
    return {item.disk_id: item for item in found}


def read_or_none(what: str, read: Callable[[], Found], tools: Tools) -> Optional[Found]:
    """Return what there is, or None."""
    try:
        return tools.waiter.patiently(what, read)
    except NotFound:
        return None


def sort_begun(request: Request, world: World, tools: Tools) -> Begun:
    """Return what this restore made so far, what dead runs of it left, and why that must be left alone."""
    own: Dict[str, Disk] = {}
    leftovers: List[Disk] = []
    others: Dict[str, Tuple[str, Mark]] = {}  # by run: what of it was found first
    for disk, mark in _with_marks(request, [(disk, disk.description) for disk in world.marked]):
        if mark.run == request.run and disk.status != "illegal" and mark.disk_id.lower() not in own:
            own[mark.disk_id.lower()] = disk
        else:
            leftovers.append(disk)
            others.setdefault(mark.run, ("disk %s (%s)" % (disk.alias, disk.id), mark))
    vms = {}
    for vm, mark in _with_marks(request, [(vm, vm.comment) for vm in world.vms]):
        vms[mark.run == request.run] = vm
        others.setdefault(mark.run, ("virtual machine %s" % vm.name, mark))
    problems = judge_name(request.name, request.run)
    for run, (what, mark) in sorted(others.items()):
        problems += _judge_other_run(what, mark, request, tools) if run != request.run else []
    return Begun(own, leftovers, vms.get(True), vms.get(False), problems)


def _with_marks(request: Request, things: List[Tuple[Found, str]]) -> List[Tuple[Found, Mark]]:
    """Return those of the things whose text is a mark of this restore, with the mark."""
    marks = [(thing, mark_of(request, text)) for thing, text in things]
    return [(thing, mark) for thing, mark in marks if mark is not None]


def _judge_other_run(what: str, mark: Mark, request: Request, tools: Tools) -> List[Problem]:
    is_alive = tools.is_run_alive(mark.run)
    age = _age_of(mark, request, tools) if is_alive is None else 0.0
    return judge_holder(what, mark, request.run, is_alive, age, request.stale_after)


def _age_of(mark: Mark, request: Request, tools: Tools) -> float:
    """Return how long ago a run began, by its event; an unknown age must not make anything a leftover."""
    text = render_mark(mark.kind, mark.name, mark.run)
    events = tools.waiter.patiently("the events of %s" % text, lambda: tools.api.find_events(text, EVENTS_LOOKED_AT))
    try:
        return max([request.now - from_iso(event.time) for event in events] or [0.0])
    except ValueError:
        return 0.0
