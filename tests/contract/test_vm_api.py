# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in memory and the SDK on the stand-in answer the same calls in the same way.

What the tests of the flows find out with the one is then worth something with the other.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import (
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


@pytest.fixture(scope="module", params=sorted(ENGINE_BACKENDS))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineBackend]:
    """One engine for all tests."""
    found = ENGINE_BACKENDS[request.param](tmp_path_factory.mktemp("shared") / "engine")
    yield found
    found.stop()


@pytest.fixture
def backend(engine: EngineBackend) -> Iterator[EngineBackend]:
    """That engine, well again afterwards."""
    yield engine
    engine.heal()


@pytest.fixture
def own(backend: EngineBackend) -> str:
    """The name of a virtual machine that a test may change, like app with two disks."""
    return backend.add_vm()


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


def test_the_engine_tells_its_version(backend: EngineBackend) -> None:
    assert backend.api.read_version().startswith("4.5.")


def test_a_virtual_machine_is_found_by_exactly_its_name_or_its_id(backend: EngineBackend) -> None:
    app = vm_of(backend, "app")
    assert (app.name, app.status, app.configuration) == ("app", "up", None)
    assert [one.vm for one in backend.api.fetch_vms([app.id])] == [app]
    for name in ("APP", "ap", "ap*", "*", NOWHERE, 'a"b', "it's; --"):
        assert backend.api.fetch_vms([name], with_snapshots=True) == []
    assert backend.api.read_vm(app.id) == app


def test_machines_are_seen_with_what_belongs_to_them_in_one_look(backend: EngineBackend, own: str) -> None:
    app, backup = vm_of(backend, own), vm_of(backend, "backup")
    found = {one.vm.name: one for one in backend.api.fetch_vms([own, backup.id])}
    assert {name: one.vm for name, one in found.items()} == {own: app, "backup": backup}
    assert found[own].attachments == backend.api.list_attachments(app.id)
    assert (found[own].snapshots, found[own].nics, found[own].cluster) == ([], [], None)
    snapshot = make_snapshot(backend, own)
    [seen] = backend.api.fetch_vms([own], with_snapshots=True, with_nics=True, with_clusters=True)
    assert [nic.name for nic in seen.nics] == ["nic1"]
    assert seen.cluster in backend.api.list_clusters() and seen.cluster.id == app.cluster_id
    kept = {one.kind: one for one in seen.snapshots}
    assert kept["active"].disks is None
    whole = backend.api.read_snapshot(app.id, snapshot.id, with_disks=True)
    assert kept["regular"] == whole
    assert [one.disk_id for one in whole.disks or ()] == disks_of(backend, own)
    assert backend.api.fetch_vms([]) == []


def test_a_machine_without_disks_is_seen_too(backend: EngineBackend) -> None:
    cold = backend.api.read_vm(vm_of(backend, "cold").id, with_configuration=True)
    assert cold.configuration is not None
    made = backend.api.create_vm(VmOrder("bare", "", "", cold.cluster_id, cold.configuration, True))
    backend.waiter.until("it", lambda: backend.api.read_vm(made.id), lambda one: one.status == "down", str)
    [seen] = backend.api.fetch_vms(["bare"], with_snapshots=True)
    assert (seen.attachments, [one.kind for one in seen.snapshots]) == ([], ["active"])
    backend.api.remove_vm(made.id)
    wait_until_gone(backend, lambda: backend.api.read_vm(made.id))


def test_a_snapshot_without_disks_holds_none(backend: EngineBackend, own: str) -> None:
    app = vm_of(backend, own).id
    made = backend.api.create_snapshot(app, "only the configuration", [])
    done = backend.waiter.until(
        "it", lambda: backend.api.read_snapshot(app, made.id, with_disks=True), lambda one: one.status == "ok", str
    )
    assert done.disks == ()
    [seen] = backend.api.fetch_vms([app], with_snapshots=True)
    assert () in [one.disks for one in seen.snapshots]


def test_the_hosted_engine_is_told_from_the_others(backend: EngineBackend) -> None:
    assert [vm_of(backend, name).is_hosted_engine for name in ("app", "HostedEngine")] == [False, True]


