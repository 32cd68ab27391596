# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_database fences a database that was left behind, and removes what a failed provisioning left."""

from contextlib import closing
from typing import Any

import psycopg2

from ..playbooks import Engine
from .postgresql import OTHER_PASSWORD, PASSWORD, Server, assert_refused, verify_twice, work_once


def is_alive(session: Any) -> bool:
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True


def make(server: Server, name: str) -> None:
    """A role and its database, with a table in it."""
    server.ask_unseen(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    server.ask(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0")
    server.ask(f"CREATE TABLE kept AS SELECT 1 AS id; ALTER TABLE kept OWNER TO {name}", name)


def test_fence_ends_sessions_and_keeps_the_owner_out_until_it_is_lifted(engine: Engine, server: Server) -> None:
    make(server, "left_behind")
    server.ask_unseen(f"CREATE ROLE bystander LOGIN PASSWORD '{OTHER_PASSWORD}'")
    sessions = [
        server.login("left_behind", PASSWORD, "left_behind"),
        server.login("left_behind", PASSWORD, "postgres"),
        server.login("bystander", OTHER_PASSWORD, "left_behind"),
    ]
    elsewhere = server.login("bystander", OTHER_PASSWORD, "postgres")
    administrator = psycopg2.connect(
        host=str(server.lab.socket), port=server.lab.port, user="postgres", dbname="left_behind"
    )
    task = server.task(name="left_behind", owner="left_behind", state="fenced")

    fenced = verify_twice(engine, server, task)
    assert fenced["ended_sessions"] == 3
    assert fenced["database"]["sessions"] == 0
    assert not fenced["database"]["can_login"]
    assert [is_alive(session) for session in sessions] == [False] * 3
    assert is_alive(elsewhere) and is_alive(administrator)
    assert not server.lets_in("left_behind", PASSWORD, "left_behind")
    assert server.ask("SELECT count(*) FROM kept", "left_behind") == "1"
    for session in (elsewhere, administrator):
        session.close()

    wanted = server.task(name="left_behind", owner="left_behind", password=PASSWORD, extensions=[])
    (refused,) = assert_refused(engine, server, (wanted, ["role_fenced"]))
    assert "state unfenced" in refused["msg"]
    work_once(engine, server.task(name="left_behind", owner="left_behind", state="unfenced"))
    assert server.lets_in("left_behind", PASSWORD, "left_behind")
    assert not engine.play(wanted)[0]["changed"]


def test_session_that_comes_back_is_ended_again(engine: Engine, server: Server) -> None:
    make(server, "stubborn")
    server.ask("ALTER ROLE stubborn NOLOGIN")
    with closing(server.login("engine", server.lab.databases["engine"].password, "stubborn")) as session:
        result = engine.play(server.task(name="stubborn", owner="stubborn", state="fenced"))[0]
        assert (result["changed"], result["ended_sessions"]) == (True, 1)
        assert not is_alive(session)


def test_twins_of_a_failed_provisioning_are_removed_with_their_access(engine: Engine, server: Server) -> None:
    twin = "engine_20261122134500"
    clients = ["0.0.0.0/0", "::/0"]
    rules = server.access.read_text()
    made = server.task(name=twin, owner=twin, password=PASSWORD, client_addresses=clients)
    assert engine.play(made)[0]["changed"]
    server.ask("CREATE ROLE lonely LOGIN")
    task = server.task(name=twin, owner=twin, state="absent", client_addresses=clients)
    gone = verify_twice(engine, server, task)
    work_once(engine, server.task(name="never_made", owner="lonely", state="absent"))
    assert not gone["database"]["exists"] and not gone["database"]["role_exists"]
    assert server.ask(f"SELECT count(*) FROM pg_roles, pg_database WHERE '{twin}' IN (rolname, datname)") == "0"
    assert server.access.read_text() == rules


HOLDS: dict[str, tuple[list[str], str]] = {
    "holds_table": (["CREATE TABLE kept (id int)"], "database_filled"),
    "holds_schema": (["CREATE SCHEMA s CREATE TABLE kept (id int)"], "database_filled"),
    "holds_view": (["CREATE MATERIALIZED VIEW kept AS SELECT 1"], "database_filled"),
    "owns_another": (["CREATE DATABASE another OWNER owns_another"], "role_in_use"),
    "grantee": (["GRANT CONNECT ON DATABASE engine TO grantee"], "role_in_use"),
    "usurped": (["CREATE ROLE usurper", "ALTER DATABASE usurped OWNER TO usurper"], "database_wrong_owner"),
}


def test_what_still_holds_something_or_is_in_use_is_not_removed_nor_fenced_for_another_owner(
    engine: Engine, server: Server
) -> None:
    for name, (statements, _code) in HOLDS.items():
        server.ask(f"CREATE ROLE {name} LOGIN")
        server.ask(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0")
        for statement in statements:
            server.ask(statement, name)
    make(server, "mine")
    server.ask_unseen(f"CREATE ROLE busy LOGIN PASSWORD '{PASSWORD}'")
    server.ask("CREATE DATABASE busy OWNER busy TEMPLATE template0")
    removed = {name: server.task(name=name, owner=name, state="absent") for name in (*HOLDS, "busy")}
    with closing(server.login("busy", PASSWORD, "busy")) as session:
        assert_refused(
            engine, server, *((removed[name], [code]) for name, (_statements, code) in HOLDS.items()),
            (removed["busy"], ["database_in_use"]),
            (server.task(name="mine", owner="engine", state="fenced"), ["database_wrong_owner"]),
        )  # fmt: skip
        assert is_alive(session)
    assert server.lets_in("engine", server.lab.databases["engine"].password, "engine")
