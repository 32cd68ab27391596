# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof: what of an archive a restore may change, and every way in which a live database is not the archive's."""

from typing import Any, Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import EMPTIED, Marks
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.proof import (
    allowed_after_restore,
    check_marks,
    compare_restored,
    comparison_of,
    sum_rows,
)
from unit.fakes import world

ARCHIVED = {"public.vdc_options": 500, "public.vm_static": 20, "public.job": 7, "public.empty": 0}
LIVE = {"public.vdc_options": 500, "public.vm_static": 20, "public.job": 0, "public.empty": 0}
LOG = "/var/log/ovirt-engine-backup/one.log"


def compare(
    live: Dict[str, int], kind: str = "engine", keeps: bool = False, removes: bool = False, *cascaded: str
) -> Any:
    return compare_restored(comparison_of(kind, keeps, removes, cascaded), ARCHIVED, live)


@pytest.mark.parametrize("name", sorted(EMPTIED))
def test_each_emptied_table_must_be_empty(name: str) -> None:
    rule = comparison_of("engine", False, False, ())
    assert allowed_after_restore(rule, name, 9) == (0, 0)
    assert world.codes(compare_restored(rule, {name: 9}, {name: 9})) == ("rows_differ",)
    assert compare_restored(rule, {name: 9}, {name: 0}) == []
    kept = comparison_of("engine", True, False, ())
    assert world.codes(compare_restored(kept, {name: 9}, {name: 0})) == ("rows_differ",)


@pytest.mark.parametrize(("rows", "is_right"), [(0, False), (499, False), (500, True), (501, True), (502, False)])
def test_the_options_may_gain_the_mark_of_the_restore_and_nothing_else(rows: int, is_right: bool) -> None:
    codes = world.codes(compare(dict(LIVE, **{"public.vdc_options": rows})))
    assert codes == (() if is_right else ("rows_differ",))


def test_kept_temporary_data_means_every_row() -> None:
    assert world.codes(compare(LIVE, "engine", True)) == ("rows_differ",)
    assert compare(ARCHIVED, "engine", True) == []
    gained = dict(ARCHIVED, **{"public.vdc_options": 501})
    assert world.codes(compare(gained, "engine", True)) == ("rows_differ",)


@pytest.mark.parametrize("kind", ["dwh", "cinderlib", "managedblock", "keycloak", "grafana"])
def test_every_other_database_holds_every_row(kind: str) -> None:
    assert compare(ARCHIVED, kind) == []
    (problem,) = compare(LIVE, kind)
    assert "the %s database" % kind in problem.message
    assert world.codes([problem]) == ("rows_differ",)
    assert world.codes(compare(dict(ARCHIVED, **{"public.vdc_options": 501}), kind)) == ("rows_differ",)
    assert world.codes(compare(dict(ARCHIVED, **{"public.vm_static": 0}), kind, False, True)) == ("rows_differ",)


@pytest.mark.parametrize("rows", [0, 19, 21])
def test_one_row_too_few_or_too_many_is_found(rows: int) -> None:
    (problem,) = compare(dict(LIVE, **{"public.vm_static": rows}))
    assert problem.code == "rows_differ"
    assert "holds %d rows of public.vm_static, expected 20" % rows in problem.message


def test_a_table_that_the_tool_said_it_reached_must_be_empty() -> None:
    live = dict(LIVE, **{"public.vm_static": 0})
    assert world.codes(compare(live)) == ("rows_differ",)
    assert compare(live, "engine", False, False, "public.vm_static") == []
    assert world.codes(compare(LIVE, "engine", False, False, "public.vm_static")) == ("rows_differ",)


def test_removed_hosts_may_leave_fewer_rows_but_never_more() -> None:
    assert compare(dict(LIVE, **{"public.vm_static": 19, "public.vdc_options": 0}), "engine", False, True) == []
    assert world.codes(compare(dict(LIVE, **{"public.vm_static": 21}), "engine", False, True)) == ("rows_differ",)
    assert world.codes(compare(dict(LIVE, **{"public.job": 1}), "engine", False, True)) == ("rows_differ",)


def test_a_missing_table_is_named_also_where_it_held_nothing() -> None:
    for name, rows in sorted(ARCHIVED.items()):
        (problem,) = compare({other: count for other, count in LIVE.items() if other != name})
        assert (problem.code, name in problem.message, "%d rows" % rows in problem.message) == (
            "table_missing",
            True,
            True,
        )
    assert world.codes(compare({})) == ("table_missing",) * len(ARCHIVED)


def test_a_table_that_the_archive_does_not_know_is_named_also_where_it_holds_nothing() -> None:
    for rows in (0, 3):
        (problem,) = compare(dict(LIVE, **{"public.stray": rows}))
        assert problem.code == "table_unexpected"
        assert "public.stray with %d rows" % rows in problem.message


GOOD = Marks("1", True, False)


@pytest.mark.parametrize(
    ("marks", "keeps", "codes"),
    [
        (GOOD, False, ()),
        (GOOD, True, ()),
        (Marks("0", True, False), True, ()),
        (Marks("", True, False), False, ("not_just_restored",)),
        (Marks("1", False, False), False, ("mark_missing",)),
        (Marks("1", True, True), False, ("mark_of_source",)),
        (Marks("0", False, True), False, ("mark_missing", "mark_of_source", "not_just_restored")),
    ],
)
def test_marks_tie_the_database_to_the_backup(marks: Marks, keeps: bool, codes: Any) -> None:
    problems = check_marks(marks, LOG, keeps)
    assert world.codes(problems) == codes
    assert all(LOG in problem.message for problem in problems if problem.code.startswith("mark_"))
    without_identity = world.codes(check_marks(marks, "", keeps))
    assert without_identity == tuple(code for code in codes if code == "not_just_restored")
    assert (sum_rows(ARCHIVED), sum_rows({})) == (527, 0)