def test_what_is_not_there_is_not_found(backend: EngineBackend) -> None:
    app = vm_of(backend, "app").id
    for call in (
        lambda: backend.api.read_vm(NOWHERE),
        lambda: backend.api.list_attachments(NOWHERE),
        lambda: backend.api.read_attachment(app, NOWHERE),
        lambda: backend.api.list_snapshots(NOWHERE),
        lambda: backend.api.read_snapshot(app, NOWHERE),
        lambda: backend.api.read_disk(NOWHERE),
        lambda: backend.api.remove_snapshot(app, NOWHERE),
        lambda: backend.api.remove_disk(NOWHERE),
        lambda: backend.api.detach_disk(app, NOWHERE),
        lambda: backend.api.remove_vm(NOWHERE),
    ):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(Conflict, match="VM is not found"):
        backend.api.attach_disk(NOWHERE, order(disks_of(backend, "app")[0]))


def test_attachments_come_with_their_disks(backend: EngineBackend) -> None:
    found = {one.disk.alias: one for one in backend.api.list_attachments(vm_of(backend, "app").id) if one.disk}
    boot, data = found["app_Disk1"], found["app_Disk2"]
    assert (boot.interface, boot.is_bootable, boot.is_active, boot.is_read_only) == ("virtio_scsi", True, True, False)
    assert (data.interface, data.is_bootable) == ("virtio", False)
    disk = data.disk
    assert disk is not None
    assert (disk.provisioned_size, disk.format, disk.is_sparse, disk.status) == (32 * MIB, "cow", True, "ok")
    assert (disk.storage_type, disk.content_type, disk.backup) == ("image", "data", "none")
    assert disk.storage_domain_ids == (domain_of(backend, "data"),)
    assert backend.api.read_disk(data.disk_id) == disk
    assert backend.api.read_attachment(data.vm_id, data.disk_id) == data._replace(
        disk=None, logical_name=backend.api.read_attachment(data.vm_id, data.disk_id).logical_name
    )


def test_disks_that_no_snapshot_holds_say_so(backend: EngineBackend) -> None:
    disks = {one.disk.alias: one.disk for one in backend.api.list_attachments(vm_of(backend, "shared").id) if one.disk}
    assert [disks[name].is_shareable for name in ("shared_Disk1", "shared_Disk2")] == [False, True]
    assert [disks[name].storage_type for name in ("shared_Disk1", "shared_Lun")] == ["image", "lun"]


def test_surroundings(backend: EngineBackend) -> None:
    clusters = {one.name: one for one in backend.api.list_clusters()}
    cluster = clusters["Default"]
    assert vm_of(backend, "app").cluster_id == cluster.id
    profiles = backend.api.list_vnic_profiles(cluster.data_center_id)
    assert "ovirtmgmt" in [one.network_name for one in profiles]
    domains = {one.name: one for one in backend.api.list_storage_domains()}
    assert (domains["data"].kind, domains["data"].storage_type) == ("data", "nfs")
    assert domains["data"].available > 100 * 1024 * MIB > domains["data"].critical_space > 0


def test_network_interfaces_are_changed_and_their_addresses_found(backend: EngineBackend) -> None:
    app = vm_of(backend, "app").id
    [nic] = look_at(backend, app).nics
    assert nic.name == "nic1" and nic.mac == nic.mac.lower() and nic.is_plugged and nic.profile_id
    assert backend.api.find_macs([nic.mac, "56:6f:de:ad:00:00"]) == {nic.mac: "app"}
    backend.api.update_nic(app, nic._replace(profile_id="", is_plugged=False))
    assert look_at(backend, app).nics == [nic._replace(profile_id="", is_plugged=False)]
    backend.api.update_nic(app, nic)
    assert look_at(backend, app).nics == [nic]


def test_checkpoints_tell_their_disks(backend: EngineBackend, own: str) -> None:
    app, disks = vm_of(backend, own).id, disks_of(backend, own)
    assert backend.api.list_checkpointed_disks(app) == set()
    backend.add_checkpoint(app, disks[:1])
    assert backend.api.list_checkpointed_disks(app) == {disks[0]}


