# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another snapshot of the same disk is attached to the same backup VM by somebody else, at every moment."""

from typing import Any, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Interrupted
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import Forbidden, Unavailable
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.run import (
    attach,
    detach,
    preview_removing,
    remove,
)
from lab.rest_engine.state import Snapshot
from unit.fakes.vm_backup_tools import MARK, OTHER_MARK, OTHER_RUN, World, request
from unit.fakes.vm_world import APP, APP_BOOT, APP_DATA, BACKUP


@pytest.fixture
def world() -> World:
    return World()


def intrude(world: World, disk_id: str = APP_BOOT) -> Snapshot:
    """Attach a disk of another snapshot as somebody else does."""
    foreign = world.engine.add_snapshot(APP, "of another tool", [APP_BOOT, APP_DATA])
    world.engine.attach_behind(BACKUP, disk_id, foreign.id)
    return foreign


def is_kept(world: World, foreign: Snapshot, disk_id: str = APP_BOOT) -> bool:
    return world.engine.attached_snapshots.get((BACKUP, disk_id)) == foreign.id and foreign in world.engine.made(APP)


def attached_of_ours(world: World, foreign: Snapshot) -> List[str]:
    return [disk for (_vm, disk), snapshot in world.engine.attached_snapshots.items() if snapshot != foreign.id]


def failure(act: Any, world: World, **changes: Any) -> BackupError:
    with pytest.raises(BackupError) as caught:
        act(request(**changes), world.tools())
    return caught.value


def test_a_lost_request_is_not_taken_as_done_because_somebody_else_was_faster(world: World) -> None:
    found: List[Snapshot] = []
    world.engine.before("attach_disk", lambda: found.append(intrude(world)))
    world.engine.fail("attach_disk", Unavailable("connection reset"))
    error = failure(attach, world)
    assert "already attached" in error.message and "attachment of disk" not in str(error.facts["undone"])
    assert is_kept(world, found[0]) and attached_of_ours(world, found[0]) == []
    assert MARK in error.facts["standing"][0] and "not of this backup" in error.message


def test_a_lost_request_of_a_resumed_backup_is_not_either(world: World) -> None:
    attach(request(), world.tools())
    detach(request(), world.tools())
    foreign = world.engine.add_snapshot(APP, "of another tool", [APP_BOOT, APP_DATA])
    count = world.engine.calls.count("attach_disk") + 1
    world.engine.before("attach_disk", lambda: world.engine.attach_behind(BACKUP, APP_BOOT, foreign.id), at=count)
    world.engine.fail("attach_disk", Unavailable("connection reset"), at=count)
    failure(attach, world)
    assert is_kept(world, foreign) and attached_of_ours(world, foreign) == []


@pytest.mark.parametrize("is_logged", [True, False])
def test_an_attachment_whose_answer_nobody_saw_is_taken_back(world: World, is_logged: bool) -> None:
    world.engine.add_snapshot(APP, "of another tool", [APP_BOOT, APP_DATA])
    world.engine.lose_reply("attach_disk")
    world.engine.fail("read_attachment", Interrupted("told to stop"))
    if not is_logged:
        world.engine.fail("find_events_of_requests", Forbidden("not authorized"))
    with pytest.raises(Interrupted) as caught:
        attach(request(), world.tools())
    assert world.engine.attached_snapshots == {} and caught.value.facts["standing"] == []
    assert [one.description for one in world.engine.made(APP)] == ["of another tool"]


def test_what_the_log_does_not_know_any_more_the_engine_names_itself(world: World) -> None:
    attach(request(), world.tools())
    world.engine.add_snapshot(APP, "of another tool", [APP_BOOT, APP_DATA])
    world.engine.world.events.clear()
    assert "left alone" in failure(detach, world).message
    assert preview_removing(request(), world.tools(), True)["detached"] == []
    assert failure(attach, world).code == "disk_attached"
    result = remove(request(), world.tools())
    assert result["detached"] == [APP_BOOT, APP_DATA] and result["removed"] == [MARK]
    assert world.engine.attached_snapshots == {}


def test_a_leftover_that_the_log_does_not_know_is_swept_all_the_same(world: World) -> None:
    attach(request(run=OTHER_RUN), world.tools())
    world.living[OTHER_RUN] = False
    world.engine.add_snapshot(APP, "of another tool", [APP_BOOT, APP_DATA])
    world.engine.world.events.clear()
    result = attach(request(), world.tools())
    assert len(result["swept"]) == 3 and OTHER_MARK in result["swept"][2]


def test_disks_of_one_alias_are_not_told_apart_by_a_refusal(world: World) -> None:
    attach(request(), world.tools())
    world.engine.change_disk(APP_DATA, alias="app_Disk1")
    foreign = intrude(world)
    world.engine.world.events.clear()
    assert failure(remove, world).code == "attached_by_others"
    assert is_kept(world, foreign)


def test_the_log_is_asked_only_where_somebody_else_may_have_attached_the_disk(world: World) -> None:
    attach(request(), world.tools())
    world.engine.add_snapshot(APP, "of another disk", [APP_DATA])
    world.engine.calls.clear()
    assert detach(request(), world.tools())["detached"] == [APP_BOOT, APP_DATA]
    assert world.engine.calls.count("find_events_of_requests") == 1
    [asked] = [one for one in world.engine.log if one.method == "find_events_of_requests"]
    assert len(asked.arguments[0]) == 1


@pytest.mark.parametrize("act", [attach, detach, remove])
def test_what_took_the_place_of_our_attachment_stays(world: World, act: Any) -> None:
    attach(request(), world.tools())
    world.engine.detach_disk(BACKUP, APP_BOOT)
    foreign = intrude(world)
    failure(act, world)
    assert is_kept(world, foreign)
