# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A saved configuration is read, and edited without losing anything that was not meant."""

from xml.etree import ElementTree

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.ovf import (
    NicEdit,
    Ovf,
    OvfDisk,
    OvfError,
    OvfNic,
    edit_ovf,
    read_ovf,
)

VM = "0a000000-0000-4000-8000-000000000001"
OTHER = "0a000000-0000-4000-8000-000000000002"
NIC = "0b000000-0000-4000-8000-000000000001"
NEW_NIC = "0b000000-0000-4000-8000-000000000002"
DISK = "0d000000-0000-4000-8000-000000000001"
IMAGE = "0e000000-0000-4000-8000-000000000001"
LUN = "0d000000-0000-4000-8000-000000000002"

# As an engine writes it: what is here, and where, follows real ones of 3.3 to 4.4.
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<ovf:Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1/"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
 xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:more="http://example.com/more" ovf:version="4.4.0.0">
<References>
<File ovf:href="{disk}/0e000000-0000-4000-8000-000000000009" ovf:id="0e000000-0000-4000-8000-000000000009"/>
<File ovf:href="{disk}/{image}" ovf:id="{image}" ovf:size="4096" ovf:disk_storage_type="IMAGE"/>
<File ovf:href="{lun}" ovf:id="{lun}" ovf:disk_storage_type="LUN"/>
</References>
<NetworkSection><Info>List of networks</Info><Network ovf:name="ovirtmgmt"/></NetworkSection>
<Section xsi:type="ovf:DiskSection_Type"><Info>List of Virtual Disks</Info>
<Disk ovf:diskId="0e000000-0000-4000-8000-000000000009" ovf:fileRef="{disk}/0e000000-0000-4000-8000-000000000009"
 ovf:disk-interface="VirtIO_SCSI" ovf:boot="true" ovf:disk-alias="app_Disk1" ovf:disk-description="root"/>
<Disk ovf:diskId="{image}" ovf:fileRef="{disk}/{image}" ovf:disk-interface="VirtIO_SCSI" ovf:boot="true"
 ovf:disk-alias="app_Disk1" ovf:disk-description="root &amp; all" ovf:shareable="false"/>
<Disk ovf:diskId="{lun}" ovf:fileRef="{lun}" ovf:disk-interface="VirtIO" ovf:boot="false" ovf:disk-alias="app_Lun"
 ovf:shareable="true"/>
