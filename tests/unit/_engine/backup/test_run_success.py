# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run on a good host: what is done in which order, and what the result and the manifest say."""

import os.path
from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.manifest import check_manifest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import make_backup, preview_backup
from unit.fakes import world
from unit.fakes.engine_host import GOOD, WRITING, FakeEngineHost, make_installation, make_request

NAME = "/srv/backup/engine-backup-engine.lab.test-20261122T134352Z.backup"
LOG = "/var/log/ovirt-engine-backup/engine-backup-engine.lab.test-20261122T134352Z.log"
TOOL = "/usr/bin/engine-backup"


def test_archive_is_published_under_fqdn_and_utc_time_or_as_asked_for(host: FakeEngineHost) -> None:
    host.leftovers = ["/srv/backup/.engine_backup-1"]
    result = make_backup(make_request(profile="fast"), host)
    assert (result.changed, result.attempts, result.cleaned_up) == (True, 1, ["/srv/backup/.engine_backup-1"])
    assert list(host.published) == [NAME]
    assert (result.archive["path"], result.archive["manifest"]) == (NAME, NAME + ".manifest.json")
    assert result.archive["identity"] == result.archive["log_path"] == LOG
    assert "secret-of" not in repr(result) + repr(host.published)
    assert "pack" not in host.calls
    result = make_backup(make_request(path="/srv/backup/x.backup", log_path="/srv/tmp/x.log"), host)
    assert (result.archive["path"], result.archive["log_path"]) == ("/srv/backup/x.backup", "/srv/tmp/x.log")


def test_logs_of_two_runs_for_one_path_differ(host: FakeEngineHost) -> None:
    logs = []
    for _run in range(2):
        host.existing.discard("/srv/backup/x.backup")
        host.existing.discard("/srv/backup/x.backup.manifest.json")
        logs.append(make_backup(make_request(path="/srv/backup/x.backup"), host).archive["log_path"])
        host.sleep(1)
    assert len(set(logs)) == 2
    assert all(os.path.basename(log).startswith("x-") for log in logs)


def test_manifest_can_be_used_and_says_what_was_proven(host: FakeEngineHost) -> None:
    make_backup(make_request(), host)
    manifest = host.published[NAME]
    assert check_manifest(manifest) == []
    assert manifest["scopes"] == ["files", "db", "dwhdb"]
    assert (manifest["size"], manifest["sha256"], manifest["version"]) == (123456, "a" * 64, "4.5.7")
    assert (manifest["fqdn"], manifest["profile"], manifest["created"]) == (world.FQDN, "stock", world.NOW_TEXT)
    assert manifest["name"] == os.path.basename(NAME)
    dwh = manifest["databases"]["dwh"]
    assert (dwh["tables"], dwh["rows"], dwh["live_rows"]) == (world.DWH_ROWS, 7300, 7300)
    assert (dwh["format"], dwh["owner"], dwh["extensions"], dwh["grantees"]) == (
        "custom",
        "ovirt_engine_history",
        ["uuid-ossp"],
        ["grafana_reader"],
    )
    assert [item["path"] for item in manifest["certificates"]] == ["etc/pki/ovirt-engine/ca.pem"]


def test_rows_in_the_manifest_are_those_of_the_archive_not_of_the_database(host: FakeEngineHost) -> None:
    grown = dict(world.DWH_ROWS, **{"public.calendar": 310})
    busy = world.snapshot(grown)
    busy.tables["public.calendar"] = busy.tables["public.calendar"]._replace(inserted=10)
    host.later["dwh"] = [busy]
    make_backup(make_request(), host)
    dwh = host.published[NAME]["databases"]["dwh"]
    assert (dwh["rows"], dwh["live_rows"]) == (7300, 7310)


def test_work_happens_between_lock_and_unlock_in_this_order(host: FakeEngineHost) -> None:
    make_backup(make_request(), host)
    before = "lock remove_leftovers read_installation count_before begin run_tool"
    order = before + " read_archive count_after publish finish unlock"
    places = [host.calls.index(name) for name in order.split()]
    assert places == sorted(places)
    assert "count_before" not in host.calls[host.calls.index("run_tool") :]
    assert (host.is_held, host.state) == (False, None)


def test_command_works_in_the_temporary_directory_and_stages_beside_the_target(host: FakeEngineHost) -> None:
    result = make_backup(make_request(tmpdir="/srv/tmp"), host)
    assert result.cmd == [
        TOOL, "--mode=backup", "--scope=files", "--scope=db", "--scope=dwhdb",
        "--file=/srv/backup/stage/archive", "--log=" + LOG, "--tmpdir=/srv/tmp/work",
    ]  # fmt: skip


