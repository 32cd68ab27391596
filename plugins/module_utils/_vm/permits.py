# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the engine what the user may do, before anything is done. This file is private to the collection."""

from typing import List, NamedTuple, Optional, Sequence, Set

from .._common.errors import Problem
from .backup.rules import check_permits
from .protocols import VmApi, Waiter


class Needed(NamedTuple):
    """Permits that an action needs on one object."""

    kind: str  # vms, disks, storagedomains or clusters
    id: str
    what: str  # as a message calls it, such as 'the backup VM'
    name: str
    permits: Sequence[str]


def check_needed(needed: Sequence[Needed], api: VmApi, waiter: Waiter) -> List[Problem]:
    """Return the permits that the user lacks on each object."""
    problems: List[Problem] = []
    for one in needed:
        problems += check_permits(one.what, one.name, one.permits, _list_permits(one, api, waiter))
    return problems


def _list_permits(one: Needed, api: VmApi, waiter: Waiter) -> Optional[Set[str]]:
    what = "the permits on %s %s" % (one.kind, one.id)
    return waiter.retry_read(what, lambda: api.list_permits(one.kind, one.id, set(one.permits)))
