# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worlds that a stand-in engine begins with, and what can be added to one that runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from . import devices, images
from .engine import Engine
from .permissions import PERMITS
from .state import (
    MIB,
    Attachment,
    Cluster,
    Disk,
    Domain,
    Grant,
    Image,
    Named,
    Network,
    Nic,
    Profile,
    Snapshot,
    User,
    Vm,
    World,
    attachment_key,
    identify,
    new_id,
)

ADMIN, OPERATOR = "admin@internal", "operator@internal"
GROUP = "backup-operators"


class DiskPlan(NamedTuple):
    """A disk that a virtual machine begins with."""

    alias: str
    size: int = 8 * MIB
    format: str = "cow"
    interface: str = "virtio_scsi"
    bootable: bool = False
    filled: bool = True
    shareable: bool = False
    lun: bool = False
    domain: str = "data"
    backup: str = "none"


class VmPlan(NamedTuple):
    """A virtual machine that a world begins with."""

    name: str
    status: str = "down"
    disks: tuple[DiskPlan, ...] = ()
    nics: int = 1
    cluster: str = "Default"
    origin: str = "ovirt"
    has_devices: bool = False  # whether its host shows the disks that it begins with


DEFAULT = (
    VmPlan("app", "up", (
        DiskPlan("app_Disk1", 64 * MIB, bootable=True), DiskPlan("app_Disk2", 32 * MIB, interface="virtio"),
    )),
    VmPlan("backup", "up", (DiskPlan("backup_Disk1", 16 * MIB, bootable=True),), has_devices=True),
    VmPlan("cold", "down", (DiskPlan("cold_Disk1", 16 * MIB, bootable=True),)),
    VmPlan("raw", "down", (DiskPlan("raw_Disk1", 16 * MIB, "raw", bootable=True),)),
    VmPlan("diskless", "down", ()),
    VmPlan("shared", "up", (
        DiskPlan("shared_Disk1", 16 * MIB, bootable=True),
        DiskPlan("shared_Disk2", 8 * MIB, "raw", shareable=True),
        DiskPlan("shared_Lun", 8 * MIB, lun=True),
    )),
    VmPlan("tight", "up", (DiskPlan("tight_Disk1", 8 * MIB, bootable=True, domain="small"),)),
    VmPlan("twin", "up", (DiskPlan("twin_Disk1", 8 * MIB, bootable=True),)),
    VmPlan("twin", "down", (DiskPlan("twin_Disk2", 8 * MIB, bootable=True, domain="data2"),), cluster="Second"),
    VmPlan("HostedEngine", "up", (DiskPlan("he_virtio_disk", 8 * MIB, bootable=True),), origin="managed_hosted_engine"),
)  # fmt: skip


def many_vms(count: int, size: int = MIB, disks: int = 1) -> tuple[VmPlan, ...]:
    """The default world with many small virtual machines in it: bulk-001, bulk-002 ..."""
    names = ["bulk-{:03d}".format(number + 1) for number in range(count)]
    return DEFAULT + tuple(
        VmPlan(name, "up", tuple(
            DiskPlan("{}_Disk{}".format(name, number + 1), size, bootable=number == 0) for number in range(disks)
        ))
        for name in names
    )  # fmt: skip


def plan_to_json(plans: tuple[VmPlan, ...]) -> list[dict[str, Any]]:
    """Plans as JSON has them."""
    return [{**plan._asdict(), "disks": [disk._asdict() for disk in plan.disks]} for plan in plans]


def plan_from_json(rows: list[dict[str, Any]]) -> tuple[VmPlan, ...]:
    """Plans that were kept, or written by hand: what is left out has its default."""
    return tuple(
        VmPlan(**{**row, "disks": tuple(DiskPlan(**disk) for disk in row.get("disks", ()))}) for row in rows
    )  # fmt: skip


