# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a virtual machine's saved configuration, an OVF as oVirt writes it, and make of it the one a restore posts.

The engine finds things in it by their prefixed names, so prefixes are kept. Document types and entities are refused:
no engine writes them, and they are how XML is used to attack its reader. This file is private to the collection.
"""

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple
from xml.etree import ElementTree

from .._common.errors import BackupError

OVF = "http://schemas.dmtf.org/ovf/envelope/1/"
RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
VSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PREFIXES = {"ovf": OVF, "rasd": RASD, "vssd": VSSD, "xsi": XSI}
HEADER = '<?xml version="1.0" encoding="UTF-8"?>'

DISK_ITEM, NIC_ITEM = "17", "10"
INTERFACES = {"VirtIO": "virtio", "VirtIO_SCSI": "virtio_scsi", "SATA": "sata", "IDE": "ide"}
HOSTED_ENGINE_ORIGINS = ("5", "6")

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_DECLARATION = re.compile(r"\sxmlns:([A-Za-z_][\w.-]*)\s*=\s*[\"']([^\"']+)[\"']")
_GENERATED = re.compile(r"ns\d+")


class OvfDisk(NamedTuple):
    """A disk in an OVF."""

    id: str
    alias: str
    description: str
    interface: str
    is_bootable: bool
    storage_type: str  # IMAGE, LUN ...
    is_shareable: bool


class OvfNic(NamedTuple):
    """A network interface in an OVF."""

    id: str
    name: str
    mac: str  # lower case
    network: str
    profile: str
    is_plugged: bool


class Ovf(NamedTuple):
    """The configuration of a virtual machine."""

    vm_id: str
    name: str
    description: str
    comment: str
    cluster: str
    created: str  # when the engine made this virtual machine, in the words of the OVF
    is_hosted_engine: bool
    disks: Tuple[OvfDisk, ...]
    nics: Tuple[OvfNic, ...]


class NicEdit(NamedTuple):
    """What a network interface is to be. Without a MAC address the engine takes one from its pool."""

    id: str
    mac: str
    network: str
    profile: str
    is_plugged: bool


class OvfError(BackupError):
    """The configuration is not what an engine saves."""

    code = "configuration_unreadable"


def read_ovf(data: str) -> Ovf:
    """Return what a restore needs to know of a configuration; raise OvfError where it can not be one."""
    root = _parse(data)
    content = _content(root)
    vm_id = str(_os_section(content).get(_name(OVF, "id"), ""))
    if not _UUID.fullmatch(vm_id):
        raise OvfError("The configuration names no virtual machine: its OperatingSystemSection has the id %r." % vm_id)
    return Ovf(
        vm_id=vm_id.lower(),
        name=_text(content, "Name"),
        description=_text(content, "Description"),
        comment=_text(content, "Comment"),
        cluster=_text(content, "ClusterName"),
        created=_text(content, "CreationDate"),
        is_hosted_engine=_text(content, "Origin") in HOSTED_ENGINE_ORIGINS,
        disks=tuple(_read_disks(root)),
        nics=tuple(_read_nic(item, number) for number, item in enumerate(_items(content, NIC_ITEM), 1)),
    )


def edit_ovf(data: str, name: str, vm_id: str, nics: Dict[str, NicEdit]) -> str:
    """Return the configuration of a new virtual machine: without disks and snapshots, with this name, id and NICs.

    ``nics`` has what each network interface is to be, by its id in ``data``. The engine would attach the disks that
    it finds in a configuration, by id and to whatever virtual machine has the id in it. Snapshots are of the old disks.
    """
    root = _parse(data)
    content = _content(root)
    for place, unwanted in _list_unwanted(root, content):
        place.remove(unwanted)
    _set_text(content, "Name", name)
    _os_section(content).set(_name(OVF, "id"), vm_id)
    for number, item in enumerate(_items(content, NIC_ITEM), 1):
        edit = nics.get(_read_nic(item, number).id)
        if edit is not None:
            _edit_nic(item, edit)
    return HEADER + ElementTree.tostring(root, encoding="unicode").replace("\r", "&#13;")


def _parse(data: str) -> ElementTree.Element:
    if "<!DOCTYPE" in data or "<!ENTITY" in data:
        raise OvfError("The configuration has a document type or entities. No engine writes that; it was not read.")
    for prefix, address in _DECLARATION.findall(data) + list(PREFIXES.items()):
        if not _GENERATED.fullmatch(prefix) and prefix != "xml":
            ElementTree.register_namespace(prefix, address)
    try:
        root = ElementTree.fromstring(data.strip())
    except (ElementTree.ParseError, ValueError) as error:
        raise OvfError("The configuration is no XML: %s. Was it cut?" % error) from error
    if root.tag != _name(OVF, "Envelope"):
        raise OvfError("The configuration is not an OVF of an oVirt engine: it begins with %s." % root.tag)
    return root


def _name(address: str, name: str) -> str:
    return "{%s}%s" % (address, name)


def _content(root: ElementTree.Element) -> ElementTree.Element:
    content = root.find("Content")
    if content is None:
        raise OvfError("The configuration has no Content, so no virtual machine.")
    return content


def _sections(place: ElementTree.Element, kind: str) -> List[ElementTree.Element]:
    return [one for one in place.findall("Section") if str(one.get(_name(XSI, "type"))).endswith(kind + "_Type")]


def _os_section(content: ElementTree.Element) -> ElementTree.Element:
    for section in _sections(content, "OperatingSystemSection"):
        return section
    raise OvfError("The configuration has no OperatingSystemSection, so no id of a virtual machine.")


def _items(content: ElementTree.Element, kind: str) -> List[ElementTree.Element]:
    items = [item for one in _sections(content, "VirtualHardwareSection") for item in one.findall("Item")]
    return [item for item in items if _text(item, _name(RASD, "ResourceType")) == kind]


def _text(place: ElementTree.Element, name: str) -> str:
    return (place.findtext(name) or "").strip()


def _read_disks(root: ElementTree.Element) -> Iterator[OvfDisk]:
    """Yield each disk once; a disk with snapshots has a line for each of its volumes, the active one last."""
    kinds = {
        _disk_of(file.get(_name(OVF, "href"))): file.get(_name(OVF, "disk_storage_type")) or "IMAGE"
        for file in root.iterfind("References/File")
    }
    found = {}
    for section in _sections(root, "DiskSection"):
        for disk in section.findall("Disk"):
            disk_id = _disk_of(disk.get(_name(OVF, "fileRef")))
            found[disk_id] = _read_disk(disk_id, disk, kinds.get(disk_id, "IMAGE"))
    yield from found.values()


def _disk_of(place: Optional[str]) -> str:
    return (place or "").split("/")[0].lower()


def _read_disk(disk_id: str, disk: ElementTree.Element, storage_type: str) -> OvfDisk:
    def read(name: str) -> str:
        return disk.get(_name(OVF, name)) or ""

    return OvfDisk(
        disk_id,
        read("disk-alias"),
        read("disk-description"),
        INTERFACES.get(read("disk-interface"), ""),
        read("boot") == "true",
        storage_type,
        read("shareable") == "true",
    )


def _read_nic(item: ElementTree.Element, number: int) -> OvfNic:
    instance = _text(item, _name(RASD, "InstanceId")) or _text(item, _name(RASD, "InstanceID"))
    return OvfNic(
        instance.lower() or "nic%d" % number,
        _text(item, _name(RASD, "Name")) or "nic%d" % number,
        _text(item, _name(RASD, "MACAddress")).lower(),
        _text(item, _name(RASD, "Connection")),
        _text(item, _name(RASD, "OtherResourceType")),
        _text(item, "IsPlugged") != "false",
    )


def _list_unwanted(
    root: ElementTree.Element, content: ElementTree.Element
) -> List[Tuple[ElementTree.Element, ElementTree.Element]]:
    """Return (parent, child) of everything that speaks of disks or of snapshots."""
    places = [(one, "File") for one in root.findall("References")]
    places += [(one, "Disk") for one in _sections(root, "DiskSection")]
    found = [(place, child) for place, name in places for child in place.findall(name)]
    hardware = _sections(content, "VirtualHardwareSection")
    disks = _items(content, DISK_ITEM)
    found += [(place, item) for place in hardware for item in place.findall("Item") if item in disks]
    return found + [(content, section) for section in _sections(content, "SnapshotsSection")]


def _edit_nic(item: ElementTree.Element, edit: NicEdit) -> None:
    instance = _name(RASD, "InstanceId")
    if edit.id and _UUID.fullmatch(_text(item, instance)):  # before 3.1 it is a number
        _set_text(item, instance, edit.id)
    _set_text(item, _name(RASD, "Connection"), edit.network)
    _set_text(item, _name(RASD, "OtherResourceType"), edit.profile)
    _set_text(item, _name(RASD, "MACAddress"), edit.mac)
    _set_text(item, "IsPlugged", "true" if edit.is_plugged else "false")


def _set_text(place: ElementTree.Element, name: str, text: str) -> None:
    found = place.find(name)
    if found is None:
        found = ElementTree.SubElement(place, name)
    found.text = text
