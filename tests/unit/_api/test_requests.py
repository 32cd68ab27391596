# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each function is one request, in the words of the engine's API, and its answer is read as the engine means it."""

from typing import Any, Callable, List, Tuple
from urllib.parse import unquote_plus

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._api.engine import EngineApi
from ansible_collections.ovirt.backup.plugins.module_utils._core.api_errors import Conflict, NotFound
from ansible_collections.ovirt.backup.plugins.module_utils._core.vm_model import (
    Attachment,
    AttachmentOrder,
    Cluster,
    Configuration,
    Disk,
    DiskOrder,
    Event,
    Nic,
    Snapshot,
    SnapshotDisk,
    StorageDomain,
    Vm,
    VmOrder,
    VnicProfile,
)
from unit.fakes.web_server import EMPTY_404, WebServer, fault, xml

UUID = "a0000000-0000-4000-8000-000000000001"
VM_XML = (
    "<vm href='/ovirt-engine/api/vms/v1' id='v1'><name>app</name><description>it</description><comment>mine</comment>"
    "<cluster href='/ovirt-engine/api/clusters/c1' id='c1'/><origin>ovirt</origin><stateless>false</stateless>"
    "<next_run_configuration_exists>true</next_run_configuration_exists><status>up</status>%s</vm>"
)
VM = Vm("v1", "app", "up", "it", "mine", "c1", False, False, True, None)
DISK_XML = (
    "<disk href='/ovirt-engine/api/disks/d1' id='d1'><name>app_Disk1</name><alias>app_Disk1</alias>"
    "<description>text</description><image_id>i1</image_id><status>ok</status><storage_type>image</storage_type>"
    "<content_type>data</content_type><shareable>false</shareable><provisioned_size>67108864</provisioned_size>"
    "<actual_size>1048576</actual_size><format>cow</format><sparse>true</sparse><backup>incremental</backup>"
    "<wipe_after_delete>true</wipe_after_delete><storage_domains><storage_domain id='s1'/></storage_domains></disk>"
)
DISK = Disk(
    "d1", "app_Disk1", "text", "i1", "ok", "image", "data", False, 67108864, 1048576, "cow", True, "incremental", True,
    ("s1",),
)
ATTACHMENT_XML = (
    "<disk_attachment href='/ovirt-engine/api/vms/v1/diskattachments/d1' id='d1'><active>true</active>"
    "<bootable>true</bootable><interface>virtio</interface><logical_name>/dev/vda</logical_name>"
    "<pass_discard>true</pass_discard><read_only>false</read_only>"
    "<uses_scsi_reservation>false</uses_scsi_reservation>%s<vm href='/ovirt-engine/api/vms/v1' id='v1'/>"
    "</disk_attachment>"
)
ATTACHMENT = Attachment("d1", "v1", "virtio", True, True, False, True, "/dev/vda", None)
LINK = "<disk href='/ovirt-engine/api/disks/d1' id='d1'/>"
SNAPSHOT_XML = (
    "<snapshot href='/ovirt-engine/api/vms/v1/snapshots/s1' id='s1'><description>ovirt.backup: x</description>"
    "<date>2026-01-02T03:04:05.678+01:00</date><persist_memorystate>false</persist_memorystate>"
    "<snapshot_status>locked</snapshot_status><snapshot_type>regular</snapshot_type><vm id='v1'/></snapshot>"
)
SNAPSHOT = Snapshot("s1", "v1", "ovirt.backup: x", "locked", "regular", "2026-01-02T02:04:05Z")
NIC_XML = (
    "<nic id='n1'><name>nic1</name><interface>virtio</interface><linked>true</linked>"
    "<mac><address>56:6F:00:00:00:01</address></mac><plugged>true</plugged><vnic_profile id='p1'/></nic>"
)
NIC = Nic("n1", "nic1", "56:6f:00:00:00:01", True, "p1")
DONE = "<action><status>complete</status></action>"
ROOT = (
    "<api><product_info><name>oVirt Engine</name><version><build>7</build><full_version>4.5.7-1.el9</full_version>"
    "<major>4</major><minor>5</minor><revision>0</revision></version></product_info>"
    "<authenticated_user href='/ovirt-engine/api/users/u1' id='u1'/></api>"
)

