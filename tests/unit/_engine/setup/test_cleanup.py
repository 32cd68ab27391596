# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-cleanup: databases are proven empty or named with what stands in them; a state is not an error."""

from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Interrupted, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.cleanup import (
    CleanupRequest,
    clean_up,
    preview_cleanup,
)
from unit.fakes.errors import assert_refused, error_of
from unit.fakes.faults import Change, installed, no_change, replacing
from unit.fakes.otopi_host import (
    EMPTY,
    FILLED,
    LOG_PATH,
    POST,
    WRITING,
    FakeOtopiHost,
    broken_run,
    recorded,
    remote,
    unsafe_place,
)


def request(**changes: Any) -> CleanupRequest:
    return CleanupRequest("", "", 600, {}, "", False)._replace(**changes)


not_set_up = installed(is_set_up=False)


def all_empty(host: FakeOtopiHost) -> None:
    host.holdings = dict.fromkeys(host.holdings, EMPTY)


def test_an_engine_is_removed_and_its_databases_are_proven_empty(host: FakeOtopiHost) -> None:
    result = clean_up(request(), host)
    assert (result.changed, result.cleanup["state"], result.cleanup["ran"], result.rc) == (True, "cleaned", True, 0)
    databases = result.cleanup["databases"]
    assert sorted(databases) == ["dwh", "engine"]
    assert {item["cleared_by"] for item in databases.values()} == {"engine-cleanup"}
    assert (databases["engine"]["tables"], databases["engine"]["schemas"]) == (FILLED.tables, ["aaa_jdbc"])
    assert result.cleanup["dumps"] == ["/var/lib/ovirt-engine/backups/engine-20261122134359.xhhwi7na.dump"]
    assert result.log_path == LOG_PATH
    assert host.calls.index("read_holdings") < host.calls.index("run_otopi") < len(host.calls) - 1


def test_answers_are_given_by_a_file_that_is_gone_afterwards(host: FakeOtopiHost) -> None:
    result = clean_up(request(answers={"OVESETUP_REMOVE/removeChanged": "bool:False"}), host)
    assert host.written == {} and not host.is_held
    assert "OVESETUP_CORE/remove=bool:True\n" in host.kept[0]
    assert "OVESETUP_REMOVE/removeChanged=bool:False\n" in host.kept[0]
    assert result.cmd == host.commands[0]
    assert [part for part in result.cmd if "--config-append=" in part] == [
        "--config-append=/var/lib/ovirt-engine-backup/.engine_backup-1/answers.conf"
    ]


def test_the_plan_is_the_result_that_a_run_would_have_and_writes_nothing(host: FakeOtopiHost) -> None:
    planned = preview_cleanup(request(), host)
    assert not WRITING & set(host.calls)
    done = clean_up(request(), FakeOtopiHost())
    for key in ("state", "ran", "databases", "services", "files", "answers"):
        assert planned.cleanup[key] == done.cleanup[key]
    assert planned.changed and planned.cmd[0] == done.cmd[0] and planned.rc is None


@pytest.mark.parametrize("act", [clean_up, preview_cleanup])
def test_nothing_set_up_and_all_empty_is_unchanged(host: FakeOtopiHost, act: Any) -> None:
    not_set_up(host)
    all_empty(host)
    result = act(request(), host)
    assert (result.changed, result.cleanup["state"], result.cleanup["ran"]) == (False, "already_clean", False)
    assert "run_otopi" not in host.calls and result.cmd == [] and result.log_path == ""


def test_status_11_is_a_state_and_the_databases_are_asked_all_the_same(host: FakeOtopiHost) -> None:
    host.ran = broken_run(recorded("cleanup-again", "x"), 11)
    assert error_of(BackupError, clean_up, request(), host).code == "database_not_empty"
    all_empty(host)
    result = clean_up(request(), host)
    assert (result.changed, result.cleanup["state"], result.rc) == (False, "already_clean", 11)


def test_a_database_that_the_tool_left_full_is_named_with_what_stands_or_dropped(host: FakeOtopiHost) -> None:
    host.not_emptied = {"ovirt_engine_history"}
    error = error_of(BackupError, clean_up, request(), host)
    assert (error.code, error.facts["phase"], error.facts["log_path"]) == ("database_not_empty", "proving", LOG_PATH)
    assert "3 tables with 523 rows" in error.message
    (standing,) = error.facts["standing"]
    where = ["dwh", "ovirt_engine_history", "localhost", 5432]
    assert [standing[key] for key in "kind database host port tables objects rows".split()] == [*where, 3, 12, 523]
    assert error.facts["dumps"]
    host = FakeOtopiHost()
    host.not_emptied = {"ovirt_engine_history"}
    databases = clean_up(request(clear_databases=True), host).cleanup["databases"]
    assert (databases["engine"]["cleared_by"], databases["dwh"]["cleared_by"]) == ("engine-cleanup", "module")
    assert host.holdings["ovirt_engine_history"] == EMPTY


def test_what_stands_is_named_even_where_it_can_not_be_read_or_cleared(host: FakeOtopiHost) -> None:
    host.not_emptied = {"engine"}
    for at in (1, 2):
        host.fail("count_rows", BackupError("no permission", "database_unreadable"), at)
    error = error_of(BackupError, clean_up, request(), host)
    assert "3 tables with unknown rows" in error.message
    assert error.facts["standing"][0]["rows"] is None
    host = FakeOtopiHost()
    host.not_emptied = {"engine"}
    host.fail("clear_database", BackupError("must be owner of table x", "database_unwritable"))
    error = error_of(BackupError, clean_up, request(clear_databases=True), host)
    assert "must be owner of table x" in error.message
    assert error.facts["standing"][0]["kind"] == "engine"


