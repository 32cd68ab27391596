# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each function is one request, in the words of the engine's API, and its answer is read as the engine means it."""

from typing import Any, Callable, List, Tuple
from urllib.parse import unquote_plus

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.engine import EngineApi
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import Conflict, NotFound, Unavailable
from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import (
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
    VmAround,
    VmOrder,
)
from unit.fakes.web_server import EMPTY_404, WebServer, fault, page, xml

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
    "d1",
    "app_Disk1",
    "text",
    "i1",
    "ok",
    "image",
    "data",
    False,
    67108864,
    1048576,
    "cow",
    True,
    "incremental",
    True,
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
HELD_XML = (
    "<disk id='d1'><name>x</name><alias>x</alias><image_id>i1</image_id><status>ok</status>"
    "<actual_size>0</actual_size><snapshot id='s1'/></disk>"
)
MADE_XML, MADE = SNAPSHOT_XML.replace("locked", "ok"), SNAPSHOT._replace(status="ok")
HELD = SnapshotDisk("d1", "i1", "x", "ok")
ACTIVE_XML = (
    "<snapshot id='s0'><description>Active VM</description><snapshot_status>ok</snapshot_status>"
    "<snapshot_type>active</snapshot_type><link href='/ovirt-engine/api/vms/v1/snapshots/s0/disks' rel='disks'/>"
    "<disks/></snapshot>"
)
ACTIVE = Snapshot("s0", "v1", "Active VM", "ok", "active", "")
NIC_XML = (
    "<nic id='n1'><name>nic1</name><interface>virtio</interface><linked>true</linked>"
    "<mac><address>56:6F:00:00:00:01</address></mac><plugged>true</plugged><vnic_profile id='p1'/></nic>"
)
AROUND_XML = (
    "<link href='/ovirt-engine/api/vms/v1/snapshots' rel='snapshots'/><disk_attachments>%s</disk_attachments>"
    "<snapshots>%s%s</snapshots><nics>%s</nics>"
) % (
    ATTACHMENT_XML % DISK_XML,
    ACTIVE_XML,
    SNAPSHOT_XML.replace("<vm id='v1'/>", "<disks>%s</disks>" % HELD_XML),
    NIC_XML,
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
    ("find_vms by name", lambda api: api.find_vms("app"),
     "<vms>%s%s</vms>" % (VM_XML % "", "<vm id='v2'><name>APP</name></vm>"), 'GET /vms?search=name="app"', [VM]),
    ("read_vm with its configuration", lambda api: api.read_vm("v1", with_configuration=True),
     VM_XML % "<initialization><configuration><data>&lt;a/&gt;</data><type>ovf</type></configuration></initialization>",
     "GET /vms/v1?all_content=true", VM._replace(configuration=Configuration("ovf", "<a/>"))),
    ("read_vm without the configuration it asked for", lambda api: api.read_vm("v1", with_configuration=True),
     VM_XML % "<initialization/>", "GET /vms/v1?all_content=true", VM),
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
    ("create_snapshot", lambda api: api.create_snapshot("v1", "ovirt.backup: x", ["d1", "d2"]), SNAPSHOT_XML,
     "POST /vms/v1/snapshots <snapshot><description>ovirt.backup: x</description>"
     "<persist_memorystate>false</persist_memorystate><disk_attachments><disk_attachment><disk id=\"d1\"/>"
     "</disk_attachment><disk_attachment><disk id=\"d2\"/></disk_attachment>"
     "</disk_attachments></snapshot>", SNAPSHOT),
    ("list_checkpointed_disks", lambda api: api.list_checkpointed_disks("v1"),
     "<checkpoints><checkpoint id='c1'><disks><disk id='d1'/><disk id='d2'/></disks></checkpoint></checkpoints>",
     "GET /vms/v1/checkpoints?follow=disks", {"d1", "d2"}),
    ("read_disk of a direct LUN", lambda api: api.read_disk("d1"),
     "<disk id='d1'><alias>lun</alias><storage_type>lun</storage_type><shareable>true</shareable><lun_storage>"
     "<logical_units><logical_unit id='l1'><size>1073741824</size></logical_unit></logical_units></lun_storage></disk>",
     "GET /disks/d1",
     Disk("d1", "lun", "", "", "", "lun", "", True, 1073741824, 0, "", False, "none", False, ())),
    ("fetch_vms", lambda api: api.fetch_vms(["app", UUID]),
     "<vms>%s<vm id='v2'><name>APP</name></vm></vms>" % (VM_XML % AROUND_XML),
     'GET /vms?follow=disk_attachments.disk&search=name="app" or id="%s"' % UUID,
     [VmAround(VM, [ATTACHMENT._replace(disk=DISK)])]),
    ("look_at_vms and all that belongs to them", lambda api: api.fetch_vms(["app"], True, True, True),
     "<vms>%s</vms>" % (VM_XML % AROUND_XML).replace(
         "<cluster href='/ovirt-engine/api/clusters/c1' id='c1'/>",
         "<cluster id='c1'><name>Default</name><data_center id='dc1'/></cluster>"),
     'GET /vms?follow=disk_attachments.disk,snapshots.disks,nics,cluster&search=name="app"',
     [VmAround(VM, [ATTACHMENT._replace(disk=DISK)], [ACTIVE, SNAPSHOT._replace(disks=(HELD,))], [NIC],
               Cluster("c1", "Default", "dc1"))]),
    ("find_disks of a mark or an id", lambda api: api.find_disks("no mark", [UUID, "d1"]),
     "<disks>%s<disk id='d2'/></disks>" % DISK_XML,
     'GET /disks?search=description="no mark*" or id="%s"' % UUID, [DISK]),
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
    ("list_storage_domains", EngineApi.list_storage_domains,
     "<storage_domains><storage_domain id='s1'><name>data</name><available>1099511627776</available>"
     "<critical_space_action_blocker>5</critical_space_action_blocker><external_status>ok</external_status>"
     "<storage><type>nfs</type></storage><type>data</type></storage_domain></storage_domains>",
     "GET /storagedomains", [StorageDomain("s1", "data", "data", "nfs", "", 1099511627776, 5 * 1024 ** 3)]),
    ("create_vm",
     lambda api: api.create_vm(VmOrder("app", "it", "mine", "c1", Configuration("ovf", "<a>&amp;</a>"), True)),
     VM_XML % "",
     "POST /vms <vm><comment>mine</comment><description>it</description><initialization>"
     "<configuration><data>&lt;a&gt;&amp;amp;&lt;/a&gt;</data><type>ovf</type></configuration>"
     "<regenerate_ids>true</regenerate_ids></initialization><name>app</name><cluster id=\"c1\"/></vm>", VM),
    ("update_vm", lambda api: api.update_vm("v1", {"comment": ""}), VM_XML % "",
     "PUT /vms/v1 <vm><comment></comment></vm>", VM),
    ("remove_vm", lambda api: api.remove_vm("v1"), DONE, "DELETE /vms/v1?detach_only=true", None),
    ("update_nic", lambda api: api.update_nic("v1", NIC._replace(is_plugged=False)), NIC_XML,
     "PUT /vms/v1/nics/n1 <nic><plugged>false</plugged><vnic_profile id=\"p1\"/></nic>", None),
    ("update_nic without a profile", lambda api: api.update_nic("v1", NIC._replace(profile_id="")), NIC_XML,
     "PUT /vms/v1/nics/n1 <nic><plugged>true</plugged><vnic_profile/></nic>", None),
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


def test_what_is_not_attached_is_not_found(server: WebServer, api: EngineApi) -> None:
    text = "[Cannot detach Virtual Disk. The specified disk is not attached to the VM app.]"
    server.answers = [fault(400, text), fault(409, "[Cannot detach Virtual Disk because the VM is in Paused status.]")]
    with pytest.raises(NotFound) as caught:
        api.detach_disk("v1", "d1")
    assert caught.value.detail == text
    with pytest.raises(Conflict):
        api.detach_disk("v1", "d1")


def test_an_engine_without_checkpoints_has_none(server: WebServer, api: EngineApi) -> None:
    server.answers = [EMPTY_404]
    assert api.list_checkpointed_disks("v1") == set()


BROKEN = fault(500, "[Internal Engine Error]")


def test_a_machine_that_vanishes_between_two_requests_is_not_seen(server: WebServer, api: EngineApi) -> None:
    server.answers = [BROKEN, xml("<vms>%s</vms>" % (VM_XML % "")), EMPTY_404]
    assert api.fetch_vms(["app"]) == []


def test_an_engine_that_is_away_is_not_asked_piece_by_piece(server: WebServer, api: EngineApi) -> None:
    server.answers = [page(503)]
    for call in (lambda: api.fetch_vms(["app"]), lambda: api.read_snapshot("v1", "s1", with_disks=True),
                 lambda: api.list_attachments("v1"), lambda: api.list_vnic_profiles("dc1")):  # fmt: skip
        server.seen.clear()
        with pytest.raises(Unavailable):
            call()
        assert len(server.calls()) == 1


def test_many_disks_are_searched_for_in_several_requests(server: WebServer, api: EngineApi) -> None:
    """A web server takes no address that is longer than 8190 bytes."""
    ids = ["%08d%s" % (number, UUID[8:]) for number in range(120)]
    server.answers = [xml("<disks><disk id='%s'/></disks>" % found) for found in (ids[0], ids[60], ids[60])]
    assert [disk.id for disk in api.find_disks("mark", ids)] == [ids[0], ids[60]]
    assert [unquote_plus(path).count("id=") for _method, path in server.calls()] == [49, 50, 21]


def test_no_names_are_no_request(server: WebServer, api: EngineApi) -> None:
    assert (api.fetch_vms([]), api.find_disks(""), api.find_disks("", ["no id"])) == ([], [], [])
    assert server.calls() == []


def test_the_disks_of_a_snapshot_that_did_not_come_along_are_asked_for(server: WebServer, api: EngineApi) -> None:
    server.answers = [BROKEN, xml(MADE_XML), xml("<disks>%s</disks>" % HELD_XML)]
    assert api.read_snapshot("v1", "s1", with_disks=True) == MADE._replace(disks=(HELD,))
    server.answers = [BROKEN, xml(ACTIVE_XML)]
    assert api.read_snapshot("v1", "s0", with_disks=True) == ACTIVE
    server.answers = [xml(MADE_XML), EMPTY_404]
    assert api.read_snapshot("v1", "s1", with_disks=True) == MADE
    server.answers = [xml(SNAPSHOT_XML), BROKEN]
    assert api.read_snapshot("v1", "s1", with_disks=True) == SNAPSHOT


def test_a_disk_that_vanishes_between_two_requests_stays_away(server: WebServer, api: EngineApi) -> None:
    server.answers = [BROKEN, xml("<disk_attachments>%s</disk_attachments>" % (ATTACHMENT_XML % LINK)), EMPTY_404]
    assert api.list_attachments("v1") == [ATTACHMENT]


def test_checkpoints_and_addresses_are_found_without_following_too(server: WebServer, api: EngineApi) -> None:
    server.answers = [BROKEN, xml("<checkpoints><checkpoint id='c1'/></checkpoints>"), EMPTY_404]
    assert api.list_checkpointed_disks("v1") == set()
    server.answers = [
        BROKEN,
        xml("<vms><vm id='v1'><name>app</name></vm><vm id='v2'><name>gone</name></vm></vms>"),
        xml("<nics>%s</nics>" % NIC_XML),
        EMPTY_404,
    ]
    assert api.find_macs([NIC.mac]) == {NIC.mac: "app"}


def test_many_addresses_are_searched_for_in_several_requests(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml("<vms/>")]
    assert api.find_macs(["56:6f:00:00:00:%02x" % number for number in range(21)]) == {}
    assert len(server.calls()) == 2
    assert api.find_macs([]) == {}
    assert len(server.calls()) == 2


# --- permits ---


def permission(who: str, role: str, *permits: str, where: str = "", number: str = "x") -> str:
    listed = "".join("<permit id='1'><name>%s</name></permit>" % permit for permit in permits)
    inner = "<permits>%s</permits>" % listed if permits else ""
    return "<permission id='%s'>%s<role id='%s'>%s</role>%s</permission>" % (number, who, role, inner, where)


def permissions(*found: str) -> Any:
    return xml("<permissions>%s</permissions>" % "".join(found))


ME, OTHER = "<user id='u1'/>", "<user id='u2'/>"
GROUP, EVERYONE = "<group id='g1'/>", "<group id='eee00000-0000-0000-0000-123456789eee'/>"
VM_1, VM_2, IN_CLUSTER = "<vm id='v1'/>", "<vm id='v2'/>", "<cluster id='c1'/>"
OWN, ON_VM = "/users/u1/permissions?follow=role.permits", "/vms/v1/permissions"


def test_permits_on_everything_and_on_the_object_are_enough(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(ROOT), permissions(
        permission(ME, "r1", "login"), permission(GROUP, "r2", "attach_disk", where=VM_1),
        permission(ME, "r3", "create_disk", where=VM_2),
    )]  # fmt: skip
    assert api.list_permits("vms", "v1", {"login", "attach_disk"}) == {"login", "attach_disk"}
    assert api.list_permits("vms", "v9", {"login"}) == {"login"}
    assert [path for _method, path in server.calls()] == ["/", OWN]


def test_inherited_permits_are_told_by_the_ids_of_the_permissions(server: WebServer, api: EngineApi) -> None:
    server.answers = [
        xml(ROOT),
        permissions(permission(GROUP, "r1", "attach_disk", where=IN_CLUSTER, number="a"),
                    permission(ME, "r2", "delete_vm", where="<cluster id='c2'/>", number="b")),
        permissions(permission(GROUP, "r1", where=VM_1, number="a"), permission(OTHER, "r9", where=VM_1, number="c")),
    ]  # fmt: skip
    assert api.list_permits("vms", "v1", {"attach_disk"}) == {"attach_disk"}
    assert [path for _method, path in server.calls()] == ["/", OWN, ON_VM]


def test_permits_that_lack_are_looked_for_on_the_object(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(ROOT), permissions(permission(ME, "r1", "login")), permissions()]
    assert api.list_permits("vms", "v1", {"attach_disk"}) == {"login"}
    assert len(server.calls()) == 3


def test_roles_whose_permits_did_not_come_along_are_asked_once(server: WebServer, api: EngineApi) -> None:
    permits = xml("<permits><permit id='1'><name>attach_disk</name></permit></permits>")
    server.answers = [xml(ROOT), BROKEN, permissions(permission(ME, "r1")), permits]
    assert api.list_permits("disks", "d1", {"attach_disk"}) == {"attach_disk"}
    assert api.list_permits("disks", "d2", {"attach_disk"}) == {"attach_disk"}
    assert [path for _method, path in server.calls()][1:] == [OWN, "/users/u1/permissions", "/roles/r1/permits"]


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
def test_where_the_user_is_not_told_the_own_permissions_those_on_the_object_may_be_enough(
    server: WebServer, api: EngineApi, found: List[str], permits: Any
) -> None:
    server.answers = [xml(ROOT), fault(403, "[no]"), permissions(*found)]
    assert api.list_permits("vms", "v1", {"attach_disk"}) == permits
    assert server.calls()[2] == ("GET", ON_VM + "?follow=role.permits")


@pytest.mark.parametrize("answer", [fault(403, "[no]"), EMPTY_404, fault(400, "[no]")])
def test_permits_that_an_engine_does_not_tell_are_unknown(server: WebServer, api: EngineApi, answer: Any) -> None:
    server.answers = [xml(ROOT), answer]
    assert api.list_permits("vms", "v1", {"login"}) is None


def test_permits_of_an_unknown_user_are_unknown(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml("<api/>"), permissions(permission(ME, "r1", "login"))]
    assert api.list_permits("vms", "v1", {"login"}) is None
