# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the restore of a virtual machine: everything that can refuse it does so here, before the first write.

This file is private to the collection.
"""

from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..._common.errors import Problem
from ..model import Cluster, Disk, StorageDomain, Vm
from ..ovf import Ovf, read_ovf
from ..permits import Needed, check_needed
from .current_state import RestoreContext, classify_existing, read_or_none, read_saved, read_world
from .model import (
    NEW,
    PREPARED,
    BackedUpVm,
    DiskPlan,
    DiskSpec,
    EngineState,
    InProgress,
    NicPlan,
    VmRestorePlan,
    VmRestoreRequest,
)
from .networks import plan_nic, renumber
from .rules import check_existing, check_space, choose_domain, fit_format, list_candidates, list_not_restored


def plan_restore(
    request: VmRestoreRequest, state: str, tools: RestoreContext, is_preview: bool = False
) -> VmRestorePlan:
    """Return what is to be done for ``state`` (prepared or restored) and everything that forbids it.

    A preview also plans the end of a restore of which nothing was begun yet.
    """
    saved = read_saved(request)
    world = read_world(request, saved, tools)
    in_progress = classify_existing(request, world.marked, world.vms, tools)
    cluster, unplaced = choose_cluster(request, saved, world)
    finished = find_finished(request, saved, world, in_progress, tools)
    disks, unfit = plan_disks(request, saved, cluster, world, in_progress, finished, tools)
    nics, unlinked = plan_nics(request, saved, cluster, in_progress, finished, tools)
    problems = saved.problems + world.problems + in_progress.problems + unplaced
    if finished is None:
        problems += check_name_clash(saved, cluster, world, in_progress)
    problems += unfit + unlinked
    if state == PREPARED and finished is None:
        problems += check_beginning(world, in_progress, disks) + check_all_permits(world, cluster, disks, tools)
    elif state != PREPARED:
        problems += check_ending(request, in_progress, disks, finished, is_preview)
    vm_id = choose_vm_id(request, saved, world, in_progress, finished, state, tools)
    if saved.ovf is not None and vm_id:
        nics = list(renumber(nics, saved.ovf.vm_id, vm_id))
    return VmRestorePlan(
        request,
        state,
        saved.ovf,
        world.backup_vm,
        cluster,
        in_progress.vm,
        vm_id,
        tuple(disks),
        tuple(nics),
        tuple(in_progress.leftovers),
        in_progress.leftover_vm,
        world.attached,
        world.own,
        finished,
        tuple(list_warnings(saved, disks, nics)),
        tuple(problems),
    )


def choose_cluster(
    request: VmRestoreRequest, saved: BackedUpVm, world: EngineState
) -> Tuple[Optional[Cluster], List[Problem]]:
    """Return where the virtual machine goes, or why that can not be."""
    if saved.ovf is None and not request.cluster:
        return None, []  # that the configuration can not be read is said already
    name = request.cluster or (saved.ovf.cluster if saved.ovf is not None else "")
    found = [cluster for cluster in world.clusters if name in (cluster.id, cluster.name)]
    if len(found) == 1:
        return found[0], check_data_center(found[0], world)
    text = "there %s cluster '%s' here: choose one with the option cluster; this user sees %s"
    seen = ", ".join(sorted(cluster.name for cluster in world.clusters)) or "none"
    how_many = "is more than one" if found else "is no"
    return None, [Problem("cluster_not_found", text % (how_many, name, seen))]


def check_data_center(cluster: Cluster, world: EngineState) -> List[Problem]:
    """Return whether the backup VM can not reach the storage of a cluster."""
    backup_vm = world.backup_vm
    if backup_vm is None:
        return []
    text = "cluster %s is in another data center than the backup VM %s: use a backup VM of the same one"
    home = [one.data_center_id for one in world.clusters if one.id == backup_vm.cluster_id]
    is_other = bool(home) and home[0] != cluster.data_center_id
    return [Problem("data_center_differs", text % (cluster.name, backup_vm.name))] if is_other else []


def find_finished(
    request: VmRestoreRequest, saved: BackedUpVm, world: EngineState, in_progress: InProgress, tools: RestoreContext
) -> Optional[Vm]:
    """Return the virtual machine that this restore made and finished before, if that is what there is.

    It has ids that only a restore makes up, or the original ones and another time of creation than the original; and
    every disk of the backup is attached to it.
    """
    if saved.ovf is None or len(world.vms) != 1 or any((in_progress.disks, in_progress.vm, in_progress.leftover_vm)):
        return None
    if None in [find_disk_of(disk_spec, request, world) for disk_spec in saved.disk_specs]:
        return None
    vm = world.vms[0]
    if vm.id == saved.ovf.vm_id:
        return None if is_original(vm, saved.ovf, tools) else vm
    return vm if vm.id in list_candidates(request.name, saved.ovf.vm_id, False) else None


def is_original(vm: Vm, ovf: Ovf, tools: RestoreContext) -> bool:
    """Is a virtual machine with the saved id the saved one itself? What can not be told apart is."""
    read = tools.waiter.retry_read("the configuration of %s" % vm.name, lambda: tools.api.read_vm(vm.id, True))
    if read.configuration is None:
        return True
    now = read_ovf(read.configuration.data)
    return not ovf.created or not now.created or now.created == ovf.created


def find_disk_of(disk_spec: DiskSpec, request: VmRestoreRequest, world: EngineState) -> Optional[str]:
    """Return the disk of the virtual machine of this name that restores a saved disk, by the ids a restore gives."""
    return next((one for one in list_candidates(request.name, disk_spec.id, True) if one in world.own), None)


def plan_disks(
    request: VmRestoreRequest,
    saved: BackedUpVm,
    cluster: Optional[Cluster],
    world: EngineState,
    in_progress: InProgress,
    finished: Optional[Vm],
    tools: RestoreContext,
) -> Tuple[List[DiskPlan], List[Problem]]:
    """Return what becomes of each disk, in the order of their attachment."""
    center = cluster.data_center_id if cluster is not None else ""
    where = dict([(one, "backup_vm") for one in world.attached] + [(one, "vm") for one in world.own])
    plans: List[DiskPlan] = []
    problems = []
    for disk_spec in saved.disk_specs:
        domain, unfit = choose_domain(disk_spec, request, world.domains, center)
        existing = find_existing(disk_spec, request, world, in_progress, finished)
        if existing is not None:  # then where it would go does not matter any more
            unfit = [] if finished is not None else check_existing(disk_spec, domain, existing)
        taken = {plan.disk_id for plan in plans}
        disk_id = (
            choose_disk_id(disk_spec, request, world, in_progress, taken, tools) if existing is None else existing.id
        )
        problems += unfit
        plan = plan_disk(disk_spec, request, domain, disk_id)
        plans.append(plan._replace(existing=existing, attached=where.get(disk_id, "")))
    return plans, problems


def plan_disk(
    disk_spec: DiskSpec, request: VmRestoreRequest, domain: Optional[StorageDomain], disk_id: str
) -> DiskPlan:
    """Return what a disk is to be, wherever it is now."""
    kind, is_sparse, note = fit_format(disk_spec, domain)
    if request.keep_ids and disk_id != disk_spec.id:
        note = "; ".join(text for text in (note, "gets a new id: the original one is in use") if text)
    return DiskPlan(disk_spec, disk_id, domain, kind, is_sparse, None, "", note)


def find_existing(
    disk_spec: DiskSpec, request: VmRestoreRequest, world: EngineState, in_progress: InProgress, finished: Optional[Vm]
) -> Optional[Disk]:
    """Return the disk that this restore made before: by its mark, or, that taken off, by its place and id."""
    if disk_spec.id in in_progress.disks:
        return in_progress.disks[disk_spec.id]
    if in_progress.vm is None and finished is None:
        return None
    disk_id = find_disk_of(disk_spec, request, world)
    return world.own[disk_id].disk if disk_id is not None else None


def choose_disk_id(
    disk_spec: DiskSpec,
    request: VmRestoreRequest,
    world: EngineState,
    in_progress: InProgress,
    taken: Set[str],
    tools: RestoreContext,
) -> str:
    """Return an id that no disk has, the original one where that is asked for and free."""
    gone = {disk.id for disk in in_progress.leftovers}
    for disk_id in list_candidates(request.name, disk_spec.id, request.keep_ids):
        if disk_id not in taken and (disk_id in gone or not _is_disk(disk_id, world, tools)):
            return disk_id
    return ""


def _is_disk(disk_id: str, world: EngineState, tools: RestoreContext) -> bool:
    """Has a disk this id? Most of them were looked for along with the rest."""
    if disk_id in world.disk_ids:
        return world.disk_ids[disk_id]
    return read_or_none("disk %s" % disk_id, lambda: tools.api.read_disk(disk_id), tools) is not None


def plan_nics(
    request: VmRestoreRequest,
    saved: BackedUpVm,
    cluster: Optional[Cluster],
    in_progress: InProgress,
    finished: Optional[Vm],
    tools: RestoreContext,
) -> Tuple[List[NicPlan], List[Problem]]:
    """Return what becomes of each network interface."""
    if saved.ovf is None or cluster is None or not saved.ovf.nics:
        return [], []
    center = cluster.data_center_id
    profiles = tools.waiter.retry_read("the vNIC profiles", lambda: tools.api.list_vnic_profiles(center))
    used = (
        {}
        if request.macs == NEW
        else find_used_macs(saved.ovf, (in_progress.vm, in_progress.leftover_vm, finished), tools)
    )
    plans, problems = [], []
    for nic in saved.ovf.nics:
        plan, found = plan_nic(nic, request, profiles, used)
        plans.append(plan)
        problems += found
    return plans, problems if finished is None else []


def find_used_macs(ovf: Ovf, own: Sequence[Optional[Vm]], tools: RestoreContext) -> Dict[str, str]:
    """Return the saved MAC addresses that others have, with their names."""
    macs = sorted({nic.mac for nic in ovf.nics if nic.mac})
    found = tools.waiter.retry_read("the MAC addresses", lambda: tools.api.find_macs(macs)) if macs else {}
    names = [vm.name for vm in own if vm is not None]
    return {mac: name for mac, name in found.items() if name not in names}


def check_beginning(world: EngineState, in_progress: InProgress, disks: Sequence[DiskPlan]) -> List[Problem]:
    """Return why disks can not be made and attached to the backup VM."""
    problems = check_space(disks) + check_not_running(in_progress)
    vm = in_progress.vm or in_progress.leftover_vm
    marked = {disk.id for disk in world.marked}
    if vm is not None and set(world.own) - marked:
        text = "virtual machine %s is restored but for the marks of this restore: state=restored takes them off"
        problems.append(Problem("vm_exists", text % vm.name))
    return problems


def check_not_running(in_progress: InProgress) -> List[Problem]:
    """Return whether somebody started a virtual machine that is not restored yet."""
    vm = in_progress.vm or in_progress.leftover_vm
    if vm is None or vm.status in ("down", "image_locked"):
        return []
    text = "virtual machine %s is in status %s though its restore is not finished: shut it down"
    return [Problem("vm_not_down", text % (vm.name, vm.status))]


def check_ending(
    request: VmRestoreRequest,
    in_progress: InProgress,
    disks: Sequence[DiskPlan],
    finished: Optional[Vm],
    is_preview: bool,
) -> List[Problem]:
    """Return why the virtual machine can not be made of what was prepared."""
    if finished is not None:
        return []
    problems = check_not_running(in_progress)
    is_untouched = not any((in_progress.disks, in_progress.leftovers, in_progress.vm, in_progress.leftover_vm))
    missing = [plan.disk_spec.alias for plan in disks if plan.existing is None]
    if in_progress.leftovers or in_progress.leftover_vm is not None:
        text = (
            "what was prepared for %s is of another run, which ended before it was done, or it is broken: nobody knows "
            "what is in it. Begin again with state=prepared"
        )
        problems.append(Problem("restore_not_prepared", text % request.vm_name))
    elif missing and not (is_untouched and is_preview):
        text = "no disk was prepared for %s by this run: begin with state=prepared, of the same name and run"
        problems.append(Problem("restore_not_prepared", text % ", ".join(missing)))
    return problems


def check_name_clash(
    saved: BackedUpVm, cluster: Optional[Cluster], world: EngineState, in_progress: InProgress
) -> List[Problem]:
    """Return the virtual machines that stand where the restored one is to be. None of them is ever overwritten."""
    centers = {one.id: one.data_center_id for one in world.clusters}
    own = [vm.id for vm in (in_progress.vm, in_progress.leftover_vm) if vm is not None]
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


def check_all_permits(
    world: EngineState, cluster: Optional[Cluster], disks: Sequence[DiskPlan], tools: RestoreContext
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
    return check_needed(needed, tools.api, tools.waiter)


def choose_vm_id(
    request: VmRestoreRequest,
    saved: BackedUpVm,
    world: EngineState,
    in_progress: InProgress,
    finished: Optional[Vm],
    state: str,
    tools: RestoreContext,
) -> str:
    """Return the id that the virtual machine has, or gets: the saved one where that is free and asked for."""
    there = finished or (in_progress.vm if state != PREPARED else None)
    if there is not None:
        return there.id
    if saved.ovf is None:
        return ""
    going = {vm.id for vm in (in_progress.vm, in_progress.leftover_vm) if vm is not None}
    for vm_id in list_candidates(request.name, saved.ovf.vm_id, request.keep_ids):
        if vm_id in going or not _is_vm(vm_id, world, tools):
            return vm_id
    return ""


def _is_vm(vm_id: str, world: EngineState, tools: RestoreContext) -> bool:
    """Has a virtual machine this id? Most of them were looked for along with the rest."""
    if vm_id in world.vm_ids:
        return world.vm_ids[vm_id]
    return read_or_none("virtual machine %s" % vm_id, lambda: tools.api.read_vm(vm_id), tools) is not None


def list_warnings(saved: BackedUpVm, disks: Iterable[DiskPlan], nics: Iterable[NicPlan]) -> List[str]:
    """Return what a person should know before it is done."""
    warnings = list_not_restored(saved.ovf, saved.disk_specs) if saved.ovf is not None else []
    warnings += [
        "disk %s (%s) %s" % (plan.disk_spec.alias, plan.disk_spec.id, plan.note) for plan in disks if plan.note
    ]
    warnings += ["network interface %s %s" % (plan.name, plan.note) for plan in nics if plan.note]
    return warnings
