# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the attachments of a backup from those that somebody else made of the same disks.

This file is private to the collection.
"""

from typing import Sequence, Set

from ..api_errors import Conflict, Forbidden
from ..model import Vm
from ..protocols import VmApi, Waiter
from .attachments import DETACHED_EVENT, Claim, find_proven, newest_traces, trace_of


def prove(claims: Sequence[Claim], backup_vm: Vm, api: VmApi, waiter: Waiter) -> Set[Claim]:
    """Return which of the claims on attachments the engine's log proves; none where it may not be read."""
    traces = [trace_of(backup_vm.id, claim.disk_id, claim.snapshot_id) for claim in claims]
    what = "what the engine's log says of the disks of the backup VM %s" % backup_vm.name
    try:
        lines = newest_traces(waiter.retry_read(what, lambda: api.find_events_of_requests(traces)))
        if not lines:
            return set()
        first = min(lines.values())
        ended = waiter.retry_read(what, lambda: api.find_events_since(first, DETACHED_EVENT, backup_vm.name))
    except (Conflict, Forbidden):
        return set()
    return find_proven(claims, backup_vm.id, lines, ended)
