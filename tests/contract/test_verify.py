# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""--mode=verify, and archives that are no good."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Lab
from lab.runner import Tool

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def good(engine_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good archive; tests work on copies."""
    return Tool(engine_lab, tmp_path_factory.mktemp("good"))("backup").archive


@pytest.fixture
def repack(good: Path, tmp_path: Path) -> Callable[[Change, bool], Path]:
    """Makes a changed copy of a good archive, its hashes recomputed or not."""

    def change_and_pack(change: Change, rehash: bool) -> Path:
        root, target = tmp_path / "unpacked", tmp_path / "changed.backup"
        root.mkdir()
        subprocess.run(["tar", "-C", str(root), "-xpf", str(good)], check=True)
        change(root)
        if rehash:
            (root / "sha256sum").unlink()
            names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
            done = subprocess.run(["sha256sum", *names], cwd=root, capture_output=True, check=True)
            (root / "sha256sum").write_bytes(done.stdout)
        subprocess.run(["tar", "-C", str(root), "-czf", str(target), "."], check=True)
        shutil.rmtree(root)
        return target

    return change_and_pack


def test_good_archive_passes_and_is_touched_all_the_same(tool: Tool, good: Path, tmp_path: Path) -> None:
    archive = shutil.copy(good, tmp_path / "copy.backup")
    archive.chmod(0o644)
    os.utime(archive, (1, 1))
    run = tool("verify", file=archive)
    assert (run.rc, run.stderr) == (0, "")
    assert run.stdout.splitlines()[4:] == [
        "Verifying:",
        "- Unpacking file '{}'".format(archive),
        "- Engine database 'engine'",
        "Done.",
    ]
    assert (archive.stat().st_mode & 0o777, archive.stat().st_mtime > 1) == (0o600, True)


def test_missing_archive_is_created_and_cannot_be_opened(tool: Tool, tmp_path: Path) -> None:
    run = tool("verify", file=tmp_path / "missing")
    assert run.rc == 1
    assert run.stderr.startswith("FATAL: cannot open {}/engine-backup.".format(tmp_path / "tmp"))
    assert run.archive.stat().st_size == 0


def write(name: str, content: str) -> Change:
    """A change that writes a member."""

    def change(root: Path) -> None:
        Path(root, name).write_text(content, encoding="utf-8")

    return change


def drop(name: str) -> Change:
    """A change that removes a member."""
    return lambda root: Path(root, name).unlink()


NEWER = "Backup was created by version '{}' and can not be restored using the installed version 4.5.7"


@pytest.mark.parametrize(
    ("change", "rehash", "message"),
    [
        (write("version", "4.5.7 \n"), False, "Checksum verification failed"),
        (drop("sha256sum"), False, "No supported hash file found"),
        (write("version", "4.5.99\n"), True, NEWER.format("4.5.99")),
        (lambda root: os.truncate(root / "db/engine_backup.db", 5000), True, "Errors while running pg_restore "),
    ],
)
def test_bad_archive_is_refused(
    tool: Tool, repack: Callable[[Change, bool], Path], change: Change, rehash: bool, message: str
) -> None:
    run = tool("verify", file=repack(change, rehash))
    assert (run.rc, run.stderr) == (1, "FATAL: {}\n".format(message))


def test_verify_does_not_notice(tool: Tool, repack: Callable[[Change, bool], Path]) -> None:
    """Another version that is accepted, a member too many, an empty dump, a cut one."""

    def change(root: Path) -> None:
        write("version", "4.4.10.7\n")(root)
        write("extra", "not listed\n")(root)
        os.truncate(root / "db/engine_backup.db", 0)
        os.truncate(root / "db/dwh_backup.db", 5000)

    assert tool("verify", file=repack(change, True)).rc == 0


def test_config_of_the_archive_is_executed(tool: Tool, repack: Callable[[Change, bool], Path], tmp_path: Path) -> None:
    def plant(root: Path) -> None:
        with open(root / "config", "a", encoding="utf-8") as stream:
            stream.write("touch '{}'\n".format(tmp_path / "executed"))

    assert tool("verify", file=repack(plant, True)).rc == 0
    assert (tmp_path / "executed").exists()


def test_missing_config_ends_without_a_fatal_line(tool: Tool, repack: Callable[[Change, bool], Path]) -> None:
    run = tool("verify", file=repack(drop("config"), True))
    assert run.rc == 1
    assert "FATAL" not in run.stderr
    assert run.stderr.endswith("/config: No such file or directory\n")
