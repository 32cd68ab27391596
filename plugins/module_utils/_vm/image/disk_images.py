# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices and images of this host: what is there, and the programs that copy and compare them.

This file is private to the collection.
"""

import contextlib
import fcntl
import os
import stat
import time
from typing import Any, Dict, List

from ..._common.errors import BackupError, Problem
from ..._common.files import UNFINISHED, hash_file, is_read_only, remove_file, sync_directory, sync_file, write_json
from ..._common.files import check_directory as check
from ..._common.times import to_iso
from .block_devices import size_of
from .qemu_img import QemuImg, compression_options
from .qemu_output import ImageInfo

STATE = ".state.json"


class DiskImages:
    """One run on one image.

    While it holds the image, a state file beside it tells of long steps: phase, bytes done of how many, since when.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._qemu = QemuImg(timeout, self._report)
        self._handle = -1
        self._since = to_iso(time.time())
        self._bytes = 0

    def check_device(self, device: str, writes: bool) -> List[Problem]:
        """Return why a device can not be read, or be written to."""
        if not self._qemu.is_there():
            return [Problem("tool_missing", "qemu-img is not installed on this host (package qemu-img or qemu-utils)")]
        if not os.path.exists(device):
            return [Problem("device_missing", "there is no device %s" % device)]
        try:
            os.close(os.open(device, _access(device, writes)))
        except OSError as error:
            text = "device %s can not be opened for %s: %s; a mounted device, or one of LVM, is in use"
            return [Problem("device_in_use", text % (device, "writing" if writes else "reading", error.strerror))]
        return []

    def size_of(self, path: str) -> int:
        """Return the bytes of a device or file."""
        return size_of(path)

    def check_directory(self, path: str) -> List[Problem]:
        """Return why no image can be written to this path."""
        if os.path.isdir(path):
            return [Problem("target_not_a_file", "%s is a directory; name a file" % path)]
        return check(os.path.dirname(path) or ".", "target", "directory of the image")

    def exists(self, path: str) -> bool:
        """Is anything there?"""
        return os.path.lexists(path)

    def read_info(self, path: str) -> ImageInfo:
        """Return what an image is."""
        return self._qemu.info(path)

    def check(self, path: str) -> List[Problem]:
        """Return what is wrong inside an image."""
        return [Problem("image_damaged", problem.message) for problem in self._qemu.check(path)]

    def hash_file(self, path: str) -> str:
        """Return the SHA-256 of a file."""
        return hash_file(path)

    def begin(self, path: str) -> str:
        """Make and lock the unfinished file beside a path, or raise BackupError (locked)."""
        if not os.access(os.path.dirname(path), os.W_OK) or is_read_only(os.path.dirname(path)):
            return ""  # an image is read from there, nothing is made beside it
        unfinished = os.path.join(os.path.dirname(path), ".%s%s" % (os.path.basename(path), UNFINISHED))
        self._handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            self._handle = -1
            raise BackupError("Another run is at work on %s; wait until it has ended" % path, "locked") from None
        return unfinished

    def save(self, device: str, unfinished: str, compression: str) -> None:
        """Convert a device into an image."""
        self._bytes = self.size_of(device)
        options = ["-f", "raw", "-O", "qcow2"] + compression_options(compression)
        self._qemu.convert(device, unfinished, options, "saving %s" % device, "save")
        sync_file(unfinished)

    def write(self, path: str, device: str) -> None:
        """Convert an image onto a device, and flush it."""
        self._bytes = self.size_of(device)
        options = ["-n", "-f", "qcow2", "-O", "raw"]
        self._qemu.convert(path, device, options, "writing %s to %s" % (path, device), "write")
        sync_file(device)

    def compare(self, path: str, device: str) -> List[Problem]:
        """Read an image and a device from the disk; return where they differ."""
        self._bytes = self.size_of(device)
        for one in (path, device):
            _forget(one)
        return self._qemu.compare(path, device)

    def finish(self, unfinished: str, path: str) -> None:
        """Give a proven file its final name, 0600 and on disk."""
        if not self._holds(unfinished):
            raise BackupError("Another run has taken over %s meanwhile; wait until it has ended" % path, "locked")
        os.chmod(unfinished, 0o600)
        sync_file(unfinished)
        os.rename(unfinished, path)
        sync_directory(os.path.dirname(path))

    def discard(self, unfinished: str) -> None:
        """Remove an unfinished file and the state file, and let the lock go."""
        mine = [path for path in (unfinished, self._path) if self._holds(path)]
        for path in mine:
            remove_file(self._path + STATE)
            if path == unfinished:
                remove_file(path)
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _holds(self, path: str) -> bool:
        """Is it the file that this run has made and locked? The next run may have made one of the same name."""
        try:
            return self._handle >= 0 and os.path.samestat(os.stat(path), os.fstat(self._handle))
        except FileNotFoundError:
            return False

    def _report(self, phase: str, share: float) -> None:
        if self._handle < 0:  # a preview, or a look before and after the work, leaves nothing behind
            return
        state: Dict[str, Any] = {
            "phase": phase,
            "since": self._since,
            "now": to_iso(time.time()),
            "pid": os.getpid(),
            "bytes_done": int(self._bytes * share),
            "bytes_total": self._bytes,
        }
        with contextlib.suppress(OSError):  # who looks on is not more important than the work
            write_json(self._path + STATE, state)


def _access(device: str, writes: bool) -> int:
    """Return how to open a device: exclusively where it is one, which a mounted file system or LVM forbids."""
    access = os.O_RDWR if writes else os.O_RDONLY
    return access | os.O_EXCL if writes and stat.S_ISBLK(os.stat(device).st_mode) else access


def _forget(path: str) -> None:
    """Let the next reader read from the disk and not from memory."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
