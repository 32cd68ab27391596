# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup through a snapshot: made, found again, taken back."""

import hashlib
from typing import Any, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Interrupted, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import (
    ApiError,
    Forbidden,
    NotFound,
    Unauthorized,
    Unavailable,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.run import (
    attach,
    detach,
    preview_attaching,
    preview_removing,
    remove,
)
from lab.rest_engine.state import Image
from unit.fakes.vm_backup_tools import MARK, World, request
from unit.fakes.vm_steering import Killed
from unit.fakes.vm_world import APP, APP_BOOT, APP_DATA, BACKUP, BACKUP_BOOT, COLD

DISKS = [APP_BOOT, APP_DATA]


@pytest.fixture
def world() -> World:
    return World()


def made(world: World) -> List[str]:
    """Return the descriptions of the snapshots that somebody made."""
    return [one.description for one in world.engine.made(APP)]


def is_clean(world: World) -> bool:
    """Is everything as it was before the backup?"""
    return made(world) == [] and world.engine.attached_to(BACKUP) == [BACKUP_BOOT] and not world.engine.vms[APP].frozen


def failure(world: World, **changes: Any) -> BackupError:
    with pytest.raises(BackupError) as caught:
        attach(request(**changes), world.tools())
    return caught.value


def test_disks_of_a_good_snapshot_are_attached_and_active(world: World) -> None:
    result = attach(request(), world.tools())
    assert result["changed"]
    assert made(world) == [MARK]
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT, *DISKS]
    assert world.engine.attached_snapshots[(BACKUP, APP_BOOT)] == result["snapshot"]["id"]
    assert all(world.engine.attachment(BACKUP, disk_id).active for disk_id in DISKS)
    assert not any(world.engine.attachment(BACKUP, disk_id).bootable for disk_id in DISKS)
    assert not world.engine.vms[APP].frozen


def test_result_tells_what_a_restore_needs(world: World) -> None:
    result = attach(request(), world.tools())
    boot, data = result["disks"]
    assert (boot["id"], boot["bootable"], boot["interface"], boot["order"]) == (APP_BOOT, True, "virtio_scsi", 0)
    assert (data["interface"], data["attached_interface"], data["order"]) == ("virtio", "virtio_scsi", 1)
    assert boot["image_id"] == world.engine.world.disks[APP_BOOT].images[0].id  # the snapshot's, not the new top
    assert boot["storage_domain"]["name"] == "data"
    assert boot["devices"][0] == "scsi-0QEMU_QEMU_HARDDISK_" + APP_BOOT
    assert boot["devices"][-1] == "virtio-" + APP_BOOT[:20]
    assert result["vm"] == {"id": APP, "name": "app", "status": "up", "cluster": "Default"}
    assert result["snapshot"]["description"] == MARK
    consistency = result["snapshot"]["consistency"]
    assert (consistency["requested"], consistency["frozen"], consistency["note"]) == ("auto", True, "")
    assert 5 <= consistency["seconds"] < 30


def test_configuration_is_saved_with_its_hash(world: World) -> None:
    result = attach(request(), world.tools())["configuration"]
    assert world.file.text is not None
    assert result == {
        "type": "ovf", "path": world.file.path, "size": len(world.file.text),
        "sha256": hashlib.sha256(world.file.text.encode()).hexdigest(),
    }  # fmt: skip


def test_a_second_call_changes_nothing(world: World) -> None:
    first = attach(request(), world.tools())
    world.engine.calls.clear()
    second = attach(request(), world.tools())
    assert not second["changed"]
    assert world.engine.written() == []
    assert second["disks"] == first["disks"]
    assert second["configuration"] == first["configuration"]
    assert second["diff"]["before"]["attached"] == second["diff"]["after"]["attached"]


@pytest.mark.parametrize("calls", [0, 1])
def test_the_plan_has_the_keys_of_the_result_and_writes_nothing(world: World, calls: int) -> None:
    for _call in range(calls):
        attach(request(), world.tools())
    world.engine.calls.clear()
    planned = preview_attaching(request(), world.tools())
    assert world.engine.written() == []
    assert planned["changed"] is (calls == 0)
    done = attach(request(), world.tools())
    assert set(planned) == set(done)
    assert planned["diff"] == done["diff"]
    for one, other in zip(planned["disks"], done["disks"]):
        assert {key for key in one if one[key] != other[key]} <= {"image_id", "format"}


