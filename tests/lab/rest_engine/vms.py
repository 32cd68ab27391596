# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines: listed, changed, removed, frozen and thawed. Making one is in imports.py."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from . import devices, disks, ovf
from .engine import Engine, found
from .refusals import refuse, say
from .routing import Answer, Handler, Request, route
from .searching import search
from .state import Vm
from .views import vm_view
from .xml import element, find, texts

FIELDS = {"name": "name", "id": "id", "comment": "comment", "description": "description", "status": "status",
          "vnic.mac": "macs"}  # fmt: skip
# What other tools look at and the stand-in's machines have none of.
EMPTY = {
    "applications": "applications", "backups": "backups", "cdroms": "cdroms", "graphicsconsoles": "graphics_consoles",
    "hostdevices": "host_devices", "numanodes": "vm_numa_nodes", "reporteddevices": "reported_devices",
    "tags": "tags", "watchdogs": "watchdogs",
}  # fmt: skip


@route("GET", "vms", "list-vms")
def list_vms(engine: Engine, request: Request) -> Answer:
    """All, or those that a search finds."""
    chosen = search(engine, request, list(engine.world.vms.values()), FIELDS)
    return Answer(200, element("vms", *(_show(engine, request, vm) for vm in chosen)))


@route("GET", "vms/{}", "read-vm")
def read_vm(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, _show(engine, request, engine.vm(identity)))


@route("PUT", "vms/{}", "update-vm")
def update(engine: Engine, request: Request, identity: str) -> Answer:
    """Change name, description or comment."""
    vm, body = engine.vm(identity), found(request.body)
    engine.require("edit_vm_properties", "vms", vm.id)
    name = find(body, "name")
    if name and name != vm.name:
        if is_name_used(engine, name, vm.cluster):
            raise say(409, "Cannot edit VM. The VM name is already in use, please choose a unique name and try again.")
        vm.name = name
    for field in ("description", "comment"):
        value = find(body, field)
        if value is not None:
            setattr(vm, field, value)
    return Answer(200, view(engine, vm, None))


@route("DELETE", "vms/{}", "remove-vm")
def remove(engine: Engine, request: Request, identity: str) -> Answer:
    """Remove it; with detach_only its disks stay."""
    vm = engine.vm(identity)
    engine.require("delete_vm", "vms", vm.id)
    keeps = request.is_set("detach_only")
    _check_remove(engine, vm, keeps)
    drop(engine, vm, keeps_disks=keeps)
    engine.log(63, "normal", "VM {} was successfully removed.".format(vm.name), vm.id)
    return Answer(200, element("action", *texts(status="complete")))


@route("POST", "vms/{}/freezefilesystems", "freeze")
def freeze(engine: Engine, request: Request, identity: str) -> Answer:
    """Freeze the guest's file systems."""
    vm = engine.vm(identity)
    engine.require("configure_vm_storage", "vms", vm.id)
    text = engine.faults.get("freeze-fails")
    if vm.status != "up":
        raise say(409, "Cannot freeze VM because the VM is in {} status.".format(vm.spoken_status))
    if text is not None or not vm.agent:
        raise say(409, text or "Failed to freeze VM (Failed with error unexpected and code 16)")
    vm.frozen = True
    engine.log(10766, "normal", "Guest filesystems on VM {} have been frozen successfully.".format(vm.name), vm.id)
    return Answer(200, element("action", *texts(status="complete")))


@route("POST", "vms/{}/thawfilesystems", "thaw")
def thaw(engine: Engine, request: Request, identity: str) -> Answer:
    """Thaw them."""
    vm = engine.vm(identity)
    engine.require("configure_vm_storage", "vms", vm.id)
    if vm.status != "up":
        raise say(409, "Cannot thaw VM because the VM is in {} status.".format(vm.spoken_status))
    if engine.faults.take("thaw-fails") or not vm.agent:
        raise say(409, "Failed to thaw VM (Failed with error unexpected and code 16)")
    vm.frozen = False
    engine.log(10768, "normal", "Guest filesystems on VM {} have been thawed successfully.".format(vm.name), vm.id)
    return Answer(200, element("action", *texts(status="complete")))


