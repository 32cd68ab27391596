# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of directory trees: whole ones, and bringing one back to what a copy of it holds."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from .layout import LabError


def copy(source: Path, target: Path) -> None:
    """A copy with owners, modes and times."""
    done = subprocess.run(["cp", "-a", str(source), str(target)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError("copying {} to {} failed: {}".format(source, target, done.stderr.strip()))


def replace(source: Path, target: Path) -> None:
    """Put a copy in the place of whatever stands there."""
    old = target.with_name(target.name + ".old")
    os.rename(target, old)
    copy(source, target)
    shutil.rmtree(old)


def bring_back(source: Path, target: Path) -> None:
    """As replace, but files of the same size and time are left alone: for a server's data, which nobody backdates."""
    wanted, found = _entries(source), _entries(target)
    for name in found.keys() - wanted.keys():
        _remove(target / name)
    for name, entry in wanted.items():
        there = found.get(name)
        if there is not None and not _is_same(entry, there):
            _remove(target / name)
            there = None
        if there is None:
            _copy_entry(source / name, target / name, stat.S_ISDIR(entry.st_mode))
        elif stat.S_ISDIR(entry.st_mode):
            bring_back(source / name, target / name)


def _entries(directory: Path) -> dict[str, os.stat_result]:
    with os.scandir(directory) as entries:
        return {entry.name: entry.stat(follow_symlinks=False) for entry in entries}


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    if one.st_mode != other.st_mode or stat.S_ISLNK(one.st_mode):
        return False
    return stat.S_ISDIR(one.st_mode) or (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _copy_entry(source: Path, target: Path, is_directory: bool) -> None:
    if is_directory:
        copy(source, target)
        return
    shutil.copy2(source, target, follow_symlinks=False)
    status = source.lstat()
    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
