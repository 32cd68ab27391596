# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a run: directories that are safe, one lock per directory, content whole or not at all."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common import files
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from unit.fakes.errors import error_of

HOLDER = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("mode", "sticky_is_safe", "codes"),
    [
        (0o775, False, []),
        (0o702, False, ["x_unsafe"]),
        (0o1777, False, ["x_unsafe"]),
        (0o1777, True, []),
        (0o777, True, ["x_unsafe"]),
    ],
    ids=lambda value: oct(value) if isinstance(value, int) and value > 1 else str(value),
)
def test_directory_is_judged_by_its_mode(tmp_path: Path, mode: int, sticky_is_safe: bool, codes: List[str]) -> None:
    tmp_path.chmod(mode)
    problems = files.check_directory(str(tmp_path), "x", "target", sticky_is_safe)
    assert [item.code for item in problems] == codes
    assert all(str(tmp_path) in item.message for item in problems)


def test_what_is_no_directory_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "nowhere", tmp_path / "file", tmp_path / "file" / "below"):
        assert [item.code for item in files.check_directory(str(path), "x", "target")] == ["x_missing"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_directory_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert [item.code for item in files.check_directory(str(tmp_path), "x", "target")] == ["x_unwritable"]


def test_read_only_file_system_is_named_to_root_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(str(tmp_path))
    read_only = os.statvfs_result(list(real)[:8] + [real.f_flag | os.ST_RDONLY, real.f_namemax])
    monkeypatch.setattr(os, "statvfs", lambda _path: read_only)
    assert [item.code for item in files.check_directory(str(tmp_path), "x", "target")] == ["x_unwritable"]


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    """Another process that holds the lock of the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / files.LOCK_NAME)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.usefixtures("holder")
def test_second_process_is_refused_at_once(tmp_path: Path) -> None:
    lock = files.Lock(str(tmp_path))
    error = error_of(BackupError, lock.acquire)
    assert error.code == "locked"
    assert str(tmp_path) in error.message
    assert not lock.is_held()
    assert files.is_locked(str(tmp_path))


def test_lock_ends_with_its_process_however_it_ends(tmp_path: Path, holder: Any) -> None:
    holder.kill()
    holder.wait()
    assert not files.is_locked(str(tmp_path))
    lock = files.Lock(str(tmp_path))
    lock.acquire()
    assert lock.is_held()
    lock.release()


def test_own_lock_is_not_the_one_of_another(tmp_path: Path) -> None:
    assert not files.is_locked(str(tmp_path))
    assert not files.is_locked(str(tmp_path / "nowhere"))
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"
    lock = files.Lock(str(tmp_path))
    lock.acquire()
    assert files.is_locked(str(tmp_path))
    assert not files.is_locked_elsewhere(str(tmp_path), lock)
    assert files.is_locked_elsewhere(str(tmp_path), None)
    lock.release()
    assert not files.is_locked_elsewhere(str(tmp_path), None)


def test_lock_file_is_private_and_no_link_is_followed(tmp_path: Path) -> None:
    lock = files.Lock(str(tmp_path))
    lock.acquire()
    assert (tmp_path / files.LOCK_NAME).stat().st_mode & 0o777 == 0o600
    lock.release()
    (tmp_path / files.LOCK_NAME).unlink()
    (tmp_path / files.LOCK_NAME).symlink_to("elsewhere")
    with pytest.raises(OSError, match="."):
        files.Lock(str(tmp_path)).acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_file_system_without_locks_is_not_taken_for_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = files.Lock(str(tmp_path))
    with pytest.raises(OSError, match="No locks"):
        lock.acquire()
    assert not lock.is_held()


def test_lock_is_not_inherited_by_children(tmp_path: Path) -> None:
    lock = files.Lock(str(tmp_path))
    lock.acquire()
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        lock.release()
        held = files.is_locked(str(tmp_path))
        child.kill()
    assert not held


def test_json_is_written_private_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert files.read_json(str(path), 1000) is None
    files.write_json(str(path), {"b": [1], "a": "k\u00e4se"})
    assert files.read_json(str(path), 1000) == json.loads(path.read_text()) == {"a": "k\u00e4se", "b": [1]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]
    size = path.stat().st_size
    assert files.read_json(str(path), size) == {"a": "k\u00e4se", "b": [1]}
    with pytest.raises(ValueError, match="larger than %d bytes" % (size - 1)):
        files.read_json(str(path), size - 1)


def test_json_that_can_not_be_written_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    files.write_json(str(path), {"old": 1})
    with pytest.raises(TypeError):
        files.write_json(str(path), {"new": object()})
    assert files.read_json(str(path), 1000) == {"old": 1}
    files.write_json(str(path), {"new": 2})
    assert files.read_json(str(path), 1000) == {"new": 2}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"\xff", b" " * 101, b"[" * 100000])
def test_json_that_is_no_object_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match="."):
        files.read_json(str(tmp_path / "x"), 100 if len(content) < 1000 else 10**6)


@pytest.mark.parametrize("has_links", [True, False])
def test_published_file_is_private_and_whole_and_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refuse(*_names: str) -> None:
        raise OSError(95, "Operation not supported")

    source, target, taken = tmp_path / "stage", tmp_path / "final", tmp_path / "taken"
    source.write_bytes(b"x" * 100000)
    source.chmod(0o644)
    taken.write_text("old")
    if has_links:
        with pytest.raises(FileExistsError):
            files.publish(str(source), str(taken))
    else:
        monkeypatch.setattr(os, "link", refuse)
    files.publish(str(source), str(target))
    assert (target.read_bytes(), taken.read_text()) == (b"x" * 100000, "old")
    assert target.stat().st_mode & 0o777 == 0o600


MADE: Dict[str, Callable[[Path], Any]] = {
    "tree": lambda path: (path / "db").mkdir(parents=True),
    "nothing": lambda _path: None,
    "link": lambda path: path.symlink_to(path.parent),
    "file": lambda path: path.write_text("x"),
}


@pytest.mark.parametrize("kind", list(MADE))
def test_work_directory_is_removed_and_nothing_else(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / (files.WORK_PREFIX + "1"), tmp_path / "precious"
    MADE[kind](path)
    other.mkdir()
    files.remove_tree(str(path))
    files.remove_tree(str(other))
    kept = [path.name] if kind in ("link", "file") else []
    assert sorted(item.name for item in tmp_path.iterdir()) == [*kept, "precious"]


def test_work_directory_is_private_and_new(tmp_path: Path) -> None:
    path = tmp_path / "work"
    files.make_work_directory(str(path))
    assert path.stat().st_mode & 0o777 == 0o700
    with pytest.raises(FileExistsError):
        files.make_work_directory(str(path))


def test_space_and_file_system_are_those_of_the_directory(tmp_path: Path) -> None:
    assert files.free_space(str(tmp_path)) > 0
    (tmp_path / "below").mkdir()
    assert files.file_system_of(str(tmp_path)) == files.file_system_of(str(tmp_path / "below"))
    assert files.file_system_of(str(tmp_path)) != files.file_system_of("/proc")