@route("POST", "vms/{}/start", "start-vm")
def start(engine: Engine, request: Request, identity: str) -> Answer:
    """Run it: its active disks get devices."""
    vm = engine.vm(identity)
    if vm.status != "down":
        raise say(409, "Cannot run VM. VM is running.")
    vm.status = "up"
    for attachment in engine.world.attached_to(vm.id):
        if attachment.active:
            devices.plug(engine, attachment)
    return Answer(200, element("action", *texts(status="complete")))


@route("POST", "vms/{}/stop", "stop-vm")
def stop(engine: Engine, request: Request, identity: str) -> Answer:
    """Switch it off."""
    vm = engine.vm(identity)
    if vm.status == "down":
        raise say(409, "Cannot stop VM. VM is not running.")
    for attachment in engine.world.attached_to(vm.id):
        devices.unplug(engine, attachment)
    vm.status, vm.frozen = "down", False
    return Answer(200, element("action", *texts(status="complete")))


def _list_nothing(tag: str) -> Handler:
    def list_nothing(engine: Engine, request: Request, identity: str) -> Answer:
        engine.vm(identity)
        return Answer(200, element(tag))

    return list_nothing


for _path, _tag in EMPTY.items():
    route("GET", "vms/{}/" + _path, "list-" + _path)(_list_nothing(_tag))


def view(engine: Engine, vm: Vm, configuration_text: str | None) -> Element:
    """A virtual machine as it is shown."""
    return vm_view(engine.world, vm, configuration_text)


def _show(engine: Engine, request: Request, vm: Vm) -> Element:
    return view(engine, vm, configuration(engine, vm) if request.wants_all_content() else None)


def configuration(engine: Engine, vm: Vm) -> str | None:
    """Its OVF; left out while it or one of its disks is locked."""
    attached = [engine.disk(one.disk).status for one in engine.world.attached_to(vm.id) if not one.snapshot]
    missing = engine.faults.hits("configuration-missing", vm.name, vm.id)
    if missing or vm.status == "image_locked" or "locked" in attached:
        return None
    return ovf.render(engine.world, vm, engine.disks)


def is_name_used(engine: Engine, name: str, cluster: str) -> bool:
    """Names are unique within a data center."""
    center = engine.world.clusters[cluster].data_center
    return any(vm.name == name and engine.world.data_center_of(vm) == center for vm in engine.world.vms.values())


def _check_remove(engine: Engine, vm: Vm, keeps_disks: bool) -> None:
    if vm.delete_protected:
        raise say(
            409, "Cannot remove VM. Delete protection is enabled. In order to delete, disable Delete protection first."
        )
    if vm.status == "image_locked":
        raise say(409, "Cannot remove VM: VM is locked. Please try again in a few minutes.")
    if vm.status != "down":
        raise say(409, "Cannot remove VM. VM is running.")
    where = engine.attached_elsewhere(vm)
    if where:
        raise refuse("remove-vm", "attached-elsewhere", where="%n".join(where))
    kept = [one for one in engine.world.snapshots_of(vm.id) if one.kind != "active"]
    if keeps_disks and kept:
        raise say(409, "Cannot remove VM with detaching disks, snapshots exist.")


def drop(engine: Engine, vm: Vm, keeps_disks: bool) -> None:
    """Take it out of the world, also when somebody else has removed it."""
    for one in engine.world.attached_to(vm.id):
        devices.unplug(engine, one)
        del engine.world.attachments[one.vm + "/" + one.disk]
        disk = engine.disk(one.disk)
        others = [other for other in engine.world.attachments_of(disk.id) if not other.snapshot]
        if not keeps_disks and not one.snapshot and not others:
            disks.discard(engine, disk)
    for snapshot in engine.world.snapshots_of(vm.id):
        del engine.world.snapshots[snapshot.id]
    engine.world.vms.pop(vm.id, None)
