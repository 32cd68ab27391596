# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine's configuration as the engine's OVF, written and read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from . import images
from .refusals import say
from .state import BLANK, GIB, MIB, Attachment, Disk, Nic, Vm, World

OVF = "http://schemas.dmtf.org/ovf/envelope/1/"
RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
VSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
for _prefix, _space in (("ovf", OVF), ("rasd", RASD), ("vssd", VSSD), ("xsi", XSI)):
    ElementTree.register_namespace(_prefix, _space)

INTERFACES = {"virtio": "VirtIO", "virtio_scsi": "VirtIO_SCSI", "ide": "IDE", "sata": "SATA"}
INTERFACE_NAMES = {value: key for key, value in INTERFACES.items()}
NIC_TYPE, DISK_TYPE = "10", "17"


class OvfDisk(NamedTuple):
    """A disk that a configuration names."""

    id: str
    interface: str
    bootable: bool
    plugged: bool


class OvfNic(NamedTuple):
    """A network interface that a configuration names."""

    name: str
    mac: str
    network: str
    profile: str


class Parsed(NamedTuple):
    """What the engine takes out of a configuration."""

    vm: str
    name: str
    description: str
    memory: int
    disks: list[OvfDisk]
    nics: list[OvfNic]


def _tag(space: str, name: str) -> str:
    return "{%s}%s" % (space, name)


def _section(kind: str, *children: Element, **attributes: str) -> Element:
    made = Element("Section", {_tag(XSI, "type"): "ovf:{}_Type".format(kind)})
    made.attrib.update({_tag(OVF, name): value for name, value in attributes.items()})
    made.extend(children)
    return made


def _named(tag: str, value: object) -> Element:
    made = Element(tag)
    made.text = str(value)
    return made


def _item(*children: Element, **resources: object) -> Element:
    made = Element("Item")
    made.extend(_named(_tag(RASD, name), value) for name, value in resources.items())
    made.extend(children)
    return made


def _flag(value: bool) -> str:
    return "true" if value else "false"


def render(world: World, vm: Vm, disks: Path) -> str:
    """The configuration of a virtual machine."""
    attached = [(one, world.disks[one.disk]) for one in world.attached_to(vm.id) if not one.snapshot]
    root = Element(_tag(OVF, "Envelope"), {_tag(OVF, "version"): "4.4.0.0"})
    references = Element("References")
    references.extend(_file(disk, disks) for _one, disk in attached)
    network = _section("NetworkSection", _named("Info", "List of networks"))
    network.extend(_network(world, nic) for nic in vm.nics)
    described = _section("DiskSection", _named("Info", "List of Virtual Disks"))
    described.extend(_disk(one, disk, disks, world.active_snapshot(vm.id).id) for one, disk in attached)
    root.extend([references, network, described, _content(world, vm, attached)])
    return '<?xml version="1.0" encoding="UTF-8"?>' + ElementTree.tostring(root, encoding="unicode")


def _file(disk: Disk, disks: Path) -> Element:
    if disk.storage_type == "lun":
        values = {"href": disk.id, "id": disk.id, "disk_storage_type": "LUN"}
    else:
        image = disk.images[-1].id
        values = {
            "href": disk.id + "/" + image, "id": image, "size": str(images.allocated(disks, disk)),
            "description": "Active VM", "disk_storage_type": "IMAGE",
        }  # fmt: skip
    return Element("File", {_tag(OVF, name): value for name, value in values.items()})


def _network(world: World, nic: Nic) -> Element:
    return Element("Network", {_tag(OVF, "name"): _network_of(world, nic)})


def _network_of(world: World, nic: Nic) -> str:
    return world.networks[world.profiles[nic.profile].network].name if nic.profile else ""


def _disk(one: Attachment, disk: Disk, disks: Path, active_snapshot: str) -> Element:
    image = disk.images[-1] if disk.images else None
    values = {
        "diskId": image.id if image else disk.id,
        "fileRef": disk.id + "/" + image.id if image else disk.id,
        "size": str(math.ceil(disk.size / GIB)),
        "actual_size": str(math.ceil(images.allocated(disks, disk) / GIB)) if image else "0",
        "vm_snapshot_id": active_snapshot,
        "parentRef": "",
        "format": "http://www.vmware.com/specifications/vmdk.html#sparse",
        "volume-format": image.format.upper() if image else "",
        "volume-type": "Sparse" if disk.sparse else "Preallocated",
        "disk-interface": INTERFACES[one.interface],
        "read-only": _flag(one.read_only),
        "shareable": _flag(disk.shareable),
        "boot": _flag(one.bootable),
        "pass-discard": _flag(one.pass_discard),
        "incremental-backup": _flag(disk.backup == "incremental"),
        "disk-alias": disk.alias,
        "disk-description": disk.description,
        "wipe-after-delete": _flag(disk.wipe_after_delete),
    }
    return Element("Disk", {_tag(OVF, name): value for name, value in values.items()})


