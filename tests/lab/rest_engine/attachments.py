# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk attachments: of disks and of snapshots of disks."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from . import devices, disks
from .engine import Engine, found
from .refusals import NotFound, refuse
from .routing import Answer, Request, route
from .state import Attachment, Disk, Vm, attachment_key
from .views import attachment_view
from .xml import element, find, find_id, find_true, texts

ATTACHABLE = ("up", "paused", "down")
PCI_SLOTS = 26


@route("GET", "vms/{}/diskattachments", "list-attachments")
def list_attachments(engine: Engine, request: Request, vm: str) -> Answer:
    """All of a virtual machine."""
    engine.vm(vm)
    return Answer(200, element("disk_attachments", *map(attachment_view, engine.world.attached_to(vm))))


@route("GET", "vms/{}/diskattachments/{}", "read-attachment")
def read_attachment(engine: Engine, request: Request, vm: str, disk: str) -> Answer:
    """One."""
    return Answer(200, attachment_view(_find(engine, vm, disk)))


@route("POST", "vms/{}/diskattachments", "attach-disk")
def attach(engine: Engine, request: Request, identity: str) -> Answer:
    """Attach a disk, or a snapshot of one; without an id make a disk first."""
    if identity not in engine.world.vms:
        raise refuse("attach-disk", "vm-missing")
    vm = engine.vm(identity)
    body = found(request.body)
    inner = body.find("disk")
    if inner is not None and not inner.get("id"):
        disk = disks.make(engine, inner)
    else:
        disk = _find_disk(engine, find_id(body, "disk"))
        engine.require("attach_disk", "disks", disk.id)
    engine.require("configure_vm_storage", "vms", vm.id)
    order = _read(vm, disk, body)
    _check(engine, vm, disk, order)
    engine.world.attachments[attachment_key(vm.id, disk.id)] = order
    if order.active:
        _plug(engine, vm, order, disk)
    return Answer(201, attachment_view(order))


@route("PUT", "vms/{}/diskattachments/{}", "update-attachment")
def update(engine: Engine, request: Request, identity: str, disk_id: str) -> Answer:
    """Plug, unplug, change."""
    vm, attachment = engine.vm(identity), _find(engine, identity, disk_id)
    engine.require("configure_vm_storage", "vms", vm.id)
    body = found(request.body)
    active = find_true(body, "active", attachment.active)
    if active != attachment.active:
        attachment.active = active
        if active:
            _plug(engine, vm, attachment, engine.disk(disk_id))
        else:
            devices.unplug(engine, attachment)
    attachment.bootable = find_true(body, "bootable", attachment.bootable)
    attachment.read_only = find_true(body, "read_only", attachment.read_only)
    attachment.pass_discard = find_true(body, "pass_discard", attachment.pass_discard)
    attachment.interface = find(body, "interface") or attachment.interface
    inner = body.find("disk")
    if inner is not None:
        disks.change(engine.disk(disk_id), inner)
    return Answer(200, attachment_view(attachment))


@route("DELETE", "vms/{}/diskattachments/{}", "detach-disk")
def detach(engine: Engine, request: Request, identity: str, disk_id: str) -> Answer:
    """Detach; with detach_only=false the disk is removed for good, also for the virtual machine it belongs to."""
    vm = engine.vm(identity)
    engine.require("configure_vm_storage", "vms", vm.id)
    attachment = engine.world.attachments.get(attachment_key(vm.id, disk_id))
    if attachment is None:
        if disk_id not in engine.world.disks:
            raise NotFound
        raise refuse("detach-disk", "not-attached", vm=vm.name)
    disk = engine.disk(disk_id)
    if not request.is_set("detach_only", default=True):
        return disks.remove(engine, request, disk_id)
    _check_detach(vm, attachment, disk)
    devices.unplug(engine, attachment)
    # Detaching clears the bitmaps of the disk, also where only a snapshot of it was attached.
    for checkpoint in list(engine.world.checkpoints.values()):
        if disk.id in checkpoint.disks:
            del engine.world.checkpoints[checkpoint.id]
    late = engine.faults.seconds("detach-late")
    if late is None:
        _drop(engine, attachment)
    else:
        engine.later("attach", lambda: _drop(engine, attachment), late)
    engine.log(
        2018,
        "normal",
        "Disk {} was successfully detached from VM {} by {}.".format(
            disk.alias, vm.name, engine.user.name if engine.user else ""
        ),
        vm.id,
    )
    return Answer(200, element("action", *texts(status="complete")))


