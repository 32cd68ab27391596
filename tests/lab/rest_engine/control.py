# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests do behind the engine's back: a guest writes, somebody removes a machine, a state changes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from . import images, vms, worlds
from .engine import Engine
from .permissions import PERMITS
from .state import Checkpoint, Disk, Grant, identify, new_id, to_json

Values = dict[str, Any]


class ControlError(Exception):
    """It cannot be done."""


def find(engine: Engine, collection: str, name: str) -> Any:
    """A record by its id, name or alias."""
    records = getattr(engine.world, collection)
    if name in records:
        return records[name]
    for record in records.values():
        if name in (getattr(record, "name", None), getattr(record, "alias", None)):
            return record
    raise ControlError("no {!r} in {}".format(name, collection))


def _status(engine: Engine, values: Values) -> Values:
    return {"world": to_json(engine.world)}


def _write(engine: Engine, values: Values) -> Values:
    disk = _disk_of(engine, values)
    if engine.world.vms[values["vm"]].frozen:
        raise ControlError("the file systems of the guest are frozen")
    images.write(engine.disks, disk, int(values["offset"]), base64.b64decode(values["data"]))
    return {}


def _disk_of(engine: Engine, values: Values) -> Disk:
    values["vm"] = find(engine, "vms", values["vm"]).id
    for one in engine.world.attached_to(values["vm"]):
        disk = engine.disk(one.disk)
        if values["disk"] in (disk.id, disk.alias):
            return disk
    raise ControlError("the virtual machine has no disk {!r}".format(values["disk"]))


def _export(engine: Engine, values: Values) -> Values:
    disk: Disk = find(engine, "disks", values["disk"])
    image = values.get("image") or disk.images[-1].id
    images.copy_out(engine.disks, disk, image, Path(values["target"]))
    return {}


def _change(engine: Engine, values: Values) -> Values:
    record = find(engine, values["collection"], values["name"])
    known = {field.name for field in fields(record)}
    for name, value in values["changes"].items():
        if name not in known:
            raise ControlError("{} has no {!r}".format(values["collection"], name))
        setattr(record, name, value)
    return {}


def _grant(engine: Engine, values: Values) -> Values:
    grants = engine.world.grants
    user = find(engine, "users", worlds.OPERATOR)
    for grant in [one for one in grants.values() if one.role != "SuperUser"]:
        del grants[grant.id]
    holder = {"group": user.groups[0]} if values.get("through_group") else {"user": user.id}
    for target, permits in values["permits"].items():
        unknown = set(permits) - set(PERMITS)
        if unknown:
            raise ControlError("unknown permits: " + ", ".join(unknown))
        grant = Grant(new_id(), "Operator on " + target, list(permits), _target(engine, target), **holder)
        grants[grant.id] = grant
    return {}


def _target(engine: Engine, text: str) -> str:
    if text == "*":
        return text
    kind, _slash, name = text.partition("/")
    collection = {"storagedomains": "domains"}.get(kind, kind)
    return kind + "/" + str(find(engine, collection, name).id)


def _add_vm(engine: Engine, values: Values) -> Values:
    plan = worlds.plan_from_json([values["plan"]])[0]
    vm = worlds.add_vm(engine, plan)
    for disk_plan in plan.disks:
        disk = worlds.add_disk(engine, vm, disk_plan)
        if disk.images:
            worlds.make_content(engine.disks, disk, disk_plan.filled)
    if plan.has_devices:
        worlds.plug_all(engine, vm)
    return {"vm": vm.id, "disks": [one.disk for one in engine.world.attached_to(vm.id)]}


def _remove_vm(engine: Engine, values: Values) -> Values:
    vms.drop(engine, find(engine, "vms", values["vm"]), keeps_disks=bool(values.get("keeps_disks")))
    return {}


def _add_checkpoint(engine: Engine, values: Values) -> Values:
    vm = find(engine, "vms", values["vm"])
    disks = [find(engine, "disks", name).id for name in values["disks"]]
    checkpoint = Checkpoint(identify("checkpoint", "{} {}".format(vm.id, len(engine.world.checkpoints))), vm.id, disks)
    engine.world.checkpoints[checkpoint.id] = checkpoint
    return {"checkpoint": checkpoint.id}


def _delays(engine: Engine, values: Values) -> Values:
    unknown = set(values["delays"]) - set(engine.delays)
    if unknown:
        raise ControlError("unknown delay: " + ", ".join(unknown))
    engine.delays.update(values["delays"])
    return {}


OPERATIONS: dict[str, Callable[[Engine, Values], Values]] = {
    "status": _status, "write": _write, "export": _export, "change": _change, "grant": _grant, "add-vm": _add_vm,
    "remove-vm": _remove_vm, "add-checkpoint": _add_checkpoint, "delays": _delays,
}  # fmt: skip


def perform(engine: Engine, name: str, values: Values) -> tuple[int, Values]:
    """Do it; the status and the JSON of the answer."""
    if name not in OPERATIONS:
        return 404, {"error": "unknown operation " + name}
    try:
        with engine.lock:
            return 200, OPERATIONS[name](engine, values)
    except (ControlError, images.ImageError, TypeError, ValueError, KeyError) as error:
        return 400, {"error": "{}: {}".format(type(error).__name__, error)}
