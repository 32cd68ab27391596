# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set databases aside, put them back or drop them: look, plan, act, look again.

This file is private to the collection.
"""

from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple

from ..._common.errors import BackupError, Refused
from ..._postgres.aside_model import AsideServerState
from ..._postgres.server_model import Step
from .aside_plan import ASIDE, AsideRequest, find_original, name_aside, plan_aside, room_needed, told
from .run import Performer, perform_steps

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Server(Performer, Protocol):
    """The database server: _postgres.aside.AsideServer, and the fake of the unit tests."""

    def look(self) -> AsideServerState:
        """What is there."""


class AsideResult(NamedTuple):
    """The server before and after, and the steps in between."""

    before: AsideServerState
    after: AsideServerState
    steps: List[Step]


def preview_aside(request: AsideRequest, server: Server) -> AsideResult:
    """Return what would be done, or refuse as a run would; nothing is written."""
    found = server.look()
    return AsideResult(found, found, plan_steps(request, found))


def move_aside(request: AsideRequest, server: Server) -> AsideResult:
    """Do what is missing, and insist that nothing is missing any more."""
    found = server.look()
    steps = plan_steps(request, found)
    perform_steps(steps, server, told)
    after = server.look() if steps else found
    left = plan_aside(request._replace(renew=False), after)
    if left.steps or left.problems:
        texts = told(left.steps) + [problem.message for problem in left.problems]
        text = "Everything was done, but the server does not show it: %s" % "; ".join(texts)
        raise BackupError(text, "server_disagrees", changed=True, changes=told(steps))
    return AsideResult(found, after, steps)


def plan_steps(request: AsideRequest, found: AsideServerState) -> List[Step]:
    """Return the steps, or refuse."""
    plan = plan_aside(request, found)
    if plan.problems:
        raise Refused(plan.problems, phase="plan")
    return plan.steps


def describe_databases(request: AsideRequest, result: AsideResult) -> Dict[str, Dict[str, Any]]:
    """Return each database of the request: where it is, how large, and under which name it waits."""
    described = {}
    for kind, named in request.databases.items():
        aside = name_aside(named.name, request.suffix)
        before = find_original(named, result.before)
        oid = before.oid if before is not None else named.oid
        after = find_original(named._replace(oid=oid), result.after) if oid else None
        described[kind] = {
            "name": named.name,
            "oid": oid,
            "aside": aside,
            "size": before.size if before is not None else 0,
            "is_aside": after is not None and after.name == aside,
            "exists": after is not None,
        }
    return described


def describe_space(request: AsideRequest, result: AsideResult) -> Dict[str, Any]:
    """Return the room that the replacements will need, and what is free, in bytes."""
    needed = room_needed(result.steps, result.before) if request.state == ASIDE else 0
    return {"needed": needed, "free": result.before.free}