def test_it_asks_for_no_more_than_it_needs(world: World) -> None:
    attach(request(), world.tools())
    assert world.engine.calls == [
        "fetch_vms", "list_storage_domains", "read_version", *["list_permits"] * 4, "list_checkpointed_disks",
        "add_event", "freeze_filesystems", "create_snapshot", "read_snapshot", "read_snapshot", "thaw_filesystems",
        "attach_disk", "attach_disk", "fetch_vms",
    ]  # fmt: skip
    world.engine.calls.clear()
    attach(request(), world.tools())
    assert world.engine.calls == [
        "fetch_vms", "list_storage_domains", "read_version", "list_checkpointed_disks", "fetch_vms",
    ]  # fmt: skip
    world.engine.calls.clear()
    remove(request(outcome="success"), world.tools())
    assert world.engine.calls == [
        "fetch_vms", "detach_disk", "detach_disk", "remove_snapshot", "read_snapshot", "add_event",
    ]  # fmt: skip


def test_only_the_named_disks_are_in_the_snapshot(world: World) -> None:
    result = attach(request(disks=("app_Disk2",)), world.tools())
    assert [disk["id"] for disk in result["disks"]] == [APP_DATA]
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT, APP_DATA]


def test_format_of_the_source_outlives_the_snapshot(world: World) -> None:
    world.engine.change_disk(APP_DATA, images=[Image("raw layer", "raw")], sparse=False)
    first = attach(request(), world.tools())["disks"][1]
    assert world.engine.read_disk(APP_DATA).format == "cow"  # as an engine shows it from then on
    second = attach(request(), world.tools())["disks"][1]
    assert [(one["format"], one["sparse"]) for one in (first, second)] == [("raw", False)] * 2


# --- a lost answer ---


@pytest.mark.parametrize("method", ["create_snapshot", "attach_disk", "add_event", "freeze_filesystems"])
def test_what_a_lost_answer_made_is_found_and_not_made_twice(world: World, method: str) -> None:
    world.engine.lose_reply(method)
    attach(request(), world.tools())
    assert made(world) == [MARK]
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT, *DISKS]
    assert len([one for one in world.engine.events if one.origin == "ovirt.backup"]) == 1


@pytest.mark.parametrize("method", ["create_snapshot", "attach_disk"])
def test_a_request_that_never_arrived_is_sent_again(world: World, method: str) -> None:
    world.engine.fail(method, Unavailable("connection reset"))
    attach(request(), world.tools())
    assert made(world) == [MARK]
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT, *DISKS]


@pytest.mark.parametrize("method", ["detach_disk", "remove_snapshot"])
def test_a_removal_whose_answer_is_lost_is_done(world: World, method: str) -> None:
    attach(request(), world.tools())
    world.engine.lose_reply(method)
    remove(request(), world.tools())
    assert is_clean(world)


# Each request of a plan, and each moment between two changes.
PLANNING = [("fetch_vms", 1), ("list_storage_domains", 1), ("read_version", 1), ("list_permits", 1),
            ("list_checkpointed_disks", 1)]  # fmt: skip
MOMENTS = [("add_event", 1), ("freeze_filesystems", 1), ("create_snapshot", 1), ("read_snapshot", 1),
           ("thaw_filesystems", 1), ("attach_disk", 1), ("attach_disk", 2), ("fetch_vms", 2)]  # fmt: skip


@pytest.mark.parametrize(("method", "at"), PLANNING + MOMENTS)
def test_an_engine_that_restarts_at_any_request_is_waited_for(world: World, method: str, at: int) -> None:
    world.engine.fail(method, Unavailable("503 Service Unavailable"), at)
    result = attach(request(), world.tools())
    assert made(world) == [MARK]
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT, *DISKS]
    assert result["changed"] and not world.engine.vms[APP].frozen


@pytest.mark.parametrize("method", ["fetch_vms", "detach_disk", "remove_snapshot", "read_snapshot", "add_event"])
def test_a_removal_outlives_a_restart_at_any_request(world: World, method: str) -> None:
    attach(request(), world.tools())
    world.engine.fail(method, Unavailable("503 Service Unavailable"), world.engine.calls.count(method) + 1)
    remove(request(outcome="success"), world.tools())
    assert is_clean(world)


