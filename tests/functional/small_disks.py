# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small file systems that take no memory, and that somebody fills up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(directory: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes at a directory."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(directory)]
    if subprocess.run(words, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this user or container may not mount file systems")
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def fill(directory: Path) -> None:
    """Take away what is free; a file system that shrinks needs no memory, unlike one that is filled."""
    status = os.statvfs(directory)
    used = max(status.f_blocks - status.f_bfree, 1) * status.f_frsize  # none at all stands for no limit
    remount(directory, f"size={used}")


def remount(directory: Path, options: str) -> None:
    """Change a mounted file system."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(directory)], check=True)