def test_small_profile_is_packed_after_the_tool(host: FakeEngineHost) -> None:
    result = make_backup(make_request(profile="small", tmpdir="/srv/tmp"), host)
    assert "--file=/srv/tmp/work/archive" in result.cmd
    assert host.calls.index("run_tool") < host.calls.index("pack") < host.calls.index("read_archive")
    assert host.stored[NAME].compressor == "zstd"
    assert host.published[NAME]["databases"]["dwh"]["format"] == "plain"


def test_grafana_is_counted_in_its_file(host: FakeEngineHost) -> None:
    kinds = frozenset(["engine", "dwh", "grafana"])
    host.installation = make_installation(enabled=kinds, answered=kinds, grafana_file="/var/lib/grafana/grafana.db")
    host.live["grafana"] = world.snapshot({"dashboard": 4}, schemas=["main"])
    manifest = make_backup(make_request(), host).archive
    assert manifest["scopes"][-1] == "grafanadb"
    assert manifest["databases"]["grafana"]["tables"] == {"dashboard": 4}
    assert manifest["databases"]["grafana"]["name"] == "/var/lib/grafana/grafana.db"
    assert manifest["databases"]["grafana"]["format"] == "sqlite"


def test_single_scope_backs_up_and_counts_that_alone(host: FakeEngineHost) -> None:
    result = make_backup(make_request(scopes=["db"]), host)
    assert list(result.archive["databases"]) == ["engine"]
    assert host.calls.count("count_before") == host.calls.count("count_after") == 1


RECORDS: Dict[str, Any] = {
    "engine believes what is there": ([("files", True), ("db", True), ("dwhdb", True)], ["files", "db", "dwhdb"], []),
    "engine believes in more": ([("db", True), ("keycloak", True)], ["db", "keycloakdb"], ["keycloakdb"]),
    "failed record": ([("db", False), ("files", True)], ["files"], []),
    "scope of another release": ([("reports", True)], ["reports"], ["reports"]),
    "no record": ([], [], []),
}


@pytest.mark.parametrize(("rows", "scopes", "without_reason"), list(RECORDS.values()), ids=list(RECORDS))
def test_record_of_the_engine_is_held_against_the_archive(
    host: FakeEngineHost, rows: Any, scopes: List[str], without_reason: List[str]
) -> None:
    host.records = [(scope, passed, "") for scope, passed in rows]
    record = make_backup(make_request(), host).engine_record
    assert record is not None
    assert (record["scopes"], record["not_in_archive"]) == (scopes, without_reason)
    assert bool(record["problem"]) is not bool(scopes)


def test_engine_that_can_not_be_asked_for_its_record_makes_no_archive_worse(host: FakeEngineHost) -> None:
    host.fail("read_records", BackupError("went down", "database_unreachable"))
    result = make_backup(make_request(), host)
    assert list(host.published) == [NAME]
    assert result.engine_record == {"scopes": [], "not_in_archive": [], "problem": "went down"}


def test_timeout_is_for_the_tool_and_the_packing_together(host: FakeEngineHost) -> None:
    host.runs = [GOOD._replace(takes=100.0)]
    make_backup(make_request(timeout=300, profile="small"), host)
    assert host.timeouts == [300, 200]


@pytest.mark.parametrize("profile", ["stock", "small"])
def test_preview_plans_the_same_and_calls_no_writing_method(host: FakeEngineHost, profile: str) -> None:
    host.leftovers = ["/srv/backup/.engine_backup-1"]
    preview = preview_backup(make_request(profile=profile), host)
    assert (preview.changed, preview.cleaned_up) == (True, ["/srv/backup/.engine_backup-1"])
    assert not WRITING & set(host.calls)
    planned, finished = preview.archive, make_backup(make_request(profile=profile), host).archive
    assert set(host.calls) >= WRITING - {"pack"}, "the fake knows which methods write"
    databases = planned["databases"]
    assert set(planned) == set(finished)
    assert set(databases["dwh"]) == set(finished["databases"]["dwh"])
    for key in ("path", "manifest", "identity", "log_path", "created", "version", "fqdn", "profile", "scopes"):
        assert planned[key] == finished[key]
    assert (planned["size"], planned["sha256"], planned["os_version"], planned["certificates"]) == (None, None, "", [])
    assert databases["engine"]["tables"] == world.ENGINE_ROWS
    assert (databases["dwh"]["size"], databases["dwh"]["rows"], databases["dwh"]["live_rows"]) == (None, 7300, 7300)
    assert preview.cmd[:2] == ["/usr/bin/engine-backup", "--mode=backup"]
    assert {part.partition("=")[0] for part in preview.cmd} >= {"--scope", "--file", "--log", "--tmpdir"}
    assert all("secret" not in part for part in preview.cmd)


def test_manifest_of_a_killed_run_does_not_forbid_the_next(host: FakeEngineHost) -> None:
    host.existing = {"/srv/backup/x.manifest.json"}
    host.leftovers = ["/srv/backup/x.manifest.json"]
    assert preview_backup(make_request(path="/srv/backup/x"), host).changed
