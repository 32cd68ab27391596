# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sets databases aside, puts them back or drops them, from any state that a killed run can leave.

A database is known by its OID, which a rename keeps. This file is private to the collection.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence

from ..._common.errors import Problem
from ..._postgres.aside_model import AsideDatabase, AsideServerState
from ..._postgres.rules import LONGEST_NAME
from ..._postgres.server_model import Step

ASIDE, BACK, DROPPED = "aside", "back", "dropped"


class Named(NamedTuple):
    """A database as the caller knows it; ``oid`` is 0 where it was not looked up yet."""

    name: str
    oid: int


class AsideRequest(NamedTuple):
    """The options of engine_database_aside, without secrets."""

    state: str
    databases: Dict[str, Named]  # by kind
    suffix: str
    renew: bool


class AsidePlan(NamedTuple):
    """The steps in their order, and every problem that forbids them."""

    steps: List[Step]
    problems: List[Problem]


def name_aside(name: str, suffix: str) -> str:
    """Return the name under which a database waits: cut so that PostgreSQL keeps all of it."""
    room = LONGEST_NAME - len(suffix.encode("utf-8")) - 1
    return name.encode("utf-8")[:room].decode("utf-8", "ignore") + "_" + suffix


def name_unfinished(name: str, suffix: str) -> str:
    """Return the name of a replacement that is still being made."""
    return name_aside(name, suffix + "_new")


def find_original(named: Named, server: AsideServerState) -> Optional[AsideDatabase]:
    """Return the database that is meant, whatever its name is by now."""
    if not named.oid:
        return server.by_name(named.name)
    return next((found for found in server.databases if found.oid == named.oid), None)


def plan_aside(request: AsideRequest, server: AsideServerState) -> AsidePlan:
    """Return what is to be done; every database is looked at before the first step of any."""
    problems = check_server(request, server)
    if problems:
        return AsidePlan([], problems)
    steps: List[Step] = []
    plans = {ASIDE: set_aside, BACK: put_back, DROPPED: drop}
    for kind, named in sorted(request.databases.items()):
        planned = plans[request.state](kind, named, request, server)
        steps += planned.steps
        problems += planned.problems
    problems += check_space(request, steps, server)
    return AsidePlan([] if problems else steps, problems)


def check_server(request: AsideRequest, server: AsideServerState) -> List[Problem]:
    """Return why nothing can be renamed on this server."""
    if not server.is_superuser:
        text = "a database is renamed by a superuser of its server; '%s' is none"
        return [Problem("superuser_needed", text % server.user)]
    if server.is_standby:
        return [Problem("server_is_standby", "the server is a standby, which takes no changes")]
    missing = [kind for kind, named in sorted(request.databases.items()) if request.state != ASIDE and not named.oid]
    text = "the OID of the %s database is needed: it alone tells which database was set aside"
    return [Problem("option_out_of_range", text % kind) for kind in missing]


def check_space(request: AsideRequest, steps: List[Step], server: AsideServerState) -> List[Problem]:
    """Return why old and new databases do not fit side by side."""
    needed = room_needed(steps, server)
    if request.state != ASIDE or server.free is None or needed <= server.free:
        return []
    text = "the disk of PostgreSQL has %d bytes free, databases of %d bytes are to stand there twice for a while"
    return [Problem("space_aside", text % (server.free, needed))]


def room_needed(steps: List[Step], server: AsideServerState) -> int:
    """Return the bytes that the databases have which are about to be renamed: their replacements will need as many."""
    dropped = {step.arguments[0] for step in steps if step.action == "drop_database"}
    names = {step.arguments[0] for step in steps if step.action == "rename"} - dropped
    return sum(found.size for found in server.databases if found.name in names)


def missing(kind: str, named: Named) -> AsidePlan:
    """The database that was set aside is nowhere: somebody dropped it."""
    text = "the %s database '%s' (OID %d) is not on this server under any name: it was dropped"
    return AsidePlan([], [Problem("aside_missing", text % (kind, named.name, named.oid))])


