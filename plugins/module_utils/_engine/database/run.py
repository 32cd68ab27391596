# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a role and a database of an engine into a state: read, check, plan, act, read again.

This file is private to the collection.
"""

from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Sequence

from ..._common.errors import BackupError, Refused
from ..._postgres.rules import check_settings
from ..._postgres.server_model import DatabaseRequest, DatabaseState, Found, Step
from .plan import check, missing_lines, plan, project, valid_lines

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Performer(Protocol):
    """A server that does steps."""

    def perform(self, step: Step) -> None:
        """Do one step."""


class Server(Performer, Protocol):
    """The database server: _postgres.admin.DatabaseServer, and the fake of the unit tests."""

    def read(self, request: DatabaseRequest) -> Found:
        """What stands there."""


NO_DATABASE = DatabaseState("", "", "", "", (), 0, 0, ())


class DatabaseResult(NamedTuple):
    """The database before and after, and the steps in between."""

    before: Found
    after: Found
    steps: List[Step]


def preview(request: DatabaseRequest, server: Server) -> DatabaseResult:
    """Return what would be done, or refuse as a run would; nothing is written."""
    found = server.read(request)
    steps = _plan(request, found)
    return DatabaseResult(found, project(request, found) if steps else found, steps)


def bring_about(request: DatabaseRequest, server: Server) -> DatabaseResult:
    """Do what is missing, and prove by reading again that nothing is missing any more."""
    found = server.read(request)
    steps = _plan(request, found)
    perform_steps(steps, server, tell)
    after = server.read(request) if steps else found
    left = _plan(request, after) if steps else []
    if left:
        text = "Everything was done, but the server still does not have: %s" % "; ".join(tell(left))
        raise BackupError(text, "server_disagrees", changed=True, changes=tell(steps))
    return DatabaseResult(found, after, steps)


def perform_steps(steps: Sequence[Step], server: Performer, words: Callable[[Sequence[Step]], List[str]]) -> None:
    """Do the steps; a failure tells which were done, as ``words`` puts them."""
    for number, step in enumerate(steps):
        try:
            server.perform(step)
        except BackupError as error:
            error.facts.update(changed=number > 0, changes=words(steps[:number]), phase=step.text)
            raise


def tell(steps: Sequence[Step]) -> List[str]:
    """Return the sentences of steps."""
    return [step.text for step in steps]


def _plan(request: DatabaseRequest, found: Found) -> List[Step]:
    problems = check(request, found)
    if problems:
        raise Refused(problems)
    return plan(request, found)


def describe(request: DatabaseRequest, found: Found) -> Dict[str, Any]:
    """Return the facts of a module result; no secret is among them."""
    return {
        "database": _describe_database(request, found),
        "settings": _describe_settings(found),
        "pg_hba": {
            "file": found.access.file,
            "loaded": found.access.is_loaded,
            "lines": valid_lines(request, found),
            "missing": [line for _place, line in missing_lines(request, found)],
        },
    }


def _describe_database(request: DatabaseRequest, found: Found) -> Dict[str, Any]:
    role, database = found.role, found.database or NO_DATABASE
    return {
        "name": request.name,
        "exists": found.database is not None,
        "owner": database.owner,
        "host": found.host,
        "port": found.port,
        "encoding": database.encoding,
        "collate": database.collate,
        "ctype": database.ctype,
        "extensions": sorted(database.extensions),
        "readers": sorted(database.readers),
        "tables": database.tables,
        "objects": database.objects,
        "server_version": found.server_version,
        "role": request.owner,
        "role_exists": role is not None,
        "can_login": role is not None and role.can_login,
        "password_matches": role.has_password if role and request.has_password else None,
        "login_works": found.login.works,
        "login_problem": found.login.problem,
        "sessions": found.sessions,
    }


def _describe_settings(found: Found) -> Dict[str, Dict[str, Any]]:
    judged = check_settings({name: setting.value for name, setting in found.settings.items()})
    return {
        name: {
            "value": item.value,
            "required": item.required,
            "ok": item.ok,
            "pending_restart": found.settings[name].needs_restart,
        }
        for name, item in judged.items()
    }
