# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces of virtual machines."""

from __future__ import annotations

from .engine import Engine, found
from .imports import next_mac, used_macs
from .refusals import NotFound, say
from .routing import Answer, Request, route
from .state import Nic, Vm, new_id
from .views import nic_view
from .xml import element, find, find_id, find_true, texts


@route("GET", "vms/{}/nics", "list-nics")
def list_nics(engine: Engine, request: Request, identity: str) -> Answer:
    """All of a virtual machine."""
    return Answer(200, element("nics", *(nic_view(identity, nic) for nic in engine.vm(identity).nics)))


@route("GET", "vms/{}/nics/{}", "read-nic")
def read_nic(engine: Engine, request: Request, identity: str, nic: str) -> Answer:
    """One."""
    return Answer(200, nic_view(identity, _find(engine.vm(identity), nic)))


@route("POST", "vms/{}/nics", "create-nic")
def create(engine: Engine, request: Request, identity: str) -> Answer:
    """Give it one more."""
    vm, body = engine.vm(identity), found(request.body)
    request.demand("Nic", "name")
    engine.require("configure_vm_network", "vms", vm.id)
    mac = (find(body, "mac/address") or next_mac(engine)).lower()
    _check_mac(engine, mac)
    profile = _profile(engine, find_id(body, "vnic_profile"))
    nic = Nic(new_id(), find(body, "name") or "", mac, profile, find_true(body, "plugged", default=True))
    vm.nics.append(nic)
    return Answer(201, nic_view(vm.id, nic))


@route("PUT", "vms/{}/nics/{}", "update-nic")
def update(engine: Engine, request: Request, identity: str, nic_id: str) -> Answer:
    """Change name, MAC address, profile, plug."""
    vm, body = engine.vm(identity), found(request.body)
    engine.require("configure_vm_network", "vms", vm.id)
    nic = _find(vm, nic_id)
    mac = (find(body, "mac/address") or nic.mac).lower()
    if mac != nic.mac:
        _check_mac(engine, mac)
    nic.mac = mac
    nic.name = find(body, "name") or nic.name
    nic.plugged = find_true(body, "plugged", nic.plugged)
    nic.linked = find_true(body, "linked", nic.linked)
    if body.find("vnic_profile") is not None:
        # Without an id it means none.
        profile = _profile(engine, find_id(body, "vnic_profile"))
        if profile and profile != nic.profile:
            engine.require("configure_vm_network", "vnicprofiles", profile)
        nic.profile = profile
    return Answer(200, nic_view(vm.id, nic))


@route("DELETE", "vms/{}/nics/{}", "remove-nic")
def remove(engine: Engine, request: Request, identity: str, nic_id: str) -> Answer:
    """Take one away."""
    vm = engine.vm(identity)
    engine.require("configure_vm_network", "vms", vm.id)
    nic = _find(vm, nic_id)
    if nic.plugged and vm.status != "down":
        raise say(409, "Cannot remove Interface. The VM Network Interface is plugged to a running VM.")
    vm.nics.remove(nic)
    return Answer(200, element("action", *texts(status="complete")))


def _find(vm: Vm, identity: str) -> Nic:
    return found(next((nic for nic in vm.nics if nic.id == identity), None))


def _profile(engine: Engine, identity: str) -> str:
    if identity and identity not in engine.world.profiles:
        raise NotFound
    return identity


def _check_mac(engine: Engine, mac: str) -> None:
    if mac in used_macs(engine):
        holder = next(vm.name for vm in engine.world.vms.values() if mac in [nic.mac for nic in vm.nics])
        raise say(409, "MAC Address {} is already in use by VM or snapshot: {}.".format(mac, holder))
