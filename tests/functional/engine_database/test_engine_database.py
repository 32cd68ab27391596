# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_database makes what an engine accepts, and finds out by itself what is missing."""

import time
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from ..playbooks import Engine, checked
from ..side_effects import Witness
from .postgresql import OTHER_PASSWORD, PASSWORD, Server, user_of, verify_twice, work_once


def test_role_and_database_are_made_as_an_engine_wants_them(engine: Engine, server: Server) -> None:
    with Witness() as witness:
        made = verify_twice(engine, server, server.task(name="fresh", owner="fresh_owner", password=PASSWORD))
    assert not [seen for seen in witness.seen if PASSWORD.encode() in seen]
    facts = server.ask(
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"
        " WHERE datname = 'fresh'")  # fmt: skip
    assert facts == "fresh_owner|UTF8|en_US.UTF-8|en_US.UTF-8"
    role = "SELECT rolcanlogin, rolsuper, left(rolpassword, 14) FROM pg_authid WHERE rolname = 'fresh_owner'"
    assert server.ask(role) == "t|f|SCRAM-SHA-256$"
    assert server.ask("SELECT extname FROM pg_extension ORDER BY 1", "fresh").split() == ["plpgsql", "uuid-ossp"]
    assert server.lets_in("fresh_owner", PASSWORD, "fresh")
    assert not server.lets_in("fresh_owner", OTHER_PASSWORD, "fresh")
    assert made["database"]["login_works"] is True
    assert made["database"]["tables"] == 0