</Section>
<Content ovf:id="out" xsi:type="ovf:VirtualSystem_Type"><Name>app</Name><Description>two &lt;lines&gt;&#13;
here</Description><Comment>mine</Comment><CreationDate>2026/01/01 00:00:00</CreationDate><Origin>3</Origin>
<ClusterName>Default</ClusterName><more:Thing more:kind="k">kept</more:Thing>
<Section ovf:id="{vm}" ovf:required="false" xsi:type="ovf:OperatingSystemSection_Type"><Info>Guest</Info></Section>
<Section xsi:type="ovf:VirtualHardwareSection_Type"><Info>2 CPU</Info>
<System><vssd:VirtualSystemType>ENGINE 4.4.0.0</vssd:VirtualSystemType></System>
<Item><rasd:ResourceType>3</rasd:ResourceType><rasd:num_of_sockets>2</rasd:num_of_sockets></Item>
<Item><rasd:InstanceId>{image}</rasd:InstanceId><rasd:ResourceType>17</rasd:ResourceType>
<rasd:HostResource>{disk}/{image}</rasd:HostResource></Item>
<Item><rasd:InstanceId>{nic}</rasd:InstanceId><rasd:ResourceType>10</rasd:ResourceType>
<rasd:OtherResourceType>web</rasd:OtherResourceType><rasd:Connection>dmz</rasd:Connection><rasd:Name>nic1</rasd:Name>
<rasd:MACAddress>56:6F:00:00:00:01</rasd:MACAddress><IsPlugged>true</IsPlugged></Item>
<Item><rasd:InstanceId>7</rasd:InstanceId><rasd:ResourceType>10</rasd:ResourceType><rasd:Connection/>
<IsPlugged>false</IsPlugged></Item>
</Section>
<Section xsi:type="ovf:SnapshotsSection_Type"><Snapshot ovf:id="x"><Type>ACTIVE</Type></Snapshot></Section>
</Content></ovf:Envelope>
""".format(vm=VM, nic=NIC, disk=DISK, image=IMAGE, lun=LUN)

EDITS = {
    NIC: NicEdit(NEW_NIC, "", "lab", "lab-profile", False),
    "7": NicEdit(NEW_NIC, "56:6f:00:00:00:02", "", "", True),
}


def test_what_a_restore_needs_is_read() -> None:
    assert read_ovf(DOCUMENT) == Ovf(
        VM,
        "app",
        "two <lines>\r\nhere",
        "mine",
        "Default",
        "2026/01/01 00:00:00",
        False,
        (
            OvfDisk(DISK, "app_Disk1", "root & all", "virtio_scsi", True, "IMAGE", False),
            OvfDisk(LUN, "app_Lun", "", "virtio", False, "LUN", True),
        ),
        (OvfNic(NIC, "nic1", "56:6f:00:00:00:01", "dmz", "web", True), OvfNic("7", "nic2", "", "", "", False)),
    )


def test_disks_and_snapshots_are_taken_out_and_nothing_else() -> None:
    edited = edit_ovf(DOCUMENT, "app", VM, {})
    for gone in (DISK, IMAGE, LUN, "SnapshotsSection", ">17<"):
        assert gone in DOCUMENT and gone not in edited
    before, after = (list(ElementTree.fromstring(text).iter()) for text in (DOCUMENT, edited))
    # Three files, three disks, an item with its three elements, the snapshots' section with its two.
    assert len(before) - len(after) == 3 + 3 + 4 + 3
    assert read_ovf(edited) == read_ovf(DOCUMENT)._replace(disks=())


def test_name_and_ids_are_written() -> None:
    edited = edit_ovf(DOCUMENT, "a <new> & other one", OTHER, EDITS)
    read = read_ovf(edited)
    assert (read.vm_id, read.name) == (OTHER, "a <new> & other one")
    assert VM not in edited and NIC not in edited


def test_the_interfaces_are_what_they_are_to_be() -> None:
    edited = edit_ovf(DOCUMENT, "app", OTHER, EDITS)
    assert read_ovf(edited).nics == (
        OvfNic(NEW_NIC, "nic1", "", "lab", "lab-profile", False),
        OvfNic("7", "nic2", "56:6f:00:00:00:02", "", "", True),  # a number is no id: that is before 3.1
    )


def test_the_prefixes_are_kept_because_the_engine_looks_for_them() -> None:
    edited = edit_ovf(DOCUMENT, "app", OTHER, EDITS)
    assert edited.startswith('<?xml version="1.0" encoding="UTF-8"?><ovf:Envelope ')
    for name in ("<rasd:MACAddress", "<vssd:VirtualSystemType>", 'xsi:type="ovf:DiskSection_Type"', "<more:Thing"):
        assert name in edited
    assert "ns0" not in edited


def test_text_survives_with_its_line_ends() -> None:
    edited = edit_ovf(DOCUMENT, "app", VM, {})
    assert read_ovf(edited).description == "two <lines>\r\nhere"
    assert edit_ovf(edited, "app", VM, {}) == edited


def test_prefixes_of_one_document_do_not_change_those_of_another() -> None:
    strange = DOCUMENT.replace("http://example.com/more", "http://schemas.dmtf.org/ovf/envelope/1/")
    assert "<ovf:Envelope" in edit_ovf(strange, "app", VM, {})
    assert "<ovf:Envelope" in edit_ovf(DOCUMENT, "app", VM, {})


@pytest.mark.parametrize("origin", ["5", "6"])
def test_the_hosted_engine_is_known(origin: str) -> None:
    assert read_ovf(DOCUMENT.replace("<Origin>3<", "<Origin>%s<" % origin)).is_hosted_engine


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]>' + DOCUMENT[39:],
        DOCUMENT[:2000],
        "",
        "<Envelope/>",
        DOCUMENT.replace("http://schemas.dmtf.org/ovf/envelope/1/", "http://schemas.dmtf.org/ovf/envelope/1"),
        DOCUMENT.replace("Content", "Other"),
        DOCUMENT.replace("OperatingSystemSection", "OtherSection"),
        DOCUMENT.replace(VM, "no id"),
        DOCUMENT.replace("<Name>", "<Name>\0"),
    ],
)
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(OvfError) as caught:
        read_ovf(text)
    assert caught.value.code == "configuration_unreadable"
