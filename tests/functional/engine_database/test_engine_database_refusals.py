# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_database refuses before the first change, and names everything that is wrong."""

import string

import pytest

from ..playbooks import Engine, checked, codes
from .postgresql import PASSWORD, Server, assert_refused

AWKWARD = sorted(set(string.printable) - set(string.ascii_letters + string.digits + "_.@%+=,/~^-")) + ["é", "\u20ac"]
NAMED = {
    " ": "a blank", "\t": "a tab", "\n": "a line break", "\r": "a carriage return", "\x0b": "U+000B", "\x0c": "U+000C",
}  # fmt: skip


SENSELESS: list[tuple[dict[str, object], str]] = [
    ({"owner": "a b", "password": PASSWORD}, "name_unsafe"),
    ({"owner": "o" * 64, "password": PASSWORD}, "name_too_long"),
    ({"owner": "", "password": PASSWORD}, "name_empty"),
    ({"owner": "pg_mine", "password": PASSWORD}, "name_reserved"),
    ({"owner": "fine", "password": ""}, "password_empty"),
    ({"owner": "fine", "name": 'a"; DROP DATABASE engine; --', "password": PASSWORD}, "name_unsafe"),
    ({"owner": "nobody"}, "role_missing"),
    ({"owner": "postgres", "password": PASSWORD}, "role_is_superuser"),
    ({"owner": "postgres", "state": "fenced"}, "role_is_superuser"),
    ({"owner": "nobody", "state": "fenced"}, "role_missing"),
    ({"owner": "nobody", "state": "unfenced"}, "role_missing"),
    ({"owner": "engine", "name": "nowhere", "state": "fenced"}, "database_missing"),
    ({"owner": "engine", "name": "engine", "state": "absent"}, "database_filled"),
    ({"owner": "engine", "name": "engine", "readers": ["nobody"]}, "role_missing"),
    ({"owner": "engine", "name": "engine", "extensions": ["no_such"]}, "extension_missing"),
    ({"owner": "engine", "name": "engine", "client_addresses": ["db.example.com"]}, "client_address_invalid"),
    ({"owner": "engine", "name": "engine", "client_addresses": ["10.0.0.0/33"]}, "client_address_invalid"),
]


def test_each_awkward_character_of_a_password_is_refused_by_name(engine: Engine, server: Server) -> None:
    before = server.facts()
    passwords = [f"{PASSWORD}{character}{PASSWORD}" for character in AWKWARD]
    results = engine.play(*(server.task(owner="awkward", password=password) for password in passwords))
    for character, result in zip(AWKWARD, results, strict=True):
        assert codes(result) == ["password_unsafe"], result
        assert NAMED.get(character, f"'{character}'") in result["problems"][0]["message"]
    assert server.facts() == before


def test_request_that_makes_no_sense_is_refused(engine: Engine, server: Server) -> None:
    before = server.facts()
    tasks = [server.task(**options) for options, _code in SENSELESS]
    results = engine.play(*tasks, *map(checked, tasks))
    assert [codes(result) for result in results] == [[code] for _options, code in SENSELESS] * 2
    assert server.facts() == before


@pytest.mark.parametrize(
    ("made_with", "codes_expected"),
    [
        ("LC_COLLATE 'C' LC_CTYPE 'C'", ["database_wrong_locale"]),
        ("LC_COLLATE 'C'", ["database_wrong_locale"]),
        ("LC_CTYPE 'C.UTF-8'", ["database_wrong_locale"]),
        ("LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'LATIN1'", ["database_wrong_encoding", "database_wrong_locale"]),
        ("LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'SQL_ASCII' OWNER engine",
         ["database_wrong_encoding", "database_wrong_locale", "database_wrong_owner"]),
        ("OWNER engine", ["database_wrong_owner"]),
    ],
    ids=str,
)  # fmt: skip
def test_database_that_no_engine_could_use_is_refused_and_kept(
    engine: Engine, server: Server, made_with: str, codes_expected: list[str]
) -> None:
    server.ask("DROP DATABASE IF EXISTS unfit")
    if server.ask("SELECT 1 FROM pg_roles WHERE rolname = 'unfit'") != "1":
        server.ask("CREATE ROLE unfit LOGIN")
    owner = "" if "OWNER" in made_with else " OWNER unfit"
    server.ask(f"CREATE DATABASE unfit TEMPLATE template0 {made_with}{owner}")
    refused = assert_refused(
        engine, server, server.task(name="unfit", owner="unfit", password=PASSWORD), *codes_expected)
    assert "'unfit'" in refused["msg"]


def test_owner_of_a_filled_database_is_not_changed(engine: Engine, server: Server) -> None:
    server.ask("CREATE ROLE heir LOGIN")
    task = server.task(name="engine", owner="heir", password=PASSWORD, change_owner=True)
    assert_refused(engine, server, task, "database_wrong_owner")


def test_access_file_that_the_server_can_not_read_is_not_made_worse(engine: Engine, server: Server) -> None:
    with server.access_rules("local all postgres trust\nhost all all nonsense\n"):
        task = server.task(owner="new_one", password=PASSWORD, client_addresses=["10.0.0.1"])
        refused = assert_refused(engine, server, task, "pg_hba_broken")
    assert "line 2 of" in refused["msg"]


def test_every_problem_is_named_at_once(engine: Engine, server: Server) -> None:
    options = {"extensions": ["no_such"], "readers": ["nobody"], "client_addresses": ["x"]}
    task = server.task(name="engine", owner="pg_other", password=PASSWORD, **options)
    assert_refused(engine, server, task, "name_reserved", "database_wrong_owner", "extension_missing", "role_missing",
                   "client_address_invalid")


def test_login_that_does_not_work_is_named(engine: Engine, server: Server) -> None:
    name, owner, password = server.lab.databases["engine"]
    tcp = {"owner": "x", "password": PASSWORD, "login_unix_socket": ""}
    attempts = {
        "database_unreachable": server.task(**tcp, login_port=1),
        "database_login_failed": server.task(**tcp, login_user=owner, login_password="wrong", login_db=name),
        "superuser_needed": server.task(**tcp, login_user=owner, login_password=password, login_db=name),
        "database_missing": server.task(owner="x", password=PASSWORD, login_db="no_such"),
    }
    results = engine.play(*attempts.values())
    assert [codes(result) for result in results] == [[code] for code in attempts]
    unknown = engine.play(server.task(owner="x", password=PASSWORD, login_user="nobody_here"))[0]
    assert codes(unknown) == ["database_login_failed"]
