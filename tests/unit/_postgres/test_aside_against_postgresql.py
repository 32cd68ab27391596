# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On a real server: databases are set aside and put back with all that they hold, whoever uses them."""

import threading
from typing import Any, Dict, Iterator

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.database.aside_plan import (
    AsideRequest,
    Named,
    name_aside,
    plan_aside,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.database.aside_run import move_aside
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.aside import AsideServer
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings
from unit.fakes.throwaway_server import Server, throwaway_server

psycopg2 = pytest.importorskip("psycopg2")
pytestmark = pytest.mark.postgresql

SUFFIX = "before_20261201t0102z"
NAME = 'an "odd" name, 100 % ü'
CONTENT = """
CREATE TABLE kept (number integer); INSERT INTO kept SELECT generate_series(1, 1000);
SELECT lo_from_bytea(4711, 'large'); CREATE EXTENSION pg_trgm; CREATE SCHEMA own; CREATE TABLE own.more ();
"""
PROPERTIES = """
SELECT pg_get_userbyid(datdba), encoding, datcollate, datctype, datconnlimit,
 (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a),
 (SELECT array_agg(coalesce(setrole::regrole::text, '') || setconfig::text ORDER BY 1) FROM pg_db_role_setting
  WHERE setdatabase = d.oid)
 FROM pg_database d WHERE datname = %s
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with throwaway_server(tmp_path_factory.mktemp("aside")) as made:
        made.psql("postgres", "CREATE ROLE engine LOGIN; CREATE ROLE reader LOGIN PASSWORD 'reader'")
        yield made


@pytest.fixture
def oid(server: Server) -> int:
    """The OID of a database with everything that a dump does not carry."""
    for name in (NAME, name_aside(NAME, SUFFIX), name_aside(NAME, SUFFIX + "_new")):
        ask(server, "DROP DATABASE IF EXISTS %s WITH (FORCE)" % quoted(name))
    options = "OWNER engine TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
    ask(server, "CREATE DATABASE %s %s CONNECTION LIMIT 7" % (quoted(NAME), options))
    for statement in (
        "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {} TO reader WITH GRANT OPTION",
        'ALTER DATABASE {} SET search_path = "$user", public, "odd one"',
        "ALTER DATABASE {} SET work_mem = '9MB'",
        "ALTER DATABASE {} SET log_statement = 'all'",
        "ALTER ROLE reader IN DATABASE {} SET statement_timeout = '5s'",
    ):
        ask(server, statement.format(quoted(NAME)))
    server.psql(NAME, CONTENT)
    return int(ask(server, "SELECT oid FROM pg_database WHERE datname = %s", NAME)[0][0])


def quoted(name: str) -> str:
    return '"%s"' % name.replace('"', '""')


def log_in(server: Server, database: str = "postgres", user: str = "postgres") -> Any:
    session = psycopg2.connect(host=server.socket, port=server.port, user=user, dbname=database)
    session.autocommit = True
    return session


def ask(server: Server, statement: str, *values: Any, database: str = "postgres") -> Any:
    session = log_in(server, database)
    with session.cursor() as cursor:
        cursor.execute(statement, values or None)
        rows = cursor.fetchall() if cursor.description else []
    session.close()
    return rows


def aside_server(server: Server) -> AsideServer:
    return AsideServer(Settings(server.socket, server.port, "postgres", "", "postgres", False, False, ""))


def move(server: Server, state: str, oid: int, **options: Any) -> Any:
    entered = aside_server(server)
    with entered.session(writes=True):
        return move_aside(
            AsideRequest(state, {"engine": Named(NAME, oid)}, SUFFIX, options.get("renew", False)), entered
        )


def holdings(server: Server) -> Dict[str, Any]:
    """What the database holds, and what it is."""
    count = "SELECT (SELECT count(*) FROM kept), lo_get(4711)::text, 'own.more'::regclass::text"
    return {"rows": ask(server, count, database=NAME), "properties": ask(server, PROPERTIES, NAME)}


def test_replacement_is_empty_and_alike_and_the_original_comes_back_whole(server: Server, oid: int) -> None:
    before = holdings(server)
    move(server, "aside", oid)
    assert ask(server, PROPERTIES, NAME) == before["properties"]
    assert ask(server, "SELECT extname FROM pg_extension ORDER BY 1", database=NAME) == [("pg_trgm",), ("plpgsql",)]
    assert ask(server, "SELECT to_regclass('kept'), (SELECT count(*) FROM pg_largeobject_metadata)", database=NAME) == [
        (None, 0)
    ]
    with pytest.raises(psycopg2.OperationalError, match="not currently accepting"):
        log_in(server, name_aside(NAME, SUFFIX))
    move(server, "back", oid)
    assert holdings(server) == before
    assert ask(server, "SELECT oid::int FROM pg_database WHERE datname = %s", NAME) == [(oid,)]


def test_sessions_that_come_back_at_once_are_no_obstacle(server: Server, oid: int) -> None:
    done = threading.Event()
    seen = []

    def hold() -> None:
        while not done.is_set():
            try:
                session = log_in(server, NAME)
                with session.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(60)")
            except psycopg2.Error as error:
                seen.append(str(error))

    holders = [threading.Thread(target=hold) for _number in range(3)]
    for holder in holders:
        holder.start()
    try:
        assert move(server, "aside", oid).steps
        move(server, "back", oid)
    finally:
        done.set()
        ask(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", NAME)
        for holder in holders:
            holder.join()
    assert holdings(server)["rows"][0][0] == 1000


@pytest.mark.parametrize("steps", range(6))
def test_run_killed_between_two_steps_goes_on_and_back(server: Server, oid: int, steps: int) -> None:
    before = holdings(server)
    entered = aside_server(server)
    request = AsideRequest("aside", {"engine": Named(NAME, oid)}, SUFFIX, True)
    with entered.session(writes=True):
        for step in plan_aside(request, entered.look()).steps[:steps]:
            entered.perform(step)
    move(server, "aside", oid, renew=True)
    ask(server, "CREATE TABLE half_filled ()", database=NAME)
    move(server, "back", oid)
    assert holdings(server) == before


def test_dropped_is_the_original_and_the_replacement_stays(server: Server, oid: int) -> None:
    move(server, "aside", oid)
    ask(server, "CREATE TABLE restored ()", database=NAME)
    move(server, "dropped", oid)
    assert ask(server, "SELECT to_regclass('restored') IS NOT NULL", database=NAME) == [(True,)]
    assert ask(server, "SELECT count(*) FROM pg_database WHERE oid = %s", oid) == [(0,)]
    assert not move(server, "dropped", oid).steps


def test_ordinary_role_is_refused_by_its_name(server: Server, oid: int) -> None:
    entered = AsideServer(Settings(server.socket, server.port, "reader", "reader", "postgres", False, False, ""))
    with entered.session(writes=False):
        plan = plan_aside(AsideRequest("aside", {"engine": Named(NAME, oid)}, SUFFIX, False), entered.look())
    assert [problem.code for problem in plan.problems] == ["superuser_needed"]
    assert "reader" in plan.problems[0].message


def test_slots_and_prepared_transactions_are_named(server: Server, oid: int) -> None:
    ask(server, "ALTER DATABASE %s IS_TEMPLATE true" % quoted(NAME))
    entered = aside_server(server)
    with entered.session(writes=False):
        plan = plan_aside(AsideRequest("aside", {"engine": Named(NAME, oid)}, SUFFIX, False), entered.look())
    ask(server, "ALTER DATABASE %s IS_TEMPLATE false" % quoted(NAME))
    assert [problem.code for problem in plan.problems] == ["aside_impossible"]
    assert "IS_TEMPLATE false" in plan.problems[0].message
