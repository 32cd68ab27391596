# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what must be in a backup, from three witnesses: the enable flags, the configuration, the live databases.

engine-backup itself asks only the flags and skips the rest without a word; here a witness that disagrees is an error.
This file is private to the collection.
"""

from typing import Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from ..._archive.databases import KINDS, DatabaseKind, expand_scopes
from ..._common.errors import Problem


class Live(NamedTuple):
    """What a live database says: its tables and rows, or why it can not be asked."""

    tables: int
    rows: int
    problem: Optional[Problem]


class DatabaseEvidence(NamedTuple):
    """Where each source says that a database is set up on this host."""

    supported: FrozenSet[str]  # scopes that the tool can back up
    enabled: FrozenSet[str]  # kinds that the setup state says are set up
    answered: FrozenSet[str]  # kinds that the tool's own query says are set up
    owned: FrozenSet[str]  # kinds whose credentials stand in their own service's configuration
    live: Dict[str, Live]  # kinds that could be asked


class Expected(NamedTuple):
    """The scopes to back up, and the kinds of databases that the archive must hold."""

    scopes: List[str]
    kinds: List[str]


def decide_expected(requested: Sequence[str], witnesses: DatabaseEvidence) -> Tuple[Expected, List[Problem]]:
    """Return what the backup must hold, and every reason why it can not be made so."""
    scopes = ["files"] if "files" in requested or "all" in requested else []
    kinds: List[str] = []
    problems: List[Problem] = []
    for kind in KINDS:
        if kind.scope not in expand_scopes(list(requested)):
            continue
        problem = _check_kind(kind, kind.scope in requested, witnesses)
        if problem is not None:
            problems.append(problem)
        elif kind.name in witnesses.enabled:
            scopes.append(kind.scope)
            kinds.append(kind.name)
    if not scopes and not problems:
        problems.append(Problem("nothing_to_back_up", "nothing of the requested scopes is set up on this host"))
    return Expected(scopes, kinds), problems


def _check_kind(kind: DatabaseKind, is_explicit: bool, witnesses: DatabaseEvidence) -> Optional[Problem]:
    enabled, answered = kind.name in witnesses.enabled, kind.name in witnesses.answered
    live = witnesses.live.get(kind.name)
    if kind.scope not in witnesses.supported:
        text = "the installed engine-backup can not back up the scope '%s'"
        return Problem("scope_unsupported", text % kind.scope) if is_explicit or enabled else None
    if enabled != answered:
        text = "the setup state says that the %s database is %s here (%s), otopi-config-query answers the opposite"
        return Problem("flag_disagrees", text % (kind.name, "set up" if enabled else "not set up", kind.flag))
    if enabled:
        return _check_enabled(kind, live)
    if kind.name in witnesses.owned:
        hidden = _check_disabled(kind, live)
        if hidden is not None:
            return hidden
    text = "the scope '%s' was asked for, but the %s database is not set up on this host (%s)"
    return Problem("scope_not_set_up", text % (kind.scope, kind.name, kind.flag)) if is_explicit else None


def _check_disabled(kind: DatabaseKind, live: Optional[Live]) -> Optional[Problem]:
    """Return what keeps a database that the setup state does not enable from being left out with good conscience."""
    if live is None:
        return None
    if live.problem is not None:  # nobody can say whether it is filled; one that was dropped needs no backup
        return live.problem if live.problem.code != "database_missing" else None
    if not live.tables:
        return None
    text = (
        "the %s database is live with %d tables and %d rows, but the setup state does not enable it (%s):"
        " engine-backup would leave it out without a word. Repair the setup state, or ask for scopes without '%s'"
    )
    return Problem("flag_disagrees", text % (kind.name, live.tables, live.rows, kind.flag, kind.scope))


def _check_enabled(kind: DatabaseKind, live: Optional[Live]) -> Optional[Problem]:
    if live is None:
        text = "the setup state enables the %s database (%s), but no configuration says where it is"
        return Problem("database_unconfigured", text % (kind.name, kind.flag))
    if live.problem is not None:
        return live.problem
    if not (live.tables and live.rows) and not kind.may_be_empty:
        text = "the setup state enables the %s database (%s), but the live database is empty: %d tables, no rows"
        return Problem("database_empty", text % (kind.name, kind.flag, live.tables))
    return None
