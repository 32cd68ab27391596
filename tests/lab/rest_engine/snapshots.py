# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots: made, listed, removed."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from . import ovf, vms
from .engine import Engine
from .refusals import refuse
from .routing import Answer, Request, route
from .state import Disk, Snapshot, Vm, new_id
from .views import nic_view, snapshot_disk_view, snapshot_view, with_creation_status
from .xml import ROOT, element, find, find_true, texts

LINKS = ("cdroms", "disks", "nics")  # where the configuration is known: not of the active one
LIVE = ("up", "powering_up", "paused", "reboot_in_progress")
ACTIVE_DESCRIPTION = "Active VM"


@route("GET", "vms/{}/snapshots", "list-snapshots")
def list_snapshots(engine: Engine, request: Request, vm: str) -> Answer:
    """All, the active one included."""
    engine.vm(vm)
    return Answer(200, element("snapshots", *(_view(engine, request, one) for one in engine.world.snapshots_of(vm))))


@route("GET", "vms/{}/snapshots/{}", "read-snapshot")
def read_snapshot(engine: Engine, request: Request, vm: str, identity: str) -> Answer:
    """One."""
    return Answer(200, _view(engine, request, engine.snapshot(vm, identity)))


@route("GET", "vms/{}/snapshots/{}/disks", "list-snapshot-disks")
def list_disks(engine: Engine, request: Request, vm: str, identity: str) -> Answer:
    """The disks in it."""
    snapshot = engine.snapshot(vm, identity)
    disks = [(engine.world.disks[disk], image) for disk, image in snapshot.images.items() if disk in engine.world.disks]
    return Answer(200, element("disks", *(snapshot_disk_view(disk, image, snapshot) for disk, image in disks)))


@route("GET", "vms/{}/snapshots/{}/nics", "list-snapshot-nics")
def list_nics(engine: Engine, request: Request, vm: str, identity: str) -> Answer:
    """The network interfaces in it: those of the virtual machine."""
    engine.snapshot(vm, identity)
    return Answer(200, element("nics", *(nic_view(vm, nic) for nic in engine.vm(vm).nics)))


@route("POST", "vms/{}/snapshots", "create-snapshot")
def create(engine: Engine, request: Request, identity: str) -> Answer:
    """Begin to make one."""
    vm = engine.vm(identity)
    request.demand("Snapshot", "description")
    engine.require("manipulate_vm_snapshots", "vms", vm.id)
    disks = _choose(engine, vm, request.body)
    _check_create(engine, vm, disks)
    active = engine.world.active_snapshot(vm.id)
    # A new snapshot takes the id over that the active one had: see _fail.
    taken, active.id = active.id, new_id()
    del engine.world.snapshots[taken]
    engine.world.snapshots[active.id] = active
    memory = find_true(request.body, "persist_memorystate", default=True)
    description = find(request.body, "description") or ""
    snapshot = Snapshot(taken, vm.id, description, "regular", "locked", engine.now(), memory)
    snapshot.configuration = ovf.render(engine.world, vm, engine.disks)
    engine.world.snapshots[taken] = snapshot
    engine.lock_disks(disks, vm)
    engine.log(
        45,
        "normal",
        "Snapshot '{}' creation for VM '{}' was initiated by {}.".format(
            snapshot.description, vm.name, engine.user.name if engine.user else ""
        ),
        vm.id,
    )
    job = engine.begin_job("Creating VM Snapshot {} for VM {}".format(snapshot.description, vm.name))

    def finish() -> None:
        _finish(engine, vm, snapshot, disks)
        engine.end_job(job, "finished" if snapshot.id in engine.world.snapshots else "failed")

    if not engine.faults.hits("snapshot-stays-locked", vm.name, vm.id):
        engine.later("snapshot", finish, engine.faults.seconds("snapshot-slow"))
    return Answer(202, with_creation_status(snapshot_view(snapshot, links=LINKS), job.id))


def _view(engine: Engine, request: Request, snapshot: Snapshot) -> Element:
    vm = engine.vm(snapshot.vm)
    if request.is_set("plain"):
        return snapshot_view(snapshot, links=LINKS)
    if snapshot.kind == "active":
        configuration = vms.configuration(engine, vm) if request.wants_all_content() else None
        return snapshot_view(snapshot, configuration=configuration)
    wanted = request.wants_all_content() and snapshot.status != "locked"
    nested = vms.view(engine, vm, None)
    return snapshot_view(snapshot, nested, snapshot.configuration if wanted else None, LINKS)


