# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases the tool is told to make, and whether owners and grants are restored."""

from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import DWH_FILE
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.run import make_restore, preview_restore
from unit.fakes import world
from unit.fakes.errors import codes_of, error_of
from unit.fakes.restore_host import (
    LOCAL,
    PATH,
    FakeRestoreHost,
    configured_settings,
    credentials,
    make_reading,
    make_request,
)


def options_of(host: FakeRestoreHost) -> List[str]:
    return [word for word in host.commands[0] if "provision" in word or "permissions" in word]


@pytest.mark.parametrize(
    ("provision", "fresh", "made"),
    [
        (["auto"], True, ["dwh", "engine"]),
        (["auto"], False, []),
        (["all"], False, ["dwh", "engine"]),
        (["dwh"], False, ["dwh"]),
        (["none"], False, []),
    ],
)
def test_databases_are_made_where_they_are_needed_or_asked_for(
    host: FakeRestoreHost, provision: List[str], fresh: bool, made: Any
) -> None:
    if fresh:
        host.wipe()
    assert preview_restore(make_request(provision=provision), host).restore["provisioned"] == made
    result = make_restore(make_request(provision=provision), host)
    assert result.restore["provisioned"] == made
    switches = {"engine": "--provision-db", "dwh": "--provision-dwh-db"}
    asked = [switches[kind] for kind in ("engine", "dwh") if kind in made]
    assert options_of(host) == ["--restore-permissions", *asked]
    assert not make_restore(make_request(provision=provision), host).changed


def test_only_what_can_not_be_logged_in_to_is_made_by_default(host: FakeRestoreHost) -> None:
    host.wipe()
    host.servers[LOCAL].add(configured_settings("engine"))
    assert make_restore(make_request(), host).restore["provisioned"] == ["dwh"]


def test_nothing_is_made_and_not_every_owner_is_there_where_the_server_is_another(host: FakeRestoreHost) -> None:
    host.add_server(credentials("engine"))
    host.servers[LOCAL].roles.pop("engine")
    restored = make_restore(make_request(credentials={"engine": credentials("engine")}), host).restore
    assert (restored["provisioned"], restored["permissions"]) == ([], False)


@pytest.mark.parametrize(
    ("role", "database", "codes"),
    [
        (True, True, []),  # an empty pair is taken as it is, and gets the password
        (False, False, []),
        (True, False, ["provision_occupied"]),
        (False, True, ["provision_occupied"]),
    ],
)
def test_what_can_not_be_logged_in_to_is_made_unless_a_half_of_it_is_there(
    host: FakeRestoreHost, role: bool, database: bool, codes: List[str]
) -> None:
    host.shows_standing = True
    host.servers[LOCAL].roles["engine"] = "another"
    if not role:
        del host.servers[LOCAL].roles["engine"]
    if not database:
        del host.servers[LOCAL].databases["engine"]
    if not codes:
        assert preview_restore(make_request(), host).restore["provisioned"] == ["engine"]
        return
    error = error_of(Refused, preview_restore, make_request(), host)
    assert codes_of(error) == codes
    host.shows_standing = False  # then only the tool finds out
    assert preview_restore(make_request(), host).restore["provisioned"] == ["engine"]


def grant(host: FakeRestoreHost, owners: Any = ("engine",), grantees: Any = ("engine", "reporter")) -> None:
    dump = make_reading().dumps["engine"]._replace(owners=owners, grantees=grantees)
    host.stored[PATH] = make_reading(engine=dump)


@pytest.mark.parametrize(
    ("asked", "roles", "restored", "noted"),
    [
        ("auto", ["reporter"], True, False),
        ("auto", [], False, True),
        ("restore", ["reporter"], True, False),
        ("skip", ["reporter"], False, False),
        ("skip", [], False, True),
    ],
)
def test_owners_and_grants_come_back_where_every_role_is_there(
    host: FakeRestoreHost, asked: str, roles: List[str], restored: bool, noted: bool
) -> None:
    grant(host)
    host.servers[LOCAL].roles.update(dict.fromkeys(roles, ""))
    result = make_restore(make_request(permissions=asked), host)
    assert result.restore["permissions"] is restored
    assert options_of(host) == ["--restore-permissions" if restored else "--no-restore-permissions"]
    assert any("reporter" in note for note in result.restore["notes"]) is noted


@pytest.mark.parametrize("role", ["postgres", "pg_database_owner", "pg_monitor", ""])
def test_roles_of_every_server_are_no_obstacle(host: FakeRestoreHost, role: str) -> None:
    grant(host, ("engine", role), ("engine", role))
    result = make_restore(make_request(), host)
    assert result.restore["permissions"]
    assert result.restore["extra_users"] == []


def test_another_owner_is_an_obstacle(host: FakeRestoreHost) -> None:
    grant(host, ("engine", "other"))
    (note,) = make_restore(make_request(), host).restore["notes"]
    assert "other" in note


def test_plain_dumps_have_no_owners_and_no_obstacles(host: FakeRestoreHost) -> None:
    reading = make_reading()
    plain = {kind: dump._replace(format="plain", owners=(), grantees=()) for kind, dump in reading.dumps.items()}
    host.stored[PATH] = reading._replace(dumps=plain, small=dict(reading.small, config=world.PLAIN_CONFIG))
    result = make_restore(make_request(), host)
    assert (result.restore["permissions"], result.restore["notes"]) == (True, [])


def with_grafana_user(host: FakeRestoreHost) -> None:
    dump = make_reading().dumps["dwh"]._replace(grantees=("ovirt_engine_history", "grafana_reader", "reporter"))
    host.stored[PATH] = make_reading(dwh=dump)
    more = 'GRAFANA_DB_USER="grafana_reader"\nGRAFANA_DB_PASSWORD="x"\n'
    host.rewrite_archived(lambda path, text: text + more if path == DWH_FILE else text)


@pytest.mark.parametrize(
    ("permissions", "fresh", "expected"),
    [
        ("auto", True, {"grafana_reader": "configured", "reporter": "random"}),
        ("auto", False, {"grafana_reader": "kept", "reporter": "kept"}),
        ("skip", True, {"grafana_reader": "kept", "reporter": "kept"}),
    ],
    ids=["users are made", "users are there", "grants are not restored"],
)
def test_what_becomes_of_the_passwords_of_other_users_is_said(
    host: FakeRestoreHost, permissions: str, fresh: bool, expected: Dict[str, str]
) -> None:
    with_grafana_user(host)
    host.servers[LOCAL].roles.update(grafana_reader="x", reporter="y")
    if fresh:
        host.wipe()
    restored = make_restore(make_request(permissions=permissions), host).restore
    assert all(item["databases"] for item in restored["extra_users"])
    assert {item["name"]: item["password"] for item in restored["extra_users"]} == expected
    assert restored["notes"] == [], "a database that is made has every role"
