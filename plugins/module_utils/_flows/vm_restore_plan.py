# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the restore of a virtual machine: everything that can refuse it does so here, before the first write.

This file is private to the collection.
"""
from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple

from .._core.errors import Problem
from .._core.ovf import Ovf, read_ovf
from .._core.vm_model import Cluster, Disk, StorageDomain, Vm
from .._core.vm_restore_model import (
    NEW,
    PREPARED,
    Begun,
    DiskPlan,
    NicPlan,
    Plan,
    Request,
    Saved,
    Wish,
    World,
)
from .._core.vm_restore_networks import plan_nic, renumber
from .._core.vm_restore_rules import (
    choose_domain,
    fit_format,
    judge_existing,
    judge_space,
    list_candidates,
    list_not_restored,
)
from .vm_permits import Needed, judge_needed
from .vm_restore_world import Tools, read_or_none, read_saved, read_world, sort_begun


def plan_restore(request: Request, state: str, tools: Tools, is_preview: bool = False) -> Plan:
    """Return what is to be done for ``state`` (prepared or restored) and everything that forbids it.

    A preview also plans the end of a restore of which nothing was begun yet.
    """
    saved = read_saved(request)
    world = read_world(request, saved, tools)
    begun = sort_begun(request, world.marked, world.vms, tools)
    cluster, unplaced = choose_cluster(request, saved, world)
    finished = find_finished(request, saved, world, begun, tools)
    disks, unfit = plan_disks(request, saved, cluster, world, begun, finished, tools)
    nics, unlinked = plan_nics(request, saved, cluster, begun, finished, tools)
    problems = saved.problems + world.problems + begun.problems + unplaced
    if finished is None:
        problems += judge_name_clash(saved, cluster, world, begun)
    problems += unfit + unlinked
    if state == PREPARED and finished is None:
        problems += judge_beginning(world, begun, disks) + judge_all_permits(world, cluster, disks, tools)
    elif state != PREPARED:
        problems += judge_ending(request, begun, disks, finished, is_preview)
    vm_id = choose_vm_id(request, saved, world, begun, finished, state, tools)
    if saved.ovf is not None and vm_id:
        nics = list(renumber(nics, saved.ovf.vm_id, vm_id))
    return Plan(
        request, state, saved.ovf, world.backup_vm, cluster, begun.vm, vm_id, tuple(disks), tuple(nics),
        tuple(begun.leftovers), begun.leftover_vm, world.attached, world.own, finished,
        tuple(list_warnings(saved, disks, nics)), tuple(problems),
    )


def choose_cluster(request: Request, saved: Saved, world: World) -> Tuple[Optional[Cluster], List[Problem]]:
    """Return where the virtual machine goes, or why that can not be."""
    if saved.ovf is None and not request.cluster:
        return None, []  # that the configuration can not be read is said already
    name = request.cluster or (saved.ovf.cluster if saved.ovf is not None else "")
    found = [cluster for cluster in world.clusters if name in (cluster.id, cluster.name)]
    if len(found) == 1:
        return found[0], judge_data_center(found[0], world)
    text = "there %s cluster '%s' here: choose one with the option cluster; this user sees %s"
    seen = ", ".join(sorted(cluster.name for cluster in world.clusters)) or "none"
    how_many = "is more than one" if found else "is no"
    return None, [Problem("cluster_not_found", text % (how_many, name, seen))]


def judge_data_center(cluster: Cluster, world: World) -> List[Problem]:
    """Return whether the backup VM can not reach the storage of a cluster."""
    backup_vm = world.backup_vm
    if backup_vm is None:
        return []
    text = "cluster %s is in another data center than the backup VM %s: use a backup VM of the same one"
    home = [one.data_center_id for one in world.clusters if one.id == backup_vm.cluster_id]
    is_other = bool(home) and home[0] != cluster.data_center_id
    return [Problem("data_center_differs", text % (cluster.name, backup_vm.name))] if is_other else []


def find_finished(request: Request, saved: Saved, world: World, begun: Begun, tools: Tools) -> Optional[Vm]:
    """Return the virtual machine that this restore made and finished before, if that is what there is.

    It has ids that only a restore makes up, or the original ones and another time of creation than the original; and
    every disk of the backup is attached to it.
    """
    if saved.ovf is None or len(world.vms) != 1 or any((begun.disks, begun.vm, begun.leftover_vm)):
        return None
    if None in [find_disk_of(wish, request, world) for wish in saved.wishes]:
        return None
    vm = world.vms[0]
    if vm.id == saved.ovf.vm_id:
        return None if is_original(vm, saved.ovf, tools) else vm
    return vm if vm.id in list_candidates(request.name, saved.ovf.vm_id, False) else None


def is_original(vm: Vm, ovf: Ovf, tools: Tools) -> bool:
    """Is a virtual machine with the saved id the saved one itself? What can not be told apart is."""
    read = tools.waiter.patiently("the configuration of %s" % vm.name, lambda: tools.api.read_vm(vm.id, True))
    if read.configuration is None:
        return True
    now = read_ovf(read.configuration.data)
    return not ovf.created or not now.created or now.created == ovf.created


def find_disk_of(wish: Wish, request: Request, world: World) -> Optional[str]:
    """Return the disk of the virtual machine of this name that restores a saved disk, by the ids a restore gives."""
    return next((one for one in list_candidates(request.name, wish.id, True) if one in world.own), None)


def plan_disks(
    request: Request, saved: Saved, cluster: Optional[Cluster], world: World, begun: Begun, finished: Optional[Vm],
    tools: Tools,
) -> Tuple[List[DiskPlan], List[Problem]]:
    """Return what becomes of each disk, in the order of their attachment."""
    center = cluster.data_center_id if cluster is not None else ""
    where = dict([(one, "backup_vm") for one in world.attached] + [(one, "vm") for one in world.own])
    plans: List[DiskPlan] = []
    problems = []
    for wish in saved.wishes:
        domain, unfit = choose_domain(wish, request, world.domains, center)
        existing = find_existing(wish, request, world, begun, finished)
        if existing is not None:  # then where it would go does not matter any more
            unfit = [] if finished is not None else judge_existing(wish, domain, existing)
        taken = {plan.disk_id for plan in plans}
        disk_id = choose_disk_id(wish, request, world, begun, taken, tools) if existing is None else existing.id
        problems += unfit
        plan = plan_disk(wish, request, domain, disk_id)
        plans.append(plan._replace(existing=existing, attached=where.get(disk_id, "")))
    return plans, problems


def plan_disk(wish: Wish, request: Request, domain: Optional[StorageDomain], disk_id: str) -> DiskPlan:
    """Return what a disk is to be, wherever it is now."""
    kind, is_sparse, note = fit_format(wish, domain)
    if request.keep_ids and disk_id != wish.id:
        note = "; ".join(text for text in (note, "gets a new id: the original one is in use") if text)
    return DiskPlan(wish, disk_id, domain, kind, is_sparse, None, "", note)


def find_existing(
    wish: Wish, request: Request, world: World, begun: Begun, finished: Optional[Vm]
) -> Optional[Disk]:
    """Return the disk that this restore made before: by its mark, or, that taken off, by its place and id."""
    if wish.id in begun.disks:
        return begun.disks[wish.id]
    if begun.vm is None and finished is None:
        return None
    disk_id = find_disk_of(wish, request, world)
    return world.own[disk_id].disk if disk_id is not None else None


def choose_disk_id(
    wish: Wish, request: Request, world: World, begun: Begun, taken: Set[str], tools: Tools
) -> str:
    """Return an id that no disk has, the original one where that is asked for and free."""
    gone = {disk.id for disk in begun.leftovers}
    for disk_id in list_candidates(request.name, wish.id, request.keep_ids):
        if disk_id not in taken and (disk_id in gone or not _is_disk(disk_id, world, tools)):
            return disk_id
    return ""


def _is_disk(disk_id: str, world: World, tools: Tools) -> bool:
    """Has a disk this id? Most of them were looked for along with the rest."""
    if disk_id in world.disk_ids:
        return world.disk_ids[disk_id]
    return read_or_none("disk %s" % disk_id, lambda: tools.api.read_disk(disk_id), tools) is not None


def plan_nics(
    request: Request, saved: Saved, cluster: Optional[Cluster], begun: Begun, finished: Optional[Vm], tools: Tools
) -> Tuple[List[NicPlan], List[Problem]]:
    """Return what becomes of each network interface."""
    if saved.ovf is None or cluster is None or not saved.ovf.nics:
        return [], []
    center = cluster.data_center_id
    profiles = tools.waiter.patiently("the vNIC profiles", lambda: tools.api.list_vnic_profiles(center))
    used = {} if request.macs == NEW else find_used_macs(saved.ovf, (begun.vm, begun.leftover_vm, finished), tools)
    plans, problems = [], []
    for nic in saved.ovf.nics:
        plan, found = plan_nic(nic, request, profiles, used)
        plans.append(plan)
        problems += found
    return plans, problems if finished is None else []


def find_used_macs(ovf: Ovf, own: Sequence[Optional[Vm]], tools: Tools) -> Dict[str, str]:
    """Return the saved MAC addresses that others have, with their names."""
    macs = sorted({nic.mac for nic in ovf.nics if nic.mac})
    found = tools.waiter.patiently("the MAC addresses", lambda: tools.api.find_macs(macs)) if macs else {}
    names = [vm.name for vm in own if vm is not None]
    return {mac: name for mac, name in found.items() if name not in names}


def judge_beginning(world: World, begun: Begun, disks: Sequence[DiskPlan]) -> List[Problem]:
    """Return why disks can not be made and attached to the backup VM."""
    problems = judge_space(disks) + judge_not_running(begun)
    vm = begun.vm or begun.leftover_vm
    marked = {disk.id for disk in world.marked}
    if vm is not None and set(world.own) - marked:
        text = "virtual machine %s is restored but for the marks of this restore: state=restored takes them off"
        problems.append(Problem("vm_exists", text % vm.name))
    return problems


def judge_not_running(begun: Begun) -> List[Problem]:
    """Return whether somebody started a virtual machine that is not restored yet."""
    vm = begun.vm or begun.leftover_vm
    if vm is None or vm.status in ("down", "image_locked"):
        return []
    text = "virtual machine %s is in status %s though its restore is not finished: shut it down"
    return [Problem("vm_not_down", text % (vm.name, vm.status))]


def judge_ending(
    request: Request, begun: Begun, disks: Sequence[DiskPlan], finished: Optional[Vm], is_preview: bool
) -> List[Problem]:
    """Return why the virtual machine can not be made of what was prepared."""
    if finished is not None:
        return []
    problems = judge_not_running(begun)
    is_untouched = not any((begun.disks, begun.leftovers, begun.vm, begun.leftover_vm))
    missing = [plan.wish.alias for plan in disks if plan.existing is None]
    if begun.leftovers or begun.leftover_vm is not None:
        text = (
            "what was prepared for %s is of another run, which ended before it was done, or it is broken: nobody knows "
            "what is in it. Begin again with state=prepared"
        )
        problems.append(Problem("restore_not_prepared", text % request.vm_name))
    elif missing and not (is_untouched and is_preview):
        text = "no disk was prepared for %s by this run: begin with state=prepared, of the same name and run"
        problems.append(Problem("restore_not_prepared", text % ", ".join(missing)))
    return problems


def judge_name_clash(saved: Saved, cluster: Optional[Cluster], world: World, begun: Begun) -> List[Problem]:
    """Return the virtual machines that stand where the restored one is to be. None of them is ever overwritten."""
    centers = {one.id: one.data_center_id for one in world.clusters}
    own = [vm.id for vm in (begun.vm, begun.leftover_vm) if vm is not None]
    problems = []
    text = "%s %s (%s) is still there, and nothing is overwritten: rename or remove it, or choose another vm_name"
    for vm in world.vms:
        center = cluster.data_center_id if cluster is not None else ""
        is_elsewhere = center not in ("", centers.get(vm.cluster_id, center))
        if vm.id not in own and not is_elsewhere:
            is_saved = saved.ovf is not None and vm.id == saved.ovf.vm_id
            what = "the saved virtual machine" if is_saved else "a virtual machine"
            problems.append(Problem("vm_exists", text % (what, vm.name, vm.id)))
    return problems


def judge_all_permits(
    world: World, cluster: Optional[Cluster], disks: Sequence[DiskPlan], tools: Tools
) -> List[Problem]:
    """Return the permits that the user lacks for the whole restore."""
    needed: List[Needed] = []
    if world.backup_vm is not None:
        vm = world.backup_vm
        needed.append(Needed("vms", vm.id, "the backup VM", vm.name, ["configure_vm_storage"]))
    if cluster is not None:
        needed.append(Needed("clusters", cluster.id, "cluster", cluster.name, ["create_vm", "import_export_vm"]))
    domains = {plan.domain.id: plan.domain for plan in disks if plan.domain is not None and plan.existing is None}
    needed += [
        Needed("storagedomains", one.id, "storage domain", one.name, ["create_disk"]) for one in domains.values()
    ]
    return judge_needed(needed, tools.api, tools.waiter)


def choose_vm_id(
    request: Request, saved: Saved, world: World, begun: Begun, finished: Optional[Vm], state: str, tools: Tools
) -> str:
    """Return the id that the virtual machine has, or gets: the saved one where that is free and asked for."""
    there = finished or (begun.vm if state != PREPARED else None)
    if there is not None:
        return there.id
    if saved.ovf is None:
        return ""
    going = {vm.id for vm in (begun.vm, begun.leftover_vm) if vm is not None}
    for vm_id in list_candidates(request.name, saved.ovf.vm_id, request.keep_ids):
        if vm_id in going or not _is_vm(vm_id, world, tools):
            return vm_id
    return ""


def _is_vm(vm_id: str, world: World, tools: Tools) -> bool:
    """Has a virtual machine this id? Most of them were looked for along with the rest."""
    if vm_id in world.vm_ids:
        return world.vm_ids[vm_id]
    return read_or_none("virtual machine %s" % vm_id, lambda: tools.api.read_vm(vm_id), tools) is not None


def list_warnings(saved: Saved, disks: Iterable[DiskPlan], nics: Iterable[NicPlan]) -> List[str]:
    """Return what a person should know before it is done."""
    warnings = list_not_restored(saved.ovf, saved.wishes) if saved.ovf is not None else []
    warnings += ["disk %s (%s) %s" % (plan.wish.alias, plan.wish.id, plan.note) for plan in disks if plan.note]
    warnings += ["network interface %s %s" % (plan.name, plan.note) for plan in nics if plan.note]
    return warnings
