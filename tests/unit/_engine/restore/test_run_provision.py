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
from unit.fakes.restore_host import (
    LOCAL,
    PATH,
    FakeRestoreHost,
    FakeServer,
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
        (["all"], True, ["dwh", "engine"]),
        (["all"], False, ["dwh", "engine"]),
        (["engine", "dwh"], True, ["dwh", "engine"]),
        (["engine"], False, ["engine"]),
        (["dwh"], False, ["dwh"]),
        (["none"], False, []),
    ],
)
def test_databases_are_made_where_they_are_needed_or_asked_for(provision: List[str], fresh: bool, made: Any) -> None:
    host = FakeRestoreHost()
    if fresh:
        host.wipe()
    assert preview_restore(make_request(provision=provision), host).restore["provisioned"] == made
    result = make_restore(make_request(provision=provision), host)
    assert result.restore["provisioned"] == made
    switches = {"engine": "--provision-db", "dwh": "--provision-dwh-db"}
    assert options_of(host) == ["--restore-permissions"] + [
        switches[kind] for kind in ("engine", "dwh") if kind in made
    ]


def test_only_what_can_not_be_logged_in_to_is_made_by_default() -> None:
    host = FakeRestoreHost()
    host.wipe()
    host.servers[LOCAL].add(configured_settings("engine"))
    assert make_restore(make_request(), host).restore["provisioned"] == ["dwh"]


def test_nothing_is_made_where_the_server_is_another() -> None:
    host = FakeRestoreHost()
    host.servers["db.lab.test", 5432] = FakeServer()
    host.servers["db.lab.test", 5432].add(credentials("engine"))
    request = make_request(credentials={"engine": credentials("engine")})
    host.servers[LOCAL].roles.pop("engine")
    assert make_restore(request, host).restore["provisioned"] == []


def test_second_run_finds_what_the_first_has_made() -> None:
    host = FakeRestoreHost()
    host.wipe()
    assert make_restore(make_request(provision=["all"]), host).changed
    assert not make_restore(make_request(provision=["all"]), host).changed


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
    role: bool, database: bool, codes: List[str]
) -> None:
    host = FakeRestoreHost()
    host.shows_standing = True
    host.servers[LOCAL].roles["engine"] = "another"
    if not role:
        del host.servers[LOCAL].roles["engine"]
    if not database:
        del host.servers[LOCAL].databases["engine"]
    if not codes:
        assert preview_restore(make_request(), host).restore["provisioned"] == ["engine"]
        return
    with pytest.raises(Refused) as caught:
        preview_restore(make_request(), host)
    assert [problem["code"] for problem in caught.value.facts["problems"]] == codes
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
    asked: str, roles: List[str], restored: bool, noted: bool
) -> None:
    host = FakeRestoreHost()
    grant(host)
    host.servers[LOCAL].roles.update(dict.fromkeys(roles, ""))
    result = make_restore(make_request(permissions=asked), host)
    assert result.restore["permissions"] is restored
    assert options_of(host) == ["--restore-permissions" if restored else "--no-restore-permissions"]
    assert any("reporter" in note for note in result.restore["notes"]) is noted


@pytest.mark.parametrize("role", ["postgres", "pg_database_owner", "pg_monitor", ""])
def test_roles_of_every_server_are_no_obstacle(role: str) -> None:
    host = FakeRestoreHost()
    grant(host, ("engine", role), ("engine", role))
    result = make_restore(make_request(), host)
    assert result.restore["permissions"]
    assert result.restore["extra_users"] == []


def test_another_owner_is_an_obstacle() -> None:
    host = FakeRestoreHost()
    grant(host, ("engine", "other"))
    (note,) = make_restore(make_request(), host).restore["notes"]
    assert "other" in note


def test_another_user_of_the_target_is_an_obstacle() -> None:
    host = FakeRestoreHost()
    host.servers["db.lab.test", 5432] = FakeServer()
    host.servers["db.lab.test", 5432].add(credentials("engine"))
    result = make_restore(make_request(credentials={"engine": credentials("engine")}), host)
    assert not result.restore["permissions"]


def test_plain_dumps_have_no_owners_and_no_obstacles() -> None:
    host = FakeRestoreHost()
    reading = make_reading()
    plain = {kind: dump._replace(format="plain", owners=(), grantees=()) for kind, dump in reading.dumps.items()}
    host.stored[PATH] = reading._replace(dumps=plain, small=dict(reading.small, config=world.PLAIN_CONFIG))
    result = make_restore(make_request(), host)
    assert (result.restore["permissions"], result.restore["notes"]) == (True, [])


def test_a_provisioned_database_has_every_role() -> None:
    host = FakeRestoreHost()
    grant(host)
    host.wipe()
    result = make_restore(make_request(), host)
    assert result.restore["permissions"]
    assert result.restore["notes"] == []


def users(host: FakeRestoreHost, **options: Any) -> Dict[str, str]:
    found = make_restore(make_request(**options), host).restore["extra_users"]
    assert all(item["databases"] for item in found)
    return {item["name"]: item["password"] for item in found}


def with_grafana_user(host: FakeRestoreHost) -> None:
    dump = make_reading().dumps["dwh"]._replace(grantees=("ovirt_engine_history", "grafana_reader", "reporter"))
    reading = make_reading(dwh=dump)
    assert reading.files is not None
    texts = dict(reading.files.configuration)
    texts[DWH_FILE] += 'GRAFANA_DB_USER="grafana_reader"\nGRAFANA_DB_PASSWORD="x"\n'
    host.stored[PATH] = reading._replace(files=reading.files._replace(configuration=texts))


def test_what_becomes_of_the_passwords_of_other_users_is_said() -> None:
    host = FakeRestoreHost()
    with_grafana_user(host)
    host.wipe()
    assert users(host) == {"grafana_reader": "configured", "reporter": "random"}


def test_passwords_of_users_that_are_there_are_kept() -> None:
    host = FakeRestoreHost()
    with_grafana_user(host)
    host.servers[LOCAL].roles.update(grafana_reader="x", reporter="y")
    assert users(host) == {"grafana_reader": "kept", "reporter": "kept"}


def test_users_are_not_made_where_grants_are_not_restored() -> None:
    host = FakeRestoreHost()
    with_grafana_user(host)
    host.wipe()
    assert users(host, permissions="skip") == {"grafana_reader": "kept", "reporter": "kept"}
