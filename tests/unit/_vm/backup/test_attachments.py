# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an attachment is: by what holds the disk, by the engine's log, by the engine's refusal."""

import re
from typing import Dict, List, Optional, Sequence, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.attachments import (
    Claim,
    find_named,
    find_proven,
    may_hold,
    newest_traces,
    trace_of,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import Event, Snapshot, SnapshotDisk

VM, DISK, SNAPSHOT = "vm", "disk", "snapshot"
MARK = "ovirt.backup: nightly [controller/boot/1/2/3]"
CLAIM = Claim(SNAPSHOT, DISK, "app_Disk1")
TRACE = trace_of(VM, DISK, SNAPSHOT)
REFUSAL = (
    "[Cannot remove Snapshot. The following VM's disks snapshots are attached to other VMs (Disk Alias/Snapshot "
    "Description/VM attached to):\n\n %s \n\nPlease detach them from those VMs and try again.]"
)


def snapshot(kind: str, disk_ids: Optional[Sequence[str]]) -> Snapshot:
    disks = None if disk_ids is None else tuple(SnapshotDisk(one, "", "", "ok") for one in disk_ids)
    return Snapshot("other", VM, "", "ok", kind, "", disks)


def event(number: int, code: int, trace: str = "", text: str = "") -> Event:
    return Event(str(number), code, text, "normal", "", trace)


@pytest.mark.parametrize(
    ("kind", "disk_ids", "expected"),
    [("regular", [DISK], True), ("regular", ["another"], False), ("regular", [], False), ("regular", None, True),
     ("active", None, False)],
)  # fmt: skip
def test_a_snapshot_may_hold_what_it_tells_or_does_not_tell(
    kind: str, disk_ids: Optional[List[str]], expected: bool
) -> None:
    assert may_hold([snapshot(kind, disk_ids)], DISK) is expected


def test_a_request_is_named_as_the_engine_keeps_it() -> None:
    assert re.fullmatch("[0-9A-Za-z_-]{1,36}", TRACE)
    assert len({TRACE, trace_of("x", DISK, SNAPSHOT), trace_of(VM, "x", SNAPSHOT), trace_of(VM, DISK, "x")}) == 4


@pytest.mark.parametrize(
    ("events", "detachments", "expected"),
    [
        ([event(5, 2016, TRACE)], [], True),
        ([event(5, 2016, TRACE)], [event(4, 2018, text="Disk app_Disk1 was detached")], True),
        ([event(5, 2016, TRACE)], [event(6, 2018, text="Disk app_Disk2 was detached")], True),
        ([event(5, 2016, TRACE)], [event(6, 2018, text="Disk app_Disk1 was detached")], False),
        ([event(5, 2016, TRACE), event(9, 2016, TRACE)], [event(6, 2018, text="Disk app_Disk1")], True),
        ([event(5, 2017, TRACE)], [], False),
        ([event(5, 2016, "of another request")], [], False),
        ([], [], False),
    ],
)
def test_the_log_proves_the_last_attachment_alone(
    events: List[Event], detachments: List[Event], expected: bool
) -> None:
    assert find_proven([CLAIM], VM, newest_traces(events), detachments) == ({CLAIM} if expected else set())


ALIASES = {"1": "app_Disk1", "2": "app_Disk2"}
ENTRIES: List[Tuple[Dict[str, str], List[str], List[str]]] = [
    (ALIASES, ["app_Disk1 ,%s, backup" % MARK], ["1"]),
    (ALIASES, ["app_Disk1 ,%s, backup" % MARK, "app_Disk2 ,%s, backup" % MARK], ["1", "2"]),
    (ALIASES, ["app_Disk1 ,of another tool, backup", "app_Disk2 ,%s, backup" % MARK], ["2"]),
    (ALIASES, ["app_Disk1 ,%s, backup-2" % MARK, "my_app_Disk2 ,%s, backup" % MARK], []),
    (ALIASES, ["app_Disk1 ,%s of others, backup" % MARK], []),
    ({"1": "disk", "2": "disk"}, ["disk ,%s, backup" % MARK, "disk ,of another tool, backup"], []),
    (ALIASES, [], []),
]


@pytest.mark.parametrize("between", ["%n", "\n"])
@pytest.mark.parametrize(("aliases", "entries", "expected"), ENTRIES)
def test_a_refusal_names_disk_snapshot_and_machine(
    between: str, aliases: Dict[str, str], entries: List[str], expected: List[str]
) -> None:
    assert find_named(REFUSAL % between.join(entries), aliases, MARK, "backup") == expected


def test_another_refusal_names_nothing() -> None:
    assert find_named("[Cannot remove Snapshot. VM is previewing a Snapshot.]", ALIASES, MARK, "backup") == []
