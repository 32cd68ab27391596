# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-cleanup: databases are proven empty or named with what stands in them; a state is not an error."""

from typing import Any, Callable, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Interrupted, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.cleanup import (
    CleanupRequest,
    clean_up,
    preview_cleanup,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import NO_DATABASE
from unit.fakes.otopi_host import (
    AT_REST,
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

Change = Callable[[FakeOtopiHost], None]


def request(**changes: Any) -> CleanupRequest:
    return CleanupRequest("", "", 600, {}, "", False)._replace(**changes)


def not_set_up(host: FakeOtopiHost) -> None:
    host.installation = host.installation._replace(is_set_up=False)


def all_empty(host: FakeOtopiHost) -> None:
    host.holdings = dict.fromkeys(host.holdings, EMPTY)


def test_an_engine_is_removed_and_its_databases_are_proven_empty() -> None:
    host = FakeOtopiHost()
    result = clean_up(request(), host)
    assert (result.changed, result.cleanup["state"], result.cleanup["ran"], result.rc) == (True, "cleaned", True, 0)
    assert {kind: item["cleared_by"] for kind, item in result.cleanup["databases"].items()} == {
        "engine": "engine-cleanup",
        "dwh": "engine-cleanup",
    }
    assert result.cleanup["databases"]["engine"]["tables"] == FILLED.tables
    assert result.cleanup["databases"]["engine"]["schemas"] == ["aaa_jdbc"]
    assert result.cleanup["dumps"] == ["/var/lib/ovirt-engine/backups/engine-20261122134359.xhhwi7na.dump"]
    assert result.log_path == LOG_PATH
    assert host.calls.index("read_holdings") < host.calls.index("run_otopi") < len(host.calls) - 1


def test_answers_are_given_by_a_file_that_is_gone_afterwards() -> None:
    host = FakeOtopiHost()
    result = clean_up(request(answers={"OVESETUP_REMOVE/removeChanged": "bool:False"}), host)
    assert host.written == {} and not host.is_held
    assert "OVESETUP_CORE/remove=bool:True\n" in host.kept[0]
    assert "OVESETUP_REMOVE/removeChanged=bool:False\n" in host.kept[0]
    assert result.cmd == host.commands[0]
    assert [part for part in result.cmd if "--config-append=" in part] == [
        "--config-append=/var/lib/ovirt-engine-backup/.engine_backup-1/answers.conf"
    ]


def test_the_plan_is_the_result_that_a_run_would_have() -> None:
    planned = preview_cleanup(request(), FakeOtopiHost())
    done = clean_up(request(), FakeOtopiHost())
    for key in ("state", "ran", "databases", "services", "files", "answers"):
        assert planned.cleanup[key] == done.cleanup[key]
    assert planned.changed and planned.cmd[0] == done.cmd[0] and planned.rc is None


def test_the_plan_writes_nothing() -> None:
    host = FakeOtopiHost()
    preview_cleanup(request(archive="/srv/x.backup"), host)
    assert not WRITING & set(host.calls)


@pytest.mark.parametrize("act", [clean_up, preview_cleanup])
def test_nothing_set_up_and_all_empty_is_unchanged(act: Any) -> None:
    host = FakeOtopiHost()
    not_set_up(host)
    all_empty(host)
    result = act(request(), host)
    assert (result.changed, result.cleanup["state"], result.cleanup["ran"]) == (False, "already_clean", False)
    assert "run_otopi" not in host.calls and result.cmd == [] and result.log_path == ""


def test_nothing_known_at_all_is_a_state_too() -> None:
    host = FakeOtopiHost()
    host.installation = host.installation._replace(is_set_up=False, settings={}, owned=frozenset())
    result = clean_up(request(), host)
    assert (result.changed, result.cleanup["state"], result.cleanup["databases"]) == (False, "not_set_up", {})


def test_status_11_is_a_state_and_the_databases_are_asked_all_the_same() -> None:
    host = FakeOtopiHost()
    all_empty(host)
    host.ran = broken_run(recorded("cleanup-again", "x"), 11)
    result = clean_up(request(), host)
    assert (result.changed, result.cleanup["state"], result.rc) == (False, "already_clean", 11)


def test_status_11_with_full_databases_is_a_failure() -> None:
    host = FakeOtopiHost()
    host.ran = broken_run(recorded("cleanup-again", "x"), 11)
    with pytest.raises(BackupError) as caught:
        clean_up(request(), host)
    assert caught.value.code == "database_not_empty"


def test_a_database_that_the_tool_left_full_is_named_with_what_stands() -> None:
    host = FakeOtopiHost()
    host.not_emptied = {"ovirt_engine_history"}
    with pytest.raises(BackupError) as caught:
        clean_up(request(), host)
    assert caught.value.code == "database_not_empty"
    assert "3 tables with 523 rows" in caught.value.message
    assert caught.value.facts["standing"] == [
        {
            "kind": "dwh",
            "database": "ovirt_engine_history",
            "host": "localhost",
            "port": 5432,
            "tables": 3,
            "objects": 12,
            "rows": 523,
        }
    ]
    assert caught.value.facts["phase"] == "proving"
    assert caught.value.facts["log_path"] == LOG_PATH
    assert caught.value.facts["dumps"]


def test_what_stands_is_named_even_where_its_rows_can_not_be_read() -> None:
    host = FakeOtopiHost()
    host.not_emptied = {"engine"}
    for at in (1, 2):
        host.fail("count_rows", BackupError("no permission", "database_unreadable"), at)
    with pytest.raises(BackupError, match="3 tables with unknown rows") as caught:
        clean_up(request(), host)
    assert caught.value.facts["standing"][0]["rows"] is None


def test_what_the_tool_left_is_dropped_where_asked_for() -> None:
    host = FakeOtopiHost()
    host.not_emptied = {"ovirt_engine_history"}
    result = clean_up(request(clear_databases=True), host)
    assert {kind: item["cleared_by"] for kind, item in result.cleanup["databases"].items()} == {
        "engine": "engine-cleanup",
        "dwh": "module",
    }
    assert host.holdings["ovirt_engine_history"] == EMPTY


def test_a_half_restored_host_is_cleared_without_the_tool() -> None:
    host = FakeOtopiHost()
    not_set_up(host)
    result = clean_up(request(clear_databases=True), host)
    assert (result.changed, result.cleanup["state"], result.cleanup["ran"]) == (True, "cleaned", False)
    assert host.holdings["engine"] == EMPTY and "run_otopi" not in host.calls


def test_clearing_that_fails_says_what_stands() -> None:
    host = FakeOtopiHost()
    host.not_emptied = {"engine"}
    host.fail("clear_database", BackupError("must be owner of table x", "database_unwritable"))
    with pytest.raises(BackupError, match="must be owner of table x") as caught:
        clean_up(request(clear_databases=True), host)
    assert caught.value.facts["standing"][0]["kind"] == "engine"


def test_a_database_that_does_not_exist_is_empty() -> None:
    host = FakeOtopiHost()
    host.holdings = {"engine": FILLED}
    result = clean_up(request(), host)
    assert result.cleanup["databases"]["dwh"]["exists"] is NO_DATABASE.exists
    assert result.cleanup["databases"]["dwh"]["cleared_by"] == ""


def test_a_database_of_the_archive_on_another_server_must_be_empty_too() -> None:
    host = FakeOtopiHost()
    host.archived = {"engine": remote("engine2"), "dwh": host.installation.settings["dwh"]}
    host.holdings["engine2"] = FILLED
    host.not_emptied = {"engine2"}
    with pytest.raises(BackupError, match="archived_engine"):
        clean_up(request(archive="/srv/x.backup"), host)
    host = FakeOtopiHost()
    host.archived = {"engine": remote("engine2"), "dwh": host.installation.settings["dwh"]}
    found = clean_up(request(archive="/srv/x.backup"), host).cleanup["databases"]
    assert sorted(found) == ["archived_engine", "dwh", "engine"]


def test_the_data_source_of_grafana_is_no_database_to_empty() -> None:
    host = FakeOtopiHost()
    settings = dict(host.installation.settings, grafana=remote("ovirt_engine_history"))
    host.installation = host.installation._replace(settings=settings, owned=frozenset(settings))
    assert sorted(clean_up(request(), host).cleanup["databases"]) == ["dwh", "engine"]


def test_a_database_of_another_host_is_left_alone() -> None:
    host = FakeOtopiHost()
    host.installation = host.installation._replace(owned=frozenset(["engine"]))
    host.not_emptied = {"ovirt_engine_history"}
    assert sorted(clean_up(request(), host).cleanup["databases"]) == ["engine"]


def version(generated: str) -> Change:
    def change(host: FakeOtopiHost) -> None:
        answers = dict(POST, **{"OVESETUP_CORE/generatedByVersion": generated})
        host.state = host.state._replace(answers=answers)

    return change


REFUSALS: Dict[str, Tuple[Change, Dict[str, Any], List[str]]] = {
    "another minor release": (version("str:4.4.10"), {}, ["cleanup_version_mismatch"]),
    "a newer release": (version("str:4.5.8"), {}, ["cleanup_version_mismatch"]),
    "no version": (version("none:None"), {}, ["cleanup_version_mismatch"]),
    "a database that is down": (
        lambda host: host.unreachable.add("ovirt_engine_history"),
        {},
        ["database_unreachable"],
    ),
    "a wrong answer": (lambda host: None, {"answers": {"OVESETUP_CORE/remove": "bool:yes"}}, ["answer_invalid"]),
    "an unsafe directory": (
        lambda host: setattr(host, "places", host.places._replace(problems=unsafe_place())),
        {},
        ["tmpdir_unsafe"],
    ),
    "not set up and full": (not_set_up, {}, ["database_not_empty", "database_not_empty"]),
}


@pytest.mark.parametrize("act", [clean_up, preview_cleanup])
@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_refused_before_anything_is_written(name: str, act: Any) -> None:
    change, options, codes = REFUSALS[name]
    host = FakeOtopiHost()
    change(host)
    with pytest.raises(Refused) as caught:
        act(request(**options), host)
    assert [problem["code"] for problem in caught.value.facts["problems"]] == codes
    assert caught.value.facts["phase"] == "plan"
    assert set(host.calls) & WRITING <= AT_REST
    assert not host.is_held


def test_another_version_is_cleared_without_the_tool_where_asked_for() -> None:
    host = FakeOtopiHost()
    version("str:4.4.10")(host)
    result = clean_up(request(clear_databases=True), host)
    assert (result.cleanup["ran"], result.cleanup["state"]) == (False, "cleaned")
    assert "engine-cleanup is of 4.5.7" in result.cleanup["warnings"][0]


def test_an_earlier_release_of_the_same_version_is_no_mismatch() -> None:
    host = FakeOtopiHost()
    version("str:4.5.6-2.el9")(host)
    assert clean_up(request(), host).cleanup["ran"]


def test_a_locked_directory_is_refused_in_the_plan_and_at_once() -> None:
    host = FakeOtopiHost()
    host.locked_by_another = True
    with pytest.raises(Refused) as caught:
        preview_cleanup(request(), host)
    assert caught.value.code == "locked"
    with pytest.raises(BackupError) as met:
        clean_up(request(), host)
    assert met.value.code == "locked"


def test_what_a_killed_run_left_is_reported_and_counts_as_a_change() -> None:
    host = FakeOtopiHost()
    not_set_up(host)
    all_empty(host)
    host.leftovers = ["/var/lib/ovirt-engine-backup/.engine_backup-0"]
    assert preview_cleanup(request(), host).cleaned_up == host.leftovers
    result = clean_up(request(), host)
    assert result.changed and result.cleaned_up == ["/var/lib/ovirt-engine-backup/.engine_backup-0"]


@pytest.mark.parametrize("method", ["begin_private", "write_answers", "run_otopi", "note_phase"])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), Interrupted("ended")])
def test_whatever_happens_the_answers_are_removed_and_the_lock_is_given_back(method: str, error: BaseException) -> None:
    host = FakeOtopiHost()
    host.fail(method, error)
    with pytest.raises(type(error)):
        clean_up(request(), host)
    assert host.written == {} and not host.is_held


def test_disk_that_its_dumps_would_fill_is_refused_and_plain_dumps_need_more() -> None:
    host = FakeOtopiHost()
    host.free = 1000  # the two databases have 2000 bytes: enough for compressed dumps, not for plain ones
    assert preview_cleanup(request(), host).changed
    plain = {"OVESETUP_DB/dumper": "str:pg_plain", "OVESETUP_DWH_DB/dumper": "str:pg_plain"}
    with pytest.raises(Refused) as caught:
        preview_cleanup(request(answers=plain), host)
    assert caught.value.code == "space_dumps"
