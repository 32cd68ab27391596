# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the rows of an SQLite file on a private copy, so that the file that is proven stays as it is.

Opening a file in WAL mode makes -wal and -shm beside it, also with mode=ro; a hot journal is rolled back by whoever
reads first. Source: SQLite, "Write-Ahead Logging" and "Database File Format". This file is private to the collection.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
import time
import urllib.parse
from typing import Any, Dict, Iterator, List, Tuple

from .._common.command import start_time_of
from .._common.errors import BackupError
from .databases import SIDE_FILES

SQLITE_ERROR = sqlite3.Error
WAL, _SHARED_MEMORY, JOURNAL = SIDE_FILES
COPIED = ("", WAL, JOURNAL)  # shared memory is made again from the WAL
COPY = re.compile(r"\.engine_backup-sqlite-(\d+)-(\d+)-")  # process and start of the process
ATTEMPTS = 20  # at a copy of a file that somebody writes
PAUSE = 0.25  # seconds
CHUNK = 1 << 20
WAL_HEADER, FRAME_HEADER = 32, 24
FRAMES_OF_A_WAL = 1000000  # more than there ever are before it starts again


def count_tables(path: str) -> Dict[str, int]:
    """Return the rows of each table of an SQLite file; raise sqlite3.Error where it is damaged."""
    with private_directory("") as directory:
        copy = os.path.join(directory, "copy.db")
        copy_unchanged(path, copy)
        return read_tables(copy)


def count_streamed_tables(stream: Any, tmpdir: str) -> Dict[str, int]:
    """Return the rows of the tables of an SQLite file that comes as a stream, copied below ``tmpdir``."""
    with private_directory(tmpdir) as directory:
        copy = os.path.join(directory, "copy.db")
        with open(copy, "wb", 0) as target:
            for data in iter(lambda: stream.read(CHUNK), b""):
                _write(target, data)
        return read_tables(copy)


@contextlib.contextmanager
def private_directory(tmpdir: str) -> Iterator[str]:
    """Make a directory for this process alone; those of killed processes go first, they hold secrets."""
    parent = tmpdir or tempfile.gettempdir()
    for name in abandoned(parent):
        shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
    start = start_time_of(os.getpid())
    directory = tempfile.mkdtemp(prefix=".engine_backup-sqlite-%d-%s-" % (os.getpid(), start), dir=parent)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def abandoned(parent: str) -> List[str]:
    """Return the directories of this user whose process is gone."""
    found = []
    for entry in os.scandir(parent):
        match = COPY.match(entry.name)
        is_ours = match and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
        if match and is_ours and start_time_of(int(match.group(1))) != match.group(2):
            found.append(entry.name)
    return found


def copy_unchanged(path: str, copy: str) -> None:
    """Copy a file with its WAL and journal as they are at one moment."""
    for _attempt in range(ATTEMPTS):
        before = _states(path)
        for suffix in COPIED:
            _copy(path + suffix, copy + suffix)
        if _states(path) == before:
            return
        time.sleep(PAUSE)
    raise BackupError("%s is written all the time; stop Grafana for a moment" % path, "database_unreadable")


def _states(path: str) -> List[Tuple[int, int, int]]:
    found = []
    for suffix in COPIED:
        try:
            status = os.stat(path + suffix)
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except FileNotFoundError:
            found.append((0, 0, 0))
    return found


def _copy(source: str, target: str) -> None:
    """Copy one file; one that is not there (any more) leaves none, but the database itself has to be."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    try:
        with open(source, "rb") as stream, open(target, "wb", 0) as copy:
            for data in iter(lambda: stream.read(CHUNK), b""):
                _write(copy, data)
    except FileNotFoundError:
        if source.endswith(SIDE_FILES):
            return
        raise


def _write(copy: Any, data: bytes) -> None:
    """Write to the temporary copy; a full disk there says nothing about the file."""
    try:
        while data:
            data = data[copy.write(data) :]
    except OSError as error:
        raise BackupError("Could not write a temporary copy: %s" % error.strerror, "disk_full") from error


def read_tables(path: str) -> Dict[str, int]:
    """Return the rows of each table of a private copy, which this recovers; raise sqlite3.Error where it is damaged."""
    connection = sqlite3.connect("file:%s?mode=rw" % urllib.parse.quote(path), uri=True)
    try:
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        names = [row[0] for row in connection.execute(query)]
        count = 'SELECT count(*) FROM "%s"'
        return {name: int(connection.execute(count % name.replace('"', '""')).fetchone()[0]) for name in names}
    finally:
        connection.close()


def count_changes(path: str) -> int:
    """Return how often a transaction wrote to an SQLite file.

    The file's own counter stands in bytes 24 to 27; in WAL mode the restarts of the WAL and its frames count instead.
    """
    with open(path, "rb") as stream:
        stream.seek(24)
        counter = int.from_bytes(stream.read(4), "big")
    try:
        with open(path + WAL, "rb") as stream:
            header, size = stream.read(WAL_HEADER), os.fstat(stream.fileno()).st_size
    except FileNotFoundError:
        return counter
    if len(header) < WAL_HEADER:
        return counter
    page, restarts = int.from_bytes(header[8:12], "big"), int.from_bytes(header[12:16], "big")
    return counter + restarts * FRAMES_OF_A_WAL + (size - WAL_HEADER) // (FRAME_HEADER + page)


def remove_side_files(path: str) -> List[str]:
    """Remove the side files beside an SQLite file that was replaced: they belong to the old one. Return their paths."""
    found = [path + suffix for suffix in SIDE_FILES if os.path.lexists(path + suffix)]
    for name in found:
        os.unlink(name)
    return found
