# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full and read-only file systems: small ones, mounted for the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .archive_steps import Meanwhile, in_turns
from .archive_store import ArchiveStore, fill_archive_store
from .playbooks import Engine, backup, checked, codes
from .side_effects import photograph, release, sleepers, wait_for
from .small_disks import fill, mounted, remount

ROOM = 400 << 20


@pytest.mark.faults
def test_a_disk_that_fills_up_during_the_run_is_survived_and_the_next_run_is_fine(
    engine: Engine, closed: Path, proven: dict[str, Path], fault: Callable[..., Path]
) -> None:
    with mounted(closed, ROOM) as disk:
        archive_store = fill_archive_store(disk, proven["stock"])
        switch = fault("slow-at", "dwh 100")
        asked = backup(directory=disk, scope=["dwhdb"])
        left = []

        def fill_up() -> None:
            wait_for("the tool before its dump", lambda: sleepers(engine.site))
            fill(disk)
            release(engine.site)

        def make_room() -> None:
            left.append(photograph(disk))
            switch.unlink()
            remount(disk, f"size={ROOM}")

        failed, made = in_turns(engine, asked, Meanwhile(fill_up), make_room, asked)
        assert failed["code"] == "disk_full", failed["msg"]
        assert left == [archive_store.before]
        assert made["changed"], made.get("msg")
        assert made["swept"] == []
        archive_store.assert_holds_new(made)


@pytest.fixture
def frozen(proven: dict[str, Path], tmp_path: Path) -> Iterator[ArchiveStore]:
    """A directory that cannot be written to, because of its mount: modes do not stop root."""
    directory = tmp_path / "frozen"
    directory.mkdir()
    with mounted(directory, 8 << 20):
        archive_store = fill_archive_store(directory, proven["stock"])
        remount(directory, "ro")
        yield archive_store


def test_disks_without_room_or_that_can_not_be_written_to_are_refused_before_anything_is_written(
    engine: Engine, frozen: ArchiveStore, archive_store: ArchiveStore, closed: Path, proven: dict[str, Path]
) -> None:
    with mounted(closed, 4 << 20) as small:
        tight = fill_archive_store(small, proven["stock"])
        full = backup(directory=archive_store.directory, tmpdir=small, scope=["db"])
        target, tmpdir, preview, unwritable, planned, frozen_tmpdir, existing = engine.play(
            backup(directory=small, scope=["db"]), full, checked(full),
            backup(directory=frozen.directory), checked(backup(directory=frozen.directory)),
            backup(directory=archive_store.directory, tmpdir=frozen.directory),
            backup(path=frozen.directory / "older.backup"),
        )  # fmt: skip
        tight.assert_untouched()
    assert target["code"] == "space_target", target["msg"]
    assert str(closed) in target["msg"] and "bytes free" in target["msg"]
    assert tmpdir["code"] == preview["code"] == "space_tmpdir", tmpdir["msg"]
    assert unwritable["code"] == planned["code"] == "directory_unwritable", unwritable["msg"]
    assert frozen_tmpdir["code"] == "tmpdir_unwritable", frozen_tmpdir["msg"]
    assert codes(existing) == ["directory_unwritable"]
    frozen.assert_untouched()
    archive_store.assert_untouched()
