# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From every state that a killed run leaves, databases are set aside, put back and dropped, and nothing else is."""

from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.database.aside_plan import (
    AsideRequest,
    Named,
    name_aside,
    plan_aside,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.database.aside_run import move_aside, preview_aside
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.aside_model import AsideDatabase, AsideServerState
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.server_model import Step

SUFFIX = "before_20261201t0102z"
ENGINE, DWH, OTHER = 100, 200, 300
KNOWN = {"engine": Named("engine", ENGINE), "dwh": Named("dwh", DWH)}


class SimulatedServer:
    """Does what PostgreSQL does with names and OIDs; dies before a step where that is wished."""

    def __init__(self, dies_at: Optional[int] = None, **changes: Any) -> None:
        self.databases = {
            oid: AsideDatabase(oid, name, 1000, True, 2)
            for oid, name in ((ENGINE, "engine"), (DWH, "dwh"), (OTHER, "other"))
        }
        self.changes = changes
        self.dies_at = dies_at
        self.done: List[Step] = []
        self.next_oid = 1000

    def look(self) -> AsideServerState:
        state = AsideServerState("postgres", True, False, None, tuple(self.databases.values()))
        return state._replace(**self.changes)

    def perform(self, step: Step) -> None:
        if self.dies_at is not None and len(self.done) == self.dies_at:
            raise KeyboardInterrupt
        self.done.append(step)
        getattr(self, step.action)(*step.arguments)

    def change(self, which: str, **fields: Any) -> None:
        found = next(one for one in self.databases.values() if one.name == which)
        self.databases[found.oid] = found._replace(**fields)

    def close(self, name: str) -> None:
        self.change(name, allows_connections=False)

    def open(self, name: str) -> None:
        self.change(name, allows_connections=True)

    def empty_of_sessions(self, name: str) -> None:
        self.change(name, sessions=0)

    def rename(self, old: str, new: str) -> None:
        assert new not in self.names()
        assert next(one for one in self.databases.values() if one.name == old).sessions == 0
        self.change(old, name=new)

    def create_like(self, name: str, original: str) -> None:
        assert name not in self.names() and original in self.names()
        self.next_oid += 1
        self.databases[self.next_oid] = AsideDatabase(self.next_oid, name, 8, True, 0)

    def drop_database(self, name: str) -> None:
        found = next(one for one in self.databases.values() if one.name == name)
        assert found.sessions == 0
        del self.databases[found.oid]

    def names(self) -> Dict[str, int]:
        return {one.name: one.oid for one in self.databases.values()}


def request(state: str, renew: bool = False, **databases: Named) -> AsideRequest:
    return AsideRequest(state, databases or KNOWN, SUFFIX, renew)


def is_aside(server: SimulatedServer) -> bool:
    names = server.names()
    waits = all(names.get(name_aside(name, SUFFIX)) == oid for name, oid in (("engine", ENGINE), ("dwh", DWH)))
    return waits and {"engine", "dwh"} <= set(names) and len(names) == 5


def is_as_before(server: SimulatedServer) -> bool:
    return server.names() == {"engine": ENGINE, "dwh": DWH, "other": OTHER} and all(
        found.allows_connections for found in server.databases.values()
    )


def killed_after(steps: int, state: str) -> SimulatedServer:
    """A server on which a run was killed; databases to go back or to be dropped are set aside first."""
    server = SimulatedServer()
    if state != "aside":
        move_aside(request("aside"), server)
        server.done.clear()
    server.dies_at = steps
    with pytest.raises(KeyboardInterrupt):
        move_aside(request(state), server)
    server.dies_at = None
    return server


ASIDE_STEPS = len(plan_aside(request("aside"), SimulatedServer().look()).steps)


def test_databases_are_set_aside_and_put_back_with_their_oids() -> None:
    server = SimulatedServer()
    assert preview_aside(request("aside"), server).steps and is_as_before(server)
    move_aside(request("aside"), server)
    assert is_aside(server)
    assert not move_aside(request("aside"), server).steps
    move_aside(request("back"), server)
    assert is_as_before(server)
    assert not move_aside(request("back"), server).steps


@pytest.mark.parametrize("steps", range(ASIDE_STEPS))
def test_run_that_was_killed_while_it_set_aside_goes_on_or_back(steps: int) -> None:
    server = killed_after(steps, "aside")
    move_aside(request("aside", renew=True), server)
    assert is_aside(server)
    server = killed_after(steps, "aside")
    move_aside(request("back"), server)
    assert is_as_before(server)


@pytest.mark.parametrize("steps", range(14))
def test_run_that_was_killed_while_it_put_back_is_finished_by_the_next(steps: int) -> None:
    server = killed_after(steps, "back")
    move_aside(request("back"), server)
    assert is_as_before(server)


@pytest.mark.parametrize("steps", range(6))
def test_run_that_was_killed_while_it_dropped_is_finished_by_the_next(steps: int) -> None:
    server = killed_after(steps, "dropped")
    move_aside(request("dropped"), server)
    assert set(server.names()) == {"engine", "dwh", "other"} and ENGINE not in server.databases


def test_renewed_replacement_is_another_and_the_original_stays() -> None:
    server = SimulatedServer()
    move_aside(request("aside"), server)
    before = server.names()
    move_aside(request("aside", renew=True), server)
    assert is_aside(server) and server.names()["engine"] != before["engine"]


def refused(state: str, server: SimulatedServer, **databases: Named) -> List[str]:
    before = dict(server.databases)
    with pytest.raises(Refused) as caught:
        move_aside(request(state, **databases), server)
    assert server.databases == before
    return [problem["code"] for problem in caught.value.facts["problems"]]


def test_one_that_was_dropped_by_somebody_keeps_all_from_being_touched() -> None:
    server = SimulatedServer()
    move_aside(request("aside"), server)
    del server.databases[DWH]
    assert refused("back", server) == ["aside_missing"]
    assert refused("aside", server) == ["aside_missing"]


def test_name_that_is_taken_is_refused() -> None:
    server = SimulatedServer()
    server.change("other", name=name_aside("engine", SUFFIX))
    assert refused("aside", server) == ["aside_occupied"]


def test_what_cannot_be_renamed_is_refused_with_what_to_do() -> None:
    server = SimulatedServer()
    server.change("engine", obstacles=("it is a template",))
    assert refused("aside", server) == ["aside_impossible"]
    assert refused("aside", SimulatedServer(is_superuser=False)) == ["superuser_needed"]
    assert refused("aside", SimulatedServer(is_standby=True)) == ["server_is_standby"]
    assert refused("aside", SimulatedServer(free=1999)) == ["space_aside"]
    assert refused("aside", SimulatedServer(), engine=Named("gone", 0)) == ["database_missing"]
    assert refused("back", SimulatedServer(), engine=Named("engine", 0)) == ["option_out_of_range"]


def test_database_in_use_under_its_own_name_is_never_dropped() -> None:
    assert refused("dropped", SimulatedServer()) == ["aside_in_use", "aside_in_use"]


def test_room_is_needed_for_what_is_renamed_only() -> None:
    server = SimulatedServer(free=2000)
    move_aside(request("aside"), server)
    server.changes = {"free": 0}
    move_aside(request("aside", renew=True), server)


def test_step_that_fails_tells_what_was_done() -> None:
    server = SimulatedServer()

    def fail(_name: str, _original: str) -> None:
        raise BackupError("no room", "database_unwritable")

    server.create_like = fail  # type: ignore[method-assign]
    with pytest.raises(BackupError) as caught:
        move_aside(request("aside"), server)
    assert caught.value.facts["changes"] == ["set the dwh database 'dwh' aside as 'dwh_%s'" % SUFFIX]


@pytest.mark.parametrize("name", ["engine", "x" * 63, "ü" * 31, 'a"b %'])
def test_name_aside_fits_into_what_postgresql_keeps(name: str) -> None:
    found = name_aside(name, SUFFIX)
    assert len(found.encode()) <= 63 and found.endswith("_" + SUFFIX) and name.startswith(found[: -len(SUFFIX) - 1])