def make_world(passwords: tuple[str, str]) -> World:
    """The infrastructure, without virtual machines."""
    world = World()
    for center, cluster, domains in (
        ("Default", "Default", (("data", "nfs", 500), ("block", "iscsi", 500), ("small", "nfs", 5))),
        ("Second", "Second", (("data2", "nfs", 500),)),
    ):
        identity = identify("data center", center)
        world.data_centers[identity] = Named(identity, center)
        _add(world.clusters, Cluster(identify("cluster", cluster), cluster, identity))
        for name, kind, available in domains:
            _add(world.domains, Domain(identify("domain", name), name, identity, kind, available=available))
        for name in ("ovirtmgmt", "storage"):
            network = Network(identify("network", center + name), name, identity)
            _add(world.networks, network)
            _add(world.profiles, Profile(identify("profile", center + name), name, network.id))
    _add(world.users, User(identify("user", ADMIN), ADMIN, passwords[0]))
    _add(world.users, User(identify("user", OPERATOR), OPERATOR, passwords[1], [identify("group", GROUP)]))
    _add(world.grants, Grant(identify("grant", ADMIN), "SuperUser", list(PERMITS), user=identify("user", ADMIN)))
    _add(world.grants, Grant(identify("grant", OPERATOR), "Operator", ["login"], user=identify("user", OPERATOR)))
    return world


def _add(collection: dict[str, Any], record: Any) -> None:
    collection[record.id] = record


def populate(engine: Engine, plans: tuple[VmPlan, ...]) -> None:
    """Make the virtual machines; their disks at the same time."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        for plan in plans:
            vm = add_vm(engine, plan)
            for disk_plan in plan.disks:
                disk = add_disk(engine, vm, disk_plan)
                if disk.images:
                    pool.submit(make_content, engine.disks, disk, disk_plan.filled)
    missing = [disk.alias for disk in engine.world.disks.values()
               if disk.images and not images.path_of(engine.disks, disk).exists()]  # fmt: skip
    if missing:
        raise images.ImageError("disks could not be made: " + ", ".join(missing))
    for plan, vm in zip(plans, engine.world.vms.values(), strict=True):
        if plan.has_devices:
            plug_all(engine, vm)


def make_content(disks: Path, disk: Disk, filled: bool) -> None:
    """The file of a disk."""
    if filled:
        images.fill(disks, disk)
    else:
        images.create(disks, disk)


def plug_all(engine: Engine, vm: Vm) -> None:
    """Show its guest the disks."""
    for attachment in engine.world.attached_to(vm.id):
        devices.plug(engine, attachment)


def add_vm(engine: Engine, plan: VmPlan) -> Vm:
    """A virtual machine without disks."""
    world = engine.world
    key = plan.name + ("" if plan.cluster == "Default" else " " + plan.cluster)
    cluster = identify("cluster", plan.cluster)
    vm = Vm(identify("vm", key), plan.name, cluster, plan.status, origin=plan.origin)
    center = world.clusters[cluster].data_center
    profile = next(one.id for one in world.profiles.values() if world.networks[one.network].data_center == center)
    for number in range(plan.nics):
        mac = "00:1a:4a:16:{:02x}:{:02x}".format(len(world.vms) % 256, number)
        vm.nics.append(Nic(identify("nic", "{} {}".format(key, number)), "nic{}".format(number + 1), mac, profile))
    world.vms[vm.id] = vm
    active = Snapshot(new_id(), vm.id, "Active VM", "active", "ok", engine.now())
    world.snapshots[active.id] = active
    return vm


def add_disk(engine: Engine, vm: Vm, plan: DiskPlan) -> Disk:
    """A disk of a virtual machine, without its file."""
    layers = [] if plan.lun else [Image(identify("image", plan.alias), plan.format)]
    disk = Disk(
        identify("disk", plan.alias), plan.alias, images.room_for(plan.size), identify("domain", plan.domain), layers,
        sparse=plan.format == "cow", storage_type="lun" if plan.lun else "image", shareable=plan.shareable,
        backup=plan.backup,
    )  # fmt: skip
    engine.world.disks[disk.id] = disk
    attachment = Attachment(vm.id, disk.id, interface=plan.interface, bootable=plan.bootable)
    engine.world.attachments[attachment_key(vm.id, disk.id)] = attachment
    return disk