@pytest.mark.parametrize(("method", "at"), MOMENTS)
def test_a_call_that_was_killed_is_resumed(world: World, method: str, at: int) -> None:
    run_until_killed(world, method, at)
    result = attach(request(), world.tools())
    assert made(world) == [MARK]
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT, *DISKS]
    assert len(result["disks"]) == 2 and not world.engine.vms[APP].frozen


@pytest.mark.parametrize(("method", "at"), MOMENTS)
def test_a_call_that_was_killed_is_cleaned_up(world: World, method: str, at: int) -> None:
    run_until_killed(world, method, at)
    result = remove(request(outcome="failure"), world.tools())
    assert is_clean(world)
    assert not remove(request(outcome="failure"), world.tools())["changed"]
    assert preview_removing(request(), world.tools(), True)["changed"] is False
    assert result["vm"]["id"] == APP


def run_until_killed(world: World, method: str, at: int) -> None:
    """Attach, and die before a request, which is after the one before it was carried out."""
    world.engine.kill_at(method, at)
    with pytest.raises(Killed):
        attach(request(), world.tools())
    world.engine.revive()


# --- failures ---


@pytest.mark.parametrize(
    ("ends", "code"),
    [("active", "snapshot_failed"), ("gone", "snapshot_failed"), ("illegal", "disk_illegal"), ("never", "timed_out")],
)
def test_a_snapshot_that_does_not_become_good_is_no_backup(world: World, ends: str, code: str) -> None:
    world.engine.snapshot_ends = ends
    error = failure(world)
    assert error.code == code
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT] and not world.engine.vms[APP].frozen
    assert world.file.saves == 0
    assert error.facts["phase"] == "snapshot"
    if ends in ("active", "gone"):
        assert made(world) == [] and "Nothing of it is left" in error.message
        assert "Failed to complete snapshot" in error.message  # the engine's own words
    if ends == "never":  # the engine takes no removal of a snapshot that it still makes
        assert made(world) == [MARK] and error.facts["standing"]
        assert "is locked (regular)" in error.message


@pytest.mark.parametrize(
    ("method", "detail"),
    [
        ("attach_disk", "Cannot attach Virtual Disk. VirtIO-SCSI is disabled for the VM"),
        ("attach_disk", "Cannot attach Virtual Disk. Maximum PCI devices exceeded."),
        ("create_snapshot", "Cannot create Snapshot. Low disk space on Storage Domain data."),
    ],
)
def test_a_refusal_takes_back_what_was_made(world: World, method: str, detail: str) -> None:
    world.engine.refuse(method, detail)
    error = failure(world)
    assert detail in error.message
    assert is_clean(world)
    assert error.facts["standing"] == []


def test_a_refusal_of_the_second_disk_takes_back_the_first(world: World) -> None:
    world.engine.refuse("attach_disk", "Cannot attach Virtual Disk. Maximum PCI devices exceeded.", at=2)
    error = failure(world)
    assert is_clean(world)
    assert error.facts["phase"] == "attaching"
    assert [part.split()[0] for part in error.facts["undone"]] == ["attachment", "snapshot"]
    assert [one.severity for one in world.engine.events if one.origin == "ovirt.backup"] == ["error", "normal"]


def test_a_disk_that_somebody_else_attached_meanwhile_stays(world: World) -> None:
    foreign = world.engine.add_snapshot(APP, "of somebody else", DISKS)
    world.engine.before("attach_disk", lambda: world.engine.attach_behind(BACKUP, APP_BOOT, foreign.id))
    error = failure(world)
    assert "already attached" in error.message
    assert world.engine.attached_snapshots == {(BACKUP, APP_BOOT): foreign.id}


@pytest.mark.parametrize(("method", "at"), [("create_snapshot", 1), ("attach_disk", 1), ("fetch_vms", 2)])
def test_a_missing_permit_that_shows_late_takes_everything_back(world: World, method: str, at: int) -> None:
    world.engine.fail(method, Forbidden("User is not authorized to perform this action."), at)
    assert failure(world).code == "not_permitted"
    assert is_clean(world)


def test_a_full_disk_under_the_configuration_takes_everything_back(world: World) -> None:
    world.file.error = BackupError("No space left on device", "disk_full")
    error = failure(world)
    assert (error.code, error.facts["phase"]) == ("disk_full", "configuration")
    assert is_clean(world)