def _choose(engine: Engine, vm: Vm, body: Element | None) -> list[Disk]:
    attached = {one.disk: engine.disk(one.disk) for one in engine.world.attached_to(vm.id) if not one.snapshot}
    named = None if body is None else body.find("disk_attachments")
    if named is None:
        return [disk for disk in attached.values() if can_be_in_snapshot(disk)]
    chosen = [disk.get("id", "") for disk in named.findall("disk_attachment/disk")]
    foreign = [_alias(engine, disk) for disk in chosen if disk not in attached]
    if foreign:
        raise refuse("create-snapshot", "not-attached", vm=vm.name, alias=", ".join(foreign))
    return _refuse_shared([attached[disk] for disk in chosen])


def _refuse_shared(disks: list[Disk]) -> list[Disk]:
    refused = [disk.alias for disk in disks if not can_be_in_snapshot(disk)]
    if refused:
        raise refuse("create-snapshot", "not-allowed", alias=", ".join(refused))
    return disks


def _alias(engine: Engine, identity: str) -> str:
    disk = engine.world.disks.get(identity)
    return disk.alias if disk else identity


def can_be_in_snapshot(disk: Disk) -> bool:
    """Whether the disk has layers of its own virtual machine only."""
    return disk.storage_type == "image" and not disk.shareable


def _check_create(engine: Engine, vm: Vm, disks: list[Disk]) -> None:
    if vm.status == "migrating":
        raise refuse("create-snapshot", "migrating")
    if vm.stateless and vm.status == "up":
        raise refuse("create-snapshot", "stateless")
    _check_quiet(engine, vm, "create-snapshot")
    if vm.status == "image_locked":
        raise refuse("create-snapshot", "vm-locked")
    _check_disks(engine, "create-snapshot", disks)
    if _illegal(disks):
        raise refuse("create-snapshot", "disks-illegal", alias=", ".join(_illegal(disks)))


def _check_quiet(engine: Engine, vm: Vm, request: str) -> None:
    states = {snapshot.status for snapshot in engine.world.snapshots_of(vm.id)}
    kinds = {snapshot.kind for snapshot in engine.world.snapshots_of(vm.id)}
    if "in_preview" in states or "preview" in kinds:
        raise refuse(request, "preview")
    if "locked" in states:
        raise refuse(request, "during-snapshot")


def _check_disks(engine: Engine, request: str, disks: list[Disk]) -> None:
    locked = [disk.alias for disk in disks if disk.status == "locked"]
    if locked:
        raise refuse(request, "disks-locked", alias=", ".join(locked))
    for disk in disks:
        domain = engine.world.domains[disk.domain]
        if domain.available <= domain.critical:
            raise refuse(request, "low-space", domain=domain.name)


def _finish(engine: Engine, vm: Vm, snapshot: Snapshot, disks: list[Disk]) -> None:
    fails = engine.faults.hits("snapshot-fails", vm.name, vm.id)
    vanishes = engine.faults.hits("snapshot-vanishes", vm.name, vm.id)
    engine.unlock_disks(disks, vm)
    if vm.id not in engine.world.vms:
        return
    if fails or vanishes:
        _fail(engine, vm, snapshot, give_back=fails)
        return
    for disk in disks:
        if engine.faults.hits("snapshot-lacks-disk", disk.id, disk.alias):
            continue
        snapshot.images[disk.id] = disk.images[-1].id
        engine.lay_over(disk)
        if engine.faults.hits("snapshot-disk-illegal", disk.id, disk.alias):
            disk.status = "illegal"
    snapshot.status = "ok"
    engine.log(
        68,
        "normal",
        "Snapshot '{}' creation for VM '{}' has been completed.".format(snapshot.description, vm.name),
        vm.id,
    )


def _fail(engine: Engine, vm: Vm, snapshot: Snapshot, give_back: bool) -> None:
    world = engine.world
    del world.snapshots[snapshot.id]
    if give_back:
        active = world.active_snapshot(vm.id)
        del world.snapshots[active.id]
        active.id = snapshot.id
        world.snapshots[active.id] = active
    engine.log(
        69,
        "error",
        "Failed to complete snapshot '{}' creation for VM '{}'.".format(snapshot.description, vm.name),
        vm.id,
    )


