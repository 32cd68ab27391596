# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that tells why a tool failed comes before what the tool says of the consequences."""

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.output import check_run, first_cause
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.output import check_load

STAMP = "2026-12-01 01:02:03 4711: "
FATAL = STAMP + "FATAL: Errors while restoring database engine\n"
CAUSES = [
    "pg_restore: error: could not write to file: No space left on device",
    "ERROR: Low free space on /tmp: 512KiB",
    "engine-backup.sh: line 12: 4712 Killed pg_restore -j 2",
    "ERROR:  permission denied for tablespace fast",
    "psql: error: FATAL:  the database system is starting up",
    "psql: error: FATAL:  sorry, too many clients already",
    "pg_dump: error: Segmentation fault (core dumped)",
]


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("place", ["log", "stderr", "stdout"])
def test_first_cause_is_in_the_message_before_the_consequence(cause: str, place: str) -> None:
    said = {"log": FATAL, "stderr": "", "stdout": ""}
    said[place] = cause + "\n" + said[place]
    message = check_run(1, said["stdout"], said["stderr"], said["log"]).message
    assert message.index(" ".join(cause.split())) < message.index("Errors while restoring")


@pytest.mark.parametrize(
    "line", ["ERROR:  permission denied for language c", "ERROR:  permission denied to create extension", "all is well"]
)
def test_what_every_load_says_is_no_cause(line: str) -> None:
    assert first_cause(line) == ""


def test_cause_that_is_the_fatal_text_is_said_once() -> None:
    log = STAMP + "FATAL: cannot write: No space left on device\n"
    assert check_run(1, "", "", log).message.count("No space left") == 1


def test_cause_stands_first_among_the_errors_of_a_load() -> None:
    log = (
        STAMP + "restoreDB: -j 2 database engine orig_user engine\n"
        'pg_restore: error: could not execute query: ERROR:  relation "a" does not exist\n'
        "pg_restore: error: COPY failed: ERROR:  could not extend file: No space left on device\n"
    )
    assert "No space left on device" in check_load(log)[0].message