def test_a_configuration_that_never_comes_is_waited_for_and_told(world: World) -> None:
    world.engine.lab.faults.set("configuration-missing")
    error = failure(world)
    assert (error.code, error.facts["phase"]) == ("timed_out", "configuration")
    assert "status up, no configuration" in error.message
    assert is_clean(world)


def test_a_configuration_that_comes_late_is_saved(world: World) -> None:
    world.engine.lab.faults.set("configuration-missing")
    world.engine.before("read_vm", lambda: world.engine.lab.faults.end("configuration-missing"), at=5)
    attach(request(), world.tools())
    assert world.file.text


ENDS = [(Interrupted("ended by signal 15"), *moment) for moment in [PLANNING[-1], *MOMENTS]]
ENDS += [(ApiError("500", status=500), *moment) for moment in MOMENTS]
ENDS += [(Unauthorized("wrong password"), "create_snapshot", 1), (Unauthorized("wrong password"), "attach_disk", 2)]


@pytest.mark.parametrize(("error", "method", "at"), ENDS)
def test_whatever_ends_a_call_nothing_of_it_is_left(world: World, error: BaseException, method: str, at: int) -> None:
    world.engine.fail(method, error, at)
    try:
        attach(request(), world.tools())
    except (BackupError, Interrupted):
        assert is_clean(world)
    else:  # a hint that was missing, an event
        assert made(world) == [MARK]
        assert not isinstance(error, Interrupted)


def test_a_clean_up_that_fails_says_what_stands_where(world: World) -> None:
    world.engine.refuse("attach_disk", "Cannot attach Virtual Disk. Maximum PCI devices exceeded.", at=2)
    world.engine.refuse("remove_snapshot", "Cannot remove Snapshot. VM is previewing a Snapshot.")
    error = failure(world)
    assert made(world) == [MARK]
    assert [MARK in one for one in error.facts["standing"]] == [True]
    assert "state=absent" in error.message and "previewing" in error.message


def test_a_virtual_machine_that_vanishes_is_told_and_no_loop(world: World) -> None:
    world.engine.before("read_snapshot", lambda: world.engine.drop_vm(APP))
    error = failure(world)
    assert error.code == "snapshot_failed"
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT]
    assert error.facts["standing"] == []


# --- detached and absent ---


def test_disks_are_detached_and_the_snapshot_is_kept(world: World) -> None:
    attach(request(), world.tools())
    result = detach(request(), world.tools())
    assert (result["changed"], result["detached"], result["removed"]) == (True, DISKS, [])
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT]
    assert made(world) == [MARK]
    assert not detach(request(), world.tools())["changed"]
    assert attach(request(), world.tools())["changed"]
    assert made(world) == [MARK]


def test_all_is_taken_away_and_then_nothing_is_left_to_do(world: World) -> None:
    attach(request(), world.tools())
    planned = preview_removing(request(), world.tools(), True)
    result = remove(request(outcome="success"), world.tools())
    assert {key: planned[key] for key in planned if key != "warnings"} == {
        key: result[key] for key in result if key != "warnings"
    }
    assert result["changed"] and result["removed"] == [MARK]
    assert is_clean(world)
    assert world.engine.events[0].description == "%s: the backup ended well" % MARK
    again = remove(request(outcome="success"), world.tools())
    assert not again["changed"]
    assert len([one for one in world.engine.events if one.origin == "ovirt.backup"]) == 2


def test_a_merge_that_fails_once_is_tried_again(world: World) -> None:
    attach(request(), world.tools())
    world.engine.lab.faults.set("merge-fails", "1")
    remove(request(), world.tools())
    assert is_clean(world)


def test_a_merge_that_always_fails_is_told_with_what_stands(world: World) -> None:
    attach(request(), world.tools())
    world.engine.merge_ends = "failed"
    with pytest.raises(BackupError) as caught:
        remove(request(outcome="failure", message="the disk is full"), world.tools())
    assert caught.value.code == "snapshot_not_removed"
    told = world.engine.events[0]
    assert told.severity == "error" and "the disk is full; The removal of snapshot" in told.description
    assert "Failed to delete snapshot" in caught.value.message
    assert len(caught.value.facts["standing"]) == 1 and made(world) == [MARK]
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT]


def test_a_merge_that_takes_for_ever_says_what_was_seen_last(world: World) -> None:
    attach(request(), world.tools())
    world.engine.merge_ends = "never"
    with pytest.raises(BackupError) as caught:
        remove(request(), world.tools())
    assert caught.value.code == "timed_out"
    assert "is locked (regular)" in caught.value.message


