# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of the stand-in engine do what their table says, and only while they are on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import rest_engine
from lab.rest_engine import RestLab
from lab.rest_engine.fixtures import RestFaults

sdk = pytest.importorskip("ovirtsdk4")
from contract.rest_client import MIB, Client, disk_order, find, wait  # noqa: E402
from ovirtsdk4 import types  # noqa: E402

BACKUP = rest_engine.identify("vm", "backup")
APP = rest_engine.identify("vm", "app")


@pytest.fixture
def client(rest_lab: RestLab, rest_faults: RestFaults) -> Iterator[Client]:
    made = Client(rest_lab)
    made.connection.authenticate()
    yield made
    rest_faults.clear()
    made.connection.close()


def logged(client: Client, name: str) -> list[int]:
    """The status of each request of a kind."""
    return [one.status for one in rest_engine.requests(client.lab.requests) if one.name == name]


def codes_of(client: Client, vm: str) -> list[int]:
    """The events of a machine, the newest first."""
    return [event.code for event in client.system.events_service().list() if event.vm and event.vm.id == vm]


def test_a_lost_reply_was_carried_out(client: Client, rest_faults: RestFaults) -> None:
    vm, _disks = client.make_vm("unheard")
    rest_faults.set("lost-reply", "create-snapshot 1")
    with pytest.RaisesExc(sdk.Error, check=lambda error: error.code is None):
        client.begin_snapshot(vm)
    assert [one.description for one in client.snapshots(vm).list()] == ["Active VM", "made by a test"]
    assert logged(client, "create-snapshot")[-1] == 0


def test_a_lost_request_was_not(client: Client, rest_faults: RestFaults) -> None:
    vm, _disks = client.make_vm("unsaid")
    rest_faults.set("lost-request", "create-snapshot 1")
    with pytest.raises(sdk.Error):
        client.begin_snapshot(vm)
    assert [one.description for one in client.snapshots(vm).list()] == ["Active VM"]


def test_a_proxy_answers_with_html(client: Client, rest_faults: RestFaults) -> None:
    rest_faults.set("proxy-503", "read-vm 2")
    for _time in range(2):
        with pytest.RaisesExc(sdk.Error, match="text/html", check=lambda error: error.code is None):
            client.vm(APP).get()
    assert client.vm(APP).get().name == "app"
    vm, _disks = client.make_vm("proxied")
    rest_faults.set("reply-503", "create-snapshot 1")
    with pytest.raises(sdk.Error, match="text/html"):
        client.begin_snapshot(vm)
    assert len(client.snapshots(vm).list()) == 2


def test_an_expired_session_is_renewed_unless_there_is_only_a_token(client: Client, rest_faults: RestFaults) -> None:
    token = Client(client.lab).connection.authenticate()
    alone = Client(client.lab, token=token)
    assert alone.vm(APP).get().name == "app"
    rest_faults.set("expire-at", "read-vm 1")
    logins = len(logged(client, "login"))
    assert client.vm(APP).get().name == "app"
    assert len(logged(client, "login")) == logins + 1
    assert logged(client, "read-vm")[-2:] == [401, 200]
    with pytest.raises(sdk.AuthError):
        alone.vm(APP).get()
    rest_faults.set("session-seconds", "0.05")
    assert client.vm(APP).get().name == "app"
    time.sleep(0.1)
    assert client.vm(APP).get().name == "app"
    assert logged(client, "read-vm")[-2:] == [401, 200]


def test_nobody_logs_in_with_a_wrong_password(client: Client, rest_faults: RestFaults) -> None:
    with pytest.raises(sdk.AuthError, match="Cannot authenticate user"):
        Client(client.lab, client.lab.username, "wrong").connection.authenticate()
    rest_faults.set("login-fails", "The account is locked")
    with pytest.raises(sdk.AuthError, match="The account is locked"):
        Client(client.lab).connection.authenticate()


def test_the_engine_restarts_in_the_middle_and_what_runs_goes_on(client: Client, rest_faults: RestFaults) -> None:
    vm, _disks = client.make_vm("survivor")
    rest_faults.set("restart-after", "create-snapshot 0.5 1")
    with pytest.raises(sdk.Error):
        client.begin_snapshot(vm)
    with pytest.raises(sdk.Error):
        client.vm(vm).get()
    time.sleep(0.6)
    again = Client(client.lab)
    wait(lambda: [one.snapshot_status.value for one in again.snapshots(vm).list()], lambda seen: seen == ["ok", "ok"])
    rest_faults.set("restart-at", "read-vm 0.2 1")
    with pytest.raises(sdk.Error):
        again.vm(vm).get()
    time.sleep(0.4)
    assert client.vm(vm).get().name == "survivor"


