# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a dump against the live database: exact where nothing moved, else within what the statistics allow."""

import random
from typing import Dict, List, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.row_proof import (
    allowed_rows,
    compare_rows,
    compare_schemas,
    unsettled_tables,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import TableCounts, TableState

NAME = "public.t"


def states(
    b: int, a: int, inserted: int = 0, deleted: int = 0, new_node: bool = False
) -> Tuple[TableState, TableState]:
    """Return a table with b rows before and a rows after, and the statistics of the time between."""
    return TableState(b, 50, 20, 7), TableState(a, 50 + inserted, 20 + deleted, 8 if new_node else 7)


# before, after, inserted, deleted, truncated -> lowest, highest
RANGES: Dict[str, Tuple[Tuple[int, int, int, int, bool], Tuple[int, int]]] = {
    "nothing moved": ((100, 100, 0, 0, False), (100, 100)),
    "inserts and deletes that cancel out": ((100, 100, 10, 10, False), (90, 110)),
    "rolled back inserts allow more": ((100, 100, 40, 0, False), (100, 100)),
    "more inserts than the difference": ((100, 110, 30, 20, False), (80, 130)),
    "inserts that arrive late": ((100, 130, 0, 0, False), (100, 130)),
    "deletes that arrive late": ((100, 70, 0, 0, False), (70, 100)),
    "statistics reset": ((100, 130, -50, -20, False), (100, 130)),
    "only one counter reset": ((100, 130, 30, -1, False), (100, 130)),
    "truncated": ((100, 0, 0, 0, True), (0, 100)),
    "truncated and filled again": ((100, 30, 30, 0, True), (0, 130)),
    "truncated and filled to the same number": ((100, 100, 100, 0, True), (0, 200)),
    "rewritten by VACUUM FULL": ((100, 100, 0, 0, True), (100, 100)),
}


@pytest.mark.parametrize(("case", "expected"), list(RANGES.values()), ids=list(RANGES))
def test_range_follows_from_counts_and_statistics(
    case: Tuple[int, int, int, int, bool], expected: Tuple[int, int]
) -> None:
    assert allowed_rows(*states(*case)) == expected


def test_true_number_of_any_history_is_allowed() -> None:
    chance = random.Random(2)
    for _round in range(2000):
        rows = before = chance.randrange(20)
        inserted = deleted = 0
        history = [rows]
        for _step in range(chance.randrange(12)):
            if chance.random() < 0.5:
                rows, inserted = rows + 1, inserted + 1
            elif rows:
                rows, deleted = rows - 1, deleted + 1
            history.append(rows)
        low, high = allowed_rows(*states(before, rows, inserted, deleted))
        assert low <= min(history)
        assert max(history) <= high


def snapshots(b: Optional[TableState], a: Optional[TableState]) -> Tuple[TableCounts, TableCounts]:
    def one(state: Optional[TableState]) -> TableCounts:
        return TableCounts({} if state is None else {NAME: state}, ("public",))

    return one(b), one(a)


def code_of(pair: Tuple[Optional[TableState], Optional[TableState]], dumped: Optional[int]) -> str:
    before, after = snapshots(*pair)
    found = compare_rows("engine", before, {} if dumped is None else {NAME: dumped}, after)
    return ",".join(item.code for item in found)


@pytest.mark.parametrize(
    ("after", "inserted", "right", "wrong"), [(100, 0, [100], [99, 101]), (130, 30, [100, 130], [99, 131])]
)
def test_dumped_rows_must_lie_within_the_range(after: int, inserted: int, right: List[int], wrong: List[int]) -> None:
    pair = states(100, after, inserted)
    assert {code_of(pair, dumped) for dumped in right} == {""}
    assert {code_of(pair, dumped) for dumped in wrong} == {"rows_differ"}
    assert code_of(pair, None) == "table_missing"


@pytest.mark.parametrize("dumped", [None, 0, 77])
def test_table_that_was_created_or_dropped_in_between_may_be_in_the_dump(dumped: Optional[int]) -> None:
    state = TableState(5, 5, 0, 1)
    assert code_of((state, None), dumped) == ""
    assert code_of((None, state), dumped) == ""


def test_message_names_database_table_and_all_numbers() -> None:
    before, after = snapshots(*states(100, 130, 30))
    message = compare_rows("dwh", before, {NAME: 7}, after)[0].message
    for part in ("dwh", "public.t", " 7 rows", "100 to 130", "before: 100", "after: 130"):
        assert part in message


def test_every_bad_table_is_named() -> None:
    tables = {"a.x": TableState(1, 1, 0, 1), "a.y": TableState(2, 2, 0, 2), "a.z": TableState(3, 3, 0, 3)}
    both = TableCounts(tables, ("a",))
    found = compare_rows("engine", both, {"a.x": 0, "a.y": 2}, both)
    assert [item.code for item in found] == ["rows_differ", "table_missing"]


UNSETTLED = {
    "quiet and right": (states(100, 100), 100, False),
    "busy and explained": (states(100, 130, 30), 110, False),
    "difference not explained yet": (states(100, 130), 110, True),
    "dump outside the range": (states(100, 100), 101, True),
    "deletes not explained yet": (states(5, 1, 0, 3), 3, True),
    "truncated": (states(5, 0, 0, 0, True), 3, False),
    "explained, dump outside the range": (states(100, 130, 30), 131, True),
}


@pytest.mark.parametrize(("pair", "dumped", "expected"), list(UNSETTLED.values()), ids=list(UNSETTLED))
def test_late_statistics_are_worth_another_look(
    pair: Tuple[TableState, TableState], dumped: int, expected: bool
) -> None:
    before, after = snapshots(*pair)
    assert unsettled_tables(before, {NAME: dumped}, after) == ([NAME] if expected else [])
    assert unsettled_tables(before, {}, after) == unsettled_tables(before, {NAME: 1}, TableCounts({}, ())) == []


@pytest.mark.parametrize(
    ("before", "dumped", "after", "missing"),
    [
        (("aaa_jdbc", "public"), ["aaa_jdbc", "public"], ("aaa_jdbc", "public"), []),
        (("aaa_jdbc", "public"), ["public"], ("aaa_jdbc", "public"), ["aaa_jdbc"]),
        (("public",), [], ("public",), []),
        (("aaa_jdbc",), [], (), []),
        ((), [], ("aaa_jdbc",), []),
        (("a",), ["a", "more"], ("a",), []),
    ],
    ids=["complete", "lost", "public needs no statement", "dropped", "created", "more in the dump"],
)
def test_schema_of_both_counts_must_be_in_the_dump(
    before: Tuple[str, ...],
    dumped: list,
    after: Tuple[str, ...],
    missing: list,  # type: ignore[type-arg]
) -> None:
    found = compare_schemas("engine", TableCounts({}, before), dumped, TableCounts({}, after))
    assert [item.code for item in found] == ["schema_missing"] * len(missing)
    assert " ".join(item.message for item in found).count("schema ") == len(missing)
    assert all(any(name in item.message for item in found) for name in missing)