def _content(world: World, vm: Vm, attached: list[tuple[Attachment, Disk]]) -> Element:
    made = Element("Content", {_tag(OVF, "id"): "out", _tag(XSI, "type"): "ovf:VirtualSystem_Type"})
    values = {
        "Name": vm.name, "Description": vm.description, "Comment": vm.comment,
        "CreationDate": vm.created[:19].replace("-", "/").replace("T", " "),
        "ExportDate": "2026/01/01 00:00:00", "DeleteProtected": _flag(vm.delete_protected), "VmType": "1",
        "ClusterName": world.clusters[vm.cluster].name, "TemplateId": BLANK, "TemplateName": "Blank",
        "IsStateless": _flag(vm.stateless), "Origin": "3", "BiosType": "2",
    }  # fmt: skip
    made.extend(_named(name, value) for name, value in values.items())
    info = [_named("Info", "Guest Operating System"), _named("Description", "other_linux")]
    made.append(_section("OperatingSystemSection", *info, id=vm.id, required="false"))
    made.append(_hardware(world, vm, attached))
    active = Element("Snapshot", {_tag(OVF, "id"): world.active_snapshot(vm.id).id})
    active.extend([_named("Type", "ACTIVE"), _named("Description", "Active VM")])
    made.append(_section("SnapshotsSection", active))
    return made


def _hardware(world: World, vm: Vm, attached: list[tuple[Attachment, Disk]]) -> Element:
    memory = vm.memory // MIB
    return _section(
        "VirtualHardwareSection",
        _named("Info", "1 CPU, {} Memory".format(memory)),
        _item(
            Caption="1 virtual cpu",
            Description="Number of virtual CPU",
            InstanceId=1,
            ResourceType=3,
            num_of_sockets=1,
            cpu_per_socket=1,
        ),
        _item(
            Caption="{} MB of memory".format(memory),
            Description="Memory Size",
            InstanceId=2,
            ResourceType=4,
            AllocationUnits="MegaBytes",
            VirtualQuantity=memory,
        ),
        *(_disk_item(one, disk) for one, disk in attached),
        *(_nic_item(world, nic, number) for number, nic in enumerate(vm.nics, 3)),
        _item(Caption="USB Controller", InstanceId=30, ResourceType=23, UsbPolicy="DISABLED"),
    )


def _disk_item(one: Attachment, disk: Disk) -> Element:
    image = disk.images[-1].id if disk.images else disk.id
    where = disk.id + "/" + image if disk.images else disk.id
    return _item(
        _named("Type", "disk"), _named("Device", "disk"), _named("BootOrder", 1 if one.bootable else 0),
        _named("IsPlugged", _flag(one.active)), _named("IsReadOnly", _flag(one.read_only)),
        Caption=disk.alias, InstanceId=image, ResourceType=DISK_TYPE, HostResource=where, Parent=BLANK, Template=BLANK,
        StorageId=disk.domain,
    )  # fmt: skip


def _nic_item(world: World, nic: Nic, number: int) -> Element:
    profile = world.profiles[nic.profile].name if nic.profile else ""
    return _item(
        _named("Type", "interface"), _named("Device", "bridge"), _named("IsPlugged", _flag(nic.plugged)),
        Caption="Ethernet adapter on " + _network_of(world, nic), InstanceId=nic.id, ResourceType=NIC_TYPE,
        OtherResourceType=profile, ResourceSubType=3, Connection=_network_of(world, nic), Linked=_flag(nic.linked),
        Name=nic.name, ElementName=nic.name, MACAddress=nic.mac, speed=1000,
    )  # fmt: skip


def parse(data: str) -> Parsed:
    """Read a configuration as an import does."""
    try:
        root = ElementTree.fromstring(data)
        content = root.find("Content")
        system = _find_section(content, "OperatingSystemSection")
        hardware = _find_section(content, "VirtualHardwareSection")
        vm = system.attrib[_tag(OVF, "id")]
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise say(400, "Cannot import VM. failed to parse a given ovf configuration {}".format(error)) from error
    assert content is not None
    items = hardware.findall("Item")
    memory = [_resource(item, "VirtualQuantity") for item in items if _resource(item, "ResourceType") == "4"]
    described = root.findall("Section/Disk")
    return Parsed(
        vm, content.findtext("Name") or "", content.findtext("Description") or "", int(memory[0] or 1024) * MIB,
        [_read_disk(disk, items) for disk in described],
        [_read_nic(item) for item in items if _resource(item, "ResourceType") == NIC_TYPE],
    )  # fmt: skip


def _find_section(content: Element | None, kind: str) -> Element:
    for section in [] if content is None else content.findall("Section"):
        if section.get(_tag(XSI, "type")) == "ovf:{}_Type".format(kind):
            return section
    raise ValueError("no " + kind)


def _resource(item: Element, name: str) -> str:
    return item.findtext(_tag(RASD, name)) or ""


def _read_disk(described: Element, items: list[Element]) -> OvfDisk:
    image = described.get(_tag(OVF, "diskId"), "")
    own = [item for item in items if _resource(item, "InstanceId") == image]
    return OvfDisk(
        described.get(_tag(OVF, "fileRef"), "").split("/")[0],
        INTERFACE_NAMES.get(described.get(_tag(OVF, "disk-interface"), ""), "virtio"),
        described.get(_tag(OVF, "boot")) == "true",
        not own or own[0].findtext("IsPlugged") != "false",
    )


def _read_nic(item: Element) -> OvfNic:
    return OvfNic(*(_resource(item, name) for name in ("Name", "MACAddress", "Connection", "OtherResourceType")))