def test_a_snapshot_that_is_attached_elsewhere_is_not_detached_there(world: World) -> None:
    attach(request(), world.tools())
    world.engine.attach_behind(COLD, APP_BOOT, world.engine.attachment(BACKUP, APP_BOOT).snapshot)
    with pytest.raises(BackupError) as caught:
        remove(request(), world.tools())
    assert "attached to other VMs" in caught.value.message and "cold" in caught.value.message
    assert (COLD, APP_BOOT) in world.engine.attached_snapshots


def test_a_refusal_that_passes_is_waited_for(world: World) -> None:
    attach(request(), world.tools())
    world.engine.refuse("remove_snapshot", "Cannot remove Snapshot: VM is locked. Please try again in a few minutes.")
    world.engine.refuse("detach_disk", "Related operation is currently in progress. Please try again later.")
    remove(request(), world.tools())
    assert is_clean(world)


def test_a_detachment_that_is_refused_says_what_stands(world: World) -> None:
    attach(request(), world.tools())
    world.engine.refuse("detach_disk", "Cannot detach Virtual Disk. The disk is busy.")
    with pytest.raises(BackupError) as caught:
        remove(request(), world.tools())
    assert "busy" in caught.value.message and caught.value.facts["phase"] == "removing"
    assert made(world) == [MARK]


@pytest.mark.parametrize("act", [detach, remove])
def test_a_detachment_that_takes_its_time_is_waited_for(world: World, act: Any) -> None:
    attach(request(), world.tools())
    world.engine.lab.faults.set("detach-late", "20")
    began = world.engine.time
    act(request(), world.tools())
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT]
    assert made(world) == ([MARK] if act is detach else [])
    assert world.engine.time >= began + 20


def test_disks_that_stay_attached_when_the_snapshot_is_gone_are_told(world: World) -> None:
    attach(request(), world.tools())
    world.engine.lab.faults.set("detach-late", "5000")
    [snapshot] = world.engine.made(APP)
    world.engine.before("remove_snapshot", lambda: world.engine.world.snapshots.pop(snapshot.id))
    with pytest.raises(BackupError) as caught:
        remove(request(), world.tools())
    assert caught.value.code == "timed_out" and "still attached: " + APP_BOOT in caught.value.message


def test_a_disk_that_somebody_detached_already_is_done(world: World) -> None:
    attach(request(), world.tools())
    world.engine.before("detach_disk", lambda: world.engine.detach_behind(BACKUP, APP_BOOT))
    remove(request(), world.tools())
    assert is_clean(world)


def test_a_virtual_machine_that_is_gone_leaves_nothing_to_do(world: World) -> None:
    attach(request(), world.tools())
    world.engine.detach_behind(BACKUP, *DISKS)
    world.engine.drop_vm(APP)
    result = remove(request(), world.tools())
    assert (result["changed"], result["vm"]) == (False, None)
    assert "no virtual machine 'app'" in result["warnings"][0]


def test_a_backup_vm_that_is_gone_does_not_keep_the_snapshot(world: World) -> None:
    attach(request(), world.tools())
    world.engine.drop_vm(BACKUP)
    result = remove(request(), world.tools())
    assert result["changed"] and made(world) == []
    assert "backup_vm" in result["warnings"][0]


def test_nothing_is_removed_while_the_backup_vm_is_paused(world: World) -> None:
    attach(request(), world.tools())
    world.engine.change_vm(BACKUP, status="paused")
    with pytest.raises(Refused) as caught:
        remove(request(), world.tools())
    assert caught.value.code == "backup_vm_not_up"
    assert world.engine.written()[-1] != "detach_disk"


def test_attachment_that_vanished_at_the_end_is_missed(world: World) -> None:
    world.engine.before("fetch_vms", lambda: world.engine.detach_behind(BACKUP, APP_DATA), at=2)
    error = failure(world)
    assert error.code == "timed_out" and APP_DATA in error.message
    assert made(world) == []


def test_missing_object_is_not_taken_for_an_engine_that_is_away(world: World) -> None:
    world.engine.fail("list_storage_domains", NotFound("GET /storagedomains: 404"))
    assert failure(world).code == "not_found"
    assert world.engine.time == 1000.0