@route("DELETE", "vms/{}/snapshots/{}", "remove-snapshot")
def remove(engine: Engine, request: Request, vm_id: str, identity: str) -> Answer:
    """Begin to remove one."""
    vm, snapshot = engine.vm(vm_id), engine.snapshot(vm_id, identity)
    engine.require("manipulate_vm_snapshots", "vms", vm.id)
    disks = [engine.disk(disk) for disk in snapshot.images if disk in engine.world.disks]
    _check_remove(engine, vm, snapshot, disks)
    snapshot.status = "locked"
    engine.lock_disks(disks, vm)
    engine.log(
        342,
        "normal",
        "Snapshot '{}' deletion for VM '{}' was initiated by {}.".format(
            snapshot.description, vm.name, engine.user.name if engine.user else ""
        ),
        vm.id,
    )
    job = engine.begin_job("Removing Snapshot {} of VM {}".format(snapshot.description, vm.name))

    def finish() -> None:
        _finish_remove(engine, vm, snapshot, disks)
        engine.end_job(job, "failed" if snapshot.id in engine.world.snapshots else "finished")

    if engine.faults.get("merge-stays-locked") is None:
        engine.later("merge", finish, engine.faults.seconds("merge-slow"))
    return Answer(
        200, element("action", element("job", href=ROOT + "jobs/" + job.id, id=job.id), *texts(status="complete"))
    )


def _check_remove(engine: Engine, vm: Vm, snapshot: Snapshot, disks: list[Disk]) -> None:
    _check_quiet(engine, vm, "remove-snapshot")
    if snapshot.kind != "regular":
        raise refuse("remove-snapshot", "not-regular")
    if vm.status not in (*LIVE, "down"):
        raise refuse("remove-snapshot", "vm-status", status=vm.spoken_status)
    where = engine.attached_elsewhere(vm)
    if where:
        raise refuse("remove-snapshot", "attached-elsewhere", where="%n".join(where))
    _check_disks(engine, "remove-snapshot", disks)
    # Merging live needs the guest's help; merging cold, sound layers.
    key = "disks-illegal" if vm.status == "down" else "unplugged"
    refused = _illegal(disks) if vm.status == "down" else _unplugged(engine, vm, disks)
    if refused:
        raise refuse("remove-snapshot", key, alias=", ".join(refused))


def _illegal(disks: list[Disk]) -> list[str]:
    return [disk.alias for disk in disks if disk.status == "illegal"]


def _unplugged(engine: Engine, vm: Vm, disks: list[Disk]) -> list[str]:
    plugged = {one.disk for one in engine.world.attached_to(vm.id) if one.active and not one.snapshot}
    return [disk.alias for disk in disks if disk.id not in plugged]


def _finish_remove(engine: Engine, vm: Vm, snapshot: Snapshot, disks: list[Disk]) -> None:
    illegal = [disk for disk in disks if engine.faults.hits("merge-disk-illegal", disk.id, disk.alias)]
    engine.unlock_disks(disks, vm)
    if vm.id not in engine.world.vms:
        return
    if illegal or engine.faults.take("merge-fails"):
        for disk in illegal:
            disk.status = "illegal"
        snapshot.status = "ok"
        engine.log(
            357, "error", "Failed to delete snapshot '{}' for VM '{}'.".format(snapshot.description, vm.name), vm.id
        )
        return
    for disk in disks:
        if disk.id in engine.world.disks:
            _merge(engine, vm, snapshot, disk)
    del engine.world.snapshots[snapshot.id]
    engine.log(
        356,
        "normal",
        "Snapshot '{}' deletion for VM '{}' has been completed.".format(snapshot.description, vm.name),
        vm.id,
    )


def _merge(engine: Engine, vm: Vm, snapshot: Snapshot, disk: Disk) -> None:
    kept = snapshot.images[disk.id]
    gone = engine.merge(disk, kept)
    for other in engine.world.snapshots_of(vm.id):
        if other.images.get(disk.id) == gone:
            other.images[disk.id] = kept