def test_what_is_missing_is_found_out_and_done_once(engine: Engine, server: Server) -> None:
    """Whatever the server holds: a password that is not the wanted one, or what an interrupted run left."""
    stored = {
        "forgotten": f"PASSWORD '{OTHER_PASSWORD}'",
        "old": f"PASSWORD '{PASSWORD}'",
        "expired": f"PASSWORD '{PASSWORD}' VALID UNTIL '2001-01-01'",
        "unset": "PASSWORD NULL",
    }
    for name, words in stored.items():
        server.ask_unseen(f"SET password_encryption = '{'md5' if name == 'old' else 'scram-sha-256'}';"
                          f" CREATE ROLE {name} LOGIN {words}")  # fmt: skip
    for name in ("halfway", "nearly_there"):
        server.ask_unseen(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    server.ask("CREATE DATABASE nearly_there OWNER nearly_there TEMPLATE template0")
    server.ask("CREATE ROLE first_owner; CREATE ROLE second_owner LOGIN")
    server.ask("CREATE DATABASE passed_on OWNER first_owner TEMPLATE template0")
    odd = "All_.@%+=,/~^-9"
    made = work_once(
        engine,
        *(server.task(owner=name, password=PASSWORD) for name in (*stored, "reporting")),
        *(server.task(name=name, owner=name, password=PASSWORD) for name in ("halfway", "nearly_there")),
        server.task(name=odd, owner=odd, password=PASSWORD + odd, client_addresses="10.0.0.1"),
        server.task(name="passed_on", owner="second_owner", change_owner=True),
    )
    assert made[0]["changes"][0] == "set the password of the role 'forgotten'"
    assert [result["database"]["exists"] for result in made] == [False] * 5 + [True] * 4
    assert all(server.lets_in(name, PASSWORD, "postgres") for name in (*stored, "reporting", "halfway", "nearly_there"))
    assert not server.lets_in("forgotten", OTHER_PASSWORD, "postgres")
    assert server.lets_in(odd, PASSWORD + odd, odd)
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'passed_on'"
    assert server.ask(owner) == "second_owner"


def test_database_that_fits_and_password_that_is_not_given_are_left_alone(engine: Engine, server: Server) -> None:
    name, owner, password = server.lab.databases["engine"]
    found, untouched = engine.play(
        server.task(name=name, owner=owner, password=password), server.task(name=name, owner=owner)
    )
    assert (found["changed"], untouched["changed"]) == (False, False)
    assert found["database"]["tables"] > 5
    assert (found["database"]["login_works"], untouched["database"]["login_works"]) == (True, None)
    assert all(setting["ok"] for setting in found["settings"].values())
    assert server.lets_in(owner, password, name)


def test_superuser_enters_by_tcp_with_a_password(engine: Engine, server: Server) -> None:
    server.ask_unseen(f"ALTER ROLE postgres PASSWORD '{OTHER_PASSWORD}'")
    login = {"login_unix_socket": "", "login_password": OTHER_PASSWORD}
    made, gone = work_once(
        engine,
        server.task(name="far", owner="far", password=PASSWORD, **login),
        server.task(name="far", owner="far", state="absent", **login),
    )
    assert (made["database"]["host"], made["database"]["port"]) == ("127.0.0.1", server.lab.port)
    assert gone["database"]["exists"] is False


def test_roles_that_read_get_what_is_there_and_what_will_be(engine: Engine, server: Server) -> None:
    for role in ("seller", "reader"):
        server.ask_unseen(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    server.ask("CREATE DATABASE sales OWNER seller TEMPLATE template0")
    with closing(server.login("seller", PASSWORD, "sales")) as owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE old (id int); CREATE VIEW seen AS SELECT * FROM old")
        work_once(engine, server.task(name="sales", owner="seller", readers=["reader"]))
        cursor.execute("CREATE TABLE new (id int)")
    with closing(server.login("reader", PASSWORD, "sales")) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM old, seen, new")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("INSERT INTO old VALUES (1)")
    server.ask("CREATE TABLE later (id int); ALTER TABLE later OWNER TO seller", "sales")
    repaired = engine.play(server.task(name="sales", owner="seller", readers=["reader"]))[0]
    assert repaired["changes"] == ["let the role 'reader' read the database 'sales'"]


def test_client_is_let_in_before_a_rule_that_would_reject_it(engine: Engine, server: Server) -> None:
    server.ask("CREATE ROLE guest LOGIN")
    rules = "# who may enter\nlocal all postgres trust\n\nhost all guest 127.0.0.0/8 reject # nobody\n"
    server.access.parent.joinpath("pg_hba.conf.unfinished").write_text("of a run that was killed")
    with server.access_rules(rules):
        before = user_of(server.access)
        task = server.task(name="inn", owner="guest", password=PASSWORD, client_addresses=["127.0.0.1", "fd00::/8"])
        made = verify_twice(engine, server, task)
        assert server.access.read_text() == (
            "# who may enter\nlocal all postgres trust\n\n"
            "host inn guest 127.0.0.1/32 scram-sha-256\n"
            "host all guest 127.0.0.0/8 reject # nobody\n"
            "host inn guest fd00::/8 scram-sha-256\n"
        )
        assert user_of(server.access) == before
        assert made["pg_hba"]["missing"] == []
        assert made["database"]["login_works"] is True
        assert server.lets_in("guest", PASSWORD, "inn")
        assert not server.lets_in("guest", PASSWORD, "postgres")
    assert sorted(path.name for path in server.access.parent.glob("pg_hba*")) == ["pg_hba.conf"]


def test_line_that_a_killed_run_wrote_and_the_server_never_read_is_loaded(engine: Engine, server: Server) -> None:
    name, owner, password = server.lab.databases["engine"]
    rules = server.access.read_text()
    with server.access_rules("local all postgres trust\nhost all all all reject\n"):
        time.sleep(1.1)  # the server tells the time of a file in seconds
        server.access.write_text(rules)
        task = server.task(name=name, owner=owner, password=password, client_addresses=["127.0.0.1"])
        (made,) = work_once(engine, task)
    assert made["changes"] == ["let the server read its configuration files again"]
    assert made["database"]["login_works"] is True


def test_rules_that_let_everybody_in_hide_no_wrong_password_and_rules_that_keep_it_out_are_a_warning(
    engine: Engine, server: Server
) -> None:
    name, owner, password = server.lab.databases["engine"]
    server.ask("CREATE ROLE trusted LOGIN PASSWORD 'Held-by-trusted'")
    with server.access_rules("local all all trust\nhost all all 127.0.0.1/32 trust\n"):
        found = engine.play(checked(server.task(owner="trusted", password=PASSWORD)))[0]
    assert found["changes"] == ["set the password of the role 'trusted'"]
    with server.access_rules("local all postgres trust\nhost all +pg_monitor 0.0.0.0/0 md5\nhost all all all md5\n"):
        clients = ["192.0.2.0/24", "::1"]
        task = server.task(name=name, owner=owner, password=password, client_addresses=clients)
        assert not engine.play(task)[0]["changed"]
    with server.access_rules("local all postgres trust\n"):
        found = engine.play(server.task(name=name, owner=owner, password=password))[0]
    assert not found["changed"]
    assert found["database"]["login_works"] is False
    assert "pg_hba.conf" in found["database"]["login_problem"]
    assert "can not log in from here" in engine.plays[-1].output


def test_two_runs_at_once_both_get_their_line(engine: Engine, server: Server, tmp_path: Path) -> None:
    other = Engine(engine.site, tmp_path / "other")
    tasks = [server.task(owner=name, password=PASSWORD, client_addresses=["192.0.2.7"]) for name in ("one", "two")]
    running = [host.start(task) for host, task in zip((engine, other), tasks, strict=True)]
    results = [host.finish(one)[0] for host, one in zip((engine, other), running, strict=True)]
    assert [result["changed"] for result in results] == [True, True]
    rules = server.access.read_text()
    assert "host all one 192.0.2.7/32" in rules
    assert "host all two 192.0.2.7/32" in rules


def test_settings_are_reported_and_changed_only_when_asked(engine: Engine, server: Server) -> None:
    for name, value in (("work_mem", "4MB"), ("max_connections", "60"), ("autovacuum_analyze_scale_factor", "0.1")):
        server.ask(f"ALTER SYSTEM SET {name} = '{value}'")
    server.restart()
    task = {"owner": "settled", "password": PASSWORD}
    (reported,) = (result["settings"] for result in work_once(engine, server.task(**task)))
    assert reported["work_mem"] == {"value": "4096", "required": ">= 8192kB", "ok": False, "pending_restart": False}
    assert [name for name, setting in reported.items() if not setting["ok"]] == [
        "max_connections", "work_mem", "autovacuum_analyze_scale_factor"]  # fmt: skip
    (applied,) = (result["settings"] for result in work_once(engine, server.task(**task, server_settings="apply")))
    assert [name for name, setting in applied.items() if not setting["ok"]] == ["max_connections"]
    assert applied["max_connections"]["pending_restart"]
    assert "wait for a restart of PostgreSQL: max_connections" in engine.plays[-1].output
    server.restart()
    settled = engine.play(server.task(**task, server_settings="apply"))[0]
    assert not settled["changed"]
    assert all(setting["ok"] and not setting["pending_restart"] for setting in settled["settings"].values())
