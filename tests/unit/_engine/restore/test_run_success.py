# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that goes well: what it does, what it reports, that check mode says the same, and that twice is once."""

import contextlib
from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Problem, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import (
    DWH_FILE,
    ENGINE_FILE,
    rewritten_files,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.run import make_restore, preview_restore
from unit.fakes import world
from unit.fakes.restore_host import (
    GRAFANA,
    IDENTITY,
    LOCAL,
    PATH,
    STATE,
    WRITES,
    FakeRestoreHost,
    FakeServer,
    credentials,
    make_reading,
    make_request,
)

LOG = "/var/log/ovirt-engine-backup/restore-one-20261122T134352Z.log"
KEYCLOAK = "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf"
CINDERLIB = "etc/ovirt-engine/engine.conf.d/10-setup-cinderlib-database.conf"


def moved(*kinds: str) -> Dict[str, Any]:
    return {"credentials": {kind: credentials(kind) for kind in kinds}}


def second_server(host: FakeRestoreHost, *kinds: str) -> FakeServer:
    server = host.servers["db.lab.test", 5432] = FakeServer()
    for kind in kinds:
        server.add(credentials(kind))
    return server


def with_keycloak(host: FakeRestoreHost) -> None:
    host.stored[PATH] = make_reading("keycloak", "grafana")
    host.servers[LOCAL].add(world.settings("keycloak"))


def test_emptied_databases_hold_the_archive_afterwards() -> None:
    host = FakeRestoreHost()
    result = make_restore(make_request(), host)
    assert result.changed
    assert host.database("engine").rows == {"public.vdc_options": 500, "public.vm_static": 20, "public.job": 0}
    assert result.restore == {
        "path": PATH, "identity": IDENTITY, "version": "4.5.7", "scopes": ["files", "db", "dwhdb"],
        "databases": {
            "engine": {"host": "localhost", "port": 5432, "name": "engine", "user": "engine", "tables": 3,
                       "rows": 520, "emptied": ["public.job"]},
            "dwh": {"host": "localhost", "port": 5432, "name": "ovirt_engine_history", "user": "ovirt_engine_history",
                    "tables": 1, "rows": 300, "emptied": []},
        },
        "permissions": True, "provisioned": [], "extra_users": [], "files": 40, "notes": [], "log_path": LOG,
        "directories": {"/etc/ovirt-engine": 1},
        "already": False,
    }  # fmt: skip
    assert result.cmd == host.commands[0]
    assert (host.state, host.is_held, host.secrets) == (None, False, {})


@pytest.mark.parametrize(("has_manifest", "is_proven"), [(True, True), (True, False), (False, True)])
def test_the_very_archive_of_a_manifest_is_not_read_to_its_last_row_again(has_manifest: bool, is_proven: bool) -> None:
    host = FakeRestoreHost()
    if has_manifest:
        host.manifests[PATH] = world.manifest(log_path=IDENTITY)
    if is_proven:
        host.proven.add(PATH)
    with contextlib.suppress(Refused):  # this manifest is of another archive; here only what is read matters
        preview_restore(make_request(), host)
    assert ("read_archive" in host.calls) == (not (has_manifest and is_proven))


def test_databases_of_another_backup_are_not_counted_to_see_whether_they_are_restored() -> None:
    host = FakeRestoreHost()
    host.fill()
    host.database("engine").marks = host.database("engine").marks._replace(finished=True)
    with pytest.raises(Refused):
        preview_restore(make_request(), host)
    assert "read_marks" in host.calls and "count_rows" not in host.calls


def test_check_mode_plans_the_same_and_writes_nothing() -> None:
    host = FakeRestoreHost()
    planned = preview_restore(make_request(), host)
    assert not set(host.calls) & (WRITES | {"lock", "remove_leftovers"})
    made = make_restore(make_request(), host)
    assert planned.changed
    assert {name: planned.restore[name] for name in planned.restore if name != "databases"} == {
        name: made.restore[name] for name in made.restore if name != "databases"
    }
    assert [word for word in planned.cmd if "tmpdir" not in word] == [word for word in made.cmd if "tmpdir" not in word]
    assert {kind: item["name"] for kind, item in planned.restore["databases"].items()} == {
        kind: item["name"] for kind, item in made.restore["databases"].items()
    }


def test_check_mode_after_the_restore_plans_nothing_and_so_does_a_run() -> None:
    host = FakeRestoreHost()
    make_restore(make_request(), host)
    for act in (preview_restore, make_restore):
        again = act(make_request(), host)
        assert (again.changed, again.cmd, again.restore["already"]) == (False, [], True)
        assert again.restore["databases"]["engine"]["rows"] == 520
    assert len(host.commands) == 1


def test_run_with_its_own_log_is_done_once_too() -> None:
    host = FakeRestoreHost()
    options = {"log_path": "/srv/tmp/own.log"}
    make_restore(make_request(**options), host)
    assert "/srv/tmp/own.log" in host.existing
    assert not make_restore(make_request(**options), host).changed


def test_full_disk_does_not_matter_where_there_is_nothing_to_do() -> None:
    host = FakeRestoreHost()
    host.fill()
    host.free = {STATE: 0, "/var/lib/pgsql/data": 0}
    assert not make_restore(make_request(), host).changed


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a row less", lambda host: host.database("engine").rows.update({"public.vm_static": 19})),
        ("a row in an emptied table", lambda host: host.database("engine").rows.update({"public.job": 1})),
        ("a table more", lambda host: host.database("dwh").rows.update(stray=0)),
        (
            "of another backup",
            lambda host: host.database("engine").__dict__.update(
                marks=(  # fmt: skip
                    host.database("engine").marks._replace(started=False)
                )
            ),
        ),
        (
            "set up since",
            lambda host: host.database("engine").__dict__.update(
                marks=(host.database("engine").marks._replace(just_restored="0"))
            ),
        ),
        (
            "the engine that made the backup",
            lambda host: host.database("engine").__dict__.update(
                marks=(host.database("engine").marks._replace(finished=True))
            ),
        ),
        ("a file less", lambda host: host.file_problems.append("one")),
    ],
)
def test_engine_that_is_not_exactly_the_archive_is_not_taken_for_restored(name: str, change: Any) -> None:
    host = FakeRestoreHost()
    host.fill()
    assert not make_restore(make_request(), host).changed
    change(host)
    with pytest.raises(Exception, match="not empty"):
        make_restore(make_request(), host)


