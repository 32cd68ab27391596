# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that is killed, cut off or made to wait at any request ends as if nothing had happened."""

import functools
from dataclasses import replace
from typing import Any, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import ApiError, Unavailable
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.model import VmRestoreRequest
from lab.rest_engine.state import Disk, Image
from unit.fakes.vm_engine import FakeEngine
from unit.fakes.vm_restores import act, go_through, save_app
from unit.fakes.vm_steering import Killed
from unit.fakes.vm_values import MIB, SavedVm
from unit.fakes.vm_values import restore_request as request
from unit.fakes.vm_world import APP, APP_BOOT, APP_DATA, BACKUP, BACKUP_BOOT, DATA

# Before each change; the numbers count from the first call of the restore.
PREPARING = [("add_event", 1), ("create_disk", 1), ("create_disk", 2), ("attach_disk", 1), ("attach_disk", 2),
             ("fetch_vms", 2)]  # fmt: skip
RESTORING = [("detach_disk", 1), ("detach_disk", 2), ("create_vm", 1), ("attach_disk", 3), ("attach_disk", 4),
             ("describe_disk", 1), ("describe_disk", 2), ("update_vm", 1), ("add_event", 2)]  # fmt: skip
HALF_DONE = [("create_disk", 2), ("attach_disk", 2), ("fetch_vms", 2), ("detach_disk", 2), ("attach_disk", 4),
             ("describe_disk", 2), ("update_vm", 1)]  # fmt: skip
# Each request once, from wherever it is sent.
READS = [("fetch_vms", 1), ("find_disks", 1), ("list_storage_domains", 1), ("list_clusters", 1),
         ("list_vnic_profiles", 1), ("find_macs", 1), ("list_permits", 1), ("find_disks", 2), ("fetch_vms", 2),
         ("list_attachments", 1), ("find_disks", 4), ("fetch_vms", 4)]  # fmt: skip
WRITES = [("add_event", 1), ("create_disk", 1), ("attach_disk", 1), ("detach_disk", 1), ("create_vm", 1),
          ("attach_disk", 3), ("describe_disk", 1), ("update_vm", 1)]  # fmt: skip


def begin() -> Tuple[FakeEngine, SavedVm]:
    engine = FakeEngine()
    saved = save_app(engine)
    engine.drop_vm(APP)
    return engine, saved


def problems_of(engine: FakeEngine, wanted: VmRestoreRequest) -> List[str]:
    """Go through; return the codes of what forbids it."""
    try:
        go_through(engine, wanted)
    except Refused as error:
        return [one["code"] for one in error.facts["problems"]]
    return []


@functools.lru_cache(maxsize=None)
def whole() -> Any:
    """Return what there is after a restore that nothing disturbs."""
    engine, saved = begin()
    go_through(engine, request(saved))
    return engine.picture()


def run_until_killed(engine: FakeEngine, wanted: VmRestoreRequest, method: str, at: int) -> None:
    """Go through, and die before a request."""
    engine.kill_at(method, at)
    with pytest.raises(Killed):
        go_through(engine, wanted)
    engine.revive()


@pytest.mark.parametrize(("method", "at"), PREPARING)
def test_killed_while_preparing_the_next_run_goes_on(method: str, at: int) -> None:
    engine, saved = begin()
    run_until_killed(engine, request(saved), method, at)
    go_through(engine, request(saved))
    assert engine.picture() == whole()
    assert engine.calls.count("create_disk") <= 3  # the one that was killed before it was sent is sent again


@pytest.mark.parametrize(("method", "at"), RESTORING)
def test_killed_while_restoring_the_next_run_goes_on(method: str, at: int) -> None:
    engine, saved = begin()
    run_until_killed(engine, request(saved), method, at)
    act(engine, request(saved), "restored")
    assert engine.picture() == whole()
    assert engine.calls.count("create_vm") <= 2


@pytest.mark.parametrize(("method", "at"), RESTORING)
def test_killed_while_restoring_everything_is_undone_or_finished(method: str, at: int) -> None:
    engine, saved = begin()
    before = engine.picture()
    run_until_killed(engine, request(saved), method, at)
    result = act(engine, request(saved), "absent")
    if engine.picture() != before:  # every mark was off, or only that of the virtual machine was left: it was proven
        assert engine.picture() == whole() or result.kept
        assert {APP_BOOT, APP_DATA} & set(engine.world.disks)
    assert not [disk for disk in engine.world.disks.values() if disk.description]


@pytest.mark.parametrize(("method", "at"), HALF_DONE)
def test_what_a_dead_run_left_is_swept_by_the_next_one(method: str, at: int) -> None:
    engine, saved = begin()
    run_until_killed(engine, request(saved, run="dead"), method, at)
    refused = problems_of(engine, request(saved, run="mine"))
    if "vm_exists" in refused:  # it was restored; only marks may be left
        act(engine, request(saved, run="dead"), "restored")
    else:
        assert refused == []
    assert engine.picture() == whole()


@pytest.mark.parametrize(("method", "at"), READS + WRITES)
def test_an_engine_that_restarts_at_any_request_is_waited_for(method: str, at: int) -> None:
    engine, saved = begin()
    engine.fail(method, Unavailable("connection refused"), at)
    go_through(engine, request(saved))
    assert engine.picture() == whole()


