# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a small oVirt: the same names as in the world of the lab's stand-in, each good in every way."""

from typing import Any, Sequence, Tuple

from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import (
    Attachment,
    Cluster,
    Configuration,
    Disk,
    Nic,
    Snapshot,
    StorageDomain,
    Vm,
    VnicProfile,
)

CREATED = "2026/01/01 00:00:00"
MIB = 1024**2
GIB = 1024**3

DATA_CENTER = "dc000000-0000-4000-8000-000000000001"
CLUSTER = "c1000000-0000-4000-8000-000000000001"
DATA = "5d000000-0000-4000-8000-000000000001"
SMALL = "5d000000-0000-4000-8000-000000000002"
NETWORK = "4e000000-0000-4000-8000-000000000001"
PROFILE = "4f000000-0000-4000-8000-000000000001"

APP = "a0000000-0000-4000-8000-000000000001"
BACKUP = "b0000000-0000-4000-8000-000000000001"
COLD = "c0000000-0000-4000-8000-000000000001"
SHARED = "50000000-0000-4000-8000-000000000001"
HOSTED_ENGINE = "e0000000-0000-4000-8000-000000000001"

# They differ in their first 20 characters: a virtio device shows no more of them.
APP_BOOT = "da000001-0000-4000-8000-000000000000"
APP_DATA = "da000002-0000-4000-8000-000000000000"
BACKUP_BOOT = "db000001-0000-4000-8000-000000000000"
COLD_BOOT = "dc000002-0000-4000-8000-000000000000"
SHARED_BOOT = "d5000001-0000-4000-8000-000000000000"
SHAREABLE = "d5000002-0000-4000-8000-000000000000"
LUN = "d5000003-0000-4000-8000-000000000000"

EVERY_PERMIT = frozenset(
    "login manipulate_vm_snapshots configure_vm_storage attach_disk create_disk delete_disk edit_disk_properties"
    " import_export_vm create_vm delete_vm edit_vm_properties configure_vm_network inject_external_events".split()
)


def make_vm(number: str, name: str, **changes: Any) -> Vm:
    return Vm(number, name, "up", "", "", CLUSTER, False, False, False, None)._replace(**changes)


def make_disk(number: str, alias: str, size: int = 64 * MIB, **changes: Any) -> Disk:
    image = "1" + number[1:]
    disk = Disk(number, alias, "", image, "ok", "image", "data", False, size, MIB, "cow", True, "none", False, (DATA,))
    return disk._replace(**changes)


def make_attachment(vm_id: str, disk_id: str, **changes: Any) -> Attachment:
    return Attachment(disk_id, vm_id, "virtio_scsi", False, True, False, False, "", None)._replace(**changes)


def make_ovf(
    vm: Vm, disks: Sequence[Tuple[Disk, Attachment]], nics: Sequence[Nic] = (), created: str = CREATED
) -> Configuration:
    """Return a configuration as the engine writes it, of the parts that anything here reads."""
    return Configuration("ovf", "".join(_list_lines(vm, disks, nics, created)))