def test_configuration_that_a_killed_run_left_broken_is_mended_although_the_data_is_there() -> None:
    host = FakeRestoreHost()
    with_keycloak(host)
    second_server(host, "engine", "keycloak")
    request = make_request(**moved("engine", "keycloak"))
    make_restore(request, host)
    whole = dict(host.config_files)
    host.config_files[KEYCLOAK] = "\n"
    planned = preview_restore(request, host)
    assert (planned.changed, planned.repaired, host.config_files[KEYCLOAK]) == (True, [KEYCLOAK], "\n")
    repaired = make_restore(request, host)
    assert (repaired.changed, repaired.repaired, repaired.restore["already"]) == (True, [KEYCLOAK], True)
    assert host.config_files == whole
    for act in (preview_restore, make_restore):
        again = act(request, host)
        assert (again.changed, again.repaired) == (False, [])
    assert len(host.commands) == 1


@pytest.mark.parametrize("scopes", [["files"], ["grafanadb"]], ids=str)
def test_files_alone_and_grafana_alone_are_restored_once_too(scopes: List[str]) -> None:
    host = FakeRestoreHost()
    with_keycloak(host)
    host.file_problems = [Problem("file_missing", "one")]
    host.spoil = lambda host: host.file_problems.clear()
    assert make_restore(make_request(scopes=scopes), host).changed
    assert not make_restore(make_request(scopes=scopes), host).changed


def test_leftovers_of_a_killed_run_are_shown_and_swept() -> None:
    host = FakeRestoreHost()
    host.fill()
    host.leftovers = [STATE + "/.engine_backup-1"]
    assert preview_restore(make_request(), host)[0] is True
    result = make_restore(make_request(), host)
    assert (result.changed, result.cleaned_up) == (True, [STATE + "/.engine_backup-1"])


def test_times_of_the_archive_are_kept_while_the_tool_runs() -> None:
    host = FakeRestoreHost()
    seen = []
    host.spoil = lambda host: seen.append(host.are_times_kept)
    make_restore(make_request(), host)
    assert seen == [True]