def _find(engine: Engine, vm: str, disk: str) -> Attachment:
    return found(engine.world.attachments.get(attachment_key(vm, disk)))


def _find_disk(engine: Engine, identity: str) -> Disk:
    disk = engine.world.disks.get(identity)
    if disk is None:
        raise refuse("attach-disk", "disk-missing")
    return disk


def _read(vm: Vm, disk: Disk, body: Element) -> Attachment:
    return Attachment(
        vm=vm.id, disk=disk.id, snapshot=find_id(body, "disk/snapshot"), interface=find(body, "interface") or "virtio",
        bootable=find_true(body, "bootable"), active=find_true(body, "active"),
        read_only=find_true(body, "read_only", find_true(body, "disk/read_only")),
        pass_discard=find_true(body, "pass_discard"),
    )  # fmt: skip


def _check(engine: Engine, vm: Vm, disk: Disk, order: Attachment) -> None:
    if order.snapshot:
        order.image = _check_snapshot(engine, disk, order.snapshot)
    others = engine.world.attached_to(vm.id)
    boot = [engine.disk(one.disk).alias for one in others if one.bootable and order.bootable]
    center = engine.world.domains[disk.domain].data_center
    # In the engine's order: the first that holds is what it says.
    reasons = {
        "disk-illegal": disk.status == "illegal",
        "disk-locked": disk.status == "locked",
        "vm-status": vm.status not in ATTACHABLE,
        "boot-disk": bool(boot),
        "no-pci-slot": order.interface == "virtio" and len(others) >= PCI_SLOTS,
        "attached": attachment_key(vm.id, disk.id) in engine.world.attachments,
        "in-use": not order.snapshot and _is_used(engine, disk),
        "other-data-center": center != engine.world.data_center_of(vm),
        "read-only-ide": order.read_only and order.interface in ("ide", "sata"),
        "no-virtio-scsi": order.interface == "virtio_scsi" and not vm.virtio_scsi,
    }
    for key in [key for key, holds in reasons.items() if holds][:1]:
        raise refuse("attach-disk", key, alias=disk.alias, status=vm.spoken_status, vm=vm.name, other="".join(boot[:1]))


def _is_used(engine: Engine, disk: Disk) -> bool:
    return not disk.shareable and bool(engine.world.attachments_of(disk.id))


def _check_snapshot(engine: Engine, disk: Disk, identity: str) -> str:
    snapshot = engine.world.snapshots.get(identity)
    if snapshot is None:
        raise refuse("attach-disk", "snapshot-missing")
    if snapshot.kind != "regular":
        raise refuse("attach-disk", "snapshot-not-regular")
    if snapshot.status != "ok":
        raise refuse("attach-disk", "snapshot-locked")
    if disk.id not in snapshot.images:
        raise refuse("attach-disk", "disk-missing")
    return snapshot.images[disk.id]


def _plug(engine: Engine, vm: Vm, attachment: Attachment, disk: Disk) -> None:
    by = engine.user.name if engine.user else ""
    if engine.faults.hits("plug-fails", disk.id, disk.alias):
        attachment.active = False
        engine.log(
            2017, "error", "Failed to attach Disk {} to VM {} (User: {}).".format(disk.alias, vm.name, by), vm.id
        )
        return
    devices.plug(engine, attachment)
    engine.log(
        2016, "normal", "Disk {} was successfully attached to VM {} by {}.".format(disk.alias, vm.name, by), vm.id
    )


def _check_detach(vm: Vm, attachment: Attachment, disk: Disk) -> None:
    if vm.status not in ("up", "down"):
        raise refuse("detach-disk", "vm-status", status=vm.spoken_status)
    if not attachment.snapshot and len(disk.images) > 1:
        raise refuse("detach-disk", "in-snapshot")


def _drop(engine: Engine, attachment: Attachment) -> None:
    engine.world.attachments.pop(attachment_key(attachment.vm, attachment.disk), None)