def test_a_slow_request_is_late_and_others_are_not(client: Client, rest_faults: RestFaults) -> None:
    rest_faults.set("slow-request", "read-vm 0.5 1")
    began = time.monotonic()
    client.vm(APP).get()
    assert time.monotonic() - began > 0.5
    began = time.monotonic()
    client.vm(APP).get()
    assert time.monotonic() - began < 0.5


def test_any_request_can_be_refused(client: Client, rest_faults: RestFaults) -> None:
    rest_faults.set("refuse", "read-vm 409 Cannot read VM. It is Sunday.")
    with pytest.RaisesExc(sdk.Error, check=lambda error: error.fault.detail == "[Cannot read VM. It is Sunday.]"):
        client.vm(APP).get()
    client.vm(APP).get()
    rest_faults.set("refuse-by-key", "attach-disk related-operation 1")
    with pytest.RaisesExc(sdk.Error, check=lambda error: "Related operation" in error.fault.detail):
        client.attach(BACKUP, rest_engine.identify("disk", "app_Disk1"))
    rest_faults.set("vm-gone-at", "read-vm leaver")
    vm, _disks = client.make_vm("leaver")
    with pytest.raises(sdk.NotFoundError):
        client.vm(vm).get()


def test_a_snapshot_that_fails_leaves_its_id_with_the_active_one(client: Client, rest_faults: RestFaults) -> None:
    vm, disks = client.make_vm("trapped")
    before = client.disks.disk_service(disks[0]).get().image_id
    rest_faults.set("snapshot-fails", "trapped")
    made = client.begin_snapshot(vm)
    seen = client.wait_ok(vm, made.id)
    assert seen.snapshot_type == types.SnapshotType.ACTIVE
    assert [one.id for one in client.snapshots(vm).list()] == [made.id]
    assert codes_of(client, vm)[0] == 69
    assert client.disks.disk_service(disks[0]).get().image_id == before
    rest_faults.clear()
    rest_faults.set("snapshot-vanishes")
    made = client.begin_snapshot(vm)
    service = client.snapshots(vm).snapshot_service(made.id)
    wait(lambda: find(service.get), lambda seen: seen is None)


def test_a_snapshot_hangs_or_damages_or_lacks_a_disk(client: Client, rest_faults: RestFaults) -> None:
    vm, disks = client.make_vm("damaged", MIB, MIB)
    rest_faults.set("snapshot-disk-illegal", "damaged_Disk2")
    snapshot = client.make_snapshot(vm)
    assert client.disks.disk_service(disks[1]).get().status == types.DiskStatus.ILLEGAL
    assert client.disks.disk_service(disks[0]).get().status == types.DiskStatus.OK
    rest_engine.change(client.lab.home, "disks", disks[1], status="ok")
    rest_faults.clear()
    client.remove_snapshot(vm, snapshot)
    rest_faults.set("snapshot-lacks-disk", "damaged_Disk1")
    snapshot = client.make_snapshot(vm)
    kept = client.snapshots(vm).snapshot_service(snapshot).disks_service().list()
    assert [disk.id for disk in kept] == disks[1:]
    client.remove_snapshot(vm, snapshot)
    rest_faults.set("snapshot-stays-locked")
    made = client.begin_snapshot(vm)
    time.sleep(0.3)
    seen = client.snapshots(vm).snapshot_service(made.id).get()
    assert seen.snapshot_status == types.SnapshotStatus.LOCKED


def test_a_merge_fails_and_brings_the_snapshot_back_or_is_slow_or_hangs(
    client: Client, rest_faults: RestFaults
) -> None:
    vm, disks = client.make_vm("unmerged")
    snapshot = client.make_snapshot(vm)
    service = client.snapshots(vm).snapshot_service(snapshot)
    rest_faults.set("merge-fails", "1")
    service.remove()
    assert service.get().snapshot_status == types.SnapshotStatus.LOCKED
    client.wait_ok(vm, snapshot)
    assert codes_of(client, vm)[:2] == [357, 342]
    rest_faults.set("merge-disk-illegal", "unmerged_Disk1")
    service.remove()
    client.wait_ok(vm, snapshot)
    assert client.disks.disk_service(disks[0]).get().status == types.DiskStatus.ILLEGAL
    rest_engine.change(client.lab.home, "disks", disks[0], status="ok")
    rest_faults.clear()
    rest_faults.set("merge-slow", "0.5")
    began = time.monotonic()
    client.remove_snapshot(vm, snapshot)
    assert time.monotonic() - began > 0.5
    snapshot = client.make_snapshot(vm)
    rest_faults.set("merge-stays-locked")
    client.snapshots(vm).snapshot_service(snapshot).remove()
    time.sleep(0.3)
    assert client.snapshots(vm).snapshot_service(snapshot).get().snapshot_status == types.SnapshotStatus.LOCKED


