# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates of an archive no longer hold. This file is private to the collection."""

from typing import Any, Iterable, List, Mapping

from .._common.times import from_iso

SOON = 30 * 86400  # seconds
MOST_NAMED = 3


def warn_of_certificates(certificates: Iterable[Mapping[str, Any]], now: float) -> List[str]:
    """Return a warning where certificates of an archive have expired, and one where they expire within 30 days.

    ``certificates`` are those of a manifest, with ``path`` and ``not_after`` (UTC, ISO 8601); ``now`` is in seconds.
    """
    ends = sorted((from_iso(item["not_after"]), "%(path)s (%(not_after)s)" % item) for item in certificates)
    expired = [text for end, text in ends if end <= now]
    soon = [text for end, text in ends if now < end <= now + SOON]
    advice = "engine-setup renews them after a restore with the answer OVESETUP_PKI/renew=bool:True"
    return [
        "%d certificates in the archive %s: %s; %s" % (len(found), what, name(found), advice)
        for what, found in (("have expired", expired), ("expire within 30 days", soon))
        if found
    ]


def name(found: List[str]) -> str:
    """Return the first few of a list and how many more there are."""
    more = len(found) - MOST_NAMED
    return ", ".join(found[:MOST_NAMED]) + (" and %d more" % more if more > 0 else "")
