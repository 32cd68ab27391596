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
from unit.fakes.errors import codes_of, error_of
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
    marks,
    rows,
)

LOG = "/var/log/ovirt-engine-backup/restore-one-20261122T134352Z.log"
KEYCLOAK = "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf"
CINDERLIB = "etc/ovirt-engine/engine.conf.d/10-setup-cinderlib-database.conf"
ALL = ["dwh", "engine", "grafana", "keycloak"]


def moved(*kinds: str) -> Dict[str, Any]:
    return {"credentials": {kind: credentials(kind) for kind in kinds}}


def second_server(host: FakeRestoreHost, *kinds: str) -> FakeServer:
    return host.add_server(*map(credentials, kinds))


def with_keycloak(host: FakeRestoreHost) -> None:
    host.stored[PATH] = make_reading("keycloak", "grafana")
    host.servers[LOCAL].add(world.settings("keycloak"))


def test_emptied_databases_hold_the_archive_afterwards(host: FakeRestoreHost) -> None:
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
    assert (host.seen_placeholders, host.seen_secrets) == (set(), {})


@pytest.mark.parametrize(("has_manifest", "is_proven"), [(True, True), (True, False), (False, True)])
def test_the_very_archive_of_a_manifest_is_not_read_to_its_last_row_again(
    host: FakeRestoreHost, has_manifest: bool, is_proven: bool
) -> None:
    host.manifests = {PATH: world.manifest(log_path=IDENTITY)} if has_manifest else {}
    host.proven = {PATH} if is_proven else set()
    with contextlib.suppress(Refused):  # this manifest is of another archive; here only what is read matters
        preview_restore(make_request(), host)
    assert ("read_archive" in host.calls) == (not (has_manifest and is_proven))


def test_check_mode_plans_the_same_and_writes_nothing(host: FakeRestoreHost) -> None:
    planned = preview_restore(make_request(), host)
    assert not set(host.calls) & (WRITES | {"lock", "remove_leftovers"})
    made = make_restore(make_request(), host)
    assert planned.changed
    for result in (planned, made):
        result.restore["databases"] = {kind: item["name"] for kind, item in result.restore["databases"].items()}
    assert planned.restore == made.restore
    assert [word for word in planned.cmd if "tmpdir" not in word] == [word for word in made.cmd if "tmpdir" not in word]


@pytest.mark.parametrize("options", [{}, {"log_path": "/srv/tmp/own.log"}, {"keep_temporary_data": True}], ids=str)
def test_nothing_is_planned_or_done_after_the_restore_even_on_a_full_disk(
    host: FakeRestoreHost, options: Dict[str, Any]
) -> None:
    host.system = "rocky9"
    result = make_restore(make_request(**options), host)
    (note,) = result.restore["notes"]
    assert "centos9" in note and "rocky9" in note
    keeps = "keep_temporary_data" in options
    assert (host.database("engine").rows["public.job"], result.restore["databases"]["engine"]["emptied"]) == (
        (7, []) if keeps else (0, ["public.job"])
    )
    assert options.get("log_path", LOG) in host.existing
    host.free = {STATE: 0, "/var/lib/pgsql/data": 0}
    for act in (preview_restore, make_restore):
        again = act(make_request(**options), host)
        assert (again.changed, again.cmd, again.restore["already"]) == (False, [], True)
        assert again.restore["databases"]["engine"]["rows"] == (527 if keeps else 520)
    assert len(host.commands) == 1


OTHERS = {
    "a row less": rows("engine", vm_static=19),
    "a row in an emptied table": rows("engine", job=1),
    "a table more": rows("dwh", stray=0),
    "of another backup": marks(started=False),
    "the engine that made the backup": marks(finished=True),
    "a file less": lambda host: host.file_problems.append("one"),
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_engine_that_is_not_exactly_the_archive_is_not_taken_for_restored(host: FakeRestoreHost, name: str) -> None:
    host.fill()
    assert not make_restore(make_request(), host).changed
    OTHERS[name](host)
    host.calls.clear()
    assert "target_not_empty" in codes_of(error_of(Refused, preview_restore, make_request(), host))
    assert ("count_rows" in host.calls) is ("backup" not in name), "what takes long comes last"


def test_configuration_that_a_killed_run_left_broken_is_mended_although_the_data_is_there(
    host: FakeRestoreHost,
) -> None:
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


def test_leftovers_of_a_killed_run_are_shown_and_swept(host: FakeRestoreHost) -> None:
    host.fill()
    host.leftovers = [STATE + "/.engine_backup-1"]
    assert preview_restore(make_request(), host)[0] is True
    result = make_restore(make_request(), host)
    assert (result.changed, result.cleaned_up) == (True, [STATE + "/.engine_backup-1"])


def test_order_is_secrets_tool_mending_proof_clean_up(host: FakeRestoreHost) -> None:
    second_server(host, "engine", "dwh")
    times: List[bool] = []
    host.spoil = lambda host: times.append(host.are_times_kept)
    result = make_restore(make_request(**moved("engine", "dwh")), host)
    before = "lock remove_leftovers begin read_originals make_placeholders write_secrets run_tool"
    order = (before + " repair_config_files remove_placeholders finish unlock").split()
    assert [name for name in host.calls if name in order] == order
    assert "read_marks" in host.calls[host.calls.index("repair_config_files") : host.calls.index("remove_placeholders")]
    assert times == [True], "the times of the archive are kept while the tool runs"
    work = [word for word in result.cmd if word.startswith("--tmpdir=")][0].partition("=")[2]
    assert host.seen_secrets == {
        work + "/engine.password": "Secret.of.new_db_new",
        work + "/dwh.password": "Secret.of.new_dwhdb_new",
    }
    assert host.secrets == {}
    assert "Secret.of.new" not in repr(result)


def test_new_credentials_are_those_of_the_load_and_of_the_configuration(host: FakeRestoreHost) -> None:
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
    found = result.restore["databases"]
    assert [found["engine"][key] for key in ("host", "name", "user")] == ["db.lab.test", "db_new", "db_new"]
    assert found["grafana"] == {
        "tables": 1, "rows": 4, "emptied": [], "host": "", "port": None, "name": GRAFANA, "user": "",
    }  # fmt: skip


def test_files_that_the_tool_insists_on_are_there_while_it_runs_and_gone_afterwards(host: FakeRestoreHost) -> None:
    second_server(host, "engine")
    make_restore(make_request(**moved("engine")), host)
    assert host.seen_placeholders == rewritten_files(frozenset(["engine"]))
    assert host.placeholders == set()
    assert CINDERLIB not in host.config_files
    assert ENGINE_FILE in host.config_files


@pytest.mark.parametrize(
    ("scopes", "restored"), [("files", []), ("grafanadb", ["grafana"]), ("files db", ["engine"]), ("db all", ALL)]
)
def test_scopes_decide_what_is_restored_and_that_is_restored_once(
    host: FakeRestoreHost, scopes: str, restored: List[str]
) -> None:
    with_keycloak(host)
    host.file_problems = [Problem("file_missing", "one")]
    host.spoil = lambda host: host.file_problems.clear()
    request = make_request(scopes=scopes.split())
    result = make_restore(request, host)
    assert (result.changed, sorted(result.restore["databases"])) == (True, restored)
    assert bool(host.database("engine").rows) is ("engine" in restored)
    assert not make_restore(request, host).changed
