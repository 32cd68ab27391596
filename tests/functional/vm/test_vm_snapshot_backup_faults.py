# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_snapshot_backup when the engine fails, refuses, restarts: nothing of ours stays, all of others does."""

import pytest
from lab import rest_engine

from .machines import log_in
from .snapshots import DISTURBANCES, Machine, SharedEngine

# What comes in any case, however few requests there are.
ATTACHING = {"list-vms", "add-event", "freeze", "create-snapshot", "read-snapshot", "thaw", "attach-disk"}
REMOVING = {"list-vms", "detach-disk", "list-attachments", "remove-snapshot", "read-snapshot", "add-event"}


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_an_engine_that_restarts_forgets_and_loses_answers_everywhere(machine: Machine, disturbance: str) -> None:
    shared = machine.shared
    shared.disturb(disturbance)
    result = machine.attached()
    assert shared.calm(disturbance) >= ATTACHING
    assert len(machine.marks()) == 1 and len(result["disks"]) == 2
    assert not machine.world().vms[machine.id].frozen
    shared.disturb(disturbance)
    assert len(machine.call("detached")["detached"]) == 2
    machine.removed(outcome="success")
    assert shared.calm(disturbance) >= REMOVING
    assert len(machine.told()) == 2


def test_a_token_alone_is_enough_and_its_end_is_told(shared: SharedEngine) -> None:
    token = log_in(shared.lab)
    with_token = {"token": token, "username": None, "password": None}
    machine = shared.machine()
    machine.attached(auth=shared.auth(**with_token))
    shared.fault("expire-at", "detach-disk 1")
    result = machine.fails("login_refused", "absent", auth=shared.auth(**with_token))
    assert result["standing"] and token not in str(result)
    machine.removed()


@pytest.mark.parametrize(
    ("fault", "parameter", "code", "said"),
    [
        ("snapshot-fails", "", "snapshot_failed", "belongs to the active snapshot again"),
        ("snapshot-lacks-disk", "{disk}", "snapshot_incomplete", "does not hold"),
        ("plug-fails", "", "timed_out", "not active"),
        ("vm-gone-at", "attach-disk {vm}", "engine_refused", "attach"),
    ],
)
def test_what_fails_after_the_snapshot_was_begun_is_taken_back(
    shared: SharedEngine, fault: str, parameter: str, code: str, said: str
) -> None:
    machine = shared.machine()
    if fault != "vm-gone-at":
        shared.snapshot(machine, "of somebody else")
    shared.fault(fault, parameter.format(disk=f"{machine.name}_Disk2", vm=machine.name))
    result = machine.fails(code, timeout=1 if code == "timed_out" else 5)
    assert said in result["msg"]
    if fault == "vm-gone-at":
        assert machine.on_backup_vm() == [] and machine.marks() == []
        return
    assert result["standing"] == []
    machine.is_clean()
    assert "failed" in machine.told()[-1]


LASTING = ("no-pci-slot", "not-authorized")


def test_each_refusal_to_attach_is_told_and_takes_everything_back(shared: SharedEngine) -> None:
    machine = shared.machine(disks=("Disk1",))
    for key in LASTING:
        shared.fault("refuse-by-key", f"attach-disk {key} 1")
        result = machine.fails("not_permitted" if key == "not-authorized" else "engine_refused")
        assert result["phase"] == "attaching" and result["undone"] and not result["standing"], key
        machine.is_clean()


def test_a_removal_that_does_not_end_says_what_stands_and_the_next_one_ends_it(shared: SharedEngine) -> None:
    machine = shared.machine(disks=("Disk1",))
    machine.attached()
    shared.fault("refuse-by-key", "remove-snapshot attached-elsewhere")
    result = machine.fails("engine_refused", "absent", timeout=5, outcome="failure")
    assert "attached to other VMs" in result["msg"] and result["phase"] == "removing"
    assert machine.marks()[0] in result["standing"][0]
    rest_engine.clear(shared.lab.faults)
    shared.fault("merge-fails", "1")
    shared.fault("detach-late", "0.3")
    machine.removed()


def test_an_engine_that_ignores_searches_is_understood(machine: Machine) -> None:
    machine.shared.fault("search-ignored")
    machine.attached()
    machine.removed()


@pytest.mark.parametrize(("fault", "seconds"), [("snapshot-slow", "2"), ("freeze-hangs", "1.5")])
def test_file_systems_stay_frozen_no_longer_than_allowed(shared: SharedEngine, fault: str, seconds: str) -> None:
    machine = shared.machine(disks=("Disk1",))
    shared.fault(fault, seconds)
    consistency = machine.attached(freeze_timeout=1)["snapshot"]["consistency"]
    assert consistency["frozen"] is False and "freeze_timeout" in consistency["note"]
    machine.removed()