def test_a_half_restored_host_is_cleared_without_the_tool(host: FakeOtopiHost) -> None:
    not_set_up(host)
    del host.holdings["ovirt_engine_history"]
    result = clean_up(request(clear_databases=True), host)
    assert (result.changed, result.cleanup["state"], result.cleanup["ran"]) == (True, "cleaned", False)
    assert host.holdings["engine"] == EMPTY and "run_otopi" not in host.calls
    missing = result.cleanup["databases"]["dwh"]
    assert (missing["exists"], missing["cleared_by"]) == (False, "")


@pytest.mark.parametrize("is_emptied", [True, False])
def test_a_database_of_the_archive_on_another_server_must_be_empty_too(host: FakeOtopiHost, is_emptied: bool) -> None:
    host.archived = {"engine": remote("engine2"), "dwh": host.installation.settings["dwh"]}
    if is_emptied:
        found = clean_up(request(archive="/srv/x.backup"), host).cleanup["databases"]
        assert sorted(found) == ["archived_engine", "dwh", "engine"]
    else:
        host.holdings["engine2"] = FILLED
        host.not_emptied = {"engine2"}
        with pytest.raises(BackupError, match="archived_engine"):
            clean_up(request(archive="/srv/x.backup"), host)


@pytest.mark.parametrize(("owned", "emptied"), [("engine dwh grafana", ["dwh", "engine"]), ("engine", ["engine"])])
def test_neither_the_data_source_of_grafana_nor_a_database_of_another_host_is_emptied(
    host: FakeOtopiHost, owned: str, emptied: List[str]
) -> None:
    settings = dict(host.installation.settings, grafana=remote("ovirt_engine_history"))
    host.installation = host.installation._replace(settings=settings, owned=frozenset(owned.split()))
    host.not_emptied = {"ovirt_engine_history"} - {settings[kind].database for kind in emptied}
    assert sorted(clean_up(request(), host).cleanup["databases"]) == emptied


def version(generated: str) -> Change:
    return replacing("state", answers=dict(POST, **{"OVESETUP_CORE/generatedByVersion": generated}))


def down(host: FakeOtopiHost) -> None:
    host.unreachable.add("ovirt_engine_history")


REFUSALS: Dict[str, Tuple[Change, Dict[str, Any], List[str]]] = {
    "another minor release": (version("str:4.4.10"), {}, ["cleanup_version_mismatch"]),
    "a newer release": (version("str:4.5.8"), {}, ["cleanup_version_mismatch"]),
    "no version": (version("none:None"), {}, ["cleanup_version_mismatch"]),
    "a database that is down": (down, {}, ["database_unreachable"]),
    "a wrong answer": (no_change, {"answers": {"OVESETUP_CORE/remove": "bool:yes"}}, ["answer_invalid"]),
    "an unsafe directory": (replacing("places", problems=unsafe_place()), {}, ["tmpdir_unsafe"]),
    "not set up and full": (not_set_up, {}, ["database_not_empty", "database_not_empty"]),
}


@pytest.mark.parametrize("act", [clean_up, preview_cleanup])
@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_refused_before_anything_is_written(host: FakeOtopiHost, name: str, act: Any) -> None:
    assert_refused(REFUSALS[name], act, request, host, WRITING)


def test_another_version_is_cleared_without_the_tool_where_asked_for(host: FakeOtopiHost) -> None:
    version("str:4.5.6-2.el9")(host)
    assert preview_cleanup(request(), host).cleanup["ran"], "an earlier release of the same version"
    version("str:4.4.10")(host)
    result = clean_up(request(clear_databases=True), host)
    assert (result.cleanup["ran"], result.cleanup["state"]) == (False, "cleaned")
    assert "engine-cleanup is of 4.5.7" in result.cleanup["warnings"][0]
    host.installation = host.installation._replace(is_set_up=False, settings={}, owned=frozenset())
    result = clean_up(request(), host)
    assert (result.changed, result.cleanup["state"], result.cleanup["databases"]) == (False, "not_set_up", {})


def test_what_a_killed_run_left_is_reported_and_counts_as_a_change(host: FakeOtopiHost) -> None:
    not_set_up(host)
    all_empty(host)
    host.leftovers = ["/var/lib/ovirt-engine-backup/.engine_backup-0"]
    assert preview_cleanup(request(), host).cleaned_up == host.leftovers
    result = clean_up(request(), host)
    assert result.changed and result.cleaned_up == ["/var/lib/ovirt-engine-backup/.engine_backup-0"]
    host.locked_by_another = True
    assert error_of(Refused, preview_cleanup, request(), host).code == "locked"
    assert error_of(BackupError, clean_up, request(), host).code == "locked"


@pytest.mark.parametrize("method", ["begin_private", "run_otopi"])
def test_whatever_happens_the_answers_are_removed_and_the_lock_is_given_back(host: FakeOtopiHost, method: str) -> None:
    host.fail(method, Interrupted("ended"))
    with pytest.raises(Interrupted):
        clean_up(request(), host)
    assert host.calls[-2:] == ["finish", "unlock"]
    assert host.written == {} and not host.is_held


def test_disk_that_its_dumps_would_fill_is_refused_and_plain_dumps_need_more(host: FakeOtopiHost) -> None:
    host.free = 1000  # the two databases have 2000 bytes: enough for compressed dumps, not for plain ones
    assert preview_cleanup(request(), host).changed
    plain = {"OVESETUP_DB/dumper": "str:pg_plain", "OVESETUP_DWH_DB/dumper": "str:pg_plain"}
    assert error_of(Refused, preview_cleanup, request(answers=plain), host).code == "space_dumps"
