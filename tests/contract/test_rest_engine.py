# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stand-in engine does with virtual machines, snapshots and disks, seen through the SDK."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import rest_engine
from lab.rest_engine import RestLab

sdk = pytest.importorskip("ovirtsdk4")
from contract.rest_client import MIB, Client, disk_order, find, wait  # noqa: E402
from ovirtsdk4 import types  # noqa: E402


@pytest.fixture
def client(rest_lab: RestLab) -> Iterator[Client]:
    made = Client(rest_lab)
    yield made
    made.connection.close()


@pytest.fixture
def backup(client: Client) -> str:
    """The id of the backup machine of the default world."""
    return rest_engine.identify("vm", "backup")


def refused(status: int, text: str) -> pytest.RaisesExc[Exception]:
    return pytest.RaisesExc(sdk.Error, check=lambda error: error.code == status and text in error.fault.detail)


def test_the_default_world_is_there(client: Client) -> None:
    names = [vm.name for vm in client.vms.list()]
    assert names.count("twin") == 2
    assert {"app", "backup", "cold", "shared", "HostedEngine"} <= set(names)
    api = client.system.get()
    assert api.product_info.version.full_version.startswith("4.5")
    user = client.connection.follow_link(api.authenticated_user)
    assert user.user_name == client.lab.username


def test_a_search_finds_by_name_with_blanks_wildcards_and_limits(client: Client) -> None:
    client.make_vm("a name with blanks")
    assert [vm.name for vm in client.vms.list(search='name="a name with blanks"')] == ["a name with blanks"]
    assert [vm.name for vm in client.vms.list(search="name=ap*")] == ["app"]
    assert [vm.name for vm in client.vms.list(search="name=app or name=cold")] == ["app", "cold"]
    assert len(client.vms.list(max=2)) == 2
    assert client.vms.list(search="name=nothing") == []


def test_what_is_missing_is_404(client: Client) -> None:
    for service in (client.vm("x"), client.disks.disk_service("x"), client.snapshots("x").snapshot_service("y")):
        with pytest.raises(sdk.NotFoundError):
            service.get()
    with pytest.RaisesExc(sdk.NotFoundError, check=lambda error: "Entity not found" in error.fault.detail):
        client.snapshots(rest_engine.identify("vm", "app")).snapshot_service("y").get()


def test_follow_brings_disks_and_permits_along(client: Client) -> None:
    vm = rest_engine.identify("vm", "app")
    sizes = {one.disk.alias: one.disk.provisioned_size for one in client.attachments(vm).list(follow="disk")}
    assert sizes == {"app_Disk1": 64 * MIB, "app_Disk2": 32 * MIB}
    assert all(one.disk.alias is None for one in client.attachments(vm).list())
    whole = client.vm(vm).get(follow="disk_attachments.disk,nics.vnic_profile,snapshots")
    assert [one.disk.alias for one in whole.disk_attachments] == ["app_Disk1", "app_Disk2"]
    assert [nic.vnic_profile.name for nic in whole.nics] == ["ovirtmgmt"]
    assert [one.description for one in whole.snapshots] == ["Active VM"]
    [listed] = client.vms.list(search="id=" + vm, follow="snapshots.disks,cluster,nics")
    assert [list(one.disks) for one in listed.snapshots] == [[]]
    assert (listed.cluster.name, len(listed.nics)) == ("Default", 1)
    permissions = client.vm(vm).permissions_service().list(follow="role.permits")
    names = {permit.name for one in permissions for permit in one.role.permits}
    assert {"manipulate_vm_snapshots", "configure_vm_storage"} <= names


def test_a_link_that_can_not_be_followed_fails_the_whole_request(client: Client) -> None:
    vm = rest_engine.identify("vm", "app")
    profiles = client.system.vnic_profiles_service()
    assert {one.network.data_center.id for one in profiles.list(follow="network")} != {None}
    for call in (
        lambda: client.vms.list(follow="no_such_link"),
        lambda: client.vms.list(follow="disk_attachments.disk.storage_domains"),
        # The active snapshot has no links, except below a list of virtual machines.
        lambda: client.vm(vm).get(follow="snapshots.disks"),
        lambda: client.snapshots(vm).list(follow="disks"),
        lambda: client.snapshots(vm).snapshot_service(client.snapshots(vm).list()[0].id).get(follow="disks"),
    ):
        with refused(500, "Internal Engine Error"):
            call()


