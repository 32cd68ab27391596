# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recorded and told runs of engine-backup say: success, what was left out, and the one cause of a failure."""

from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import KINDS
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.output import (
    announced_databases,
    announces_files,
    check_run,
    evidence,
    first_fatal,
    last_lines,
    missing_lines,
    shorten,
    signal_of,
)

RECORDED = Path(__file__).resolve().parents[2] / "recorded"
STAMP = "2026-11-22 13:43:56 6689: "
ENGINE = {"engine": "engine"}


def recorded(name: str) -> Tuple[int, str, str, str]:
    def text(ending: str) -> str:
        path = RECORDED / (name + ending)
        return path.read_text(encoding="utf-8") if path.exists() else ""

    return int(text(".rc")), text(".stdout"), text(".stderr"), text(".log")


# What the tool says of itself in each recorded run: code, part of the message, databases that it announces
RUNS: Dict[str, Tuple[str, str, Dict[str, str]]] = {
    "backup-all": ("", "", ENGINE),
    "backup-big": ("", "", ENGINE),
    "backup-files-db": ("", "", ENGINE),
    "backup-plain": ("", "", ENGINE),
    "backup-silently-without-database": ("", "", {}),
    "bad-scope": ("tool_failed", "invalid scope 'foo'", {}),
    "change-cred-missing": ("tool_failed", "--db-user is missing", {}),
    "cleanup-2": ("tool_incomplete", "did not print 'Done.'", {}),
    "cleanup-after-broken-restore": ("tool_incomplete", "did not print 'Done.'", {}),
    "cleanup-again": ("tool_failed", "status 11", {}),
    "cleanup-ok": ("tool_incomplete", "did not print 'Done.'", {}),
    "restore-changed-credentials": ("tool_failed", "Can not find", {"engine": "engine2"}),
    "restore-killed-pg_restore": ("", "", ENGINE),
    "restore-no-perm-flag": ("tool_failed", "--restore-permissions", {}),
    "restore-not-empty": ("tool_failed", "Database 'engine' is not empty", {}),
    "restore-ok": ("", "", ENGINE),
    "setup-after-restore": ("tool_incomplete", "did not print 'Done.'", {}),
    "unknown-option": ("tool_failed", "Unknown option", {}),
    "verify-cut": ("tool_failed", "cannot open /tmp/engine-backup.", {}),
    "verify-ok": ("", "", ENGINE),
    "verify-plain": ("tool_failed", "Errors while running pg_restore", ENGINE),
}


def test_every_recorded_run_is_in_the_table() -> None:
    assert sorted(path.stem for path in RECORDED.glob("*.rc")) == sorted(RUNS)


@pytest.mark.parametrize("name", sorted(RUNS))
def test_recorded_run_is_judged(name: str) -> None:
    code, part, announced = RUNS[name]
    returncode, stdout, stderr, log = recorded(name)
    outcome = check_run(returncode, stdout, stderr, log)
    assert outcome.code == code
    assert part in outcome.message
    assert announced_databases(stdout) == announced


MISSING: Dict[str, Tuple[str, bool, List[str]]] = {
    "silent skip": (recorded("backup-silently-without-database")[1], True, ["database_skipped"]),
    "complete run": (recorded("backup-all")[1], True, []),
    "another database": ("- Engine database 'engine_old'\n", False, ["database_other"]),
    "files expected": ("- Engine database 'engine'\n", True, ["files_skipped"]),
    "files not expected": ("- Engine database 'engine'\n", False, []),
}


@pytest.mark.parametrize(("stdout", "files", "codes"), list(MISSING.values()), ids=list(MISSING))
def test_what_was_left_out_is_found_by_the_missing_line(stdout: str, files: bool, codes: List[str]) -> None:
    problems = missing_lines(stdout, ENGINE, files=files)
    assert [item.code for item in problems] == codes
    assert all("engine database 'engine'" in item.message for item in problems if item.code == "database_skipped")


def test_label_of_every_database_is_known() -> None:
    stdout = "".join("- %s database 'name of %s'\n" % (kind.label, kind.name) for kind in KINDS)
    assert announced_databases(stdout) == {kind.name: "name of %s" % kind.name for kind in KINDS}


@pytest.mark.parametrize("line", ["-- Files", "- Files and more", " - Files", "x - Files"])
def test_only_the_exact_line_announces_files(line: str) -> None:
    assert announces_files("a\n- Files\nb")
    assert not announces_files(line)


