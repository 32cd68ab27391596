# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tool says is not believed: whatever is not as in the archive is found, and what stands where is said."""

from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import CommandError, NotProven, Problem
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.run import make_restore
from unit.fakes.engine_host import Run
from unit.fakes.errors import error_of
from unit.fakes.faults import Change, no_change
from unit.fakes.restore_host import FakeRestoreHost, credentials, make_request, marks, rows

STAMP = "2026-11-22 13:45:36 1: "
LOAD = STAMP + "restoreDB: backupfile /t/e.db user e host h port 5432 database engine orig_user  compressor  format c\n"
KILLED = LOAD + "pg_restore: error: a worker process died unexpectedly\n" + STAMP + "OUTPUT: Done.\n"
CASCADE = STAMP + 'pg_cmd running: psql\nNOTICE:  truncate cascades to table "vm_static"\n'


def ended(returncode: Any, stderr: str = "", log: str = "", stdout: Any = "") -> Run:
    return Run(returncode, stdout, stderr, log, None, 5.0)


def well(log: str) -> Run:
    return ended(0, "", log, None)


CASES: Dict[str, Tuple[Change, Run, List[str]]] = {
    "one row less": (rows("engine", vm_static=19), well(""), ["rows_differ"]),
    "one row more": (rows("dwh", calendar=301), well(""), ["rows_differ"]),
    "of another backup": (marks(started=False), well(""), ["mark_missing"]),
    "files differ": (
        lambda host: host.file_problems.append(Problem("file_differs", "x")), well(""), ["file_differs"]),
    "worker died": (no_change, well(KILLED), ["load_error"]),
    "database skipped": (
        no_change, ended(0, "", "", "- Files\n- Engine database 'engine'\nDone.\n"),
        ["database_skipped", *["table_missing"] * 4, "mark_missing", "not_just_restored"]),
    "reached by a cascade": (rows("engine", vm_static=20), well(CASCADE), ["rows_differ"]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_what_is_not_the_archive_is_found_although_the_tool_said_done(name: str) -> None:
    spoil, run, codes = CASES[name]
    host = FakeRestoreHost()
    host.spoil, host.runs = spoil, [run]
    error = error_of(NotProven, make_restore, make_request(), host)
    assert sorted(item["code"] for item in error.facts["problems"]) == sorted(codes)
    assert error.facts["phase"] == "proving"
    assert "Do not start this engine" in error.message
    assert (host.state, host.is_held, host.secrets) == (None, False, {})


def test_emptied_by_a_cascade_and_rows_of_removed_hosts_are_proven(host: FakeRestoreHost) -> None:
    host.spoil, host.runs = rows("engine", vm_static=0), [well(CASCADE)]
    found = make_restore(make_request(), host).restore["databases"]["engine"]
    assert found["emptied"] == ["public.job", "public.vm_static"]
    host = FakeRestoreHost()
    host.spoil = rows("engine", vm_static=18)
    assert make_restore(make_request(remove_hosts=True, allow_hosted_engine=True), host).changed


def test_failure_says_what_stands_where_and_shows_the_end_of_the_log(host: FakeRestoreHost) -> None:
    host.spoil, host.runs = rows("engine", vm_static=1), [well("".join("line %d\n" % number for number in range(30)))]
    facts = error_of(NotProven, make_restore, make_request(), host).facts
    assert facts["standing"] == {
        "engine": "engine on localhost:5432: 3 tables, 501 rows (the archive holds 527 rows)",
        "dwh": "ovirt_engine_history on localhost:5432: 1 tables, 300 rows (the archive holds 300 rows)",
    }
    assert facts["last_lines"] == ["line %d" % number for number in range(10, 30)]
    assert (facts["cmd"], facts["log_path"]) == (
        host.commands[0],
        "/var/log/ovirt-engine-backup/restore-one-20261122T134352Z.log",
    )


def test_a_database_that_is_gone_is_said_to_be_gone(host: FakeRestoreHost) -> None:
    host.spoil = lambda host: host.servers.clear()
    with pytest.raises(Exception, match="no server") as caught:
        make_restore(make_request(), host)
    assert "no server" in caught.value.facts["standing"]["engine"]  # type: ignore[attr-defined]


FAILURES: Dict[str, Tuple[Run, str, str]] = {
    "time over": (ended(None), "tool_timeout", "timeout of 14400 seconds"),
    "disk full": (ended(1, "FATAL: Failed extracting /x", "tar: No space left on device"), "disk_full", "No space"),
    "leftovers": (
        ended(1, "FATAL: Existing database 'engine' or user 'engine' found and temporary ones created - Please",
              "created engine_20261122134500"), "provision_leftovers", "it made engine_20261122134500: remove"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(FAILURES))
def test_failure_of_the_tool_has_its_code_and_the_facts(name: str) -> None:
    run, code, part = FAILURES[name]
    host = FakeRestoreHost()
    host.add_server(credentials("engine"))
    host.runs = [run]
    error = error_of(CommandError, make_restore, make_request(credentials={"engine": credentials("engine")}), host)
    assert error.code == code
    assert part in error.message
    facts = error.facts
    assert (facts["phase"], facts["rc"]) == ("engine-backup", run.returncode)
    assert sorted(facts["standing"]) == ["dwh", "engine"]
    assert host.seen_secrets
    assert (host.state, host.is_held, host.secrets, host.placeholders) == (None, False, {}, set())
    assert not host.are_times_kept or run.returncode is None


def test_failed_run_can_be_repeated_once_the_databases_are_empty_again(host: FakeRestoreHost) -> None:
    host.runs = [ended(1)]
    with pytest.raises(CommandError):
        make_restore(make_request(), host)
    assert make_restore(make_request(), host).changed