def test_events_are_written_once_and_found(backend: EngineBackend) -> None:
    app = vm_of(backend, "app").id
    backend.api.add_event("ovirt.backup", 4711, "warning", "a <line> & more", app)
    with pytest.raises(Conflict, match="custom id already exists"):
        backend.api.add_event("ovirt.backup", 4711, "warning", "another line", app)
    [event] = backend.api.find_events("a <line> & more", 5)
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


def test_a_snapshot_takes_the_id_of_the_active_one_and_keeps_the_images(backend: EngineBackend, own: str) -> None:
    app, disks = vm_of(backend, own).id, disks_of(backend, own)
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


def test_a_snapshot_is_gone_some_time_after_its_removal_began(backend: EngineBackend, own: str) -> None:
    app, snapshot = vm_of(backend, own).id, make_snapshot(backend, own)
    backend.api.remove_snapshot(app, snapshot.id)
    assert backend.api.read_snapshot(app, snapshot.id).status == "locked"
    wait_until_gone(backend, lambda: backend.api.read_snapshot(app, snapshot.id))
    assert [one.kind for one in backend.api.list_snapshots(app)] == ["active"]
    assert [backend.api.read_disk(disk_id).status for disk_id in disks_of(backend, own)] == ["ok", "ok"]


def test_file_systems_are_frozen_and_thawed_where_a_guest_runs(backend: EngineBackend) -> None:
    app, cold = vm_of(backend, "app").id, vm_of(backend, "cold").id
    backend.api.freeze_filesystems(app)
    backend.api.thaw_filesystems(app)
    with pytest.raises(Conflict):
        backend.api.freeze_filesystems(cold)


# --- attachments ---


def test_a_snapshot_is_attached_to_the_backup_machine_and_detached(backend: EngineBackend, own: str) -> None:
    app, backup = vm_of(backend, own).id, vm_of(backend, "backup").id
    snapshot, disks = make_snapshot(backend, own), disks_of(backend, own)
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


def test_an_attachment_tells_its_disk_and_the_log_by_which_request_it_was_made(
    backend: EngineBackend, own: str
) -> None:
    backup, disks = vm_of(backend, "backup").id, disks_of(backend, own)
    snapshot = make_snapshot(backend, own)
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
    assert own + "_Disk1" in detached.description and int(detached.id) > int(attached.id)
    assert backend.api.find_events_since(int(detached.id), 2018, "backup") == []
    assert backend.api.find_events_since(int(attached.id), 2018, "app") == []


def test_a_refused_removal_names_every_attachment_of_the_machine(backend: EngineBackend, own: str) -> None:
    app, backup, disks = vm_of(backend, own).id, vm_of(backend, "backup").id, disks_of(backend, own)
    first, second = (make_snapshot(backend, own, description) for description in ("first", "second"))
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
    with pytest.raises(Conflict, match=own + "_Disk1 ,first, backup"):  # one attachment holds every snapshot
        backend.api.remove_snapshot(app, second.id)


# --- restore ---


def test_a_disk_is_made_found_by_its_mark_described_and_removed(backend: EngineBackend) -> None:
    wanted = disk_order(domain_of(backend, "data"), id="dddddddd-0000-4000-8000-000000000001", wipe_after_delete=True)
    made = backend.api.create_disk(wanted)
    assert (made.id, made.alias, made.description, made.status) == (wanted.id, "restored", "mark: disk", "locked")
    with pytest.raises(Conflict, match="locked|already used"):
        backend.api.create_disk(wanted)
    done = backend.waiter.until("it", lambda: backend.api.read_disk(made.id), lambda one: one.status == "ok", str)
    assert (done.provisioned_size, done.format, done.is_sparse, done.wipe_after_delete) == (8 * MIB, "cow", True, True)
    with pytest.raises(Conflict, match="The selected disk ID"):
        backend.api.create_disk(wanted)
    assert [one.id for one in backend.api.find_disks("mark: ")] == [made.id]
    assert backend.api.find_disks("ark: ") == backend.api.find_disks("mark: disks") == backend.api.find_disks("") == []
    boot = disks_of(backend, "cold")[0]
    assert {one.id for one in backend.api.find_disks("mark: ", [boot, NOWHERE])} == {made.id, boot}
    assert [one.id for one in backend.api.find_disks("", [boot])] == [boot]
    backend.api.describe_disk(made.id, "")
    assert (backend.api.read_disk(made.id).description, backend.api.find_disks("mark: ")) == ("", [])
    backend.api.remove_disk(made.id)
    wait_until_gone(backend, lambda: backend.api.read_disk(made.id))