def logged(*lines: str) -> str:
    return "".join(STAMP + line + "\n" for line in lines)


DUMP_FAILED = "FATAL: Database engine backup failed\n"
NOT_NOTIFIED = "FATAL: Failed notifying engine\n"
NOT_PACKED = "FATAL: Failed backing up /etc/a\n/var/lib/b\n"
LOW = "OUTPUT: ERROR: Low free space on /t: 8KiB"
CHANGED = "tar: /var/lib/x: file changed as we read it"
FAILURES: Dict[str, Tuple[Optional[int], str, str, str, str]] = {
    "fatal in the log only": (1, NOT_NOTIFIED, logged(DUMP_FAILED, NOT_NOTIFIED), "dump_failed", "Database engine"),
    "notification failed on top of the cause": (1, DUMP_FAILED + NOT_NOTIFIED, "", "dump_failed", "engine backup"),
    "notification is the cause": (1, NOT_NOTIFIED, logged(NOT_NOTIFIED), "engine_not_notified", "notifying engine"),
    "warning of pg_dump": (1, DUMP_FAILED, "x\npg_dump: warning: collation mismatch\n", "dump_failed", "collation mis"),
    "compressor failed": (1, "FATAL: gzip failed compressing the backup of", "", "dump_failed", "gzip failed"),
    "file changed, paths on many lines": (1, NOT_PACKED, logged("x") + CHANGED, "files_changed", "/etc/a"),
    "tar failed for another reason": (1, NOT_PACKED, "", "tool_failed", "Failed backing up"),
    "file changed, but the dump failed": (1, DUMP_FAILED, CHANGED, "dump_failed", "Database engine"),
    "disk full while dumping": (1, DUMP_FAILED, "tar: x: No space left on device\n", "disk_full", "No space left"),
    "disk full, told at the end": (1, "FATAL: Cannot create", logged(LOW), "disk_full", "Cannot"),
    "killed by a signal": (-9, "", "", "tool_killed", "signal 9"),
    "killed tool with a full disk": (-9, "No space left on device", "", "disk_full", "engine-backup"),
}


@pytest.mark.parametrize(("status", "stderr", "log", "code", "part"), list(FAILURES.values()), ids=list(FAILURES))
def test_failure_is_named_by_its_cause(status: Optional[int], stderr: str, log: str, code: str, part: str) -> None:
    outcome = check_run(status, "- Files\n", stderr, log)
    assert outcome.code == code
    assert part in outcome.message


def test_status_and_last_line_decide_and_not_stderr() -> None:
    assert check_run(1, "Done.\n", "", "").code == "tool_failed"
    assert check_run(0, "Not Done.\n", "", "").code == "tool_incomplete"
    assert check_run(0, "Done.\n", "DeprecationWarning: distutils\n", "") == ("", "")


def test_first_fatal_of_stderr_goes_before_the_log() -> None:
    assert first_fatal("FATAL: one\nFATAL: two\n", logged("FATAL: three")) == "one"
    assert first_fatal("not FATAL: x\n", "") == ""


@pytest.mark.parametrize(
    ("status", "number"), [(None, 0), (0, 0), (1, 0), (128, 0), (129, 1), (137, 9), (143, 15), (-15, 15), (255, 0)]
)
def test_signal_is_told_from_an_exit_status(status: Optional[int], number: int) -> None:
    assert signal_of(status) == number


def test_evidence_is_what_the_children_said_in_short_and_without_noise() -> None:
    log = logged("pg_cmd running: psql -t", "tar: Removing leading `/'", "tar: /x: Cannot open: Permission denied")
    found = evidence(log, "pg_dump: error: query failed\nsh: x: not found\n")
    assert found == "; it said: tar: /x: Cannot open: Permission denied; pg_dump: error: query failed"
    assert evidence("", "all is well\n") == ""
    long = evidence("", "tar: %s: No\n" % ("x" * 5000) * 50)
    assert (long.count("tar: "), len(long) < 1000) == (3, True)


def test_long_text_is_shortened_to_one_line() -> None:
    assert shorten("a\n b\t c") == "a b c"
    assert len(shorten("x" * 301)) == 300
    assert shorten("x" * 300) == "x" * 300


def test_last_lines_are_twenty_at_most() -> None:
    assert last_lines("".join("%d\n" % number for number in range(30))) == [str(number) for number in range(10, 30)]