def test_a_snapshot_keeps_the_bytes_of_its_moment(client: Client, backup: str, tmp_path: Path) -> None:
    vm, disks = client.make_vm("moment", 2 * MIB, MIB)
    rest_engine.write(client.lab.home, vm, disks[0], 4096, b"before")
    snapshot = client.make_snapshot(vm)
    rest_engine.write(client.lab.home, vm, disks[0], 4096, b"after!")
    assert {
        one.id: one.image_id for one in client.snapshots(vm).snapshot_service(snapshot).disks_service().list()
    }.keys() == set(disks)
    for disk in disks:
        assert client.attach(backup, disk, snapshot).id == disk
    device = client.wait_device(backup, disks[0])
    assert device.stat().st_size == 2 * MIB
    assert device.read_bytes()[4096:4102] == b"before"
    assert client.bytes_of(disks[0], tmp_path)[4096:4102] == b"after!"
    with refused(409, "attached to other VMs"):
        client.snapshots(vm).snapshot_service(snapshot).remove()
    for disk in disks:
        client.detach(backup, disk)
        assert client.devices(backup, disk) == []
        assert find(client.attachments(backup).attachment_service(disk).get) is None
    client.remove_snapshot(vm, snapshot)
    assert client.bytes_of(disks[0], tmp_path)[4096:4102] == b"after!"
    assert client.event_codes(2) == [356, 342]


def test_a_snapshot_is_locked_then_ok_and_the_configuration_is_left_out_meanwhile(client: Client) -> None:
    vm, disks = client.make_vm("states")
    before = client.disks.disk_service(disks[0]).get().image_id
    made = client.begin_snapshot(vm)
    assert made.snapshot_status == types.SnapshotStatus.LOCKED
    assert client.vm(vm).get(all_content=True).initialization is None
    assert client.disks.disk_service(disks[0]).get().status == types.DiskStatus.LOCKED
    with refused(409, "performing an operation on a Snapshot"):
        client.begin_snapshot(vm)
    seen = client.wait_ok(vm, made.id)
    assert (seen.snapshot_type, seen.description) == (types.SnapshotType.REGULAR, "made by a test")
    kept = client.snapshots(vm).snapshot_service(made.id).disks_service().list()[0]
    after = client.disks.disk_service(disks[0]).get().image_id
    assert kept.image_id == before != after
    assert "ovf:Envelope" in client.vm(vm).get(all_content=True).initialization.configuration.data
    whole = client.snapshots(vm).snapshot_service(made.id).get(query={"all_content": "true"})
    assert whole.initialization.configuration.type == types.ConfigurationType.OVF
    assert client.event_codes(2) == [68, 45]


def test_a_new_snapshot_takes_the_id_of_the_active_one(client: Client) -> None:
    vm, _disks = client.make_vm("taken")
    active = client.snapshots(vm).list()[0].id
    assert client.begin_snapshot(vm).id == active
    client.wait_ok(vm, active)
    assert sorted(one.snapshot_type.value for one in client.snapshots(vm).list()) == ["active", "regular"]


def test_chains_merge_in_any_order(client: Client, tmp_path: Path) -> None:
    vm, disks = client.make_vm("chain")
    snapshots = []
    for number in range(3):
        rest_engine.write(client.lab.home, vm, disks[0], number * 65536, b"layer")
        snapshots.append(client.make_snapshot(vm))
    images = [client.snapshots(vm).snapshot_service(one).disks_service().list()[0].image_id for one in snapshots]
    client.remove_snapshot(vm, snapshots[1])
    oldest, newest = (client.bytes_of(disks[0], tmp_path, image) for image in (images[0], images[1]))
    assert oldest[65536:65541] != b"layer" == newest[131072:131077]
    client.remove_snapshot(vm, snapshots[0])
    client.remove_snapshot(vm, snapshots[2])
    final = client.bytes_of(disks[0], tmp_path)
    assert [final[offset : offset + 5] for offset in (0, 65536, 131072)] == [b"layer"] * 3
    assert len(os.listdir(Path(client.lab.disks) / disks[0])) == 1


