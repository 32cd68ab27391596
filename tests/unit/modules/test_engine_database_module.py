# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of engine_database become a request and a login, and what keeps an engine out becomes a warning."""

from typing import Any, Dict

import pytest

pytest.importorskip("ansible")

from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Refused
from ansible_collections.ovirt.backup.plugins.modules import engine_database

pytestmark = pytest.mark.ansible

PARAMS: Dict[str, Any] = {
    "owner": "engine", "name": "engine", "password": "Secret22", "state": "present", "extensions": ["uuid-ossp"],
    "change_owner": False, "readers": [], "client_addresses": [], "server_settings": "report", "login_host": "",
    "login_port": 5432, "login_unix_socket": "", "login_user": "postgres", "login_password": None,
    "login_db": "postgres",
}  # fmt: skip


def test_every_option_of_the_module_is_known_here() -> None:
    assert set(PARAMS) == set(engine_database.ARGUMENT_SPEC)


def test_request_holds_no_password() -> None:
    assert "Secret22" not in repr(engine_database.read_request(PARAMS))
    assert engine_database.read_request(PARAMS).has_password
    assert not engine_database.read_request(dict(PARAMS, password=None)).has_password


def test_options_reach_the_request() -> None:
    changed = dict(PARAMS, readers=["r"], client_addresses=["192.0.2.1"], server_settings="apply", change_owner=True)
    request = engine_database.read_request(changed)
    assert (request.readers, request.applies_settings, request.changes_owner) == (("r",), True, True)
    assert [client.text for client in request.clients] == ["192.0.2.1/32"]


@pytest.mark.parametrize(("password", "code"), [("", "password_empty"), ("a b", "password_unsafe")])
def test_password_that_no_engine_could_use_is_refused_before_the_server_is_entered(password: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        engine_database.act(dict(PARAMS, password=password, login_host="invalid.invalid"), False, print)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({}, "/var/run/postgresql"),
        ({"login_host": "db"}, "db"),
        ({"login_unix_socket": "/run/x"}, "/run/x"),
        ({"login_unix_socket": "/run/x", "login_host": "db"}, "/run/x"),
    ],
    ids=str,
)
def test_socket_goes_before_the_host(options: Dict[str, str], host: str) -> None:
    login = engine_database.read_login(dict(PARAMS, login_password="x", **options))
    assert login[:5] == (host, 5432, "postgres", "x", "postgres")


def test_only_what_keeps_an_engine_out_is_warned_of() -> None:
    setting = {"pending_restart": False}
    quiet: Dict[str, Any] = {"database": {"login_works": None}, "settings": {"work_mem": setting}}
    assert engine_database.list_warnings(quiet) == []
    loud = {
        "database": {"login_works": False, "login_problem": "no entry"},
        "settings": {"max_connections": {"pending_restart": True}, "work_mem": setting},
    }
    assert engine_database.list_warnings(loud) == [
        "The role can not log in from here: no entry",
        "These settings wait for a restart of PostgreSQL: max_connections",
    ]
