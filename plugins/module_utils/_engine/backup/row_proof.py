# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the rows read back from a dump against the live database, counted before and after the dump.

Rules, per table. Let B and A be the rows before and after, and I and D the rows inserted and deleted in between by
PostgreSQL's own statistics (n_tup_ins, n_tup_del; they count rolled-back work too, so they only ever allow more).

- I = D = 0: the dump must hold exactly B = A rows.
- else: max(B - D, A - I) <= rows <= min(B + I, A + D).
- A new file node with other row numbers is a TRUNCATE, which the statistics do not count: 0 <= rows <= max(A, B) + I.
- A table in both counts must be in the dump; one that was created or dropped in between may be.

Statistics arrive late (up to seconds). Where A - B is not explained by them, or the rows lie outside the range, the
caller reads the statistics again before it believes the mismatch: see ``unsettled_tables``.
This file is private to the collection.
"""

from typing import Dict, List, Optional, Tuple

from ..._common.errors import Problem
from ..._postgres.model import TableCounts, TableState


def allowed_rows(before: TableState, after: TableState) -> Tuple[int, int]:
    """Return the lowest and highest number of rows that a dump taken in between may hold."""
    inserted = after.inserted - before.inserted
    deleted = after.deleted - before.deleted
    fewer, more = sorted((before.rows, after.rows))
    if inserted < 0 or deleted < 0:  # the statistics were reset: only the two counts are left
        return fewer, more
    if before.filenode != after.filenode and (inserted or deleted or fewer != more):
        return 0, more + inserted
    low = max(before.rows - deleted, after.rows - inserted)
    high = min(before.rows + inserted, after.rows + deleted)
    return (low, high) if low <= high else (fewer, more)


def is_explained(before: TableState, after: TableState) -> bool:
    """Do the statistics explain the difference between the two counts?"""
    inserted = after.inserted - before.inserted
    deleted = after.deleted - before.deleted
    return before.filenode != after.filenode or -deleted <= after.rows - before.rows <= inserted


def with_later_statistics(counted: TableCounts, statistics: Dict[str, Tuple[int, int]]) -> TableCounts:
    """Return the same count with (inserted, deleted) read later; they know more of what happened before the count."""
    tables = dict(counted.tables)
    for name in set(tables) & set(statistics):
        inserted, deleted = statistics[name]
        tables[name] = tables[name]._replace(inserted=inserted, deleted=deleted)
    return counted._replace(tables=tables)


def unsettled_tables(before: TableCounts, dumped: Dict[str, int], after: TableCounts) -> List[str]:
    """Return the tables that should be counted once more because late statistics may explain a mismatch."""
    names = []
    for name, old in before.tables.items():
        new = after.tables.get(name)
        if new is not None and name in dumped:
            low, high = allowed_rows(old, new)
            if not low <= dumped[name] <= high or not is_explained(old, new):
                names.append(name)
    return sorted(names)


def compare_rows(kind: str, before: TableCounts, dumped: Dict[str, int], after: TableCounts) -> List[Problem]:
    """Return a problem for each table that is missing from the dump or holds a number of rows that cannot be right."""
    problems: List[Problem] = []
    for name in sorted(set(before.tables) & set(after.tables)):
        problem = _compare_table(kind, name, before.tables[name], dumped.get(name), after.tables[name])
        if problem is not None:
            problems.append(problem)
    return problems


def _compare_table(
    kind: str, name: str, before: TableState, dumped: Optional[int], after: TableState
) -> Optional[Problem]:
    if dumped is None:
        text = "the %s dump has no table %s; the live database holds %d rows in it" % (kind, name, after.rows)
        return Problem("table_missing", text)
    low, high = allowed_rows(before, after)
    if low <= dumped <= high:
        return None
    expected = str(low) if low == high else "%d to %d" % (low, high)
    text = "the %s dump holds %d rows of %s, the live database %s (counted before: %d, after: %d)" % (
        kind,
        dumped,
        name,
        expected,
        before.rows,
        after.rows,
    )
    return Problem("rows_differ", text)


def compare_schemas(kind: str, before: TableCounts, dumped: List[str], after: TableCounts) -> List[Problem]:
    """Return a problem for each schema of the live database that the dump does not make."""
    missing = sorted((set(before.schemas) & set(after.schemas)) - set(dumped) - {"public"})
    return [Problem("schema_missing", "the %s dump does not hold schema %s" % (kind, name)) for name in missing]
