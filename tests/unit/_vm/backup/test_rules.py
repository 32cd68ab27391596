# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judgements over what an engine says of snapshots, disks and refusals."""

from typing import Any

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.rules import (
    describe_snapshot,
    device_names,
    event_id,
    failure_of,
    is_passing,
    is_same_configuration,
    is_whole,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import Snapshot

DISK = "4e7a9a42-10a7-4f4e-9e2e-7a3d1f6f0c11"
MARK = "ovirt.backup: nightly"


def snapshot(**changes: Any) -> Snapshot:
    return Snapshot("s1", "v1", MARK, "ok", "regular", "2026-01-01T00:00:00Z")._replace(**changes)


def test_whole_id_comes_before_its_first_twenty_characters() -> None:
    assert device_names(DISK, "virtio_scsi") == [
        "scsi-0QEMU_QEMU_HARDDISK_" + DISK, "virtio-" + DISK,
        "scsi-0QEMU_QEMU_HARDDISK_" + DISK[:20], "virtio-" + DISK[:20],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("interface", "first"),
    [("virtio", "virtio-"), ("sata", "ata-QEMU_HARDDISK_"), ("ide", "scsi-0QEMU_QEMU_HARDDISK_")],
)
def test_own_interface_comes_first(interface: str, first: str) -> None:
    assert device_names(DISK, interface)[0] == first + DISK


def test_ok_alone_is_no_snapshot() -> None:
    assert is_whole(snapshot(), MARK)
    assert not failure_of(snapshot(), MARK)
    for other in (snapshot(kind="active"), snapshot(status="locked"), snapshot(description="Active VM")):
        assert not is_whole(other, MARK)
    assert not failure_of(snapshot(status="locked"), MARK)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "active", "description": "Active VM"}, "active snapshot again (ok)"),
        ({"kind": "active", "status": "locked"}, "active snapshot again (locked)"),
        ({"status": "in_preview"}, "in_preview"),
        ({"kind": "preview"}, "preview"),
        ({"description": "renamed"}, "renamed"),
    ],
)
def test_what_will_never_be_a_snapshot_says_why(changes: Any, said: str) -> None:
    assert said in failure_of(snapshot(**changes), MARK)


def test_what_was_seen_is_told() -> None:
    assert describe_snapshot(snapshot(status="locked")) == "snapshot s1 is locked (regular)"
    assert describe_snapshot(None) == "it is not there"


PASSING = [
    "Cannot create Snapshot: VM is locked. Please try again in a few minutes.",
    "Cannot create Snapshot. The VM is performing an operation on a Snapshot. Please wait for the operation to finish, "
    "and try again.",
    "Cannot create Snapshot. VM migration is in progress",
    "Cannot create Snapshot: The following disks are locked: X. Please try again in a few minutes.",
    "Cannot create Snapshot. Snapshot is currently being created for VM V.",
    "Cannot attach Virtual Disk. The snapshot is in LOCKED status.",
    "Cannot attach Virtual Disk. Related operation is currently in progress. Please try again later.",
]
LASTING = [
    "Cannot create Snapshot. VM is previewing a Snapshot.",
    "Cannot create Snapshot. Low disk space on Storage Domain S.",
    "Cannot create Snapshot. The following attached disks are in ILLEGAL status: X - please remove them and try again.",
    "Cannot attach Virtual Disk. The disk is already attached to VM.",
    "Cannot attach Virtual Disk. The target Data Center does not contain the Virtual Disk.",
    "Cannot attach Virtual Disk. VM's Snapshot does not exist.",
    "Cannot remove Snapshot. The following VM's disks snapshots are attached to other VMs (Disk Alias/Snapshot "
    "Description/VM attached to): locked/X/backup. Please detach them from those VMs and try again.",
    "",
]


@pytest.mark.parametrize(("details", "expected"), [(PASSING, True), (LASTING, False)], ids=["passing", "lasting"])
def test_refusals_that_end_by_themselves_are_known(details: Any, expected: bool) -> None:
    assert [is_passing(detail) for detail in details] == [expected] * len(details)


def test_the_time_of_writing_is_no_change_of_a_configuration() -> None:
    text = "<ovf><ExportDate>%s</ExportDate><Name>%s</Name></ovf>"
    assert is_same_configuration(text % ("2026/01/01 00:00:00", "app"), text % ("2026/01/02 00:00:00", "app"))
    assert not is_same_configuration(text % ("2026/01/01 00:00:00", "app"), text % ("2026/01/01 00:00:00", "web"))


def test_event_numbers_differ_and_fit() -> None:
    numbers = {event_id(MARK, str(number)) for number in range(1000)}
    assert len(numbers) == 1000
    assert all(0 <= number < 2**31 for number in numbers)
    assert event_id(MARK, "begin") == event_id(MARK, "begin")