def test_devices_are_missing_late_doubled_of_another_size_or_content(
    client: Client, rest_faults: RestFaults, tmp_path: Path
) -> None:
    disk = client.make_disk("device", MIB)
    rest_faults.set("device-missing", "device")
    client.attach(BACKUP, disk)
    time.sleep(0.3)
    assert client.devices(BACKUP, disk) == []
    client.detach(BACKUP, disk)
    for name, parameter, names, size in (
        ("device-late", "0.1", 1, MIB),
        ("device-twice", "", 2, MIB),
        ("device-wrong-size", "4096", 1, 4096),
    ):
        rest_faults.clear()
        rest_faults.set(name, parameter)
        client.attach(BACKUP, disk)
        device = client.wait_device(BACKUP, disk)
        assert (len(client.devices(BACKUP, disk)), device.stat().st_size) == (names, size)
        rest_faults.clear()
        rest_faults.set("device-loses-writes")
        client.detach(BACKUP, disk)
        assert list(device.parent.glob(device.name + "*")) == []
    rest_faults.clear()
    rest_faults.set("device-short-serial")
    rest_faults.set("device-other-bytes")
    client.attach(BACKUP, disk)
    device = client.wait_device(BACKUP, disk)
    assert client.devices(BACKUP, disk)[0].name == "scsi-0QEMU_QEMU_HARDDISK_" + disk[:20]
    assert b"other bytes" in device.read_bytes()
    rest_faults.set("device-loses-writes")
    client.detach(BACKUP, disk)
    assert client.bytes_of(disk, tmp_path) == bytes(MIB)


def test_plugging_fails_and_detaching_is_late(client: Client, rest_faults: RestFaults) -> None:
    disk = client.make_disk("unplugged")
    rest_faults.set("plug-fails")
    assert client.attach(BACKUP, disk).active is False
    assert client.event_codes(1) == [2017]
    rest_faults.set("detach-late", "0.2")
    client.detach(BACKUP, disk)
    service = client.attachments(BACKUP).attachment_service(disk)
    assert service.get().id == disk
    wait(lambda: find(service.get), lambda seen: seen is None)


def test_disks_and_imports_fail(client: Client, rest_faults: RestFaults) -> None:
    rest_faults.set("disk-fails")
    made = client.disks.add(disk_order("broken"))
    service = client.disks.disk_service(made.id)
    wait(service.get, lambda seen: seen.status == types.DiskStatus.ILLEGAL)
    rest_faults.set("disk-stays-locked")
    stuck = client.disks.disk_service(client.disks.add(disk_order("stuck")).id)
    time.sleep(0.2)
    assert stuck.get().status == types.DiskStatus.LOCKED
    data = client.vm(rest_engine.identify("vm", "cold")).get(all_content=True).initialization.configuration.data
    rest_faults.set("import-fails")
    configuration = types.Configuration(type=types.ConfigurationType.OVF, data=data)
    order = types.Vm(
        name="never",
        cluster=types.Cluster(name="Default"),
        initialization=types.Initialization(configuration=configuration, regenerate_ids=True),
    )
    with pytest.RaisesExc(sdk.Error, check=lambda error: error.code == 400):
        client.vms.add(order)
    rest_faults.set("configuration-missing", "cold")
    assert client.vm(rest_engine.identify("vm", "cold")).get(all_content=True).initialization is None


def test_freezing_and_thawing_fail(client: Client, rest_faults: RestFaults) -> None:
    vm, _disks = client.make_vm("stubborn")
    rest_faults.set("freeze-fails")
    with pytest.raises(sdk.Error):
        client.vm(vm).freeze_filesystems()
    rest_faults.clear()
    rest_faults.set("freeze-hangs", "0.3")
    began = time.monotonic()
    client.vm(vm).freeze_filesystems()
    assert time.monotonic() - began > 0.3
    rest_faults.set("thaw-fails", "1")
    with pytest.raises(sdk.Error):
        client.vm(vm).thaw_filesystems()
    client.vm(vm).thaw_filesystems()


def test_an_old_engine_ignores_a_search(client: Client, rest_faults: RestFaults) -> None:
    rest_faults.set("search-ignored")
    assert len(client.vms.list(search="name=app")) > 1


def test_somebody_elses_certificate_is_not_trusted(client: Client) -> None:
    lab = client.lab._replace(ca_file=client.lab.other_ca_file)
    with pytest.raises(sdk.Error):
        Client(lab).vm(APP).get()
