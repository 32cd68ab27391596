# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks: listed, made, changed, removed."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from . import devices, images
from .engine import Engine, found
from .refusals import NotFound, Refusal, say
from .routing import Answer, Request, route
from .searching import search
from .state import GIB, Disk, Image, attachment_key, new_id
from .views import disk_view, with_creation_status
from .xml import element, find, find_id, find_true, reference, texts

BLOCK = ("iscsi", "fcp")


@route("GET", "disks", "list-disks")
def list_disks(engine: Engine, request: Request) -> Answer:
    """All, or those that a search finds."""
    fields = {"alias": "alias", "name": "alias", "description": "description", "id": "id", "status": "status"}
    chosen = search(engine, request, list(engine.world.disks.values()), fields)
    return Answer(200, element("disks", *(_view(engine, disk) for disk in chosen)))


@route("GET", "disks/{}", "read-disk")
def read_disk(engine: Engine, request: Request, identity: str) -> Answer:
    """One; its virtual machines are shown here only."""
    shown = _view(engine, engine.disk(identity))
    attached = engine.world.attachments_of(identity)
    if attached:
        shown.append(element("vms", *(reference("vm", "vms", one.vm) for one in attached)))
    return Answer(200, shown)


@route("POST", "disks", "create-disk")
def create(engine: Engine, request: Request) -> Answer:
    """Make a floating disk."""
    disk = make(engine, found(request.body))
    job = engine.begin_job("Adding Disk " + disk.alias)
    return Answer(202, with_creation_status(_view(engine, disk), job.id))


@route("PUT", "disks/{}", "update-disk")
def update(engine: Engine, request: Request, identity: str) -> Answer:
    """Change a disk."""
    disk = engine.disk(identity)
    engine.require("edit_disk_properties", "disks", disk.id)
    change(disk, found(request.body))
    return Answer(200, _view(engine, disk))


@route("DELETE", "disks/{}", "remove-disk")
def remove(engine: Engine, request: Request, identity: str) -> Answer:
    """Remove a disk for good."""
    disk = engine.disk(identity)
    engine.require("delete_disk", "disks", disk.id)
    if disk.status == "locked":
        raise say(
            409,
            "Cannot remove Virtual Disk: The following disks are locked: {}. Please try again in a few minutes.".format(
                disk.alias
            ),
        )
    attached = engine.world.attachments_of(disk.id)
    running = [engine.vm(one.vm).name for one in attached if one.active and engine.vm(one.vm).status != "down"]
    if running:
        raise say(409, "Cannot remove Virtual Disk. At least one of the VMs is not down.")
    disk.status = "locked"
    engine.later("remove", lambda: discard(engine, disk))
    return Answer(200, element("action", *texts(status="complete")))


def discard(engine: Engine, disk: Disk) -> None:
    """Take a disk and its layers away, from wherever it is attached."""
    for one in engine.world.attachments_of(disk.id):
        devices.unplug(engine, one)
        del engine.world.attachments[attachment_key(one.vm, one.disk)]
    engine.world.disks.pop(disk.id, None)
    for image in disk.images:
        images.path_of(engine.disks, disk, image).unlink(missing_ok=True)
    engine.log(2042, "normal", "Disk {} was successfully removed.".format(disk.alias))


def _view(engine: Engine, disk: Disk) -> Element:
    attached = [one for one in engine.world.attachments_of(disk.id) if not one.snapshot]
    active = engine.world.active_snapshot(attached[0].vm).id if attached else ""
    return disk_view(disk, engine.disks, active)


def make(engine: Engine, order: Element) -> Disk:
    """Check the order for a disk and begin to make it."""
    disk = _read(engine, order)
    engine.require("create_disk", "storagedomains", disk.domain)
    _check(engine, disk)
    engine.world.disks[disk.id] = disk
    engine.create_layer(disk)
    if engine.faults.get("disk-stays-locked") is None:
        engine.later("disk", lambda: _finish(engine, disk))
    return disk


def _finish(engine: Engine, disk: Disk) -> None:
    if engine.faults.get("disk-fails") is not None:
        disk.status = "illegal"
        engine.log(2022, "error", "Add-Disk operation failed to complete.")
        return
    disk.status = "ok"
    engine.log(2021, "normal", "The disk '{}' was successfully added.".format(disk.alias))


def change(disk: Disk, order: Element) -> None:
    """Take over what may be changed."""
    disk.alias = find(order, "alias") or find(order, "name") or disk.alias
    description = find(order, "description")
    disk.description = disk.description if description is None else description
    disk.backup = find(order, "backup") or disk.backup
    disk.wipe_after_delete = find_true(order, "wipe_after_delete", disk.wipe_after_delete)


def _read(engine: Engine, order: Element) -> Disk:
    wanted = Request("POST", "disks", {}, order)
    wanted.demand("Disk", "provisioned_size", "format")
    form = _text(order, "format")
    if form not in images.FORMATS:
        said = "{} is not a member of DiskFormat. Possible values for DiskFormat are: cow, raw"
        raise Refusal(400, said.format(form), "Invalid value")
    return Disk(
        id=order.get("id") or new_id(), alias=_text(order, "alias", _text(order, "name")),
        domain=_find_domain(engine, order), size=int(_text(order, "provisioned_size")),
        description=_text(order, "description"), images=[Image(_text(order, "image_id") or new_id(), form)],
        sparse=find_true(order, "sparse", form == "cow"), status="locked",
        content_type=_text(order, "content_type", "data"), shareable=find_true(order, "shareable"),
        backup=_text(order, "backup", "none"), wipe_after_delete=find_true(order, "wipe_after_delete"),
    )  # fmt: skip


def _text(order: Element, path: str, default: str = "") -> str:
    return find(order, path) or default


def _find_domain(engine: Engine, order: Element) -> str:
    identity = find_id(order, "storage_domains/storage_domain")
    name = find(order, "storage_domains/storage_domain/name")
    for domain in engine.world.domains.values():
        if domain.id == identity or (not identity and domain.name == name):
            return domain.id
    if identity:
        raise say(400, "Cannot add Virtual Disk. The specified Storage Domain does not exist.")
    raise NotFound


def _check(engine: Engine, disk: Disk) -> None:
    domain = engine.world.domains[disk.domain]
    used = engine.world.disks.get(disk.id)
    if used is not None:
        raise say(
            409,
            "Cannot add Virtual Disk. The selected disk ID: {} is already used by the following existing "
            "disk: {}.".format(disk.id, used.alias),
        )
    if domain.status != "active":
        raise say(
            409,
            "Cannot add Virtual Disk. The relevant Storage Domain is inaccessible.\n-Please handle Storage "
            "Domain issues and retry the operation.",
        )
    if _is_incompatible(disk, domain.storage_type in BLOCK):
        raise say(
            409,
            "Cannot add Virtual Disk. Disk configuration ({} {} backup-{}) is incompatible with the storage "
            "domain type.".format(
                disk.images[0].format.upper(), "Sparse" if disk.sparse else "Preallocated", disk.backup.capitalize()
            ),
        )
    needed = 0 if disk.sparse else disk.size // GIB
    if domain.available - needed <= domain.critical:
        raise say(409, "Cannot add Virtual Disk. Low disk space on Storage Domain {}.".format(domain.name))


def _is_incompatible(disk: Disk, block: bool) -> bool:
    if disk.images[0].format == "raw":
        return disk.backup == "incremental" or (disk.sparse and block)
    return not disk.sparse and disk.backup != "incremental"