def test_what_cannot_be_in_a_snapshot_is_left_out_or_refused_by_name(client: Client) -> None:
    vm = rest_engine.identify("vm", "shared")
    disks = {one.disk.alias: one.disk for one in client.attachments(vm).list(follow="disk")}
    assert disks["shared_Lun"].storage_type == types.DiskStorageType.LUN
    assert disks["shared_Lun"].status is None
    assert disks["shared_Disk2"].shareable
    for alias in ("shared_Lun", "shared_Disk2"):
        with refused(400, "Snapshot is not allowed for the following disk(s): " + alias):
            client.begin_snapshot(vm, [disks[alias].id])
    with refused(400, "The following disk(s) are not attached to the VM shared: app_Disk1"):
        client.begin_snapshot(vm, [rest_engine.identify("disk", "app_Disk1")])
    snapshot = client.make_snapshot(vm)
    kept = client.snapshots(vm).snapshot_service(snapshot).disks_service().list()
    assert [disk.alias for disk in kept] == ["shared_Disk1"]
    client.remove_snapshot(vm, snapshot)
    empty = client.make_snapshot(vm, [])
    assert client.snapshots(vm).snapshot_service(empty).disks_service().list() == []
    client.remove_snapshot(vm, empty)


def test_a_machine_that_is_down_is_locked_while_its_snapshot_is_made(client: Client) -> None:
    vm, disks = client.make_vm("sleeper", status="down")
    made = client.begin_snapshot(vm)
    assert client.vm(vm).get().status == types.VmStatus.IMAGE_LOCKED
    client.wait_ok(vm, made.id)
    assert client.vm(vm).get().status == types.VmStatus.DOWN
    client.remove_snapshot(vm, made.id)


@pytest.mark.parametrize(
    ("collection", "name", "changes", "status", "text"),
    [
        ("vms", "refuses", {"status": "migrating"}, 409, "VM migration is in progress"),
        ("vms", "refuses", {"status": "image_locked"}, 409, "VM is locked"),
        ("vms", "refuses", {"stateless": True}, 409, "running as Stateless"),
        ("disks", "refuses_Disk1", {"status": "locked"}, 409, "The following disks are locked: refuses_Disk1"),
        ("disks", "refuses_Disk1", {"status": "illegal"}, 500, "in ILLEGAL status: refuses_Disk1"),
    ],
)
def test_a_snapshot_is_refused(
    client: Client, collection: str, name: str, changes: dict[str, object], status: int, text: str
) -> None:
    vm = rest_engine.identify("vm", "refuses")
    if vm not in {one.id for one in client.vms.list()}:
        client.make_vm("refuses")
    rest_engine.change(client.lab.home, collection, name, **changes)
    with refused(status, text):
        client.begin_snapshot(vm)
    rest_engine.change(client.lab.home, "vms", vm, status="up", stateless=False)
    rest_engine.change(client.lab.home, "disks", "refuses_Disk1", status="ok")


def test_a_full_domain_refuses_snapshots_and_disks(client: Client) -> None:
    with refused(409, "Low disk space on Storage Domain small"):
        client.begin_snapshot(rest_engine.identify("vm", "tight"))
    with refused(409, "Low disk space on Storage Domain small"):
        client.make_disk("too much", domain="small")


def test_attaching_is_refused_for_each_reason(client: Client, backup: str) -> None:
    home = client.lab.home
    vm, disks = client.make_vm("reasons")
    snapshot = client.make_snapshot(vm)
    active = next(one.id for one in client.snapshots(vm).list() if one.snapshot_type == types.SnapshotType.ACTIVE)
    other = rest_engine.identify("disk", "app_Disk1")
    elsewhere = rest_engine.identify("vm", "twin Second")

    def says(
        status: int, text: str, target: str = backup, disk: str = disks[0], kept: str = snapshot, **more: Any
    ) -> None:
        with refused(status, text):
            client.attach(target, disk, kept, **more)

    says(409, "not shareable and is already attached", kept="")
    says(400, "VM's Snapshot does not exist", kept=active[::-1])
    says(409, "only allowed for regular snapshots", kept=active)
    says(400, "The specified disk does not exist", disk=other)
    says(400, "The specified disk does not exist", disk=active, kept="")
    says(409, "The disk is already attached to VM", target=vm)
    says(409, "does not contain the Virtual Disk", target=elsewhere)
    says(409, "is already marked as boot", bootable=True)
    says(400, "IDE disks can't be read-only", interface="sata", read_only=True)
    for collection, name, changes, status, text in (
        ("vms", backup, {"status": "migrating"}, 409, "because the VM is in MigratingFrom status"),
        ("vms", backup, {"virtio_scsi": False}, 409, "VirtIO-SCSI is disabled for the VM"),
        ("disks", disks[0], {"status": "locked"}, 409, "The following disks are locked: reasons_Disk1"),
        ("disks", disks[0], {"status": "illegal"}, 400, "Disk is in an illegal state"),
        ("snapshots", snapshot, {"status": "locked"}, 409, "The snapshot is in LOCKED status"),
    ):
        rest_engine.change(home, collection, name, **changes)
        says(status, text)
        rest_engine.change(home, "vms", backup, status="up", virtio_scsi=True)
        rest_engine.change(home, "disks", disks[0], status="ok")
        rest_engine.change(home, "snapshots", snapshot, status="ok")
    client.attach(backup, disks[0], snapshot)
    says(409, "The disk is already attached to VM")
    client.detach(backup, disks[0])


