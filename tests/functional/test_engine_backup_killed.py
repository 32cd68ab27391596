# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is ended from outside, and runs that meet in one directory."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .archive_store import ArchiveStore
from .playbooks import Engine, Running, Task, backup, checked, codes, prune
from .side_effects import LOCK, STATE, files_with, photograph, processes, release, sleepers, wait_for

pytestmark = pytest.mark.faults
Fault = Callable[..., Path]
SCOPE = ["dwhdb", "grafanadb"]


class Work(NamedTuple):
    """A run whose tool is busy with its databases."""

    running: Running
    state: dict[str, Any]

    @property
    def module(self) -> int:
        return int(self.state["pid"])


def password_files(directory: Path) -> list[Path]:
    return list(directory.glob(".engine_backup-*-tool/engine-backup.*/.pgpass"))


@contextmanager
def working(engine: Engine, archive_store: ArchiveStore, fault: Fault, task: Task) -> Iterator[Work]:
    """Start a task and wait until its tool has written its passwords and works; it is slow from then on."""
    switch = fault("slow-at", "grafana 200")
    running = engine.start(task)
    try:
        wait_for("the tool at work", lambda: sleepers(engine.site) or running.process.poll() is not None)
        assert password_files(archive_store.directory)
        yield Work(running, json.loads((archive_store.directory / STATE).read_text(encoding="utf-8")))
    finally:
        switch.unlink()
        release(engine.site)
        if running.process.poll() is None:
            running.process.wait(60)


def test_a_terminated_run_cleans_up_and_the_next_one_is_fine(
    engine: Engine, archive_store: ArchiveStore, fault: Fault
) -> None:
    with working(engine, archive_store, fault, backup(directory=archive_store.directory, scope=SCOPE)) as work:
        os.kill(work.module, signal.SIGTERM)
        (ended,) = engine.finish(work.running)
    assert ended["code"] == "interrupted", ended
    archive_store.assert_untouched()
    assert not processes(engine.site)
    (made,) = engine.play(backup(directory=archive_store.directory, scope=SCOPE))
    assert made["changed"], made.get("msg")
    assert made["swept"] == []
    archive_store.assert_holds_new(made)


def test_what_a_killed_run_leaves_is_shown_and_then_swept_up_by_the_next_one(
    engine: Engine, archive_store: ArchiveStore, fault: Fault
) -> None:
    asked = backup(directory=archive_store.directory, scope=SCOPE)
    with working(engine, archive_store, fault, asked) as work:
        os.kill(work.module, signal.SIGKILL)
        (ended,) = engine.finish(work.running)
        assert ended["failed"] and "code" not in ended
        orphans = {process.pid for process in processes(engine.site)}
        assert orphans, "the tool outlives the module"
        assert files_with(engine.site.secrets(), [archive_store.directory]), (
            "its passwords are on the disk in the clear"
        )
        before = photograph(archive_store.directory)

        (preview,) = engine.play(checked(asked))
        assert photograph(archive_store.directory) == before, "a preview writes nothing"
        assert {process.pid for process in processes(engine.site)} == orphans, "a preview ends nothing"
        assert preview["swept"] == preview["diff"]["before"]["leftovers"] != []

        (engine.site.lab.faults / "slow-at").write_text("nowhere 0")
        (made,) = engine.play(asked)
        assert made["changed"], made.get("msg")
        assert sorted(made["swept"]) == sorted(preview["swept"])
        assert not processes(engine.site)
    archive_store.assert_holds_new(made)


def test_a_run_that_has_nothing_to_make_still_sweeps_up_after_a_killed_one(
    engine: Engine, archive_store: ArchiveStore, fault: Fault
) -> None:
    with working(engine, archive_store, fault, backup(directory=archive_store.directory, scope=SCOPE)) as work:
        os.kill(work.module, signal.SIGKILL)
        engine.finish(work.running)
        again = backup(path=archive_store.directory / "older.backup", scope=["dwhdb"])
        cleaned_up, still = engine.play(again, again)
    assert cleaned_up["changed"] and cleaned_up["swept"], cleaned_up.get("msg")
    assert not still["changed"]
    assert not processes(engine.site)
    archive_store.assert_untouched()


def test_of_two_runs_at_once_the_second_is_refused_and_the_first_is_fine(
    engine: Engine, archive_store: ArchiveStore, fault: Fault
) -> None:
    asked = backup(directory=archive_store.directory, scope=SCOPE)
    with working(engine, archive_store, fault, asked) as work:
        before = photograph(archive_store.directory)
        tidy = prune(directory=archive_store.directory, keep=1)
        refused = engine.play(asked, checked(asked), tidy, checked(tidy))
        assert [result.get("code") for result in refused] == ["locked"] * 4, refused
        assert all("locked" in codes(result) for result in refused)
        assert photograph(archive_store.directory) == before
        release(engine.site)
        (made,) = engine.finish(work.running)
    assert made["changed"], made.get("msg")
    archive_store.assert_holds_new(made)
    assert (archive_store.directory / LOCK).stat().st_size == 0
