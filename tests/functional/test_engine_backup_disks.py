# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full and read-only file systems: small ones, mounted for the test."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .archive_store import ArchiveStore, fill_archive_store
from .playbooks import Engine, backup, checked, codes
from .side_effects import release, sleepers, wait_for

Mount = Callable[..., Path]
Fault = Callable[..., Path]


def call(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a file system of its own; its size is a limit, no memory is taken."""
    mounted: list[Path] = []

    def make(size: str) -> Path:
        directory = tmp_path / f"mounted{len(mounted)}"
        directory.mkdir()
        try:
            call("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(directory))
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("this user or container may not mount file systems")
        mounted.append(directory)
        return directory

    yield make
    for directory in mounted:
        with suppress(subprocess.CalledProcessError):
            call("umount", str(directory))


def resize(directory: Path, size: int) -> None:
    call("mount", "-o", f"remount,size={size}", str(directory))


def used(directory: Path) -> int:
    status = os.statvfs(directory)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def test_disks_without_room_are_refused_before_anything_is_written(
    engine: Engine, archive_store: ArchiveStore, mount: Mount, proven: dict[str, Path]
) -> None:
    small = mount("4m")
    full = fill_archive_store(small, proven["stock"])
    asked = backup(directory=archive_store.directory, tmpdir=small, scope=["db"])
    target, tmpdir, preview = engine.play(backup(directory=small, scope=["db"]), asked, checked(asked))
    assert target["code"] == "space_target", target["msg"]
    assert str(small) in target["msg"] and "bytes free" in target["msg"]
    assert tmpdir["code"] == preview["code"] == "space_tmpdir", tmpdir["msg"]
    full.assert_untouched()
    archive_store.assert_untouched()


@pytest.mark.faults
def test_a_disk_that_fills_up_during_the_run_is_survived_and_the_next_run_is_fine(
    engine: Engine, mount: Mount, proven: dict[str, Path], fault: Fault
) -> None:
    disk = mount("400m")
    archive_store = fill_archive_store(disk, proven["stock"])
    switch = fault("slow-at", "dwh 100")
    running = engine.start(backup(directory=disk, scope=["dwhdb"]))
    wait_for("the tool before its dump", lambda: sleepers(engine.site))
    resize(disk, used(disk))
    release(engine.site)
    (failed,) = engine.finish(running)
    assert failed["code"] == "disk_full", failed["msg"]
    archive_store.assert_untouched()

    switch.unlink()
    resize(disk, 400 << 20)
    (made,) = engine.play(backup(directory=disk, scope=["dwhdb"]))
    assert made["changed"], made.get("msg")
    assert made["swept"] == []
    archive_store.assert_holds_new(made)


@pytest.fixture
def frozen(mount: Mount, proven: dict[str, Path], tmp_path: Path) -> Iterator[ArchiveStore]:
    """A shelf that can not be written to: by its mode, or where modes do not stop root, by its mount."""
    directory = mount("8m") if os.geteuid() == 0 else tmp_path / "frozen"
    directory.mkdir(exist_ok=True)
    archive_store = fill_archive_store(directory, proven["stock"])
    if os.geteuid() == 0:
        call("mount", "-o", "remount,ro", str(directory))
    else:
        directory.chmod(0o500)
    yield archive_store
    if os.geteuid() != 0:
        directory.chmod(0o700)


def test_a_directory_that_can_not_be_written_to_is_refused(
    engine: Engine, frozen: ArchiveStore, archive_store: ArchiveStore
) -> None:
    target, preview, tmpdir, existing = engine.play(
        backup(directory=frozen.directory),
        checked(backup(directory=frozen.directory)),
        backup(directory=archive_store.directory, tmpdir=frozen.directory),
        backup(path=frozen.directory / "older.backup"),
    )
    assert target["code"] == preview["code"] == "directory_unwritable", target["msg"]
    assert tmpdir["code"] == "tmpdir_unwritable", tmpdir["msg"]
    assert codes(existing) == ["directory_unwritable"]
    frozen.assert_untouched()
    archive_store.assert_untouched()