def test_detaching_is_refused_and_never_takes_a_disk_away(client: Client, backup: str) -> None:
    vm, disks = client.make_vm("held")
    snapshot = client.make_snapshot(vm)
    with refused(409, "already configured in a snapshot"):
        client.detach(vm, disks[0])
    with refused(400, "is not attached to the VM backup"):
        client.detach(backup, disks[0])
    client.attach(backup, disks[0], snapshot)
    rest_engine.change(client.lab.home, "vms", backup, status="paused")
    with refused(409, "because the VM is in Paused status"):
        client.detach(backup, disks[0])
    rest_engine.change(client.lab.home, "vms", backup, status="up")
    checkpoint = rest_engine.add_checkpoint(client.lab.home, vm, disks)
    assert [one.id for one in client.vm(vm).checkpoints_service().list()] == [checkpoint]
    client.detach(backup, disks[0])
    assert client.vm(vm).checkpoints_service().list() == []
    assert client.disks.disk_service(disks[0]).get().status == types.DiskStatus.OK


def test_without_detach_only_the_disk_is_lost_for_everybody(client: Client) -> None:
    vm, disks = client.make_vm("lost", status="down")
    client.attachments(vm).attachment_service(disks[0]).remove(detach_only=False)
    wait(lambda: find(client.disks.disk_service(disks[0]).get), lambda seen: seen is None)
    assert client.attachments(vm).list() == []


def test_an_inactive_attachment_has_no_device_until_it_is_plugged(client: Client, backup: str) -> None:
    disk = client.make_disk("plugs")
    client.attach(backup, disk, active=False, interface="virtio")
    assert client.devices(backup, disk) == []
    service = client.attachments(backup).attachment_service(disk)
    service.update(types.DiskAttachment(active=True))
    assert client.wait_device(backup, disk).name.startswith("vd")
    assert client.devices(backup, disk)[0].name == "virtio-" + disk[:20]
    service.update(types.DiskAttachment(active=False))
    assert client.devices(backup, disk) == []
    client.detach(backup, disk)
    client.disks.disk_service(disk).remove()
    wait(lambda: find(client.disks.disk_service(disk).get), lambda seen: seen is None)


def test_what_is_written_to_a_restored_disk_stays_and_what_is_to_a_snapshot_is_lost(
    client: Client, backup: str, tmp_path: Path
) -> None:
    disk = client.make_disk("filled", MIB, id=rest_engine.identify("test", "filled"))
    assert disk == rest_engine.identify("test", "filled")
    client.attach(backup, disk)
    with open(client.wait_device(backup, disk), "r+b") as device:
        device.seek(8192)
        device.write(b"restored")
    client.detach(backup, disk)
    assert client.bytes_of(disk, tmp_path)[8192:8200] == b"restored"

    vm, disks = client.make_vm("throwaway")
    before = client.bytes_of(disks[0], tmp_path)
    snapshot = client.make_snapshot(vm)
    client.attach(backup, disks[0], snapshot)
    with open(client.wait_device(backup, disks[0]), "r+b") as device:
        device.write(b"scribble")
    client.detach(backup, disks[0])
    client.remove_snapshot(vm, snapshot)
    assert client.bytes_of(disks[0], tmp_path) == before


