# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be in a backup: the truth table of the witnesses."""

from typing import Any, Dict, FrozenSet, List, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import KINDS, SCOPES
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Problem
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.scope_selection import (
    DatabaseEvidence,
    Live,
    decide_expected,
)

FULL = Live(3, 100, None)
NO_ROWS = Live(3, 0, None)
NO_TABLES = Live(0, 0, None)
DOWN = Live(0, 0, Problem("database_unreachable", "connection refused"))
GONE = Live(0, 0, Problem("database_missing", "does not exist"))
DATABASES: FrozenSet[str] = frozenset(["engine", "dwh"])


def witnesses(**changes: Any) -> DatabaseEvidence:
    """Return witnesses that agree on an engine with its Data Warehouse."""
    good = DatabaseEvidence(frozenset(SCOPES), DATABASES, DATABASES, DATABASES, {"engine": FULL, "dwh": FULL})
    return good._replace(**changes)


def dwh_seen(supported: bool, enabled: bool, answered: bool, owned: bool, live: Optional[Live]) -> DatabaseEvidence:
    """Return witnesses that agree on the engine and say this of the Data Warehouse."""

    def kinds(is_in: bool) -> FrozenSet[str]:
        return frozenset(["engine", "dwh"] if is_in else ["engine"])

    scopes = frozenset(SCOPES) - (frozenset() if supported else frozenset(["dwhdb"]))
    found: Dict[str, Live] = {"engine": FULL}
    if live is not None:
        found["dwh"] = live
    return DatabaseEvidence(scopes, kinds(enabled), kinds(answered), kinds(owned), found)


# supported, enabled, answered, owned, live -> code with scope all, code with scope dwhdb; "" in it, "-" left out
TABLE: Dict[str, Tuple[bool, bool, bool, bool, Optional[Live], str, str]] = {
    "all agree": (True, True, True, True, FULL, "", ""),
    "set up, credentials in another file": (True, True, True, False, FULL, "", ""),
    "set up, no configuration": (True, True, True, False, None, "database_unconfigured", "database_unconfigured"),
    "set up, down": (True, True, True, True, DOWN, "database_unreachable", "database_unreachable"),
    "set up, no tables": (True, True, True, True, NO_TABLES, "database_empty", "database_empty"),
    "set up, no rows": (True, True, True, True, NO_ROWS, "database_empty", "database_empty"),
    "flag says yes, query says no": (True, True, False, True, FULL, "flag_disagrees", "flag_disagrees"),
    "flag says no, query says yes": (True, False, True, True, FULL, "flag_disagrees", "flag_disagrees"),
    "query says yes, nothing here": (True, False, True, False, None, "flag_disagrees", "flag_disagrees"),
    "flag dropped, database filled": (True, False, False, True, FULL, "flag_disagrees", "flag_disagrees"),
    "flag dropped, tables without rows": (True, False, False, True, NO_ROWS, "flag_disagrees", "flag_disagrees"),
    "flag dropped, database down": (True, False, False, True, DOWN, "database_unreachable", "database_unreachable"),
    "flag dropped, database dropped": (True, False, False, True, GONE, "-", "scope_not_set_up"),
    "own credentials, nobody asked": (True, False, False, True, None, "-", "scope_not_set_up"),
    "never set up, empty database": (True, False, False, True, NO_TABLES, "-", "scope_not_set_up"),
    "database of another host": (True, False, False, False, FULL, "-", "scope_not_set_up"),
    "nothing of it here": (True, False, False, False, None, "-", "scope_not_set_up"),
    "tool lacks it, set up": (False, True, True, True, FULL, "scope_unsupported", "scope_unsupported"),
    "tool lacks it, not set up": (False, False, False, False, None, "-", "scope_unsupported"),
}


def verdict(requested: List[str], seen: DatabaseEvidence) -> str:
    expected, problems = decide_expected(requested, seen)
    if problems:
        return ",".join(item.code for item in problems if item.code != "nothing_to_back_up")
    assert ("dwhdb" in expected.scopes) == ("dwh" in expected.kinds)
    return "" if "dwh" in expected.kinds else "-"


@pytest.mark.parametrize("name", list(TABLE))
def test_witnesses_decide_for_all_and_for_an_explicit_scope(name: str) -> None:
    assert verdict(["all"], dwh_seen(*TABLE[name][:5])) == TABLE[name][5]
    assert verdict(["files", "dwhdb"], dwh_seen(*TABLE[name][:5])) == TABLE[name][6]


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_is_judged_alike(kind: str) -> None:
    scope = next(item.scope for item in KINDS if item.name == kind)
    alone = frozenset([kind])
    good = DatabaseEvidence(frozenset(SCOPES), alone, alone, alone, {kind: FULL})
    assert decide_expected([scope], good) == (([scope], [kind]), [])
    dropped = good._replace(answered=frozenset())
    assert [item.code for item in decide_expected([scope], dropped)[1]] == ["flag_disagrees"]


def test_scopes_keep_the_order_of_the_tool_and_others_are_not_judged() -> None:
    assert decide_expected(["dwhdb", "db", "files"], witnesses()) == ((["files", "db", "dwhdb"], ["engine", "dwh"]), [])
    assert decide_expected(["files"], witnesses(live={})) == ((["files"], []), [])
    assert decide_expected(["db"], witnesses(live={"engine": FULL, "dwh": DOWN})) == ((["db"], ["engine"]), [])


def test_all_problems_are_named_not_only_the_first() -> None:
    found = decide_expected(["all"], witnesses(live={"engine": DOWN, "dwh": NO_TABLES}))[1]
    assert [item.code for item in found] == ["database_unreachable", "database_empty"]


def test_nothing_to_back_up_is_a_problem() -> None:
    nothing: FrozenSet[str] = frozenset()
    seen = DatabaseEvidence(frozenset(["files"]), nothing, nothing, nothing, {})
    assert [item.code for item in decide_expected([], seen)[1]] == ["nothing_to_back_up"]
    assert decide_expected(["all"], seen)[0].scopes == ["files"]


@pytest.mark.parametrize("kind", ["cinderlib", "managedblock"])
@pytest.mark.parametrize("live", [NO_ROWS, NO_TABLES], ids=["no rows", "no tables"])
def test_storage_database_may_still_be_empty(kind: str, live: Live) -> None:
    alone = frozenset([kind])
    seen = DatabaseEvidence(frozenset(SCOPES), alone, alone, alone, {kind: live})
    assert decide_expected(["all"], seen)[1] == []