def test_order_is_secrets_tool_mending_proof_clean_up() -> None:
    host = FakeRestoreHost()
    second_server(host, "engine")
    make_restore(make_request(**moved("engine")), host)
    before = "lock remove_leftovers begin read_originals make_placeholders write_secrets run_tool"
    order = (before + " repair_config_files remove_placeholders finish unlock").split()
    assert [name for name in host.calls if name in order] == order
    assert "read_marks" in host.calls[host.calls.index("repair_config_files") : host.calls.index("remove_placeholders")]


def test_new_credentials_are_those_of_the_load_and_of_the_configuration() -> None:
    host = FakeRestoreHost()
    with_keycloak(host)
    server = second_server(host, "engine", "keycloak")
    result = make_restore(make_request(**moved("engine", "keycloak")), host)
    assert server.databases["db_new"].rows["public.vm_static"] == 20
    assert server.databases["keycloakdb_new"].rows == {"public.keycloak": 4}
    assert host.database("engine").rows == {}
    assert host.database("dwh").rows == {"public.calendar": 300}
    assert 'EXTERNAL_OIDC_CLIENT_SECRET="oidc"' in host.config_files[KEYCLOAK]
    assert 'KEYCLOAK_DB_HOST="db.lab.test"' in host.config_files[KEYCLOAK]
    assert {ENGINE_FILE, DWH_FILE, KEYCLOAK} & set(result.repaired) == {ENGINE_FILE, KEYCLOAK}
    found = result.restore["databases"]["engine"]
    assert (found["host"], found["name"], found["user"]) == ("db.lab.test", "db_new", "db_new")


def test_passwords_are_in_files_while_the_tool_runs_and_nowhere_else() -> None:
    host = FakeRestoreHost()
    second_server(host, "engine", "dwh")
    result = make_restore(make_request(**moved("engine", "dwh")), host)
    work = [word for word in result.cmd if word.startswith("--tmpdir=")][0].partition("=")[2]
    assert host.seen_secrets == {
        work + "/engine.password": "Secret.of.new_db_new",
        work + "/dwh.password": "Secret.of.new_dwhdb_new",
    }
    assert host.secrets == {}
    assert "Secret.of.new" not in repr(result)


def test_files_that_the_tool_insists_on_are_there_while_it_runs_and_gone_afterwards() -> None:
    host = FakeRestoreHost()
    second_server(host, "engine")
    make_restore(make_request(**moved("engine")), host)
    assert host.seen_placeholders == rewritten_files(frozenset(["engine"]))
    assert host.placeholders == set()
    assert CINDERLIB not in host.config_files
    assert ENGINE_FILE in host.config_files


def test_no_placeholder_and_no_password_file_without_new_credentials() -> None:
    host = FakeRestoreHost()
    make_restore(make_request(), host)
    assert (host.seen_placeholders, host.seen_secrets) == (set(), {})


def test_grafana_is_restored_and_proven_like_the_others() -> None:
    host = FakeRestoreHost()
    with_keycloak(host)
    found = make_restore(make_request(), host).restore["databases"]["grafana"]
    assert found == {"tables": 1, "rows": 4, "emptied": [], "host": "", "port": None, "name": GRAFANA, "user": ""}


@pytest.mark.parametrize(
    ("scopes", "restored"),
    [
        (["files"], []),
        (["files", "db"], ["engine"]),
        (["files", "dwhdb"], ["dwh"]),
        (["all"], ["engine", "dwh"]),
        (["db", "all"], ["engine", "dwh"]),
    ],
)
def test_scopes_decide_what_is_restored(scopes: List[str], restored: List[str]) -> None:
    host = FakeRestoreHost()
    result = make_restore(make_request(scopes=scopes), host)
    assert sorted(result.restore["databases"]) == sorted(restored)
    assert bool(host.database("engine").rows) is ("engine" in restored)


def test_kept_temporary_data_is_proven_row_by_row() -> None:
    host = FakeRestoreHost()
    result = make_restore(make_request(keep_temporary_data=True), host)
    assert host.database("engine").rows["public.job"] == 7
    assert result.restore["databases"]["engine"]["emptied"] == []


def test_other_system_is_noted() -> None:
    host = FakeRestoreHost()
    host.system = "rocky9"
    (note,) = make_restore(make_request(), host).restore["notes"]
    assert "centos9" in note
    assert "rocky9" in note