def test_disks_are_refused_where_the_engine_refuses_them(client: Client) -> None:
    used = rest_engine.identify("disk", "app_Disk1")
    with refused(409, used + " is already used by the following existing disk: app_Disk1"):
        client.disks.add(disk_order("again", id=used))
    raw = {"format": types.DiskFormat.RAW}
    with refused(409, "incompatible with the storage domain type"):
        client.disks.add(disk_order("raw", backup=types.DiskBackup.INCREMENTAL, **raw))
    with refused(409, "incompatible with the storage domain type"):
        client.disks.add(disk_order("raw", domain="block", **raw))
    with pytest.RaisesExc(sdk.Error, check=lambda error: error.fault.reason == "Incomplete parameters"):
        client.disks.add(types.Disk(name="nothing"))


def test_removing_a_snapshot_is_refused(client: Client) -> None:
    home = client.lab.home
    vm, disks = client.make_vm("kept")
    snapshot = client.make_snapshot(vm)
    service = client.snapshots(vm).snapshot_service(snapshot)
    active = next(one.id for one in client.snapshots(vm).list() if one.snapshot_type == types.SnapshotType.ACTIVE)
    with refused(409, "only allowed for regular snapshots"):
        client.snapshots(vm).snapshot_service(active).remove()
    for changes, status, text in (
        ({"vms": {"status": "migrating"}}, 409, "because the VM is in MigratingFrom status"),
        ({"disks": {"status": "locked"}}, 409, "The following disks are locked: kept_Disk1"),
        ({"attachments": {"active": False}}, 409, "either unplugged or unattached: kept_Disk1"),
        ({"vms": {"status": "down"}, "disks": {"status": "illegal"}}, 500, "in ILLEGAL status: kept_Disk1"),
        ({"snapshots": {"status": "in_preview"}}, 409, "VM is previewing a Snapshot"),
    ):
        names = {"vms": vm, "disks": disks[0], "attachments": vm + "/" + disks[0], "snapshots": snapshot}
        for collection, values in changes.items():
            rest_engine.change(home, collection, names[collection], **values)
        with refused(status, text):
            service.remove()
        rest_engine.change(home, "vms", vm, status="up")
        rest_engine.change(home, "disks", disks[0], status="ok")
        rest_engine.change(home, "attachments", names["attachments"], active=True)
        rest_engine.change(home, "snapshots", snapshot, status="ok")
    client.remove_snapshot(vm, snapshot)


def test_a_preallocated_raw_disk_is_sparse_cow_once_it_is_in_a_snapshot(client: Client, tmp_path: Path) -> None:
    vm, disk = rest_engine.identify("vm", "raw"), rest_engine.identify("disk", "raw_Disk1")
    before = client.disks.disk_service(disk).get()
    assert (before.format, before.sparse) == (types.DiskFormat.RAW, False)
    held = client.bytes_of(disk, tmp_path)
    snapshot = client.make_snapshot(vm)
    seen = client.disks.disk_service(disk).get()
    assert (seen.format, seen.sparse) == (types.DiskFormat.COW, True)
    kept = client.snapshots(vm).snapshot_service(snapshot).disks_service().list()[0]
    assert (kept.format, kept.sparse, kept.image_id) == (types.DiskFormat.RAW, False, before.image_id)
    client.remove_snapshot(vm, snapshot)
    after = client.disks.disk_service(disk).get()
    assert (after.format, after.sparse, after.image_id) == (types.DiskFormat.RAW, False, before.image_id)
    assert client.bytes_of(disk, tmp_path) == held


def test_a_removal_asked_for_asynchronously_begins_though_the_sdk_takes_202_for_an_error(client: Client) -> None:
    vm, _disks = client.make_vm("hurried")
    snapshot = client.make_snapshot(vm)
    service = client.snapshots(vm).snapshot_service(snapshot)
    with pytest.raises(sdk.Error, match="Expected a fault"):
        service.remove(async_=True)
    wait(lambda: find(service.get), lambda seen: seen is None)


def test_frozen_guests_do_not_write(client: Client) -> None:
    vm, disks = client.make_vm("frost")
    client.vm(vm).freeze_filesystems()
    with pytest.raises(rest_engine.RestLabError, match="frozen"):
        rest_engine.write(client.lab.home, vm, disks[0], 0, b"x")
    client.vm(vm).thaw_filesystems()
    rest_engine.write(client.lab.home, vm, disks[0], 0, b"x")
    rest_engine.change(client.lab.home, "vms", vm, agent=False)
    with pytest.RaisesExc(sdk.Error, check=lambda error: "Failed to freeze" in error.fault.detail):
        client.vm(vm).freeze_filesystems()