def _list_lines(vm: Vm, disks: Sequence[Tuple[Disk, Attachment]], nics: Sequence[Nic], created: str) -> Sequence[str]:
    interfaces = {"virtio": "VirtIO", "virtio_scsi": "VirtIO_SCSI", "sata": "SATA", "ide": "IDE"}
    images = [(disk.id + "/" + disk.image_id, disk, attachment) for disk, attachment in disks]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ovf:Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1/"'
        ' xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"'
        ' xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ovf:version="4.4.0.0"><References>',
    ]
    lines += [
        '<File ovf:href="%s" ovf:id="%s" ovf:size="%d" ovf:disk_storage_type="IMAGE"/>'
        % (place, disk.image_id, disk.actual_size)
        for place, disk, _attachment in images
    ]
    lines.append('</References><Section xsi:type="ovf:DiskSection_Type"><Info>List of Virtual Disks</Info>')
    lines += [
        '<Disk ovf:diskId="%s" ovf:fileRef="%s" ovf:size="%d" ovf:volume-format="%s" ovf:disk-interface="%s"'
        ' ovf:boot="%s" ovf:disk-alias="%s"/>'
        % (
            disk.image_id,
            place,
            max(1, disk.provisioned_size // GIB),
            disk.format.upper(),
            interfaces[attachment.interface],
            str(attachment.is_bootable).lower(),
            disk.alias,
        )
        for place, disk, attachment in images
    ]
    lines.append(
        '</Section><Content ovf:id="out" xsi:type="ovf:VirtualSystem_Type"><Name>%s</Name><Description>%s</Description>'
        "<ClusterName>Default</ClusterName><CreationDate>%s</CreationDate>"
        '<Section ovf:id="%s" xsi:type="ovf:OperatingSystemSection_Type"><Info>Guest Operating System</Info></Section>'
        '<Section xsi:type="ovf:VirtualHardwareSection_Type"><Info>Hardware</Info>'
        % (vm.name, vm.description, created, vm.id)
    )
    lines += [
        "<Item><rasd:InstanceId>%s</rasd:InstanceId><rasd:ResourceType>17</rasd:ResourceType>"
        "<rasd:HostResource>%s</rasd:HostResource></Item>" % (disk.image_id, place)
        for place, disk, _attachment in images
    ]
    lines += [
        "<Item><rasd:InstanceId>%s</rasd:InstanceId><rasd:ResourceType>10</rasd:ResourceType>"
        "<rasd:OtherResourceType>ovirtmgmt</rasd:OtherResourceType><rasd:Connection>ovirtmgmt</rasd:Connection>"
        "<rasd:Name>%s</rasd:Name><rasd:MACAddress>%s</rasd:MACAddress></Item>" % (nic.id, nic.name, nic.mac)
        for nic in nics
    ]
    return lines + ["</Section></Content></ovf:Envelope>"]


VMS = (
    make_vm(APP, "app", description="the application"),
    make_vm(BACKUP, "backup"),
    make_vm(COLD, "cold", status="down"),
    make_vm(SHARED, "shared"),
    make_vm(HOSTED_ENGINE, "HostedEngine", is_hosted_engine=True),
)
DISKS = (
    make_disk(APP_BOOT, "app_Disk1"),
    make_disk(APP_DATA, "app_Disk2", 32 * MIB),
    make_disk(BACKUP_BOOT, "backup_Disk1"),
    make_disk(COLD_BOOT, "cold_Disk1"),
    make_disk(SHARED_BOOT, "shared_Disk1"),
    make_disk(SHAREABLE, "shared_Disk2", is_shareable=True, format="raw"),
    make_disk(LUN, "shared_Lun", 0, storage_type="lun", status="", format="raw", image_id="", storage_domain_ids=()),
)
ATTACHMENTS = (
    make_attachment(APP, APP_BOOT, is_bootable=True),
    make_attachment(APP, APP_DATA, interface="virtio"),
    make_attachment(BACKUP, BACKUP_BOOT, is_bootable=True),
    make_attachment(COLD, COLD_BOOT, is_bootable=True),
    make_attachment(SHARED, SHARED_BOOT, is_bootable=True),
    make_attachment(SHARED, SHAREABLE),
    make_attachment(SHARED, LUN),
)
NICS = {APP: [Nic("e1000000-0000-4000-8000-000000000001", "nic1", "56:6f:00:00:00:01", True, PROFILE)]}
STORAGE_DOMAINS = (
    StorageDomain(DATA, "data", "data", "nfs", "active", 500 * GIB, 5 * GIB),
    StorageDomain(SMALL, "small", "data", "iscsi", "active", 6 * GIB, 5 * GIB),
)
CLUSTERS = (Cluster(CLUSTER, "Default", DATA_CENTER),)
PROFILES = (VnicProfile(PROFILE, "ovirtmgmt", NETWORK, "ovirtmgmt"),)


def active_snapshot(vm_id: str) -> Snapshot:
    return Snapshot("5" + vm_id[0] + vm_id[2:], vm_id, "Active VM", "ok", "active", "2026-01-01T00:00:00Z")
