# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_snapshot_restore while the engine restarts, sessions expire, answers get lost, and the module is killed."""

import os
import signal
import subprocess
import time

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._host.run_holder import identify_process

from .restores import Restore
from .snapshots import SharedEngine

WRITES = ("create-disk", "attach-disk", "detach-disk", "create-vm", "update-disk", "update-vm", "add-event")
READS = ("list-vms", "read-disk", "read-attachment", "list-attachments", "list-disks", "list-nics", "read-vm")


@pytest.fixture(scope="module")
def saved(one_lab: SharedEngine) -> Restore:
    """The backup of a machine that still exists."""
    return Restore(one_lab, one_lab.machine())


@pytest.mark.faults
@pytest.mark.parametrize("turn", range(len(WRITES)))
def test_a_restart_an_expired_session_and_lost_answers_do_no_harm(saved: Restore, turn: int) -> None:
    """Each kind of request meets each kind of trouble in one of the turns."""
    turned = WRITES[turn:] + WRITES[:turn]
    saved.fault("lost-reply", f"{turned[0]} 1")
    saved.fault("restart-after", f"{turned[1]} 0.2 1")
    saved.fault("restart-at", f"{turned[2]} 0.2 1")
    saved.fault("expire-at", f"{turned[3]} 1")
    saved.fault("proxy-503", f"{turned[4]} 1")
    saved.fault("reply-503", f"{turned[5]} 1")
    saved.fault("lost-request", f"{READS[turn]} 1")
    name = f"turn-{turn}"
    restored = saved.restored(vm_name=name, macs="new")
    assert not os.listdir(saved.site.lab.faults)  # all of it happened
    saved.is_whole(restored)
    world = saved.world()
    assert [vm.name for vm in world.vms.values()].count(name) == 1
    attached = [one.disk for one in world.attached_to(restored["vm"]["id"])]
    assert len(attached) == len(saved.disks)


def await_request(saved: Restore, seen: int, name: str) -> None:
    """Wait until a request has met its trouble: the connection was cut."""
    for _attempt in range(500):
        if any(one.name == name and one.status == 0 for one in saved.requests()[seen:]):
            return
        time.sleep(0.02)
    raise AssertionError(f"{name} never came")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "state"),
    [("create-disk", "prepared"), ("attach-disk", "prepared"), ("create-vm", "restored"), ("attach-disk", "restored"),
     ("update-disk", "restored")],
)  # fmt: skip
def test_killed_in_any_phase_the_next_run_goes_on(saved: Restore, name: str, state: str) -> None:
    wanted = {"vm_name": f"killed-{state}-{name}", "macs": "new"}
    if state == "restored":
        saved.fill(saved.succeeds("prepared", **wanted))
    seen = len(saved.requests())
    saved.fault("restart-after", f"{name} 0.5 1")
    process = saved.start(state, **wanted)
    await_request(saved, seen, name)
    process.kill()
    process.communicate()
    saved.heal()
    if state == "prepared":
        saved.fill(saved.succeeds("prepared", **wanted))
    restored = saved.succeeds("restored", **wanted)
    saved.is_whole(restored)


@pytest.mark.faults
def test_a_run_that_is_told_to_stop_says_so_and_can_be_undone(saved: Restore) -> None:
    wanted = {"vm_name": "stopped", "macs": "new"}
    seen = len(saved.requests())
    saved.fault("restart-after", "create-disk 0.5 1")
    process = saved.start("prepared", **wanted)
    await_request(saved, seen, "create-disk")
    process.send_signal(signal.SIGTERM)
    output = process.communicate()[0]
    assert '"code": "interrupted"' in output
    saved.heal()
    assert len(saved.succeeds("absent", **wanted)["removed"]) == 1


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
    result = saved.restored(vm_name="swept", macs="new", run=mine)
    saved.is_whole(result)
