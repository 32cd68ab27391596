# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File systems are frozen no longer than allowed, thawed in every case, and the result says what is true."""

from typing import Any

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Interrupted
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import ApiError, Forbidden, Unavailable
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.run import attach, remove
from unit.fakes.vm_backup_tools import World, request
from unit.fakes.vm_steering import refusal
from unit.fakes.vm_world import APP


@pytest.fixture
def world() -> World:
    return World()


def consistency(world: World, **changes: Any) -> Any:
    found = attach(request(**changes), world.tools())["snapshot"]["consistency"]
    assert not world.engine.vms[APP].frozen
    return found


def test_nothing_is_frozen_where_nothing_runs_or_nobody_asks(world: World) -> None:
    assert consistency(world, consistency="never")["frozen"] is False
    remove(request(), world.tools())
    world.engine.change_vm(APP, status="down")
    found = consistency(world, consistency="require")
    assert (found["frozen"], "was down" in found["note"]) == (False, True)
    remove(request(), world.tools())
    world.engine.change_vm(APP, status="paused")
    assert "power loss" in consistency(world)["note"]
    assert "freeze_filesystems" not in world.engine.calls


@pytest.mark.parametrize(
    "error",
    [refusal("Cannot freeze guest filesystems. Guest agent is not responding.", 409), ApiError("500"), Forbidden("403"),
     Unavailable("timed out")],
    ids=repr,
)  # fmt: skip
def test_a_guest_that_does_not_freeze_is_told_or_the_end(world: World, error: BaseException) -> None:
    world.engine.fail("freeze_filesystems", error)
    found = consistency(world)
    assert found["frozen"] is False and found["note"]
    remove(request(), world.tools())
    world.engine.fail("freeze_filesystems", error, at=2)
    with pytest.raises(BackupError) as caught:
        attach(request(consistency="require"), world.tools())
    assert caught.value.code == "not_frozen"
    assert "create_snapshot" not in world.engine.calls[-5:] and not world.engine.vms[APP].frozen


def test_a_snapshot_slower_than_the_cap_is_not_called_consistent(world: World) -> None:
    world.engine.lab.delays["snapshot"] = 100
    found = consistency(world, freeze_timeout=20)
    assert found["frozen"] is False and 20 <= found["seconds"] <= 30 and "freeze_timeout" in found["note"]
    thawed_at = world.engine.calls.index("thaw_filesystems")
    assert "attach_disk" not in world.engine.calls[:thawed_at]


def test_a_required_freeze_that_had_to_end_early_takes_all_back(world: World) -> None:
    world.engine.lab.delays["snapshot"] = 100
    with pytest.raises(BackupError) as caught:
        attach(request(consistency="require", freeze_timeout=20), world.tools())
    assert caught.value.code == "timed_out"
    assert world.engine.made(APP) == [] and not world.engine.vms[APP].frozen


def test_an_engine_that_goes_away_while_frozen_does_not_keep_the_guest_frozen(world: World) -> None:
    world.engine.before("create_snapshot", lambda: world.engine.restart(45))
    found = consistency(world, freeze_timeout=20)
    assert found["frozen"] is False
    assert world.engine.calls.count("thaw_filesystems") >= 1
    assert len(world.engine.made(APP)) == 1


def test_a_freeze_that_alone_takes_too_long_ends_at_once(world: World) -> None:
    world.engine.before("freeze_filesystems", lambda: world.engine.advance(30))
    found = consistency(world, freeze_timeout=20)
    assert found["frozen"] is False and "alone" in found["note"]


def test_a_thaw_that_fails_is_a_warning_with_what_to_do(world: World) -> None:
    world.engine.refuse("thaw_filesystems", "Cannot thaw guest filesystems.")
    result = attach(request(), world.tools())
    assert "could not be thawed" in result["warnings"][0] and "thawfilesystems" in result["warnings"][0]


@pytest.mark.parametrize("method", ["freeze_filesystems", "create_snapshot", "read_snapshot", "thaw_filesystems"])
def test_a_signal_thaws(world: World, method: str) -> None:
    world.engine.change_vm(APP, frozen=True)  # as if it came in the middle of the freeze
    world.engine.fail(method, Interrupted("ended by signal 15"))
    with pytest.raises(Interrupted) as caught:
        attach(request(), world.tools())
    assert not world.engine.vms[APP].frozen
    assert "Nothing of it is left" in str(caught.value.message) or "Taken back" in caught.value.message


@pytest.mark.parametrize("method", ["thaw_filesystems", "detach_disk", "remove_snapshot"])
def test_a_signal_in_the_middle_of_the_clean_up_does_not_end_it(world: World, method: str) -> None:
    world.engine.refuse("attach_disk", "Cannot attach Virtual Disk. Maximum PCI devices exceeded.", at=2)
    world.engine.fail(method, Interrupted("ended by signal 15"))
    with pytest.raises((BackupError, Interrupted)):
        attach(request(), world.tools())
    assert world.engine.made(APP) == [] and not world.engine.vms[APP].frozen


def test_a_failed_backup_without_a_snapshot_thaws_what_a_killed_call_may_have_frozen(world: World) -> None:
    world.engine.change_vm(APP, frozen=True)
    assert not remove(request(outcome="success"), world.tools())["changed"]
    assert world.engine.vms[APP].frozen  # somebody else's freeze, for all we know
    remove(request(outcome="failure"), world.tools())
    assert not world.engine.vms[APP].frozen
