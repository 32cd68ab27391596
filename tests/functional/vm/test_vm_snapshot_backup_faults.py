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
        ("snapshot-vanishes", "", "snapshot_failed", "it is gone"),
        ("snapshot-disk-illegal", "{disk}", "disk_illegal", "became illegal"),
        ("snapshot-lacks-disk", "{disk}", "snapshot_incomplete", "does not hold"),
        ("configuration-missing", "", "timed_out", "no configuration"),
        ("plug-fails", "", "timed_out", "not active"),
        ("vm-gone-at", "create-snapshot {vm}", "not_found", ""),
        ("vm-gone-at", "read-snapshot {vm}", "snapshot_failed", "it is gone"),
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
    if fault == "snapshot-disk-illegal":
        machine.change("disks", machine.disks[1], status="ok")
    if fault == "vm-gone-at":
        assert machine.on_backup_vm() == [] and machine.marks() == []
        return
    assert result["standing"] == []
    machine.is_clean()
    assert "failed" in machine.told()[-1]


def test_a_snapshot_that_stays_locked_says_what_stands(shared: SharedEngine) -> None:
    machine = shared.machine()
    shared.fault("snapshot-stays-locked")
    result = machine.fails("timed_out", timeout=1)
    assert "is locked (regular)" in result["msg"] and "state=absent" in result["msg"]
    assert machine.marks() and result["standing"] and not machine.world().vms[machine.id].frozen
    assert machine.fails("timed_out", timeout=1)["last_seen"].endswith("is locked (regular)")


LASTING = (
    "attached", "in-use", "snapshot-missing", "snapshot-not-regular", "disk-missing", "disk-illegal",
    "other-data-center", "no-pci-slot", "no-virtio-scsi", "boot-disk", "read-only-ide", "vm-status", "not-authorized",
)  # fmt: skip


def test_each_refusal_to_attach_is_told_and_takes_everything_back(shared: SharedEngine) -> None:
    machine = shared.machine(disks=("Disk1",))
    for key in LASTING:
        shared.fault("refuse-by-key", f"attach-disk {key} 1")
        result = machine.fails("not_permitted" if key == "not-authorized" else "engine_refused")
        assert result["phase"] == "attaching" and result["undone"] and not result["standing"], key
        machine.is_clean()


def test_refusals_that_pass_by_themselves_are_waited_for(shared: SharedEngine) -> None:
    machine = shared.machine()
    for create in ("vm-locked", "during-snapshot", "being-created"):
        shared.fault("refuse-by-key", f"create-snapshot {create} 2")
        shared.fault("refuse", "attach-disk 409 Cannot attach Virtual Disk. The snapshot is in LOCKED status.")
        machine.attached()
        shared.fault("refuse-by-key", "detach-disk related-operation 2")
        shared.fault("refuse", "remove-snapshot 409 Cannot remove Snapshot: VM is locked. Please try again.")
        machine.removed()


@pytest.mark.parametrize("key", ["preview", "stateless", "low-space", "disks-illegal", "not-allowed", "not-authorized"])
def test_a_refused_snapshot_leaves_nothing(shared: SharedEngine, key: str) -> None:
    machine = shared.machine(disks=("Disk1",))
    shared.fault("refuse-by-key", f"create-snapshot {key} 1")
    result = machine.call("attached")
    assert result["failed"] and result["phase"] == "snapshot" and result["standing"] == []
    machine.is_clean()


def test_a_clean_up_that_fails_says_what_stands_where(shared: SharedEngine) -> None:
    machine = shared.machine()
    shared.fault("refuse", "attach-disk 409 Cannot attach Virtual Disk. Maximum PCI devices exceeded.")
    shared.fault("merge-fails")
    result = machine.fails("engine_refused")
    assert "merge" in result["standing"][0] or "removal" in result["standing"][0]
    assert machine.marks()[0] in result["standing"][0] and machine.marks()[0] in result["msg"]
    rest_engine.clear(shared.lab.faults)
    machine.removed()


