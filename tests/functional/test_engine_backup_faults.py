# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup ends in a named error, and leaves no trace, whatever goes wrong in the tool."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from lab import faults

from .archive_steps import Step, in_turns
from .archive_store import ArchiveStore
from .playbooks import Engine, backup, codes
from .side_effects import photograph

pytestmark = pytest.mark.faults
Fault = Callable[..., Path]

# What happens: fault, its parameter, scopes of the run, code.
FAILURES = {
    "pg_dump is killed": ("kill-child", "pg_dump engine", ["db"], "dump_failed"),
    "the tool is killed": ("kill-at", "engine", ["db"], "tool_killed"),
    "the tool dies without a word": ("silent-death-at", "pack", ["grafanadb"], "tool_failed"),
    "the tool takes too long": ("slow-at", "grafana 100", ["grafanadb"], "tool_timeout"),
    "the temporary disk is full": ("disk-full", "temporary", ["db"], "disk_full"),
    "the target disk is full": ("disk-full", "target", ["grafanadb"], "disk_full"),
    "databases are skipped without a word": (
        "skip-database", "grafana keycloak", ["keycloakdb", "grafanadb"], "database_skipped"),
    "a dump is empty": ("empty-dump", "dwh", ["dwhdb"], "dump_empty"),
    "a dump is cut": ("cut-dump", "dwh", ["dwhdb"], "dump_truncated"),
    "a table is dumped without its rows": ("lost-table", "dwh calendar", ["dwhdb"], "table_missing"),
    "a line is planted in the config": ("planted-line", "touch planted", ["grafanadb"], "config_forbidden"),
    "no archive is left": ("stale-output", "absent", ["grafanadb"], "archive_unreadable"),
    "an older archive is left": ("stale-output", "{older}", ["grafanadb"], "archive_stale"),
}  # fmt: skip


def test_each_failure_has_its_name_and_leaves_no_trace(
    engine: Engine, archive_store: ArchiveStore, fault: Fault, proven: dict[str, Path]
) -> None:
    left: list[str] = []

    def switch(ended: str, begun: str) -> None:
        faults.clear(engine.site.lab.faults)
        if photograph(archive_store.directory) != archive_store.before:
            left.append(ended)
        if begun:
            name, parameter, _scope, _code = FAILURES[begun]
            fault(name, parameter.format(older=proven["stock"]))

    ended, steps = "", list[Step]()
    for what, (_name, _parameter, scope, _code) in FAILURES.items():
        limit = {"timeout": 2} if "too long" in what else {}
        steps += [partial(switch, ended, what), backup(directory=archive_store.directory, scope=scope, **limit)]
        ended = what
    results = dict(zip(FAILURES, in_turns(engine, *steps, partial(switch, ended, "")), strict=True))
    assert left == []
    found = {what: result.get("code") for what, result in results.items()}
    assert found == {what: code for what, (*_fault, code) in FAILURES.items()}, results
    for result in results.values():
        assert result["failed"] and result["code"] in codes(result)
        assert result["phase"] in ("engine-backup", "proving")
        assert Path(result["log_path"]).is_file()
    skipped = results["databases are skipped without a word"]
    named = [problem["message"] for problem in skipped["problems"] if problem["code"] == "database_skipped"]
    assert ["grafana" in named[0], "keycloak" in named[1], len(named)] == [True, True, 2], skipped["msg"]


def test_noise_and_a_file_that_changes_once_fail_nothing_and_the_next_run_is_plain(
    engine: Engine, archive_store: ArchiveStore, fault: Fault
) -> None:
    fault("stderr-noise")
    fault("file-changes", "1")
    again, plain = in_turns(
        engine,
        backup(directory=archive_store.directory, scope=["files"]),
        partial(faults.clear, engine.site.lab.faults),
        backup(directory=archive_store.directory),
    )
    assert [result.get("msg") for result in (again, plain)] == [None, None]
    assert (again["attempts"], plain["attempts"], plain["swept"]) == (2, 1, [])
    assert again["log_path"].endswith(".attempt2")
    assert again["log_path"] == again["archive"]["log_path"]
    archive_store.assert_holds_new(again, plain)
