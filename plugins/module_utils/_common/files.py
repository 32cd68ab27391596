# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a run: the lock, the state, the work directories, the final names.

This file is private to the collection.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
from typing import Any, BinaryIO, Dict, List, Optional, Set

from .errors import BackupError, Problem

LOCK_NAME = ".engine_backup.lock"
STATE_NAME = ".engine_backup.state.json"
WORK_PREFIX = ".engine_backup-"
UNFINISHED = ".unfinished"
STATE_LIMIT = 64 * 1024
HASH_BLOCK = 4 * 1024 * 1024


def check_directory(path: str, code: str, what: str, sticky_is_safe: bool = False) -> List[Problem]:
    """Return why a directory can not be written to safely: missing, not writable, writable for everybody."""
    try:
        status = os.stat(path)
    except OSError as error:
        return [Problem(code + "_missing", "the %s %s can not be used: %s" % (what, path, error.strerror))]
    if not stat.S_ISDIR(status.st_mode):
        return [Problem(code + "_missing", "the %s %s is not a directory" % (what, path))]
    problems = []
    if not os.access(path, os.W_OK | os.X_OK) or is_read_only(path):
        problems.append(Problem(code + "_unwritable", "the %s %s is not writable" % (what, path)))
    if status.st_mode & stat.S_IWOTH and not (sticky_is_safe and status.st_mode & stat.S_ISVTX):
        text = "the %s %s is writable for everybody: anybody could replace what is in it (mode %04o)"
        problems.append(Problem(code + "_unsafe", text % (what, path, stat.S_IMODE(status.st_mode))))
    return problems


def exists(path: str) -> bool:
    """Is anything there, be it a link that leads nowhere?"""
    return os.path.lexists(path)


def modified(path: str) -> float:
    """Return the time of the last change, by the clock of the file system, in seconds since the epoch."""
    return os.stat(path).st_mtime


def same_path(one: str, other: str) -> bool:
    """Do two paths, of files that may not exist yet, lead to the same file?"""
    return os.path.realpath(one) == os.path.realpath(other)


def file_size(path: str) -> int:
    """Return the bytes of a file."""
    return os.path.getsize(path)


def is_read_only(path: str) -> bool:
    """Is the file system of a path mounted read-only? Root may write wherever the mode forbids it, but not there."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def free_space(path: str) -> int:
    """Return the bytes that this user may still write below a directory."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def file_system_of(path: str) -> int:
    """Return a number that two directories on one file system share."""
    return os.stat(path).st_dev


class Lock:
    """One run per directory. The lock ends with the process, however it ends; the empty file stays."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, LOCK_NAME)
        self._handle = -1

    def acquire(self) -> None:
        """Take the lock or raise BackupError (locked) at once."""
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise BackupError(locked_text(self.path), "locked") from None

    def is_held(self) -> bool:
        """Does this object hold the lock?"""
        return self._handle >= 0

    def release(self) -> None:
        """Give the lock back."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_locked(directory: str) -> bool:
    """Does another process hold the lock of a directory? Changes nothing."""
    path = os.path.join(directory, LOCK_NAME)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def is_locked_elsewhere(directory: str, own: Optional[Lock]) -> bool:
    """Does a run other than the holder of ``own`` hold the lock of a directory?"""
    return (own is None or not own.is_held()) and is_locked(directory)


def locked_text(path: str) -> str:
    """Return the sentence for a directory that another run holds."""
    return "Another run holds %s; wait until it has ended, its state is in %s beside it" % (path, STATE_NAME)


def write_json(path: str, content: Dict[str, Any]) -> None:
    """Write an object whole or not at all. The caller holds the directory."""
    write_bytes(path, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode("utf-8"))


def write_bytes(path: str, content: bytes) -> None:
    """Write a file whole or not at all: temporary name, 0600, fsync, rename. One writer at a time."""
    name = path + UNFINISHED
    remove_file(name)
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(name, path)
    except BaseException:
        remove_file(name)
        raise
    sync_directory(os.path.dirname(path) or ".")


def read_json(path: str, limit: int) -> Optional[Dict[str, Any]]:
    """Return the object in a JSON file; None where there is no file; raise ValueError where it is not one."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError:
        return None
    if len(data) > limit:
        raise ValueError("larger than %d bytes" % limit)
    try:
        content = json.loads(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def hash_file(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as source:
        return hash_stream(source)


def hash_stream(source: BinaryIO) -> str:
    """Return the SHA-256 of what is left of a stream."""
    digest = hashlib.sha256()
    for block in iter(lambda: source.read(HASH_BLOCK), b""):
        digest.update(block)
    return digest.hexdigest()


def sync_file(path: str) -> None:
    """Make the content of a file survive a power loss."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_directory(path: str) -> None:
    """Make the names in a directory survive a power loss."""
    sync_file(path)


def publish(source: str, target: str) -> None:
    """Give a finished file its final name, 0600 and on disk; raise FileExistsError where something stands there."""
    os.chmod(source, 0o600)
    sync_file(source)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.rename(source, target)
    sync_directory(os.path.dirname(target))


def make_work_directory(path: str) -> None:
    """Make a private directory whose name is already in the state file."""
    os.mkdir(path, 0o700)


def is_work_directory(path: str) -> bool:
    """Is this a work directory of this collection, by its name?"""
    return os.path.basename(path).startswith(WORK_PREFIX) and os.path.isdir(path) and not os.path.islink(path)


def remove_tree(path: str) -> None:
    """Remove a work directory of this collection, if it is there."""
    if is_work_directory(path):
        shutil.rmtree(path)


def remove_file(path: str) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def list_names(directory: str) -> Set[str]:
    """Return the names in a directory."""
    return set(os.listdir(directory))
