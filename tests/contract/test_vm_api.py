# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in memory and the SDK on the stand-in answer the same calls in the same way.

What the tests of the flows find out with the one is then worth something with the other.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import (
    ApiError,
    Conflict,
    NotFound,
    Unavailable,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.attachments import (
    find_named,
    is_attached_elsewhere,
    trace_of,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import (
    AttachmentOrder,
    DiskOrder,
    Snapshot,
    Vm,
    VmAround,
    VmOrder,
)
from contract.engine_backends import ENGINE_BACKENDS, EngineBackend

MIB = 1024**2
NOWHERE = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture(params=sorted(ENGINE_BACKENDS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineBackend]:
    """An engine of its own."""
    found = ENGINE_BACKENDS[request.param](tmp_path / "engine")
    yield found
    found.stop()


@pytest.fixture(scope="module", params=sorted(ENGINE_BACKENDS))
def quiet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineBackend]:
    """One engine for the tests that leave it as they found it."""
    found = ENGINE_BACKENDS[request.param](tmp_path_factory.mktemp("shared") / "engine")
    yield found
    found.stop()


def vm_of(backend: EngineBackend, name: str) -> Vm:
    return look_at(backend, name).vm


def look_at(backend: EngineBackend, name: str) -> VmAround:
    [found] = backend.api.fetch_vms([name], with_snapshots=True, with_nics=True, with_clusters=True)
    return found


def disks_of(backend: EngineBackend, name: str) -> list[str]:
    """The ids of its disks, by their aliases."""
    found = backend.api.list_attachments(vm_of(backend, name).id)
    return [one.disk_id for one in sorted(found, key=lambda one: one.disk.alias if one.disk else "")]


def domain_of(backend: EngineBackend, name: str) -> str:
    [domain] = [one for one in backend.api.list_storage_domains() if one.name == name]
    return domain.id


def make_snapshot(backend: EngineBackend, name: str, description: str = "ovirt.backup: x") -> Snapshot:
    """A snapshot that is done."""
    vm = vm_of(backend, name)
    made = backend.api.create_snapshot(vm.id, description, disks_of(backend, name))
    return backend.waiter.until(
        "the snapshot", lambda: backend.api.read_snapshot(vm.id, made.id), lambda one: one.status != "locked", str
    )


def wait_until_gone(backend: EngineBackend, look: Callable[[], Any]) -> None:
    def is_gone() -> bool:
        try:
            look()
        except NotFound:
            return True
        return False

    backend.waiter.until("it to be gone", is_gone, bool, str)


def order(disk_id: str, snapshot_id: str = "", **changes: Any) -> AttachmentOrder:
    return AttachmentOrder(disk_id, snapshot_id, "virtio_scsi", False, True, False, False)._replace(**changes)


def disk_order(domain_id: str, **changes: Any) -> DiskOrder:
    plain = DiskOrder("", "restored", "mark: disk", domain_id, 8 * MIB, 0, "cow", True, "none", False)
    return plain._replace(**changes)


# --- reading ---


def test_the_engine_tells_its_version(quiet: EngineBackend) -> None:
    assert quiet.api.read_version().startswith("4.5.")


def test_a_virtual_machine_is_found_by_exactly_its_name_or_its_id(quiet: EngineBackend) -> None:
    app = vm_of(quiet, "app")
    assert (app.name, app.status, app.configuration) == ("app", "up", None)
    assert [one.vm for one in quiet.api.fetch_vms([app.id])] == [app]
    for name in ("APP", "ap", "ap*", "*", NOWHERE, 'a"b', "it's; --"):
        assert quiet.api.fetch_vms([name], with_snapshots=True) == []
    assert quiet.api.read_vm(app.id) == app


def test_machines_are_seen_with_what_belongs_to_them_in_one_look(backend: EngineBackend) -> None:
    app, backup = vm_of(backend, "app"), vm_of(backend, "backup")
    found = {one.vm.name: one for one in backend.api.fetch_vms(["app", backup.id])}
    assert {name: one.vm for name, one in found.items()} == {"app": app, "backup": backup}
    assert found["app"].attachments == backend.api.list_attachments(app.id)
    assert (found["app"].snapshots, found["app"].nics, found["app"].cluster) == ([], [], None)
    snapshot = make_snapshot(backend, "app")
    [seen] = backend.api.fetch_vms(["app"], with_snapshots=True, with_nics=True, with_clusters=True)
    assert [nic.name for nic in seen.nics] == ["nic1"]
    assert seen.cluster in backend.api.list_clusters() and seen.cluster.id == app.cluster_id
    kept = {one.kind: one for one in seen.snapshots}
    assert kept["active"].disks is None
    whole = backend.api.read_snapshot(app.id, snapshot.id, with_disks=True)
    assert kept["regular"] == whole
    assert [one.disk_id for one in whole.disks or ()] == disks_of(backend, "app")
    assert backend.api.fetch_vms([]) == []


def test_a_machine_without_disks_is_seen_too(quiet: EngineBackend) -> None:
    cold = quiet.api.read_vm(vm_of(quiet, "cold").id, with_configuration=True)
    assert cold.configuration is not None
    made = quiet.api.create_vm(VmOrder("bare", "", "", cold.cluster_id, cold.configuration, True))
    quiet.waiter.until("it", lambda: quiet.api.read_vm(made.id), lambda one: one.status == "down", str)
    [seen] = quiet.api.fetch_vms(["bare"], with_snapshots=True)
    assert (seen.attachments, [one.kind for one in seen.snapshots]) == ([], ["active"])
    quiet.api.remove_vm(made.id)
    wait_until_gone(quiet, lambda: quiet.api.read_vm(made.id))


def test_a_snapshot_without_disks_holds_none(backend: EngineBackend) -> None:
    app = vm_of(backend, "app").id
    made = backend.api.create_snapshot(app, "only the configuration", [])
    done = backend.waiter.until(
        "it", lambda: backend.api.read_snapshot(app, made.id, with_disks=True), lambda one: one.status == "ok", str
    )
    assert done.disks == ()
    [seen] = backend.api.fetch_vms([app], with_snapshots=True)
    assert () in [one.disks for one in seen.snapshots]


def test_the_hosted_engine_is_told_from_the_others(quiet: EngineBackend) -> None:
    assert [vm_of(quiet, name).is_hosted_engine for name in ("app", "HostedEngine")] == [False, True]


def test_what_is_not_there_is_not_found(quiet: EngineBackend) -> None:
    app = vm_of(quiet, "app").id
    for call in (
        lambda: quiet.api.read_vm(NOWHERE),
        lambda: quiet.api.list_attachments(NOWHERE),
        lambda: quiet.api.read_attachment(app, NOWHERE),
        lambda: quiet.api.list_snapshots(NOWHERE),
        lambda: quiet.api.read_snapshot(app, NOWHERE),
        lambda: quiet.api.read_disk(NOWHERE),
        lambda: quiet.api.remove_snapshot(app, NOWHERE),
        lambda: quiet.api.remove_disk(NOWHERE),
        lambda: quiet.api.detach_disk(app, NOWHERE),
        lambda: quiet.api.remove_vm(NOWHERE),
    ):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(Conflict, match="VM is not found"):
        quiet.api.attach_disk(NOWHERE, order(disks_of(quiet, "app")[0]))


def test_attachments_come_with_their_disks(quiet: EngineBackend) -> None:
    found = {one.disk.alias: one for one in quiet.api.list_attachments(vm_of(quiet, "app").id) if one.disk}
    boot, data = found["app_Disk1"], found["app_Disk2"]
    assert (boot.interface, boot.is_bootable, boot.is_active, boot.is_read_only) == ("virtio_scsi", True, True, False)
    assert (data.interface, data.is_bootable) == ("virtio", False)
    disk = data.disk
    assert disk is not None
    assert (disk.provisioned_size, disk.format, disk.is_sparse, disk.status) == (32 * MIB, "cow", True, "ok")
    assert (disk.storage_type, disk.content_type, disk.backup) == ("image", "data", "none")
    assert disk.storage_domain_ids == (domain_of(quiet, "data"),)
    assert quiet.api.read_disk(data.disk_id) == disk
    assert quiet.api.read_attachment(data.vm_id, data.disk_id) == data._replace(
        disk=None, logical_name=quiet.api.read_attachment(data.vm_id, data.disk_id).logical_name
    )


def test_disks_that_no_snapshot_holds_say_so(quiet: EngineBackend) -> None:
    disks = {one.disk.alias: one.disk for one in quiet.api.list_attachments(vm_of(quiet, "shared").id) if one.disk}
    assert [disks[name].is_shareable for name in ("shared_Disk1", "shared_Disk2")] == [False, True]
    assert [disks[name].storage_type for name in ("shared_Disk1", "shared_Lun")] == ["image", "lun"]


def test_surroundings(quiet: EngineBackend) -> None:
    clusters = {one.name: one for one in quiet.api.list_clusters()}
    cluster = clusters["Default"]
    assert vm_of(quiet, "app").cluster_id == cluster.id
    profiles = quiet.api.list_vnic_profiles(cluster.data_center_id)
    assert "ovirtmgmt" in [one.network_name for one in profiles]
    domains = {one.name: one for one in quiet.api.list_storage_domains()}
    assert (domains["data"].kind, domains["data"].storage_type) == ("data", "nfs")
    assert domains["data"].available > 100 * 1024 * MIB > domains["data"].critical_space > 0


def test_network_interfaces_are_changed_and_their_addresses_found(quiet: EngineBackend) -> None:
    app = vm_of(quiet, "app").id
    [nic] = look_at(quiet, app).nics
    assert nic.name == "nic1" and nic.mac == nic.mac.lower() and nic.is_plugged and nic.profile_id
    assert quiet.api.find_macs([nic.mac, "56:6f:de:ad:00:00"]) == {nic.mac: "app"}
    quiet.api.update_nic(app, nic._replace(profile_id="", is_plugged=False))
    assert look_at(quiet, app).nics == [nic._replace(profile_id="", is_plugged=False)]
    quiet.api.update_nic(app, nic)
    assert look_at(quiet, app).nics == [nic]


def test_checkpoints_tell_their_disks(backend: EngineBackend) -> None:
    app, disks = vm_of(backend, "app").id, disks_of(backend, "app")
    assert backend.api.list_checkpointed_disks(app) == set()
    backend.add_checkpoint(app, disks[:1])
    assert backend.api.list_checkpointed_disks(app) == {disks[0]}


def test_events_are_written_once_and_found(quiet: EngineBackend) -> None:
    app = vm_of(quiet, "app").id
    quiet.api.add_event("ovirt.backup", 4711, "warning", "a <line> & more", app)
    with pytest.raises(Conflict, match="custom id already exists"):
        quiet.api.add_event("ovirt.backup", 4711, "warning", "another line", app)
    [event] = quiet.api.find_events("a <line> & more", 5)
    assert (event.event_code, event.severity, event.description) == (9802, "warning", "a <line> & more")


def test_permits_are_those_of_the_user_and_of_the_users_groups(backend: EngineBackend) -> None:
    app, backup = vm_of(backend, "app").id, vm_of(backend, "backup").id
    needed = {"manipulate_vm_snapshots", "configure_vm_storage"}
    assert needed <= (backend.api.list_permits("vms", app, needed) or set())
    backend.permit("vms", app, {"manipulate_vm_snapshots"})
    assert backend.api.list_permits("vms", app, needed) == {"manipulate_vm_snapshots"}
    backend.permit("vms", backup, {"configure_vm_storage"}, through_group=True)
    assert backend.api.list_permits("vms", backup, {"configure_vm_storage"}) == {"configure_vm_storage"}


# --- snapshots ---


def test_a_snapshot_takes_the_id_of_the_active_one_and_keeps_the_images(backend: EngineBackend) -> None:
    app, disks = vm_of(backend, "app").id, disks_of(backend, "app")
    [before] = backend.api.list_snapshots(app)
    images = {disk_id: backend.api.read_disk(disk_id).image_id for disk_id in disks}
    in_progress = backend.api.create_snapshot(app, "ovirt.backup: x [run]", disks)
    assert (in_progress.id, in_progress.status, in_progress.kind) == (before.id, "locked", "regular")
    assert (before.kind, in_progress.description, in_progress.vm_id) == ("active", "ovirt.backup: x [run]", app)
    assert backend.api.read_vm(app, with_configuration=True).configuration is None
    with pytest.raises(Conflict, match="Cannot create Snapshot"):
        backend.api.create_snapshot(app, "another", disks)
    done = backend.waiter.until(
        "it", lambda: backend.api.read_snapshot(app, in_progress.id), lambda one: one.status == "ok", str
    )
    assert done._replace(date="") == in_progress._replace(status="ok", date="")
    assert done.date.endswith("Z") and len(done.date) == 20
    assert sorted(one.kind for one in backend.api.list_snapshots(app)) == ["active", "regular"]
    kept = backend.api.read_snapshot(app, done.id, with_disks=True).disks or ()
    assert {one.disk_id: one.image_id for one in kept} == images
    assert all(backend.api.read_disk(disk_id).image_id != images[disk_id] for disk_id in disks)
    configuration = backend.api.read_vm(app, with_configuration=True).configuration
    assert configuration is not None and configuration.kind == "ovf" and disks[0] in configuration.data


def test_a_snapshot_is_gone_some_time_after_its_removal_began(backend: EngineBackend) -> None:
    app, snapshot = vm_of(backend, "app").id, make_snapshot(backend, "app")
    backend.api.remove_snapshot(app, snapshot.id)
    assert backend.api.read_snapshot(app, snapshot.id).status == "locked"
    wait_until_gone(backend, lambda: backend.api.read_snapshot(app, snapshot.id))
    assert [one.kind for one in backend.api.list_snapshots(app)] == ["active"]
    assert [backend.api.read_disk(disk_id).status for disk_id in disks_of(backend, "app")] == ["ok", "ok"]


def test_a_snapshot_of_a_machine_that_is_down_locks_it(backend: EngineBackend) -> None:
    cold = vm_of(backend, "cold").id
    backend.api.create_snapshot(cold, "ovirt.backup: x", disks_of(backend, "cold"))
    assert backend.api.read_vm(cold).status == "image_locked"
    backend.waiter.until("it", lambda: backend.api.read_vm(cold), lambda vm: vm.status == "down", str)


def test_a_snapshot_that_failed_leaves_its_id_to_the_active_one(backend: EngineBackend) -> None:
    backend.end_snapshots("active")
    snapshot = make_snapshot(backend, "app")
    assert (snapshot.status, snapshot.kind) == ("ok", "active")


def test_a_snapshot_can_vanish(backend: EngineBackend) -> None:
    backend.end_snapshots("gone")
    with pytest.raises(NotFound):
        make_snapshot(backend, "app")
    assert [one.kind for one in backend.api.list_snapshots(vm_of(backend, "app").id)] == ["active"]


def test_a_disk_can_be_illegal_after_a_snapshot(backend: EngineBackend) -> None:
    backend.end_snapshots("illegal")
    snapshot = make_snapshot(backend, "app")
    assert (snapshot.status, snapshot.kind) == ("ok", "regular")
    assert "illegal" in [backend.api.read_disk(disk_id).status for disk_id in disks_of(backend, "app")]
    with pytest.raises(ApiError, match="ILLEGAL") as caught:
        make_snapshot(backend, "app", "another")
    assert caught.value.status == 500


def test_a_removal_that_fails_gives_the_snapshot_back(backend: EngineBackend) -> None:
    backend.fail_merges()
    app, snapshot = vm_of(backend, "app").id, make_snapshot(backend, "app")
    backend.api.remove_snapshot(app, snapshot.id)
    backend.waiter.until("it", lambda: backend.api.read_snapshot(app, snapshot.id), lambda one: one.status == "ok", str)


def test_snapshots_are_refused_with_the_reason(quiet: EngineBackend) -> None:
    app, shared = vm_of(quiet, "app").id, vm_of(quiet, "shared").id
    disks = [one.disk for one in quiet.api.list_attachments(shared) if one.disk]
    [lun] = [disk.id for disk in disks if disk.storage_type == "lun"]
    with pytest.raises(Conflict, match="not attached to the VM app") as caught:
        quiet.api.create_snapshot(app, "x", disks_of(quiet, "cold"))
    assert caught.value.status == 400
    with pytest.raises(Conflict, match="Snapshot is not allowed for the following disk.*shared_Lun"):
        quiet.api.create_snapshot(shared, "x", [lun])
    quiet.change_vm("app", status="migrating")
    with pytest.raises(Conflict, match="migration"):
        quiet.api.create_snapshot(app, "x", disks_of(quiet, "app"))
    quiet.change_vm("app", status="up")
    assert len(quiet.api.list_snapshots(app)) == 1


def test_file_systems_are_frozen_and_thawed_where_a_guest_runs(quiet: EngineBackend) -> None:
    app, cold = vm_of(quiet, "app").id, vm_of(quiet, "cold").id
    quiet.api.freeze_filesystems(app)
    quiet.api.thaw_filesystems(app)
    with pytest.raises(Conflict):
        quiet.api.freeze_filesystems(cold)


# --- attachments ---


def test_a_snapshot_is_attached_to_the_backup_machine_and_detached(backend: EngineBackend) -> None:
    app, backup = vm_of(backend, "app").id, vm_of(backend, "backup").id
    snapshot, disks = make_snapshot(backend, "app"), disks_of(backend, "app")
    attached = backend.api.attach_disk(backup, order(disks[0], snapshot.id))
    assert (attached.disk_id, attached.vm_id, attached.interface) == (disks[0], backup, "virtio_scsi")
    assert (attached.is_bootable, attached.is_read_only) == (False, False)
    assert backend.api.read_attachment(backup, disks[0]).is_active
    assert disks[0] in [one.disk_id for one in backend.api.list_attachments(backup)]
    with pytest.raises(Conflict, match="already attached to VM"):
        backend.api.attach_disk(backup, order(disks[0], snapshot.id))
    with pytest.raises(Conflict, match="attached to other VMs"):
        backend.api.remove_snapshot(app, snapshot.id)
    backend.change_vm("backup", status="paused")
    with pytest.raises(Conflict, match="(?i)paused status"):
        backend.api.detach_disk(backup, disks[0])
    backend.change_vm("backup", status="up")
    backend.api.detach_disk(backup, disks[0])
    wait_until_gone(backend, lambda: backend.api.read_attachment(backup, disks[0]))
    assert backend.api.read_disk(disks[0]).status == "ok"
    assert backend.api.read_attachment(app, disks[0]).is_active
    backend.api.remove_snapshot(app, snapshot.id)


def test_an_attachment_tells_its_disk_and_the_log_by_which_request_it_was_made(backend: EngineBackend) -> None:
    backup, disks = vm_of(backend, "backup").id, disks_of(backend, "app")
    snapshot = make_snapshot(backend, "app")
    trace = trace_of(backup, disks[0], snapshot.id)
    assert backend.api.find_events_of_requests([trace]) == []
    backend.api.attach_disk(backup, order(disks[0], snapshot.id))
    # The disk of an attachment is what the machine writes to, not what the snapshot holds.
    [seen] = [one.disk for one in backend.api.list_attachments(backup) if one.disk_id == disks[0]]
    assert seen == backend.api.read_disk(disks[0])
    [attached] = backend.api.find_events_of_requests([trace, "of another request"])
    assert (attached.event_code, attached.correlation_id) == (2016, trace)
    assert backend.api.find_events_since(int(attached.id), 2018, "backup") == []
    backend.api.detach_disk(backup, disks[0])
    wait_until_gone(backend, lambda: backend.api.read_attachment(backup, disks[0]))
    [detached] = backend.api.find_events_since(int(attached.id), 2018, "backup")
    assert "app_Disk1" in detached.description and int(detached.id) > int(attached.id)
    assert backend.api.find_events_since(int(detached.id), 2018, "backup") == []
    assert backend.api.find_events_since(int(attached.id), 2018, "app") == []


def test_a_refused_removal_names_every_attachment_of_the_machine(backend: EngineBackend) -> None:
    app, backup, disks = vm_of(backend, "app").id, vm_of(backend, "backup").id, disks_of(backend, "app")
    first, second = (make_snapshot(backend, "app", description) for description in ("first", "second"))
    backend.api.attach_disk(backup, order(disks[0], first.id))
    backend.api.attach_disk(backup, order(disks[1], second.id))
    aliases = {disk_id: backend.api.read_disk(disk_id).alias for disk_id in disks}
    with pytest.raises(Conflict) as caught:
        backend.api.remove_snapshot(app, second.id)
    assert is_attached_elsewhere(caught.value.detail)
    assert find_named(caught.value.detail, aliases, "first", "backup") == disks[:1]
    assert find_named(caught.value.detail, aliases, "second", "backup") == disks[1:2]
    backend.api.detach_disk(backup, disks[1])
    wait_until_gone(backend, lambda: backend.api.read_attachment(backup, disks[1]))
    with pytest.raises(Conflict, match="app_Disk1 ,first, backup"):  # one attachment holds every snapshot
        backend.api.remove_snapshot(app, second.id)


def test_attaching_is_refused_with_the_reason(backend: EngineBackend) -> None:
    app, backup = vm_of(backend, "app").id, vm_of(backend, "backup").id
    disks = disks_of(backend, "app")
    snapshot = make_snapshot(backend, "app")
    [active] = [one for one in backend.api.list_snapshots(app) if one.kind == "active"]
    for wanted, status, said in (
        (order(disks[0]), 409, "not shareable and is already attached"),
        (order(disks[0], NOWHERE), 400, "Snapshot does not exist"),
        (order(disks[0], active.id), 409, "only allowed for regular snapshots"),
        (order(disks_of(backend, "cold")[0], snapshot.id), 400, "disk does not exist"),
        (order(disks[0], snapshot.id, is_bootable=True), 409, "already marked as boot"),
        (order(disks[0], snapshot.id, interface="sata", is_read_only=True), 400, "read-only"),
    ):
        with pytest.raises(Conflict, match=said) as caught:
            backend.api.attach_disk(backup, wanted)
        assert caught.value.status == status
    assert len(backend.api.list_attachments(backup)) == 1


def test_a_disk_with_a_snapshot_stays_with_its_machine(backend: EngineBackend) -> None:
    make_snapshot(backend, "app")
    with pytest.raises(Conflict, match="already configured in a snapshot"):
        backend.api.detach_disk(vm_of(backend, "app").id, disks_of(backend, "app")[0])


# --- restore ---


def test_a_disk_is_made_found_by_its_mark_described_and_removed(quiet: EngineBackend) -> None:
    wanted = disk_order(domain_of(quiet, "data"), id="dddddddd-0000-4000-8000-000000000001", wipe_after_delete=True)
    made = quiet.api.create_disk(wanted)
    assert (made.id, made.alias, made.description, made.status) == (wanted.id, "restored", "mark: disk", "locked")
    with pytest.raises(Conflict, match="locked|already used"):
        quiet.api.create_disk(wanted)
    done = quiet.waiter.until("it", lambda: quiet.api.read_disk(made.id), lambda one: one.status == "ok", str)
    assert (done.provisioned_size, done.format, done.is_sparse, done.wipe_after_delete) == (8 * MIB, "cow", True, True)
    with pytest.raises(Conflict, match="The selected disk ID"):
        quiet.api.create_disk(wanted)
    assert [one.id for one in quiet.api.find_disks("mark: ")] == [made.id]
    assert quiet.api.find_disks("ark: ") == quiet.api.find_disks("mark: disks") == quiet.api.find_disks("") == []
    boot = disks_of(quiet, "cold")[0]
    assert {one.id for one in quiet.api.find_disks("mark: ", [boot, NOWHERE])} == {made.id, boot}
    assert [one.id for one in quiet.api.find_disks("", [boot])] == [boot]
    quiet.api.describe_disk(made.id, "")
    assert (quiet.api.read_disk(made.id).description, quiet.api.find_disks("mark: ")) == ("", [])
    quiet.api.remove_disk(made.id)
    wait_until_gone(quiet, lambda: quiet.api.read_disk(made.id))


def test_a_disk_that_could_not_be_made_is_illegal(backend: EngineBackend) -> None:
    backend.fail_disks()
    made = backend.api.create_disk(disk_order(domain_of(backend, "data")))
    backend.waiter.until("it", lambda: backend.api.read_disk(made.id), lambda one: one.status == "illegal", str)


def test_disks_are_refused_with_the_reason(quiet: EngineBackend) -> None:
    small = domain_of(quiet, "small")
    with pytest.raises(Conflict, match="Low disk space on Storage Domain small"):
        quiet.api.create_disk(disk_order(small, provisioned_size=10 * 1024 * MIB, format="raw", is_sparse=False))
    with pytest.raises(Conflict, match="incompatible with the storage domain type"):
        quiet.api.create_disk(disk_order(domain_of(quiet, "data"), format="raw", backup="incremental"))


def test_a_machine_is_made_from_a_configuration(quiet: EngineBackend) -> None:
    cold = quiet.api.read_vm(vm_of(quiet, "cold").id, with_configuration=True)
    assert cold.configuration is not None
    wanted = VmOrder("copy", "a copy", "restoring", cold.cluster_id, cold.configuration, True)
    for refused, said in (
        (wanted._replace(name="app"), "Name already exists"),
        (wanted._replace(regenerate_ids=False), "VM ID already exists"),
    ):
        with pytest.raises(Conflict, match=said):
            quiet.api.create_vm(refused)
    with pytest.raises(Conflict, match="failed to parse"):
        quiet.api.create_vm(wanted._replace(configuration=cold.configuration._replace(data="<broken")))
    made = quiet.api.create_vm(wanted)
    vm = quiet.waiter.until("it", lambda: quiet.api.read_vm(made.id), lambda one: one.status == "down", str)
    assert (vm.name, vm.description, vm.comment) == ("copy", "a copy", "restoring")
    assert vm.id != cold.id
    assert quiet.api.list_attachments(vm.id) == []
    changed = quiet.api.update_vm(vm.id, {"name": "restored", "comment": ""})
    assert (changed.name, changed.comment, changed.description) == ("restored", "", "a copy")
    with pytest.raises(Conflict):
        quiet.api.update_vm(vm.id, {"name": "app"})
    quiet.api.remove_vm(vm.id)
    wait_until_gone(quiet, lambda: quiet.api.read_vm(vm.id))


def test_a_restored_disk_moves_from_the_backup_machine_to_the_new_one(quiet: EngineBackend) -> None:
    cold, backup = quiet.api.read_vm(vm_of(quiet, "cold").id, with_configuration=True), vm_of(quiet, "backup").id
    assert cold.configuration is not None
    disk = quiet.api.create_disk(disk_order(domain_of(quiet, "data")))
    with pytest.raises(Conflict, match="locked"):
        quiet.api.attach_disk(backup, order(disk.id))
    quiet.waiter.until("it", lambda: quiet.api.read_disk(disk.id), lambda one: one.status == "ok", str)
    quiet.api.attach_disk(backup, order(disk.id))
    with pytest.raises(Conflict):
        quiet.api.remove_disk(disk.id)
    quiet.api.detach_disk(backup, disk.id)
    wait_until_gone(quiet, lambda: quiet.api.read_attachment(backup, disk.id))
    made = quiet.api.create_vm(VmOrder("copy", "", "", cold.cluster_id, cold.configuration, True))
    quiet.waiter.until("it", lambda: quiet.api.read_vm(made.id), lambda one: one.status == "down", str)
    quiet.api.attach_disk(made.id, order(disk.id, interface="virtio", is_bootable=True, pass_discard=True))
    [attached] = quiet.api.list_attachments(made.id)
    assert (attached.disk_id, attached.interface, attached.is_bootable) == (disk.id, "virtio", True)
    assert attached.pass_discard
    quiet.api.remove_vm(made.id)
    wait_until_gone(quiet, lambda: quiet.api.read_vm(made.id))
    assert quiet.api.read_disk(disk.id).status == "ok"
    quiet.api.remove_disk(disk.id)


# --- an engine that goes away ---


@pytest.mark.parametrize("method", ["create_snapshot", "create_disk"])
def test_a_request_whose_reply_was_lost_was_carried_out(backend: EngineBackend, method: str) -> None:
    app, disks, domain = vm_of(backend, "app").id, disks_of(backend, "app"), domain_of(backend, "data")
    backend.lose_reply(method)
    with pytest.raises(Unavailable):
        if method == "create_snapshot":
            backend.api.create_snapshot(app, "ovirt.backup: lost", disks)
        else:
            backend.api.create_disk(disk_order(domain, description="ovirt.backup: lost"))
    if method == "create_snapshot":
        assert "ovirt.backup: lost" in [one.description for one in backend.api.list_snapshots(app)]
    else:
        assert len(backend.api.find_disks("ovirt.backup: lost")) == 1


def test_an_engine_that_restarts_is_waited_for(backend: EngineBackend) -> None:
    app = vm_of(backend, "app")
    backend.restart()
    with pytest.raises(Unavailable):
        backend.api.read_vm(app.id)
    assert backend.waiter.retry_read("the machine", lambda: backend.api.read_vm(app.id)) == app
