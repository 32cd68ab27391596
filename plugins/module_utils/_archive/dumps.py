# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the dumps of an archive, the SQLite file among them. This file is private to the collection."""

import os
import sqlite3
import tempfile
import urllib.parse
from typing import Any, Dict

from .._common.errors import BackupError, Problem
from .._dump.reader import DumpError, read_dump
from . import streams
from .model import DumpReading

SQLITE_ERROR = sqlite3.Error
SQLITE_TIMEOUT = 10  # seconds to wait for a writer


def read_dump_member(kind: str, size: int, stream: Any, full: bool, tmpdir: str) -> DumpReading:
    """Read one dump; at less than the full level only its compressor and format are looked at."""
    if size == 0:
        return DumpReading("", "none", 0, None, (), "", None)
    try:
        compressor, content = streams.open_decompressed(stream)
        if kind == "grafana":
            tables = read_sqlite_stream(content, tmpdir) if full else None
            return DumpReading("sqlite", compressor, size, tables, (), "", None)
        if not full:
            return DumpReading("", compressor, size, None, (), "", None)
        contents = read_dump(content.read)
        return DumpReading(
            contents.format,
            compressor,
            size,
            dict(contents.tables),
            tuple(contents.schemas),
            contents.dump_version,
            None,
            tuple(contents.owners),
            tuple(contents.grantees),
            tuple(contents.extensions),
            contents.server_version,
            contents.noted,
        )
    except DumpError as error:
        return _failed(size, Problem(error.code, "the dump of the %s database: %s" % (kind, error.message)))
    except streams.ERRORS + (SQLITE_ERROR,) as error:
        text = "the dump of the %s database can not be read to its end: %s" % (kind, error)
        return _failed(size, Problem("dump_unreadable", text))


def _failed(size: int, problem: Problem) -> DumpReading:
    return DumpReading("", "none", size, None, (), "", problem)


def read_sqlite_stream(stream: Any, tmpdir: str) -> Dict[str, int]:
    """Copy an SQLite file below ``tmpdir``, check it and return the rows of its tables."""
    handle, path = tempfile.mkstemp(prefix=".engine_backup-", suffix=".sqlite", dir=tmpdir)
    try:
        with os.fdopen(handle, "wb", 0) as copy:
            for data in iter(lambda: stream.read(streams.CHUNK), b""):
                _write(copy, data)
        return read_sqlite(path)
    finally:
        os.unlink(path)


def _write(copy: Any, data: bytes) -> None:
    """Write to the temporary copy; a full disk there says nothing about the archive."""
    try:
        while data:
            data = data[copy.write(data) :]
    except OSError as error:
        raise BackupError("Could not write a temporary copy: %s" % error.strerror, "disk_full") from error


def read_sqlite(path: str) -> Dict[str, int]:
    """Return the rows of each table of an SQLite file; raise sqlite3.Error where it is damaged."""
    uri = "file:%s?mode=ro" % urllib.parse.quote(path)
    connection = sqlite3.connect(uri, uri=True, timeout=SQLITE_TIMEOUT)
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


def read_sqlite_changes(path: str) -> int:
    """Return how often a transaction wrote to an SQLite file; source: its file format, bytes 24 to 27."""
    with open(path, "rb") as stream:
        stream.seek(24)
        return int.from_bytes(stream.read(4), "big")
