# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_snapshot_restore while the engine restarts, sessions expire, answers get lost, and the module is killed."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.process_identity import identify_process

from .restores import BACKUP, Restore
from .snapshots import Doomed, Machine, SharedEngine

# What comes in any case, however few requests there are.
RESTORING = {
    "list-vms", "create-disk", "attach-disk", "detach-disk", "create-vm", "update-disk", "update-vm", "add-event",
}  # fmt: skip
UNDOING = {"list-vms", "detach-disk", "remove-disk", "add-event"}
# The moments at which run after run is killed: the next one goes on from there.
PREPARING = (
    ("add_event", 1, "after"), ("create_disk", 1, "before"), ("create_disk", 1, "after"), ("create_disk", 1, "after"),
    ("attach_disk", 1, "before"), ("attach_disk", 1, "after"), ("attach_disk", 1, "after"),
)  # fmt: skip
FINISHING = (
    ("detach_disk", 1, "before"), ("detach_disk", 1, "after"), ("detach_disk", 1, "after"), ("create_vm", 1, "before"),
    ("create_vm", 1, "after"), ("attach_disk", 1, "after"), ("attach_disk", 1, "after"), ("describe_disk", 1, "after"),
    ("update_vm", 1, "before"),
)  # fmt: skip
REMOVING = (
    ("remove_vm", 1, "before"), ("remove_vm", 1, "after"), ("remove_disk", 1, "before"), ("remove_disk", 1, "after"),
)  # fmt: skip


@pytest.fixture(scope="module")
def saved(one_lab: SharedEngine) -> Restore:
    """The backup of a machine that still exists."""
    return Restore(one_lab, one_lab.machine())


@pytest.fixture(autouse=True)
def untouched(saved: Restore, foreign: Machine) -> Iterator[None]:
    """What was there before a test is there after it, as it was, and nothing has the mark of a restore."""
    before = saved.world()
    assert foreign.disks[0] in [one.disk for one in before.attached_to(BACKUP)]
    with saved.keeps_the_rest():
        yield
    assert saved.world().attached_to(BACKUP) == before.attached_to(BACKUP)
    assert saved.made() == []


def is_made_once(saved: Restore, name: str) -> None:
    """There is one virtual machine of this name, with its disks and no more of them."""
    world = saved.world()
    (vm,) = [one for one in world.vms.values() if one.name == name]
    assert len(world.attached_to(vm.id)) == len(saved.disks)
    held = {one.disk for one in world.attachments.values()}
    assert [one.alias for one in world.disks.values() if one.id not in held] == []


@pytest.mark.faults
@pytest.mark.parametrize("disturbance", ["restart-at", "lost-reply"])  # those of the backup meet the client with all
def test_a_restart_an_expired_session_and_lost_answers_do_no_harm(saved: Restore, disturbance: str) -> None:
    """Each kind of request meets the trouble, of a restore and of one that is undone."""
    wanted = {"vm_name": disturbance, "macs": "new"}
    saved.site.disturb(disturbance)
    restored = saved.restored(**wanted)
    assert saved.site.calm(disturbance) >= RESTORING
    saved.is_whole(restored)
    is_made_once(saved, disturbance)
    wanted["vm_name"] += "-undone"
    saved.succeeds("prepared", **wanted)
    saved.site.disturb(disturbance)
    assert len(saved.succeeds("absent", **wanted)["removed"]) == 2
    assert saved.site.calm(disturbance) >= UNDOING


@pytest.mark.faults
def test_killed_in_any_phase_the_next_run_goes_on(saved: Restore) -> None:
    wanted = {"vm_name": "killed", "macs": "new"}
    for moment in PREPARING:
        saved.doom("prepared", moment, signal.SIGKILL, **wanted)
    saved.fill(saved.succeeds("prepared", **wanted))
    for moment in FINISHING:
        saved.doom("restored", moment, signal.SIGKILL, **wanted)
    restored = saved.succeeds("restored", **wanted)
    saved.is_whole(restored)
    is_made_once(saved, "killed")
    assert not saved.succeeds("restored", **wanted)["changed"]


@pytest.mark.faults
def test_a_removal_that_is_killed_in_any_phase_goes_on(saved: Restore) -> None:
    wanted = {"vm_name": "half", "macs": "new"}
    saved.succeeds("prepared", **wanted)
    saved.doom("absent", ("detach_disk", 1, "after"), signal.SIGKILL, **wanted)
    saved.succeeds("prepared", **wanted)
    saved.doom("restored", ("attach_disk", 1, "after"), signal.SIGKILL, **wanted)
    for moment in REMOVING:
        saved.doom("absent", moment, signal.SIGKILL, **wanted)
    assert saved.succeeds("absent", **wanted)["changed"]
    assert not saved.succeeds("absent", **wanted)["changed"]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("state", "moment"),
    [("prepared", ("attach_disk", 2, "after")), ("restored", ("create_vm", 1, "after"))],
)  # fmt: skip
def test_a_run_that_is_told_to_stop_says_so_and_can_be_undone(saved: Restore, state: str, moment: Doomed) -> None:
    wanted = {"vm_name": "stopped", "macs": "new"}
    if state == "restored":
        saved.succeeds("prepared", **wanted)
    assert saved.doom(state, moment, signal.SIGTERM, **wanted)["code"] == "interrupted"
    assert saved.succeeds("absent", **wanted)["removed"]


@pytest.mark.faults
def test_what_a_dead_run_left_is_swept_and_what_a_living_one_does_is_not(saved: Restore) -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    living = identify_process(sleeper.pid)
    saved.succeeds("prepared", vm_name="swept", macs="new", run=living)
    mine = identify_process(os.getpid())
    for state in ("prepared", "absent"):
        saved.fails("backup_running", state, vm_name="swept", macs="new", run=mine)
    sleeper.kill()
    sleeper.wait()
    saved.fails("restore_not_prepared", "restored", vm_name="swept", macs="new", run=mine)
    for moment in (("detach_disk", 1, "after"), ("remove_disk", 1, "after")):
        saved.doom("prepared", moment, signal.SIGKILL, vm_name="swept", macs="new", run=mine)
    result = saved.restored(vm_name="swept", macs="new", run=mine)
    saved.is_whole(result)
    is_made_once(saved, "swept")


@pytest.mark.faults
def test_a_call_that_outlives_its_run_makes_nothing_more(saved: Restore) -> None:
    """The next run may be at work by then; two must not make the same disks."""
    ended = identify_process(os.getpid()).rsplit("/", 1)[0] + "/1"  # the process id is in use again
    assert "has ended" in saved.fails("interrupted", "prepared", vm_name="outlived", macs="new", run=ended)["msg"]
    assert saved.made() == []


@pytest.mark.faults
def test_a_machine_that_somebody_removes_before_it_has_its_disks_is_made_again(saved: Restore) -> None:
    wanted = {"vm_name": "taken", "macs": "new"}
    prepared = saved.succeeds("prepared", **wanted)
    saved.fill(prepared)
    saved.fault("vm-gone-at", "attach-disk taken")
    result = saved.fails("vm_vanished", "restored", **wanted)
    assert result["phase"] == "attaching" and "Somebody removed virtual machine taken" in result["msg"]
    for disk in prepared["disks"]:
        assert disk["id"] in str(result["standing"]) and disk["id"] in result["msg"]
        assert saved.content(disk["id"]) == saved.contents[disk["source_id"]]
    saved.is_whole(saved.succeeds("restored", **wanted))
    is_made_once(saved, "taken")
