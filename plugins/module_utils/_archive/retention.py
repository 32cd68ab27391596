# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which proven archives to keep. This file is private to the collection."""

from typing import Dict, List, NamedTuple, Optional, Sequence

DAY = 24 * 60 * 60


class Candidate(NamedTuple):
    """A proven archive that retention may remove; ``created`` is in seconds since the epoch."""

    path: str
    fqdn: str
    created: int


class Policy(NamedTuple):
    """What retention keeps."""

    keep: Optional[int]  # so many of the newest
    keep_days: Optional[int]  # every one younger than so many days
    minimum: int  # never fewer than this, whatever their age


def plan_retention(candidates: Sequence[Candidate], policy: Policy, now: float) -> Dict[str, List[str]]:
    """Return {'kept': paths, 'removed': paths}, newest first.

    An archive stays when any rule wants it. The archives of each engine are counted alone.
    """
    plan: Dict[str, List[str]] = {"kept": [], "removed": []}
    positions: Dict[str, int] = {}
    for item in sorted(candidates, key=lambda item: (item.created, item.path), reverse=True):
        position = positions.get(item.fqdn, 0)
        positions[item.fqdn] = position + 1
        plan["kept" if _is_wanted(item, position, policy, now) else "removed"].append(item.path)
    return plan


def _is_wanted(item: Candidate, position: int, policy: Policy, now: float) -> bool:
    among_newest = position < max(policy.keep or 0, policy.minimum)
    young = policy.keep_days is not None and now - item.created < policy.keep_days * DAY
    return among_newest or young
