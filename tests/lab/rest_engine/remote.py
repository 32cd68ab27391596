# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a test to the process of the stand-in engine: what happens behind the API's back."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .layout import RestLabError, load
from .state import World, from_json
from .worlds import VmPlan, plan_to_json


def call(home: Path | str, operation: str, **values: Any) -> dict[str, Any]:
    """Ask the process to do something."""
    lab = load(home)
    url = lab.url.replace("/ovirt-engine/api", "/lab/" + operation)
    request = urllib.request.Request(url, json.dumps(values).encode(), {"Lab-Password": lab.password}, method="POST")
    context = ssl.create_default_context(cafile=lab.ca_file)
    try:
        with urllib.request.urlopen(request, context=context, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        raise RestLabError("{}: {}".format(operation, error.read().decode())) from error
    except OSError as error:
        raise RestLabError("{}: {}".format(operation, error)) from error
    return found


def world(home: Path | str) -> World:
    """Everything that the engine knows now."""
    return from_json(call(home, "status")["world"])


def write(home: Path | str, vm: str, disk: str, offset: int, data: bytes) -> None:
    """The guest writes; refused while its file systems are frozen."""
    call(home, "write", vm=vm, disk=disk, offset=offset, data=base64.b64encode(data).decode())


def export(home: Path | str, disk: str, target: Path | str, image: str = "") -> None:
    """Copy the bytes of a disk, as it is now or as a layer keeps it, into a raw file."""
    call(home, "export", disk=disk, target=str(target), image=image)


def change(home: Path | str, collection: str, name: str, **changes: Any) -> None:
    """Change a record: change(home, "vms", "app", status="paused"). See state.py for what there is."""
    call(home, "change", collection=collection, name=name, changes=changes)


def grant(home: Path | str, permits: dict[str, list[str]], through_group: bool = False) -> None:
    """What the operator may do, from now on only that: {"*": [...], "vms/app": [...]}."""
    call(home, "grant", permits=permits, through_group=through_group)


def add_vm(home: Path | str, plan: VmPlan) -> tuple[str, list[str]]:
    """Make one more virtual machine; its id and those of its disks."""
    made = call(home, "add-vm", plan=plan_to_json((plan,))[0])
    return made["vm"], made["disks"]


def remove_vm(home: Path | str, vm: str, keeps_disks: bool = False) -> None:
    """Somebody else removes a virtual machine, whatever its state."""
    call(home, "remove-vm", vm=vm, keeps_disks=keeps_disks)


def add_checkpoint(home: Path | str, vm: str, disks: list[str]) -> str:
    """A changed-block backup has left a checkpoint."""
    return str(call(home, "add-checkpoint", vm=vm, disks=disks)["checkpoint"])


def set_delays(home: Path | str, **delays: float) -> None:
    """Change how long things take, in seconds."""
    call(home, "delays", delays=delays)
