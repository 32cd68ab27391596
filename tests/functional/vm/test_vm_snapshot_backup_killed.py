# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_snapshot_backup that is killed, ended, or not alone: each step is found again, and nobody's work is touched."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.process_identity import identify_process

from .machines import wait_until
from .snapshots import Doomed, Machine

# Call after call is killed before or after the work of one of these; each goes on where the one before it ended.
MOMENTS = (
    ("add_event", 1, "after"), ("freeze_filesystems", 1, "after"), ("create_snapshot", 1, "after"),
    ("attach_disk", 1, "before"), ("attach_disk", 1, "after"), ("attach_disk", 1, "after"),
)  # fmt: skip


def test_a_call_that_is_killed_at_every_moment_goes_on(machine: Machine) -> None:
    for moment in MOMENTS:
        machine.doom("attached", moment, signal.SIGKILL)
    result = machine.attached()
    assert len(machine.marks()) == 1 and len(result["disks"]) == 2
    assert not machine.world().vms[machine.id].frozen
    machine.removed()


def test_what_a_killed_call_left_is_taken_away(machine: Machine) -> None:
    machine.doom("attached", ("attach_disk", 1, "after"), signal.SIGKILL)
    machine.removed(outcome="failure")
    assert not machine.removed(outcome="failure")["changed"]


def test_a_removal_that_is_killed_again_and_again_goes_on(machine: Machine) -> None:
    machine.attached()
    for state in ("detached", "absent"):
        for _disk in machine.disks:
            machine.doom(state, ("detach_disk", 1, "before"), signal.SIGKILL)
            machine.doom(state, ("detach_disk", 1, "after"), signal.SIGKILL)
        assert len(machine.marks()) == 1 and machine.on_backup_vm() == []
        if state == "detached":
            assert not machine.call(state)["changed"]
            machine.attached()
    machine.doom("absent", ("remove_snapshot", 1, "before"), signal.SIGKILL)
    machine.doom("absent", ("remove_snapshot", 1, "after"), signal.SIGKILL)
    machine.removed(outcome="success")


def abandon(machine: Machine) -> str:
    """Let a run attach the disks and die; return its identity."""
    with subprocess.Popen(["sleep", "600"]) as process:
        run = identify_process(process.pid)
        machine.attached(run=run)
        process.kill()
    return run


def test_a_sweep_that_is_killed_goes_on(machine: Machine) -> None:
    abandon(machine)
    for moment in (("detach_disk", 1, "after"), ("detach_disk", 1, "after"), ("remove_snapshot", 1, "after")):
        machine.doom("attached", moment, signal.SIGKILL)
    machine.attached()
    machine.removed()


@pytest.mark.parametrize("moment", [("freeze_filesystems", 1, "after"), ("attach_disk", 2, "after")], ids=str)
def test_a_call_that_is_told_to_end_takes_back_what_it_made(machine: Machine, moment: Doomed) -> None:
    result = machine.doom("attached", moment, signal.SIGTERM)
    assert (result["failed"], result["code"]) == (True, "interrupted")
    assert "signal 15" in result["msg"]
    machine.is_clean()


def test_two_backups_of_one_machine_do_not_meet(machine: Machine) -> None:
    machine.shared.fault("snapshot-slow", "1.5")
    first = machine.fork("attached", run=identify_process(os.getpid()))
    wait_until(lambda: bool(machine.marks()))
    result = machine.fails("backup_running")
    assert "still at work" in result["msg"]
    machine.fails("backup_running", name="another")
    machine.fails("backup_running", "absent", outcome="failure")
    assert not first.wait().get("failed")
    assert len(machine.marks()) == 1 and len(machine.on_backup_vm()) == 2
    machine.removed(run=identify_process(os.getpid()))


def test_a_dead_run_is_swept_and_one_of_another_machine_after_its_time(machine: Machine) -> None:
    dead = abandon(machine)
    planned = machine.call("attached", check_mode=True)
    result = machine.attached()
    assert result["swept"] == planned["swept"] and len(result["swept"]) == 3 and dead in str(result["swept"])
    machine.removed()
    elsewhere = "controller-2/0badc0de/4026531836/4711/987654"
    machine.call("attached", run=elsewhere)
    result = machine.fails("backup_running")
    assert elsewhere in result["msg"] and "stale_after=0" in result["msg"]
    assert machine.attached(stale_after=0)["swept"]
    machine.removed()


def test_a_call_that_outlives_its_run_takes_back_what_it_made(machine: Machine) -> None:
    ended = identify_process(os.getpid()).rsplit("/", 1)[0] + "/1"  # the process id is in use again
    assert "has ended" in machine.fails("interrupted", run=ended)["msg"]
    assert (machine.marks(), machine.on_backup_vm()) == ([], [])


def test_configuration_is_whole_or_not_there(machine: Machine) -> None:
    machine.saved.write_text("of last night")
    machine.doom("attached", ("thaw_filesystems", 1, "after"), signal.SIGKILL)
    assert machine.saved.read_text() == "of last night"
    machine.removed(outcome="failure")
    assert [path.name for path in Path(machine.saved.parent).glob("*.unfinished")] == []
    assert json.dumps(machine.attached()["configuration"])
    machine.removed()
