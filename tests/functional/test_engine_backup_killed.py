# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is ended from outside, and runs that meet in one directory."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .archive_steps import Meanwhile, in_turns
from .archive_store import ArchiveStore
from .playbooks import Engine, backup, checked, codes, prune
from .side_effects import LOCK, STATE, files_with, photograph, processes, release, sleepers, wait_for

pytestmark = pytest.mark.faults
SCOPE = ["dwhdb", "grafanadb"]


@pytest.fixture
def slow(engine: Engine, fault: Callable[..., Path]) -> Iterator[Path]:
    """The tool is slow once it has written its passwords; the file that makes it so."""
    switch = fault("slow-at", "grafana 200")
    yield switch
    switch.write_text("nowhere 0")
    release(engine.site)


def wait_for_work(engine: Engine, directory: Path) -> int:
    """Wait until a run's tool is busy with its databases; return the process of the module."""
    wait_for("the busy tool", lambda: sleepers(engine.site))
    assert list(directory.glob(".engine_backup-*-tool/engine-backup.*/.pgpass"))
    return int(json.loads((directory / STATE).read_text(encoding="utf-8"))["pid"])


def test_an_ended_run_cleans_up_and_what_a_killed_one_leaves_is_shown_and_swept_up_by_the_next(
    engine: Engine, archive_store: ArchiveStore, slow: Path
) -> None:
    directory = archive_store.directory
    asked = backup(directory=directory, scope=SCOPE)
    nothing_to_make = backup(path=directory / "older.backup", scope=["dwhdb"])
    seen = []

    def see() -> None:
        seen.append((photograph(directory), {process.pid for process in processes(engine.site)}))

    def see_orphans() -> None:
        see()
        assert files_with(engine.site.secrets(), [directory]), "its passwords are on the disk in the clear"

    def end_by(number: int) -> Meanwhile:
        return Meanwhile(lambda: os.kill(wait_for_work(engine, directory), number))

    ended, killed, preview, cleaned_up, still, made = in_turns(
        engine,
        asked, end_by(signal.SIGTERM), see,
        asked, end_by(signal.SIGKILL), see_orphans,
        checked(asked), see,
        nothing_to_make, see, nothing_to_make,
        lambda: slow.write_text("nowhere 0"), asked,
    )  # fmt: skip
    after_end, after_kill, after_preview, after_sweep = seen
    assert ended["code"] == "interrupted", ended
    assert after_end == after_sweep == (archive_store.before, set())
    assert killed["failed"] and "code" not in killed
    assert after_kill[1], "the tool outlives the module"
    assert after_preview == after_kill, "a preview writes nothing and ends nothing"
    assert preview["swept"] == preview["diff"]["before"]["leftovers"] != []
    assert cleaned_up["changed"] and sorted(cleaned_up["swept"]) == sorted(preview["swept"]), cleaned_up.get("msg")
    assert (still["changed"], made["changed"], made["swept"]) == (False, True, []), made.get("msg")
    archive_store.assert_holds_new(made)


def test_of_two_runs_at_once_the_second_is_refused_and_the_first_is_fine(
    engine: Engine, archive_store: ArchiveStore, slow: Path
) -> None:
    asked = backup(directory=archive_store.directory, scope=SCOPE)
    tidy = prune(directory=archive_store.directory, keep=1)

    def meet() -> None:
        wait_for_work(engine, archive_store.directory)
        before = photograph(archive_store.directory)
        refused = engine.play(asked, checked(asked), tidy, checked(tidy))
        assert [result.get("code") for result in refused] == ["locked"] * 4, refused
        assert all("locked" in codes(result) for result in refused)
        assert photograph(archive_store.directory) == before
        release(engine.site)

    (made,) = in_turns(engine, asked, Meanwhile(meet))
    assert made["changed"], made.get("msg")
    archive_store.assert_holds_new(made)
    assert (archive_store.directory / LOCK).stat().st_size == 0
