# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a virtual machine: from a configuration, as an import, or a plain one."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from . import ovf, vms
from .engine import Engine, found
from .refusals import NotFound, Refusal, say
from .routing import Answer, Request, route
from .state import Attachment, Nic, Snapshot, Vm, attachment_key, new_id
from .views import MAC_RANGE
from .xml import find, find_id, find_true


@route("POST", "vms", "create-vm")
def create(engine: Engine, request: Request) -> Answer:
    """Make one; the answer comes when it is made."""
    body = found(request.body)
    request.demand("Vm", "cluster/id|cluster/name")
    cluster = _find_cluster(engine, body)
    configuration = body.find("initialization/configuration")
    vm = _make_plain(engine, request, body, cluster) if configuration is None else _import(engine, body, cluster)
    return Answer(201, vms.view(engine, vm, None))


def _find_cluster(engine: Engine, body: Element) -> str:
    identity, name = find_id(body, "cluster"), find(body, "cluster/name")
    for cluster in engine.world.clusters.values():
        if cluster.id == identity or (not identity and cluster.name == name):
            return cluster.id
    raise NotFound


def _make_plain(engine: Engine, request: Request, body: Element, cluster: str) -> Vm:
    request.demand("Vm", "name", "template/id|template/name")
    engine.require("create_vm", "clusters", cluster)
    name = find(body, "name") or ""
    if vms.is_name_used(engine, name, cluster):
        raise say(409, "Cannot add VM. The VM name is already in use, please choose a unique name and try again.")
    vm = Vm(
        new_id(),
        name,
        cluster,
        description=find(body, "description") or "",
        comment=find(body, "comment") or "",
        memory=int(find(body, "memory") or 1024**3),
        created=engine.now(),
    )
    _register(engine, vm)
    return vm


def _import(engine: Engine, body: Element, cluster: str) -> Vm:
    where = "initialization/configuration/"
    Request("POST", "vms", {}, body).demand("Vm", where + "type", where + "data")
    engine.require("create_vm", "clusters", cluster)
    # Asked of a storage domain that an import from a configuration does not have: so it takes a role on everything.
    engine.require("import_export_vm", "system", "")
    text = engine.faults.get("import-fails")
    if text is not None:
        raise say(400, text or "Cannot import VM. failed to parse a given ovf configuration")
    if find(body, where + "type") not in ("ovf", "ova"):
        raise Refusal(400, "not a member of ConfigurationType. Possible values are: ova, ovf", "Invalid value")
    parsed = ovf.parse(find(body, where + "data") or "")
    regenerates = find_true(body, "initialization/regenerate_ids")
    name = find(body, "name") or parsed.name
    _check(engine, parsed, name, cluster, regenerates)
    vm = Vm(new_id() if regenerates else parsed.vm, name, cluster, memory=parsed.memory, created=engine.now())
    vm.description = _either(find(body, "description"), parsed.description)
    vm.comment = find(body, "comment") or ""
    vm.nics = [_make_nic(engine, nic, cluster, regenerates) for nic in parsed.nics]
    _register(engine, vm)
    _attach_named(engine, vm, parsed)
    return vm


def _either(given: str | None, otherwise: str) -> str:
    return otherwise if given is None else given


def _register(engine: Engine, vm: Vm) -> None:
    engine.world.vms[vm.id] = vm
    active = Snapshot(new_id(), vm.id, "Active VM", "active", "ok", engine.now())
    engine.world.snapshots[active.id] = active


def _check(engine: Engine, parsed: ovf.Parsed, name: str, cluster: str, regenerates: bool) -> None:
    existing = engine.world.vms.get(parsed.vm)
    if existing is not None and not regenerates:
        raise say(
            409,
            "Import VM failed - VM ID already exists in the system. Please remove the VM ({}) from the "
            "system first".format(existing.name),
        )
    if vms.is_name_used(engine, name, cluster):
        raise say(
            409,
            "Import VM failed - VM Name already exists in the Data Center. Please rename the VM in the Data "
            "Center first",
        )
    if regenerates:
        return
    used = used_macs(engine)
    clashes = [nic.name for nic in parsed.nics if nic.mac.lower() in used]
    if clashes:
        raise say(
            409,
            "Cannot import Virtual Machine, because that action would create duplicates in target MAC pool, "
            "which are not allowed. Either allow duplicate MACs in MAC Pool, or allow reassignment of bad MACs "
            "during import. Problematic NICs are {}".format(", ".join(clashes)),
        )


def used_macs(engine: Engine) -> set[str]:
    """The MAC addresses of all virtual machines, in lower case."""
    return {nic.mac.lower() for vm in engine.world.vms.values() for nic in vm.nics}


def next_mac(engine: Engine) -> str:
    """A free address of the pool."""
    used = used_macs(engine)
    for number in range(256):
        address = MAC_RANGE[0][:-2] + "{:02x}".format(number)
        if address not in used:
            return address
    raise say(409, "Cannot import VM. Not enough MAC addresses left in MAC Address Pool.")


def _make_nic(engine: Engine, nic: ovf.OvfNic, cluster: str, regenerates: bool) -> Nic:
    # An unknown network is no failure: the interface has no profile then.
    profile = _find_profile(engine, nic, engine.world.clusters[cluster].data_center)
    if not profile and nic.network:
        engine.log(
            149,
            "warning",
            "VM NIC {} has been imported without a network: {} is unknown.".format(nic.name, nic.network),
        )
    return Nic(new_id(), nic.name, next_mac(engine) if regenerates or not nic.mac else nic.mac.lower(), profile)


def _find_profile(engine: Engine, nic: ovf.OvfNic, center: str) -> str:
    for profile in engine.world.profiles.values():
        network = engine.world.networks[profile.network]
        if (network.name, network.data_center, profile.name) == (nic.network, center, nic.profile):
            return profile.id
    return ""


def _attach_named(engine: Engine, vm: Vm, parsed: ovf.Parsed) -> None:
    """The disks that the configuration names are attached by id, to the virtual machine whose id it has.

    So with new ids they go to the original, if that exists.
    """
    failed = [named.id for named in parsed.disks if not _attach(engine, parsed.vm, named)]
    if failed:
        engine.log(
            175,
            "warning",
            "VM {} has been imported from the given configuration but the following disk(s) "
            "failed to attach: {}.".format(vm.name, ", ".join(failed)),
            vm.id,
        )
    else:
        engine.log(
            174, "normal", "VM {} has been successfully imported from the given configuration.".format(vm.name), vm.id
        )


def _attach(engine: Engine, vm: str, named: ovf.OvfDisk) -> bool:
    disk = engine.world.disks.get(named.id)
    if disk is None or disk.status != "ok" or vm not in engine.world.vms:
        return False
    if engine.faults.get("auto-attach-fails") is not None:
        return False
    if engine.world.attachments_of(disk.id) and not disk.shareable:
        return False
    attachment = Attachment(vm, disk.id, interface=named.interface, bootable=named.bootable, active=named.plugged)
    engine.world.attachments[attachment_key(vm, disk.id)] = attachment
    return True