def test_a_machine_is_made_from_a_configuration(backend: EngineBackend) -> None:
    cold = backend.api.read_vm(vm_of(backend, "cold").id, with_configuration=True)
    assert cold.configuration is not None
    wanted = VmOrder("copy", "a copy", "restoring", cold.cluster_id, cold.configuration, True)
    with pytest.raises(Conflict, match="Name already exists"):
        backend.api.create_vm(wanted._replace(name="app"))
    with pytest.raises(Conflict, match="failed to parse"):
        backend.api.create_vm(wanted._replace(configuration=cold.configuration._replace(data="<broken")))
    made = backend.api.create_vm(wanted)
    vm = backend.waiter.until("it", lambda: backend.api.read_vm(made.id), lambda one: one.status == "down", str)
    assert (vm.name, vm.description, vm.comment) == ("copy", "a copy", "restoring")
    assert vm.id != cold.id
    assert backend.api.list_attachments(vm.id) == []
    changed = backend.api.update_vm(vm.id, {"name": "restored", "comment": ""})
    assert (changed.name, changed.comment, changed.description) == ("restored", "", "a copy")
    with pytest.raises(Conflict):
        backend.api.update_vm(vm.id, {"name": "app"})
    backend.api.remove_vm(vm.id)
    wait_until_gone(backend, lambda: backend.api.read_vm(vm.id))


def test_a_restored_disk_moves_from_the_backup_machine_to_the_new_one(backend: EngineBackend) -> None:
    cold, backup = backend.api.read_vm(vm_of(backend, "cold").id, with_configuration=True), vm_of(backend, "backup").id
    assert cold.configuration is not None
    disk = backend.api.create_disk(disk_order(domain_of(backend, "data")))
    with pytest.raises(Conflict, match="locked"):
        backend.api.attach_disk(backup, order(disk.id))
    backend.waiter.until("it", lambda: backend.api.read_disk(disk.id), lambda one: one.status == "ok", str)
    backend.api.attach_disk(backup, order(disk.id))
    with pytest.raises(Conflict):
        backend.api.remove_disk(disk.id)
    backend.api.detach_disk(backup, disk.id)
    wait_until_gone(backend, lambda: backend.api.read_attachment(backup, disk.id))
    made = backend.api.create_vm(VmOrder("copy", "", "", cold.cluster_id, cold.configuration, True))
    backend.waiter.until("it", lambda: backend.api.read_vm(made.id), lambda one: one.status == "down", str)
    backend.api.attach_disk(made.id, order(disk.id, interface="virtio", is_bootable=True, pass_discard=True))
    [attached] = backend.api.list_attachments(made.id)
    assert (attached.disk_id, attached.interface, attached.is_bootable) == (disk.id, "virtio", True)
    assert attached.pass_discard
    backend.api.remove_vm(made.id)
    wait_until_gone(backend, lambda: backend.api.read_vm(made.id))
    assert backend.api.read_disk(disk.id).status == "ok"
    backend.api.remove_disk(disk.id)


# --- an engine that goes away ---


def test_a_request_whose_reply_was_lost_was_carried_out(backend: EngineBackend) -> None:
    domain = domain_of(backend, "data")
    backend.lose_reply("create_disk")
    with pytest.raises(Unavailable):
        backend.api.create_disk(disk_order(domain, description="ovirt.backup: lost"))
    assert len(backend.api.find_disks("ovirt.backup: lost")) == 1


def test_an_engine_that_restarts_is_waited_for(backend: EngineBackend) -> None:
    app = vm_of(backend, "app")
    backend.restart()
    with pytest.raises(Unavailable):
        backend.api.read_vm(app.id)
    assert backend.waiter.retry_read("the machine", lambda: backend.api.read_vm(app.id)) == app
