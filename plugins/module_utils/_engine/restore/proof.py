# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a restored engine against the archive it was restored from. This file is private to the collection."""

from typing import Collection, Dict, List, NamedTuple, Sequence, Tuple

from ..._common.errors import Problem
from .model import EMPTIED, OPTIONS_TABLE, Marks


class Comparison(NamedTuple):
    """How the rows of a restored database may differ from the archive's."""

    kind: str
    emptied: Collection[str]  # tables that must be empty
    gains: Collection[str]  # tables that may have one row more
    may_shrink: bool  # hosted-engine entities were removed: fewer rows are possible anywhere


def comparison_of(kind: str, keeps_temporary_data: bool, removes_entities: bool, cascaded: Sequence[str]) -> Comparison:
    """Return how the rows of a database may differ from the archive's after a restore with these options."""
    if kind != "engine":
        return Comparison(kind, (), (), False)
    emptied = frozenset() if keeps_temporary_data else EMPTIED | frozenset(cascaded)
    gains = () if keeps_temporary_data else (OPTIONS_TABLE,)
    return Comparison(kind, emptied, gains, removes_entities)


def compare_restored(rule: Comparison, archived: Dict[str, int], live: Dict[str, int]) -> List[Problem]:
    """Return a problem for each table that does not hold what the archive says it must hold."""
    problems = []
    for name in sorted(set(archived) | set(live)):
        low, high = allowed_after_restore(rule, name, archived.get(name, 0))
        found = live.get(name)
        if found is None:
            text = "the %s database lacks the table %s, the archive holds %d rows of it"
            problems.append(Problem("table_missing", text % (rule.kind, name, archived[name])))
        elif name not in archived:
            text = "the %s database has a table %s with %d rows that the archive does not know"
            problems.append(Problem("table_unexpected", text % (rule.kind, name, found)))
        elif not low <= found <= high:
            expected = "%d" % low if low == high else "%d to %d" % (low, high)
            text = "the %s database holds %d rows of %s, expected %s (the archive holds %d)"
            problems.append(Problem("rows_differ", text % (rule.kind, found, name, expected, archived[name])))
    return problems


def allowed_after_restore(rule: Comparison, table: str, archived: int) -> Tuple[int, int]:
    """Return the lowest and highest number of rows of a table after the restore."""
    if table in rule.emptied:
        return 0, 0
    return (0 if rule.may_shrink else archived), archived + (1 if table in rule.gains else 0)


def check_marks(marks: Marks, backup_log_path: str, keeps_temporary_data: bool) -> List[Problem]:
    """Return why the engine database is not the one of this very backup, just restored."""
    problems = []
    if backup_log_path and not marks.started:
        text = "the audit log of the engine database does not know the backup with the log %s: it is of another one"
        problems.append(Problem("mark_missing", text % backup_log_path))
    if backup_log_path and marks.finished:
        text = "the engine database knows the end of the backup with the log %s: it made it, it is no copy"
        problems.append(Problem("mark_of_source", text % backup_log_path))
    if not keeps_temporary_data and marks.just_restored != "1":
        text = "DbJustRestored is '%s' in the engine database, a restore sets it to 1"
        problems.append(Problem("not_just_restored", text % marks.just_restored))
    return problems


def sum_rows(tables: Dict[str, int]) -> int:
    """Return the rows of all tables."""
    return sum(tables.values())
