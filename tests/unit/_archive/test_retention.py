# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which proven archives stay."""

from typing import List, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.retention import (
    DAY,
    Candidate,
    Policy,
    plan_retention,
)

NOW = 1000 * DAY


def archives(*ages: float) -> List[Candidate]:
    """Return archives of one engine, so many days old."""
    return [Candidate("/b/%g" % age, "e", int(NOW - age * DAY)) for age in ages]


def kept(candidates: List[Candidate], keep: Optional[int], keep_days: Optional[int], minimum: int = 1) -> List[str]:
    plan = plan_retention(candidates, Policy(keep, keep_days, minimum), NOW)
    assert sorted(plan["kept"] + plan["removed"]) == sorted(item.path for item in candidates)
    return plan["kept"]


@pytest.mark.parametrize(
    ("keep", "keep_days", "minimum", "expected"),
    [
        (2, None, 1, ["/b/1", "/b/2"]),
        (9, None, 1, ["/b/1", "/b/2", "/b/8", "/b/30"]),
        (None, 8, 1, ["/b/1", "/b/2"]),
        (1, 9, 1, ["/b/1", "/b/2", "/b/8"]),
        (3, 1, 1, ["/b/1", "/b/2", "/b/8"]),
        (None, 0, 1, ["/b/1"]),
        (None, 0, 3, ["/b/1", "/b/2", "/b/8"]),
        (1, None, 2, ["/b/1", "/b/2"]),
        (0, None, 1, ["/b/1"]),
        (None, None, 4, ["/b/1", "/b/2", "/b/8", "/b/30"]),
    ],
)
def test_archive_stays_when_any_rule_wants_it(
    keep: Optional[int], keep_days: Optional[int], minimum: int, expected: List[str]
) -> None:
    assert kept(archives(8, 30, 1, 2), keep, keep_days, minimum) == expected


def test_archives_of_each_engine_are_counted_alone_and_in_a_stable_order() -> None:
    other = [Candidate("/b/other%d" % age, "other", NOW - age * DAY) for age in (50, 60)]
    assert kept(archives(1, 2) + other, 1, None) == ["/b/1", "/b/other50"]
    assert kept(archives(1, -5), None, 1, 1) == ["/b/-5"], "one from the future counts as young"
    twins = [Candidate("/b/" + name, "e", NOW) for name in "abc"]
    assert kept(twins, 1, None) == kept(twins[::-1], 1, None) == ["/b/c"]
    assert plan_retention(archives(9, 3, 5, 1), Policy(1, None, 1), NOW)["removed"] == ["/b/3", "/b/5", "/b/9"]
    assert plan_retention([], Policy(1, 1, 1), NOW) == {"kept": [], "removed": []}
