# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that is killed, cut off or made to wait at any request ends as if nothing had happened."""

from typing import Any, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import ApiError, Unavailable
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.model import VmRestoreRequest
from unit.fakes import vm_world
from unit.fakes.vm_engine import WRITING, FakeEngine
from unit.fakes.vm_restores import SavedVm, act, go_through, lose_original, request, save_app


class Killed(BaseException):
    """The process is gone."""


def begin() -> Tuple[FakeEngine, SavedVm]:
    engine = FakeEngine()
    saved = save_app(engine)
    lose_original(engine)
    return engine, saved


def picture(engine: FakeEngine) -> Any:
    """Return what there is, without the ids that are made up anew each time."""
    nics = {vm_id: [nic._replace(id="") for nic in nics] for vm_id, nics in engine.nics.items() if nics}
    disks = {disk_id: disk._replace(image_id="") for disk_id, disk in engine.disks.items()}
    return engine.vms, disks, engine.attachments, nics


def problems_of(engine: FakeEngine, wanted: VmRestoreRequest) -> List[str]:
    """Go through; return the codes of what forbids it."""
    try:
        go_through(engine, wanted)
    except Refused as error:
        return [one["code"] for one in error.facts["problems"]]
    return []


def count_requests() -> Tuple[int, int, Any]:
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    prepared = len(engine.calls)
    act(engine, request(saved), "restored")
    return prepared, len(engine.calls), picture(engine)


PREPARED, ALL, WHOLE = count_requests()


@pytest.mark.parametrize("position", range(1, PREPARED + 1))
def test_killed_while_preparing_the_next_run_goes_on(position: int) -> None:
    engine, saved = begin()
    engine.errors_by_position[position] = Killed()
    with pytest.raises(Killed):
        act(engine, request(saved), "prepared")
    go_through(engine, request(saved))
    assert picture(engine) == WHOLE
    assert engine.calls.count("create_disk") <= 3  # the one that was killed before it was sent is sent again


@pytest.mark.parametrize("position", range(PREPARED + 1, ALL + 1))
def test_killed_while_restoring_the_next_run_goes_on(position: int) -> None:
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    engine.errors_by_position[position] = Killed()
    with pytest.raises(Killed):
        act(engine, request(saved), "restored")
    act(engine, request(saved), "restored")
    assert picture(engine) == WHOLE
    assert engine.calls.count("create_vm") <= 2


@pytest.mark.parametrize("position", range(PREPARED + 1, ALL + 1))
def test_killed_while_restoring_everything_is_undone_or_finished(position: int) -> None:
    engine, saved = begin()
    before = picture(engine)
    act(engine, request(saved), "prepared")
    engine.errors_by_position[position] = Killed()
    with pytest.raises(Killed):
        act(engine, request(saved), "restored")
    result = act(engine, request(saved), "absent")
    if picture(engine) != before:  # every mark was off, or only that of the virtual machine was left: it was proven
        assert picture(engine) == WHOLE or result.kept
        assert {vm_world.APP_BOOT, vm_world.APP_DATA} & set(engine.disks)
    assert not [disk for disk in engine.disks.values() if disk.description]


@pytest.mark.parametrize("position", range(1, ALL + 1))
def test_what_a_dead_run_left_is_swept_by_the_next_one(position: int) -> None:
    engine, saved = begin()
    engine.errors_by_position[position] = Killed()
    with pytest.raises(Killed):
        go_through(engine, request(saved, run="dead"))
    refused = problems_of(engine, request(saved, run="mine"))
    if "vm_exists" in refused:  # it was restored; only marks may be left
        act(engine, request(saved, run="dead"), "restored")
    else:
        assert refused == []
    assert picture(engine) == WHOLE


@pytest.mark.parametrize("position", range(1, ALL + 1))
def test_an_engine_that_restarts_at_any_request_is_waited_for(position: int) -> None:
    engine, saved = begin()
    engine.errors_by_position[position] = Unavailable("connection refused")
    go_through(engine, request(saved))
    assert picture(engine) == WHOLE


