# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments that are refused, and those that surprise."""

from __future__ import annotations

import subprocess

import pytest
from lab.runner import Tool

SEE_HELP = "Please see '--help' for details."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frobnicate"], "Unknown option '--frobnicate'. " + SEE_HELP),
        (["--file", "x"], "Unknown option '--file'. " + SEE_HELP),
        (["--db-secured-validation"], "Unknown option '--db-secured-validation'. " + SEE_HELP),
        (["--mode=foo"], "invalid mode"),
        (["--scope=foo"], "invalid scope 'foo'"),
        (["--scope=managedblockdb"], "invalid scope 'managedblockdb'"),
        (["--tmpdir=/nonexistent"], "Temporary directory /nonexistent is missing or not a directory"),
        (["--he-remove-hosts"], "hosted-engine cleaning options work only in restore mode"),
        (["--file=/dev/null", "--log=/dev/null"], "--file and --log can not be the same"),
        (["--dwh-db-host=x"], "Please use --change-dwh-db-credentials to change dwh db credentials"),
        (["--change-db-credentials"], "--db-host is missing"),
        (
            ["--change-db-credentials", "--provision-all-databases"],
            "Cannot change credentials if provisioning a database",
        ),
        (["--mode=restore"], "--file is missing"),
        (["--mode=restore", "--file=/nonexistent"], "/nonexistent does not exist"),
        (["--db-passfile=/nonexistent"], "Can not read password file /nonexistent"),
        (["--keycloak-db-password"], "Standard input is not a terminal"),
    ],
)
def test_refused_argument_names_its_cause_first(tool: Tool, arguments: list[str], message: str) -> None:
    words = [tool.program, *arguments]
    done = subprocess.run(
        words, env=tool.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "FATAL: " + message


@pytest.mark.parametrize(
    ("argument", "first", "second"),
    [
        ("--db-compressor=lz", "invalid compressor 'lz'", "failed parsing compressor"),
        ("--dwh-db-dump-format=tar", "invalid dump format 'tar'", "failed parsing dump format"),
        ("--db-restore-jobs=x", "invalid number of jobs", "failed parsing jobs"),
    ],
)
def test_bad_value_is_named_in_two_lines(tool: Tool, argument: str, first: str, second: str) -> None:
    run = tool("verify", argument)
    assert (run.rc, run.stderr) == (1, "FATAL: {}\nFATAL: {}\n".format(first, second))


def test_everything_after_an_empty_argument_is_ignored(tool: Tool) -> None:
    run = tool("backup", "--scope=files", "", "--frobnicate")
    assert run.rc == 0


def test_refused_backup_ends_with_a_second_line_about_the_notification(tool: Tool) -> None:
    run = tool("backup", "--he-remove-storage-vm")
    assert run.stdout == "Notifying engine\n"
    assert run.stderr.splitlines()[1:] == ["FATAL: Failed notifying engine"]
