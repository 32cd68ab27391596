# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup ends in a named error, and leaves no trace, whatever goes wrong in the tool."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .archive_store import ArchiveStore
from .playbooks import Engine, backup, codes, remove

pytestmark = pytest.mark.faults
Fault = Callable[..., Path]

# What happens: fault, its parameter, scopes of the run, code.
FAILURES = {
    "pg_dump_is_killed": ("kill-child", "pg_dump engine", ["db"], "dump_failed"),
    "tar_is_killed_at_the_files": ("kill-child", "tar files", ["files"], "tool_failed"),
    "tar_is_killed_at_the_archive": ("kill-child", "tar pack", ["grafanadb"], "tool_failed"),
    "the_tool_is_killed": ("kill-at", "engine", ["db"], "tool_killed"),
    "the_tool_dies_with_a_reason": ("fatal-at", "files", ["files"], "tool_failed"),
    "the_tool_dies_without_a_word": ("silent-death-at", "pack", ["grafanadb"], "tool_failed"),
    "pg_dump_warns_on_stderr": ("pg-dump-warning", "", ["db"], "dump_failed"),
    "the_temporary_disk_is_full": ("disk-full", "temporary", ["db"], "disk_full"),
    "the_target_disk_is_full": ("disk-full", "target", ["grafanadb"], "disk_full"),
    "a_database_is_skipped_without_a_word": ("skip-database", "dwh", ["dwhdb", "grafanadb"], "database_skipped"),
    "a_dump_is_empty": ("empty-dump", "dwh", ["dwhdb"], "dump_empty"),
    "a_dump_is_missing": ("missing-dump", "dwh", ["dwhdb"], "dump_missing"),
    "a_dump_is_cut": ("cut-dump", "dwh", ["dwhdb"], "dump_truncated"),
    "a_dump_is_of_a_newer_postgresql": ("newer-format", "dwh", ["dwhdb"], "dump_newer"),
    "a_table_is_dumped_without_its_rows": ("lost-table", "dwh calendar", ["dwhdb"], "table_missing"),
    "a_line_is_planted_in_the_config": ("planted-line", "touch planted", ["grafanadb"], "config_forbidden"),
    "no_archive_is_left": ("stale-output", "absent", ["grafanadb"], "archive_unreadable"),
    "an_empty_archive_is_left": ("stale-output", "empty", ["grafanadb"], "archive_empty"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_the_run_fails_by_name_and_leaves_no_trace_when(
    what: str, engine: Engine, archive_store: ArchiveStore, fault: Fault
) -> None:
    name, parameter, scope, code = FAILURES[what]
    fault(name, parameter)
    (result,) = engine.play(backup(directory=archive_store.directory, scope=scope))
    assert result["failed"], what
    assert result["code"] == code, result["msg"]
    assert result["code"] in codes(result)
    assert result["phase"] in ("engine-backup", "proving")
    assert Path(result["log_path"]).is_file()
    archive_store.assert_untouched()


def test_an_older_archive_left_in_place_of_the_new_one_is_refused(
    engine: Engine, archive_store: ArchiveStore, fault: Fault, proven: dict[str, Path]
) -> None:
    fault("stale-output", str(proven["stock"]))
    (result,) = engine.play(backup(directory=archive_store.directory, scope=["grafanadb"]))
    assert result["code"] == "archive_stale", result["msg"]
    archive_store.assert_untouched()


def test_noise_on_stderr_fails_nothing(engine: Engine, archive_store: ArchiveStore, fault: Fault) -> None:
    fault("stderr-noise")
    (result,) = engine.play(backup(directory=archive_store.directory, scope=["grafanadb"]))
    assert result["changed"], result.get("msg")
    archive_store.assert_holds_new(result)


def test_a_file_that_changes_once_is_read_again(engine: Engine, archive_store: ArchiveStore, fault: Fault) -> None:
    fault("file-changes", "1")
    (result,) = engine.play(backup(directory=archive_store.directory, scope=["files"]))
    assert result["changed"], result.get("msg")
    assert result["attempts"] == 2
    assert result["log_path"].endswith(".attempt2")
    assert result["log_path"] == result["archive"]["log_path"]
    archive_store.assert_holds_new(result)


def test_files_that_never_stop_changing_are_named_and_the_next_run_is_fine(
    engine: Engine, archive_store: ArchiveStore, fault: Fault
) -> None:
    switch = fault("file-changes", "99")
    failed, _removed, made = engine.play(
        backup(path=archive_store.directory / "new.backup", scope=["files"]),
        remove(switch),
        backup(path=archive_store.directory / "new.backup", scope=["files"]),
    )
    assert failed["code"] == "files_changed", failed["msg"]
    assert "growing.log" in failed["msg"]
    assert made["changed"], made.get("msg")
    assert made["swept"] == []
    archive_store.assert_holds_new(made)


def test_a_tool_that_takes_too_long_is_ended(engine: Engine, archive_store: ArchiveStore, fault: Fault) -> None:
    fault("slow-at", "grafana 100")
    (result,) = engine.play(backup(directory=archive_store.directory, scope=["grafanadb"], timeout=2))
    assert result["code"] == "tool_timeout", result["msg"]
    archive_store.assert_untouched()


def test_the_run_after_all_these_failures_is_fine(engine: Engine, archive_store: ArchiveStore) -> None:
    (result,) = engine.play(backup(directory=archive_store.directory))
    assert result["changed"], result.get("msg")
    assert result["swept"] == []
    assert result["attempts"] == 1
    archive_store.assert_holds_new(result)