def set_aside(kind: str, named: Named, request: AsideRequest, server: AsideServerState) -> AsidePlan:
    """Rename a database away and make an empty one like it."""
    aside, unfinished = name_aside(named.name, request.suffix), name_unfinished(named.name, request.suffix)
    original, here = find_original(named, server), server.by_name(named.name)
    if original is None:
        if named.oid:
            return missing(kind, named)
        return AsidePlan([], [Problem("database_missing", "there is no database '%s' (%s)" % (named.name, kind))])
    occupied = server.by_name(aside)
    if occupied is not None and occupied.oid != original.oid:
        text = "a database '%s' is there already, which is not the %s database of this run"
        return AsidePlan([], [Problem("aside_occupied", text % (aside, kind))])
    steps, problems = [], []
    if original.name == named.name:
        problems = [Problem("aside_impossible", "the %s database: %s" % (kind, text)) for text in original.obstacles]
        steps += rename(original.name, aside, "set the %s database '%s' aside as '%s'" % (kind, named.name, aside))
    elif here is not None and not request.renew:
        return AsidePlan([], [])
    elif here is not None:
        steps += remove(here.name, "drop the '%s' that an interrupted run has filled" % here.name)
    if server.by_name(unfinished) is not None:
        steps += remove(unfinished, "drop '%s', which an interrupted run had begun" % unfinished)
    steps.append(Step("create_like", (unfinished, aside), "make an empty database like '%s'" % aside))
    steps.append(Step("rename", (unfinished, named.name), "name it '%s'" % named.name))
    return AsidePlan(steps, problems)


def put_back(kind: str, named: Named, request: AsideRequest, server: AsideServerState) -> AsidePlan:
    """Drop what has the name now and rename the original back."""
    original, here = find_original(named, server), server.by_name(named.name)
    if original is None:
        return missing(kind, named)
    steps: List[Step] = []
    unfinished = name_unfinished(named.name, request.suffix)
    if original.name != named.name:
        if here is not None:
            steps += remove(here.name, "drop the new %s database '%s'" % (kind, here.name))
        steps += rename(original.name, named.name, "put the %s database '%s' back" % (kind, named.name))
    if server.by_name(unfinished) is not None:
        steps += remove(unfinished, "drop '%s', which an interrupted run had begun" % unfinished)
    if steps or not original.allows_connections:
        steps.append(Step("open", (named.name,), "let clients into '%s' again" % named.name))
    return AsidePlan(steps, [])


def drop(kind: str, named: Named, request: AsideRequest, server: AsideServerState) -> AsidePlan:
    """Drop the original, which the new one has replaced."""
    original = find_original(named, server)
    aside = name_aside(named.name, request.suffix)
    if original is None:
        return AsidePlan([], [])
    if original.name != aside:
        text = "the %s database with OID %d is called '%s', not '%s': it is not dropped"
        return AsidePlan([], [Problem("aside_in_use", text % (kind, named.oid, original.name, aside))])
    return AsidePlan(remove(aside, "drop the old %s database '%s'" % (kind, aside)), [])


def rename(old: str, new: str, text: str) -> List[Step]:
    """Return the steps that give a database another name; in between it lets nobody in."""
    return vacate(old) + [Step("rename", (old, new), text)]


def remove(name: str, text: str) -> List[Step]:
    """Return the steps that drop a database and whoever uses it."""
    return vacate(name) + [Step("drop_database", (name,), text)]


def vacate(name: str) -> List[Step]:
    """Return the steps after which nobody is in a database, nor comes in."""
    return [
        Step("close", (name,), "let nobody into '%s'" % name),
        Step("empty_of_sessions", (name,), "end the sessions in '%s'" % name),
    ]


def told(steps: Sequence[Step]) -> List[str]:
    """Return the sentences a person wants of the steps: what becomes of databases, not who is kept out meanwhile."""
    return [step.text for step in steps if step.action not in ("close", "empty_of_sessions", "open")]
