# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-backup fails: each failure by its name, with what a person needs, and nothing is published."""

from typing import Any, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, CommandError
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import ATTEMPTS, RETRY_PAUSE, make_backup
from unit.fakes.engine_host import GOOD, FakeEngineHost, Run, make_request
from unit.fakes.errors import error_of

LOG = "/var/log/ovirt-engine-backup/engine-backup-engine.lab.test-20261122T134352Z.log"
CHANGED = Run(
    1, "- Files\n", "FATAL: Failed backing up /etc/a\n", "tar: /etc/a: file changed as we read it\n", None, 10.0
)
DUMP_FAILED = Run(1, "- Files\n", "FATAL: Database engine backup failed\n", "pg_dump: error: gone\n", None, 5.0)
TIMED_OUT = Run(None, "", "", "pg_dump: waiting for a lock:\n", None, 300.0)


def attempt(host: FakeEngineHost, **options: Any) -> BackupError:
    """Run on a host where it must fail, and see that it leaves nothing behind."""
    error = error_of(BackupError, make_backup, make_request(**options), host)
    assert host.published == {}
    assert not host.is_held
    assert host.state is None
    return error


def host_with(*runs: Run) -> FakeEngineHost:
    host = FakeEngineHost()
    host.runs = list(runs)
    return host


@pytest.mark.parametrize(
    ("runs", "code", "part"),
    [
        ([DUMP_FAILED], "dump_failed", "gone"),
        ([GOOD._replace(stdout="- Files\n")], "tool_incomplete", "Done."),
        ([CHANGED, DUMP_FAILED], "dump_failed", "gone"),
        ([TIMED_OUT], "tool_timeout", "300 seconds; it said: pg_dump: waiting for a lock"),
    ],
    ids=["status", "incomplete", "later attempt", "timeout"],
)
def test_failure_is_named_and_leaves_nothing(runs: List[Run], code: str, part: str) -> None:
    host = host_with(*runs)
    error = attempt(host, timeout=300)
    assert (error.code, part in error.message, error.facts["rc"]) == (code, True, runs[-1].returncode)
    assert not {"read_archive", "read_records"} & set(host.calls)
    assert len(host.commands) == len(runs)


def test_failure_carries_the_facts_that_a_person_needs() -> None:
    long = GOOD._replace(returncode=1, log="".join("line %d\n" % number for number in range(100)))
    host = host_with(long)
    facts = attempt(host).facts
    assert (facts["rc"], facts["phase"], facts["log_path"]) == (1, "engine-backup", LOG)
    assert facts["last_lines"] == ["line %d" % number for number in range(80, 100)]
    assert facts["cmd"] == host.commands[0]


@pytest.mark.parametrize("failures", [1, 2])
def test_file_that_changed_is_tried_again(failures: int) -> None:
    host = host_with(*[CHANGED] * failures)
    result = make_backup(make_request(), host)
    assert result.attempts == failures + 1
    assert len(host.published) == 1
    assert host.calls.count("sleep") == failures


def test_each_attempt_has_a_log_of_its_own_and_the_last_one_is_the_identity() -> None:
    host = host_with(CHANGED, CHANGED)
    archive = make_backup(make_request(), host).archive
    assert sorted(host.logs) == [LOG, LOG + ".attempt2", LOG + ".attempt3"]
    assert archive["identity"] == archive["log_path"] == LOG + ".attempt3"


def test_file_that_changes_every_time_is_named_after_the_last_attempt() -> None:
    host = host_with(*[CHANGED] * (ATTEMPTS + 1))
    error = attempt(host)
    assert error.code == "files_changed"
    assert len(host.commands) == ATTEMPTS
    assert error.facts["log_path"] == "%s.attempt%d" % (LOG, ATTEMPTS)


def test_attempts_share_one_timeout() -> None:
    host = host_with(CHANGED, CHANGED)
    make_backup(make_request(timeout=300), host)
    assert host.timeouts == [300, 290 - RETRY_PAUSE, 280 - 2 * RETRY_PAUSE]


def test_last_attempt_gets_at_least_a_second() -> None:
    host = host_with(CHANGED, TIMED_OUT)
    attempt(host, timeout=5)
    assert host.timeouts[1] == 1


def test_packing_that_fails_is_named_and_leaves_nothing(host: FakeEngineHost) -> None:
    host.fail("pack", CommandError("no room", "disk_full"))
    assert attempt(host, profile="small").code == "disk_full"


def test_phases_are_written_down_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    host = host_with(CHANGED)
    noted: List[str] = []
    monkeypatch.setattr(host, "note_phase", noted.append)
    make_backup(make_request(), host)
    assert noted == ["engine-backup, attempt 1", "engine-backup, attempt 2", "proving", "publishing"]
