# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a disk is that is attached to the backup VM: an attachment tells its disk, not of which snapshot it is.

This file is private to the collection.
"""

import hashlib
import re
from typing import Dict, List, Mapping, NamedTuple, Sequence, Set

from ..model import Event, Snapshot

ATTACHED_EVENT = 2016
DETACHED_EVENT = 2018
# The engine cuts the name of a request off after 36 characters, and drops what is no letter, digit, dash or underscore.
TRACE = "ovirt-backup-%s"
_ATTACHED_ELSEWHERE = "attached to other VMs"
_LIST = re.compile(r"VM attached to\):(.*)Please detach them", re.DOTALL)


class Claim(NamedTuple):
    """A disk that is attached, and the snapshot of ours that it may be of."""

    snapshot_id: str
    disk_id: str
    alias: str


def trace_of(vm_id: str, disk_id: str, snapshot_id: str) -> str:
    """Return the name of the request that attaches a disk of a snapshot: the engine's log keeps it."""
    return TRACE % hashlib.sha256("\n".join((vm_id, disk_id, snapshot_id)).encode("utf-8")).hexdigest()[:23]


def may_hold(snapshots: Sequence[Snapshot], disk_id: str) -> bool:
    """May the disk be attached from one of these snapshots? One of which the engine tells no disks may hold any."""
    return any(
        one.kind != "active" and (one.disks is None or disk_id in [disk.disk_id for disk in one.disks])
        for one in snapshots
    )


def newest_traces(events: Sequence[Event]) -> Dict[str, int]:
    """Return at which line of the engine's log each named request last attached its disk."""
    found: Dict[str, int] = {}
    for event in events:
        if event.event_code == ATTACHED_EVENT:
            found[event.correlation_id] = max(int(event.id), found.get(event.correlation_id, 0))
    return found


def find_proven(
    claims: Sequence[Claim], vm_id: str, traces: Mapping[str, int], detachments: Sequence[Event]
) -> Set[Claim]:
    """Return the claims that the engine's log proves: our request attached the disk, and nobody detached it since.

    A line names the disk by its alias, so one about a disk of a similar alias counts as well.
    """
    proven = set()
    for claim in claims:
        line = traces.get(trace_of(vm_id, claim.disk_id, claim.snapshot_id))
        ended = [event for event in detachments if claim.alias in event.description and line and int(event.id) > line]
        if line and not ended:
            proven.add(claim)
    return proven


def is_attached_elsewhere(detail: str) -> bool:
    """Does a refusal say that a snapshot can not be removed because disks of its virtual machine are attached?"""
    return _ATTACHED_ELSEWHERE in detail


def find_named(detail: str, aliases: Mapping[str, str], description: str, vm_name: str) -> List[str]:
    """Return which disks such a refusal names as attached to a virtual machine from the snapshot of a description.

    ``aliases`` are those of all disks of that snapshot, by id; what two of them share tells neither.
    """
    found = _LIST.search(detail)
    # The engine joins the entries by a line break that it forgets to replace.
    entries = [entry.strip() for entry in re.split(r"%n|\n", found.group(1))] if found else []
    shared = list(aliases.values())
    return [
        disk_id
        for disk_id, alias in aliases.items()
        if shared.count(alias) == 1 and "%s ,%s, %s" % (alias, description, vm_name) in entries
    ]