@pytest.mark.parametrize(("method", "at"), WRITES)
def test_a_request_whose_answer_was_lost_is_not_carried_out_twice(method: str, at: int) -> None:
    engine, saved = begin()
    engine.lose_reply(method, at)
    go_through(engine, request(saved))
    assert engine.picture() == whole()
    assert engine.calls.count("create_disk") == 2
    assert engine.calls.count("create_vm") == 1


def test_a_request_that_a_killed_run_had_sent_may_come_late() -> None:
    """The plan does not see yet what it makes."""
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    made = {disk_id: replace(engine.world.disks[disk_id]) for disk_id in (APP_BOOT, APP_DATA)}
    act(engine, request(saved), "absent")
    engine.before("create_disk", lambda: engine.world.disks.update(made), at=engine.calls.count("create_disk") + 1)
    go_through(engine, request(saved))
    assert engine.picture()[0::2] == whole()[0::2]


def test_a_disk_of_somebody_else_that_comes_between_is_not_taken() -> None:
    engine, saved = begin()
    other = Disk(APP_DATA, "other", 64 * MIB, DATA, [Image("layer", "cow")])
    engine.before("create_disk", lambda: engine.world.disks.update({APP_DATA: other}))
    with pytest.raises(ApiError) as caught:
        act(engine, request(saved), "prepared")
    assert "is already used" in caught.value.detail
    act(engine, request(saved), "absent")
    assert engine.world.disks[APP_DATA] == other


def test_a_lost_answer_to_a_removal_is_looked_for() -> None:
    engine, saved = begin()
    before = engine.picture()
    act(engine, request(saved), "prepared")
    engine.lose_reply("remove_disk")
    engine.lose_reply("detach_disk")
    act(engine, request(saved), "absent")
    assert engine.picture() == before


def test_a_refusal_that_passes_is_waited_out() -> None:
    engine, saved = begin()
    engine.refuse("attach_disk", "Cannot attach Virtual Disk. Related operation is currently in progress.")
    go_through(engine, request(saved))
    assert engine.picture() == whole()


ENDS = [("illegal", "disk_illegal"), ("gone", "disk_vanished"), ("never", "timed_out")]


@pytest.mark.parametrize(("ends", "code"), ENDS)
def test_a_disk_that_can_not_be_made_is_told_and_taken_away(ends: str, code: str) -> None:
    engine, saved = begin()
    before = engine.picture()
    if ends == "gone":
        engine.before("find_disks", lambda: engine.world.disks.pop(APP_BOOT), at=2)
    else:
        engine.disk_ends = ends
    with pytest.raises(BackupError) as caught:
        act(engine, request(saved), "prepared", timeout=60)
    assert (caught.value.code, caught.value.facts["phase"]) == (code, "making disks")
    for disk_id in set(engine.world.disks) - set(before[1]):  # nothing is locked for ever
        engine.change_disk(disk_id, status="illegal")
    act(engine, request(saved), "absent")
    assert engine.picture() == before


def test_an_illegal_disk_is_made_anew() -> None:
    engine, saved = begin()
    engine.disk_ends = "illegal"
    with pytest.raises(BackupError):
        act(engine, request(saved), "prepared")
    engine.disk_ends = "good"
    assert len(act(engine, request(saved), "prepared").removed) == 2
    act(engine, request(saved), "restored")
    assert engine.picture() == whole()


def test_a_detach_that_takes_its_time_is_waited_for() -> None:
    engine, saved = begin()
    engine.lab.faults.set("detach-late", "20")
    go_through(engine, request(saved))
    assert engine.picture() == whole()


def test_the_deadline_says_what_was_awaited() -> None:
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    engine.lab.faults.set("detach-late", "10000")
    with pytest.raises(ApiError) as caught:
        act(engine, request(saved), "restored", timeout=30)
    assert caught.value.code == "timed_out"
    assert "to be detached from backup" in caught.value.message
    assert caught.value.facts["phase"] == "detaching"


def test_a_virtual_machine_that_vanishes_while_it_is_made_is_told() -> None:
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    # The lab answers when it is made; here the engine still works on it.
    engine.edit("create_vm", lambda vm: vm._replace(status="image_locked"))
    engine.before("read_vm", lambda: engine.drop_vm(APP), at=engine.calls.count("read_vm") + 1)
    with pytest.raises(BackupError) as caught:
        act(engine, request(saved), "restored")
    assert caught.value.code == "vm_vanished"


def test_preparing_again_takes_a_half_made_virtual_machine_away() -> None:
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    engine.refuse("attach_disk", "Maximum PCI devices exceeded.", at=engine.calls.count("attach_disk") + 2)
    with pytest.raises(BackupError):
        act(engine, request(saved), "restored")
    again = act(engine, request(saved), "prepared")
    assert again.removed == ["virtual machine app (%s)" % APP]
    assert set(engine.attached_to(BACKUP)) == {BACKUP_BOOT, APP_BOOT, APP_DATA}
    act(engine, request(saved), "restored")
    assert engine.picture()[1:] == whole()[1:]