# What is called, what is answered, what has been asked, what comes back.
CASES: List[Tuple[str, Callable[[EngineApi], Any], str, str, Any]] = [
    ("read_version", EngineApi.read_version, ROOT, "GET /", "4.5.7-1.el9"),
    ("read_user_id", EngineApi.read_user_id, ROOT, "GET /", "u1"),
    ("find_vms by id", lambda api: api.find_vms(UUID), VM_XML % "", "GET /vms/" + UUID, [VM]),
    ("find_vms by name", lambda api: api.find_vms("app"),
     "<vms>%s%s</vms>" % (VM_XML % "", "<vm id='v2'><name>APP</name></vm>"), 'GET /vms?search=name="app"', [VM]),
    ("read_vm", lambda api: api.read_vm("v1"), VM_XML % "", "GET /vms/v1", VM),
    ("read_vm with its configuration", lambda api: api.read_vm("v1", with_configuration=True),
     VM_XML % "<initialization><configuration><data>&lt;a/&gt;</data><type>ovf</type></configuration></initialization>",
     "GET /vms/v1?all_content=true", VM._replace(configuration=Configuration("ovf", "<a/>"))),
    ("read_vm without the configuration it asked for", lambda api: api.read_vm("v1", with_configuration=True),
     VM_XML % "<initialization/>", "GET /vms/v1?all_content=true", VM),
    ("read_vm of the hosted engine", lambda api: api.read_vm("v1").is_hosted_engine,
     "<vm id='v1'><name>HostedEngine</name><origin>managed_hosted_engine</origin></vm>", "GET /vms/v1", True),
    ("list_attachments", lambda api: api.list_attachments("v1"),
     "<disk_attachments>%s</disk_attachments>" % (ATTACHMENT_XML % DISK_XML),
     "GET /vms/v1/diskattachments?follow=disk", [ATTACHMENT._replace(disk=DISK)]),
    ("read_attachment", lambda api: api.read_attachment("v1", "d1"), ATTACHMENT_XML % LINK,
     "GET /vms/v1/diskattachments/d1", ATTACHMENT),
    ("deactivate_disk", lambda api: api.deactivate_disk("v1", "d1"), ATTACHMENT_XML % LINK,
     "PUT /vms/v1/diskattachments/d1 <disk_attachment><active>false</active></disk_attachment>", None),
    ("detach_disk", lambda api: api.detach_disk("v1", "d1"), DONE,
     "DELETE /vms/v1/diskattachments/d1?detach_only=true", None),
    ("attach_disk of a snapshot",
     lambda api: api.attach_disk("v1", AttachmentOrder("d1", "s1", "virtio_scsi", False, True, False, False)),
     ATTACHMENT_XML % LINK,
     "POST /vms/v1/diskattachments <disk_attachment><active>true</active><bootable>false</bootable>"
     "<interface>virtio_scsi</interface><disk id=\"d1\"><snapshot id=\"s1\"/></disk></disk_attachment>", ATTACHMENT),
    ("attach_disk",
     lambda api: api.attach_disk("v1", AttachmentOrder("d1", "", "virtio", True, True, True, True)),
     ATTACHMENT_XML % LINK,
     "POST /vms/v1/diskattachments <disk_attachment><active>true</active><bootable>true</bootable>"
     "<interface>virtio</interface><pass_discard>true</pass_discard><read_only>true</read_only><disk id=\"d1\"/>"
     "</disk_attachment>",
     ATTACHMENT),
    ("list_snapshots", lambda api: api.list_snapshots("v1"), "<snapshots>%s</snapshots>" % SNAPSHOT_XML,
     "GET /vms/v1/snapshots", [SNAPSHOT]),
    ("read_snapshot", lambda api: api.read_snapshot("v1", "s1"), SNAPSHOT_XML, "GET /vms/v1/snapshots/s1", SNAPSHOT),
    ("list_snapshot_disks", lambda api: api.list_snapshot_disks("v1", "s1"),
     "<disks><disk id='d1'><name>x</name><alias>x</alias><image_id>i1</image_id><status>ok</status>"
     "<actual_size>0</actual_size><snapshot id='s1'/></disk></disks>",
     "GET /vms/v1/snapshots/s1/disks", [SnapshotDisk("d1", "i1", "x", "ok")]),
    ("list_snapshot_disks of none", lambda api: api.list_snapshot_disks("v1", "s1"), "<disks/>",
     "GET /vms/v1/snapshots/s1/disks", []),
    ("create_snapshot", lambda api: api.create_snapshot("v1", "ovirt.backup: x", ["d1", "d2"]), SNAPSHOT_XML,
     "POST /vms/v1/snapshots <snapshot><description>ovirt.backup: x</description>"
     "<persist_memorystate>false</persist_memorystate><disk_attachments><disk_attachment><disk id=\"d1\"/>"
     "</disk_attachment><disk_attachment><disk id=\"d2\"/></disk_attachment>"
     "</disk_attachments></snapshot>", SNAPSHOT),
    ("remove_snapshot", lambda api: api.remove_snapshot("v1", "s1"), DONE, "DELETE /vms/v1/snapshots/s1", None),
    ("freeze_filesystems", lambda api: api.freeze_filesystems("v1"), DONE, "POST /vms/v1/freezefilesystems <action/>",
     None),
    ("thaw_filesystems", lambda api: api.thaw_filesystems("v1"), DONE, "POST /vms/v1/thawfilesystems <action/>", None),
    ("list_checkpointed_disks", lambda api: api.list_checkpointed_disks("v1"),
     "<checkpoints><checkpoint id='c1'><disks><disk id='d1'/><disk id='d2'/></disks></checkpoint></checkpoints>",
     "GET /vms/v1/checkpoints?follow=disks", {"d1", "d2"}),
    ("read_disk", lambda api: api.read_disk("d1"), DISK_XML, "GET /disks/d1", DISK),
    ("read_disk of a direct LUN", lambda api: api.read_disk("d1"),
     "<disk id='d1'><alias>lun</alias><storage_type>lun</storage_type><shareable>true</shareable><lun_storage>"
     "<logical_units><logical_unit id='l1'><size>1073741824</size></logical_unit></logical_units></lun_storage></disk>",
     "GET /disks/d1",
     Disk("d1", "lun", "", "", "", "lun", "", True, 1073741824, 0, "", False, "none", False, ())),
    ("find_disks", lambda api: api.find_disks("te"), "<disks>%s<disk id='d2'><description>a text</description></disk>"
     "</disks>" % DISK_XML, 'GET /disks?search=description="te*"', [DISK]),
    ("create_disk",
     lambda api: api.create_disk(DiskOrder("d1", "a", "m", "s1", 67108864, 4096, "cow", True, "incremental", True)),
     DISK_XML,
     "POST /disks <disk id=\"d1\"><backup>incremental</backup><content_type>data</content_type>"
     "<description>m</description><format>cow</format><initial_size>4096</initial_size><name>a</name>"
     "<provisioned_size>67108864</provisioned_size><sparse>true</sparse><wipe_after_delete>true</wipe_after_delete>"
     "<storage_domains><storage_domain id=\"s1\"/></storage_domains></disk>", DISK),
    ("create_disk with an id of the engine's choice",
     lambda api: api.create_disk(DiskOrder("", "a", "", "s1", 67108864, 0, "raw", False, "none", False)), DISK_XML,
     "POST /disks <disk><backup>none</backup><content_type>data</content_type><description></description>"
     "<format>raw</format><name>a</name><provisioned_size>67108864</provisioned_size><sparse>false</sparse>"
     "<wipe_after_delete>false</wipe_after_delete><storage_domains><storage_domain id=\"s1\"/></storage_domains>"
     "</disk>", DISK),
    ("describe_disk", lambda api: api.describe_disk("d1", ""), DISK_XML,
     "PUT /disks/d1 <disk><description></description></disk>", None),
    ("remove_disk", lambda api: api.remove_disk("d1"), DONE, "DELETE /disks/d1", None),
    ("list_storage_domains", EngineApi.list_storage_domains,
     "<storage_domains><storage_domain id='s1'><name>data</name><available>1099511627776</available>"
     "<critical_space_action_blocker>5</critical_space_action_blocker><external_status>ok</external_status>"
     "<storage><type>nfs</type></storage><type>data</type></storage_domain></storage_domains>",
     "GET /storagedomains", [StorageDomain("s1", "data", "data", "nfs", "", 1099511627776, 5 * 1024 ** 3)]),
    ("list_clusters", EngineApi.list_clusters,
     "<clusters><cluster id='c1'><name>Default</name><data_center id='dc1'/></cluster></clusters>", "GET /clusters",
     [Cluster("c1", "Default", "dc1")]),
    ("create_vm",
     lambda api: api.create_vm(VmOrder("app", "it", "mine", "c1", Configuration("ovf", "<a>&amp;</a>"), True)),
     VM_XML % "",
     "POST /vms <vm><comment>mine</comment><description>it</description><initialization>"
     "<configuration><data>&lt;a&gt;&amp;amp;&lt;/a&gt;</data><type>ovf</type></configuration>"
     "<regenerate_ids>true</regenerate_ids></initialization><name>app</name><cluster id=\"c1\"/></vm>", VM),
    ("update_vm", lambda api: api.update_vm("v1", {"comment": ""}), VM_XML % "",
     "PUT /vms/v1 <vm><comment></comment></vm>", VM),
    ("remove_vm", lambda api: api.remove_vm("v1"), DONE, "DELETE /vms/v1?detach_only=true", None),
    ("list_nics", lambda api: api.list_nics("v1"), "<nics>%s</nics>" % NIC_XML, "GET /vms/v1/nics", [NIC]),
    ("update_nic", lambda api: api.update_nic("v1", NIC._replace(is_plugged=False)), NIC_XML,
     "PUT /vms/v1/nics/n1 <nic><plugged>false</plugged><vnic_profile id=\"p1\"/></nic>", None),
    ("update_nic without a profile", lambda api: api.update_nic("v1", NIC._replace(profile_id="")), NIC_XML,
     "PUT /vms/v1/nics/n1 <nic><plugged>true</plugged><vnic_profile/></nic>", None),
    ("find_macs", lambda api: api.find_macs(["56:6f:00:00:00:01", "56:6f:00:00:00:02"]),
     "<vms><vm id='v1'><name>app</name><nics>%s</nics></vm></vms>" % NIC_XML,
     'GET /vms?follow=nics&search=vnic.mac="56:6f:00:00:00:01" or vnic.mac="56:6f:00:00:00:02"',
     {"56:6f:00:00:00:01": "app"}),
    ("add_event", lambda api: api.add_event("ovirt.backup", 7, "warning", "a <text>", "v1"), "<event id='1'/>",
     "POST /events <event><custom_id>7</custom_id><description>a &lt;text&gt;</description>"
     "<origin>ovirt.backup</origin><severity>warning</severity><vm id=\"v1\"/></event>", None),
    ("find_events", lambda api: api.find_events("ovirt.backup: x", 5),
     "<events><event id='9'><code>68</code><description>ovirt.backup: x is done</description>"
     "<severity>normal</severity><time>2026-01-02T03:04:05Z</time></event></events>",
     'GET /events?max=5&search="ovirt.backup: x"',
     [Event("9", 68, "ovirt.backup: x is done", "normal", "2026-01-02T03:04:05Z")]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "answer", "asked", "found"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_request(
    server: WebServer, api: EngineApi, call: Callable[[EngineApi], Any], answer: str, asked: str, found: Any
) -> None:
    server.answers = [xml(answer)]
    assert call(api) == found
    [(method, path)] = server.calls()
    assert (method + " " + unquote_plus(path) + " " + server.bodies()[0]).strip() == asked


def test_an_engine_is_asked_for_its_version_once(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(ROOT)]
    assert (api.read_version(), api.read_user_id(), api.read_version()) == ("4.5.7-1.el9", "u1", "4.5.7-1.el9")
    assert len(server.calls()) == 1


def test_an_id_that_is_not_there_is_found_nowhere(server: WebServer, api: EngineApi) -> None:
    server.answers = [EMPTY_404]
    assert api.find_vms(UUID) == []


def test_disks_that_an_engine_did_not_send_along_are_read_one_by_one(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml("<disk_attachments>%s</disk_attachments>" % (ATTACHMENT_XML % LINK)), xml(DISK_XML)]
    assert api.list_attachments("v1") == [ATTACHMENT._replace(disk=DISK)]
    assert server.calls()[1] == ("GET", "/disks/d1")


def test_what_is_not_attached_is_not_found(server: WebServer, api: EngineApi) -> None:
    text = "[Cannot detach Virtual Disk. The specified disk is not attached to the VM app.]"
    server.answers = [fault(400, text), fault(409, "[Cannot detach Virtual Disk because the VM is in Paused status.]")]
    with pytest.raises(NotFound) as caught:
        api.detach_disk("v1", "d1")
    assert caught.value.detail == text
    with pytest.raises(Conflict):
        api.detach_disk("v1", "d1")


def test_checkpoints_whose_disks_did_not_come_along_are_asked_for_them(server: WebServer, api: EngineApi) -> None:
    server.answers = [
        xml("<checkpoints><checkpoint id='c1'><link href='/ovirt-engine/api/vms/v1/checkpoints/c1/disks' rel='disks'/>"
            "</checkpoint></checkpoints>"),
        xml("<disks><disk id='d3'/></disks>"),
    ]  # fmt: skip
    assert api.list_checkpointed_disks("v1") == {"d3"}
    assert server.calls()[1] == ("GET", "/vms/v1/checkpoints/c1/disks")


def test_an_engine_without_checkpoints_has_none(server: WebServer, api: EngineApi) -> None:
    server.answers = [EMPTY_404]
    assert api.list_checkpointed_disks("v1") == set()


def test_profiles_are_those_of_the_networks_of_the_data_center(server: WebServer, api: EngineApi) -> None:
    server.answers = [
        xml("<networks><network id='n1'><name>ovirtmgmt</name></network></networks>"),
        xml("<vnic_profiles><vnic_profile id='p1'><name>p</name><network id='n1'/></vnic_profile>"
            "<vnic_profile id='p2'><name>p</name><network id='n2'/></vnic_profile></vnic_profiles>"),
    ]  # fmt: skip
    assert api.list_vnic_profiles("dc1") == [VnicProfile("p1", "p", "n1", "ovirtmgmt")]
    assert server.calls() == [("GET", "/datacenters/dc1/networks"), ("GET", "/vnicprofiles")]


def test_many_addresses_are_searched_for_in_several_requests(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml("<vms/>")]
    assert api.find_macs(["56:6f:00:00:00:%02x" % number for number in range(21)]) == {}
    assert len(server.calls()) == 2
    assert api.find_macs([]) == {}
    assert len(server.calls()) == 2


# --- permits ---


def permission(who: str, role: str, *permits: str) -> str:
    listed = "".join("<permit id='1'><name>%s</name></permit>" % permit for permit in permits)
    inner = "<permits>%s</permits>" % listed if permits else ""
    return "<permission id='x'>%s<role id='%s'>%s</role></permission>" % (who, role, inner)


def permissions(*found: str) -> Any:
    return xml("<permissions>%s</permissions>" % "".join(found))


ME, OTHER = "<user id='u1'/>", "<user id='u2'/>"
GROUP, EVERYONE = "<group id='g1'/>", "<group id='eee00000-0000-0000-0000-123456789eee'/>"


@pytest.mark.parametrize(
    ("found", "permits"),
    [
        ([permission(ME, "r1", "login", "attach_disk")], {"login", "attach_disk"}),
        ([permission(ME, "r1", "login"), permission(EVERYONE, "r2", "attach_disk")], {"login", "attach_disk"}),
        ([permission(OTHER, "r1", "attach_disk")], set()),
        ([], set()),
        ([permission(ME, "r1", "login"), permission(GROUP, "r2", "attach_disk")], None),
        ([permission(ME, "r1", "login", "attach_disk"), permission(GROUP, "r2", "login")], {"login", "attach_disk"}),
    ],
)
def test_permits_are_those_of_the_user_and_of_everyone(
    server: WebServer, api: EngineApi, found: List[str], permits: Any
) -> None:
    server.answers = [xml(ROOT), permissions(*found)]
    assert api.list_permits("vms", "v1") == permits
    assert server.calls()[1] == ("GET", "/vms/v1/permissions?follow=role.permits")


def test_roles_whose_permits_did_not_come_along_are_asked_once(server: WebServer, api: EngineApi) -> None:
    listed = permissions(permission(ME, "r1"))
    permits = xml("<permits><permit id='1'><name>attach_disk</name></permit></permits>")
    server.answers = [xml(ROOT), listed, permits, listed]
    assert api.list_permits("disks", "d1") == {"attach_disk"}
    assert api.list_permits("disks", "d2") == {"attach_disk"}
    assert [path for _method, path in server.calls()][2:] == [
        "/roles/r1/permits", "/disks/d2/permissions?follow=role.permits",
    ]


@pytest.mark.parametrize("answer", [fault(403, "[no]"), EMPTY_404, fault(400, "[no]")])
def test_permits_that_an_engine_does_not_tell_are_unknown(server: WebServer, api: EngineApi, answer: Any) -> None:
    server.answers = [xml(ROOT), answer]
    assert api.list_permits("vms", "v1") is None


def test_permits_of_an_unknown_user_are_unknown(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml("<api/>"), permissions(permission(ME, "r1", "login"))]
    assert api.list_permits("vms", "v1") is None