@pytest.mark.parametrize("method", sorted(WRITING))
@pytest.mark.parametrize("at", [1, 2])
def test_a_request_whose_answer_was_lost_is_not_carried_out_twice(method: str, at: int) -> None:
    engine, saved = begin()
    engine.lose_reply(method, at)
    go_through(engine, request(saved))
    assert picture(engine) == WHOLE
    assert engine.calls.count("create_disk") == 2
    assert engine.calls.count("create_vm") == 1


def test_a_request_that_a_killed_run_had_sent_may_come_late() -> None:
    """The plan does not see yet what it makes."""
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    made = {disk_id: engine.disks[disk_id] for disk_id in (vm_world.APP_BOOT, vm_world.APP_DATA)}
    act(engine, request(saved), "absent")
    engine.before("create_disk", lambda: engine.disks.update(made), at=engine.calls.count("create_disk") + 1)
    go_through(engine, request(saved))
    assert picture(engine)[0::2] == WHOLE[0::2]


def test_a_disk_of_somebody_else_that_comes_between_is_not_taken() -> None:
    engine, saved = begin()
    other = vm_world.make_disk(vm_world.APP_DATA, "other")
    engine.before("create_disk", lambda: engine.disks.update({other.id: other}))
    with pytest.raises(ApiError) as caught:
        act(engine, request(saved), "prepared")
    assert "is already used" in caught.value.detail
    act(engine, request(saved), "absent")
    assert engine.disks[other.id] == other


def test_a_lost_answer_to_a_removal_is_looked_for() -> None:
    engine, saved = begin()
    before = picture(engine)
    act(engine, request(saved), "prepared")
    engine.lose_reply("remove_disk")
    engine.lose_reply("detach_disk")
    act(engine, request(saved), "absent")
    assert picture(engine) == before


def test_a_refusal_that_passes_is_waited_out() -> None:
    engine, saved = begin()
    engine.refuse("attach_disk", "Cannot attach Virtual Disk. Related operation is currently in progress.")
    go_through(engine, request(saved))
    assert picture(engine) == WHOLE


ENDS = [("illegal", "disk_illegal"), ("gone", "disk_vanished"), ("never", "timed_out")]


@pytest.mark.parametrize(("ends", "code"), ENDS)
def test_a_disk_that_can_not_be_made_is_told_and_taken_away(ends: str, code: str) -> None:
    engine, saved = begin()
    before = picture(engine)
    engine.disk_ends = ends
    with pytest.raises(BackupError) as caught:
        act(engine, request(saved), "prepared", timeout=60)
    assert (caught.value.code, caught.value.facts["phase"]) == (code, "making disks")
    engine._set_status([disk_id for disk_id in engine.disks if disk_id not in before[1]], "illegal")
    act(engine, request(saved), "absent")
    assert picture(engine) == before


def test_an_illegal_disk_is_made_anew() -> None:
    engine, saved = begin()
    engine.disk_ends = "illegal"
    with pytest.raises(BackupError):
        act(engine, request(saved), "prepared")
    engine.disk_ends = "good"
    assert len(act(engine, request(saved), "prepared").removed) == 2
    act(engine, request(saved), "restored")
    assert picture(engine) == WHOLE


def test_a_detach_that_takes_its_time_is_waited_for() -> None:
    engine, saved = begin()
    engine.detach_takes = 20
    go_through(engine, request(saved))
    assert picture(engine) == WHOLE


def test_the_deadline_says_what_was_awaited() -> None:
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    engine.detach_takes = 10000
    with pytest.raises(ApiError) as caught:
        act(engine, request(saved), "restored", timeout=30)
    assert caught.value.code == "timed_out"
    assert "to be detached from backup" in caught.value.message
    assert caught.value.facts["phase"] == "detaching"


def test_a_virtual_machine_that_vanishes_while_it_is_made_is_told() -> None:
    engine, saved = begin()
    act(engine, request(saved), "prepared")
    engine.import_takes = 100

    def vanish() -> None:
        engine.vms.pop(vm_world.APP)

    engine.before("read_vm", vanish, at=engine.calls.count("read_vm") + 2)
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
    assert again.removed == ["virtual machine app (%s)" % vm_world.APP]
    assert set(engine.attached_to(vm_world.BACKUP)) == {vm_world.BACKUP_BOOT, vm_world.APP_BOOT, vm_world.APP_DATA}
    act(engine, request(saved), "restored")
    assert picture(engine)[1:] == WHOLE[1:]