@pytest.mark.parametrize(
    ("fault", "parameter", "code", "said"),
    [
        ("merge-fails", "", "snapshot_not_removed", "failed 3 times"),
        ("merge-stays-locked", "", "timed_out", "is locked (regular)"),
        ("refuse-by-key", "remove-snapshot attached-elsewhere", "engine_refused", "attached to other VMs"),
        ("refuse-by-key", "remove-snapshot preview", "engine_refused", "previewing"),
        ("refuse-by-key", "detach-disk not-attached", "timed_out", "still attached"),
        ("refuse-by-key", "detach-disk not-authorized", "not_permitted", "not authorized"),
        ("detach-late", "60", "timed_out", "still attached"),
    ],
)
def test_a_removal_that_does_not_end_says_what_stands(
    shared: SharedEngine, fault: str, parameter: str, code: str, said: str
) -> None:
    machine = shared.machine(disks=("Disk1",))
    machine.attached()
    shared.fault(fault, parameter)
    result = machine.fails(code, "absent", timeout=1 if code == "timed_out" else 5, outcome="failure")
    assert said in result["msg"] and result["phase"] == "removing"
    assert machine.marks()[0] in result["standing"][0]
    if fault in ("refuse-by-key", "merge-fails"):
        rest_engine.clear(shared.lab.faults)
        machine.removed()


def test_a_merge_that_fails_once_and_a_detachment_that_is_late_are_borne(shared: SharedEngine) -> None:
    machine = shared.machine()
    machine.attached()
    shared.fault("merge-fails", "1")
    shared.fault("detach-late", "0.3")
    machine.removed()


def test_nothing_is_taken_away_while_the_backup_vm_is_paused(shared: SharedEngine) -> None:
    machine = shared.machine(disks=("Disk1",))
    machine.attached()
    machine.change("vms", "backup", status="paused")
    for check_mode in (True, False):
        assert "paused" in machine.fails("backup_vm_not_up", "absent", check_mode=check_mode)["msg"]
    assert machine.on_backup_vm() == machine.disks
    machine.change("vms", "backup", status="up")
    machine.removed()


def test_an_engine_that_ignores_searches_is_understood(machine: Machine) -> None:
    machine.shared.fault("search-ignored")
    machine.attached()
    machine.removed()


def test_a_disk_that_somebody_detached_already_is_no_error(shared: SharedEngine) -> None:
    machine = shared.machine()
    machine.attached()
    shared.detach(machine.disks[0])
    machine.removed()


def test_a_machine_that_was_removed_during_the_backup_leaves_nothing_to_do(shared: SharedEngine) -> None:
    machine = shared.machine()
    machine.attached()
    for disk in machine.disks:
        shared.detach(disk)
    rest_engine.remove_vm(shared.lab.home, machine.name)
    result = machine.call("absent", outcome="failure")
    assert (result["changed"], result["vm"]) == (False, None)
    assert "nothing of this backup is left" in str(result["warnings"])


# --- frozen file systems ---


def test_file_systems_that_can_not_be_frozen_are_told(shared: SharedEngine) -> None:
    machine = shared.machine(disks=("Disk1",))
    shared.fault("freeze-fails")
    consistency = machine.attached()["snapshot"]["consistency"]
    assert consistency["frozen"] is False and consistency["note"]
    machine.removed()
    machine.fails("not_frozen", consistency="require")
    machine.is_clean()
    assert not machine.attached(consistency="never")["snapshot"]["consistency"]["frozen"]
    machine.removed()


@pytest.mark.parametrize(("fault", "seconds"), [("snapshot-slow", "2"), ("freeze-hangs", "1.5")])
def test_file_systems_stay_frozen_no_longer_than_allowed(shared: SharedEngine, fault: str, seconds: str) -> None:
    machine = shared.machine(disks=("Disk1",))
    shared.fault(fault, seconds)
    consistency = machine.attached(freeze_timeout=1)["snapshot"]["consistency"]
    assert consistency["frozen"] is False and "freeze_timeout" in consistency["note"]
    machine.removed()
    machine.call("attached", consistency="require", freeze_timeout=1)
    machine.is_clean()


def test_a_thaw_that_is_refused_is_a_warning_that_nobody_overlooks(shared: SharedEngine) -> None:
    machine = shared.machine(disks=("Disk1",))
    shared.fault("thaw-fails")
    assert "could not be thawed" in str(machine.attached()["warnings"])
    rest_engine.clear(shared.lab.faults)
    machine.call("absent")
    machine.call("absent", outcome="failure")
    machine.is_clean()
