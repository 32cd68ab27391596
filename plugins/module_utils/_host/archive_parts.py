# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the parts of an archive: a dump, the SQLite file, the tar of files. This file is private to the collection."""
import os
import sqlite3
import tarfile
import tempfile
import urllib.parse
from typing import Any, Dict, Mapping, Optional, Set

from .._core.archive_model import (
    NEEDED_FILES,
    SETUP_STATE,
    SMALL_LIMIT,
    DumpReading,
    FileEntry,
    FilesReading,
)
from .._core.databases import DWH_CONFIGURATION, ENGINE_CONFIGURATION
from .._core.dump import DumpError, read_dump
from .._core.errors import BackupError, Problem
from . import streams

CERTIFICATE_DIRECTORIES = ("etc/pki/ovirt-engine/", "etc/pki/ovirt-engine/certs/")
CERTIFICATE_ENDINGS = (".pem", ".cer")
CONFIGURATION = frozenset(ENGINE_CONFIGURATION + DWH_CONFIGURATION)
MOST_TEXTS = 200  # of a kind: a host may have thousands of certificates
MOST_ENTRIES = 200000
NEEDED_PATHS = frozenset(path for path, _kind in NEEDED_FILES)
SQLITE_ERROR = sqlite3.Error
SQLITE_TIMEOUT = 10  # seconds to wait for a writer


def read_dump_member(
    kind: str, size: int, stream: Any, full: bool, tmpdir: str, known: Optional[Mapping[str, int]] = None
) -> DumpReading:
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
        contents = read_dump(content.read, known)
        return DumpReading(
            contents.format, compressor, size, dict(contents.tables), tuple(contents.schemas),
            contents.dump_version, None, tuple(contents.owners), tuple(contents.grantees), tuple(contents.extensions),
            contents.server_version, contents.noted,
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


def read_files_member(stream: Any) -> FilesReading:
    """Read the tar of files to its end and keep what proves that a restore has what it needs."""
    reader = _FilesReader()
    try:
        _compressor, content = streams.open_decompressed(stream)
        for archive, info in streams.read_tar(content):
            reader.take(archive, info)
    except streams.ERRORS + (tarfile.TarError,) as error:
        problem = Problem("files_unreadable", "the files part can not be read to its end: %s" % error)
        return reader.conclude(problem)
    return reader.conclude(None)


class _FilesReader:
    """Collects what the files part holds while it is read."""

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self.found: Set[str] = set()
        self.certificates: Dict[str, str] = {}
        self.configuration: Dict[str, str] = {}
        self.entries: Dict[str, FileEntry] = {}
        self.setup_state = ""

    def take(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        self.count += 1
        name = info.name[2:] if info.name.startswith("./") else info.name
        if not info.isfile():
            return
        self.size += info.size
        if len(self.entries) < MOST_ENTRIES:
            self.entries[name] = FileEntry(
                info.size, info.mode, int(info.mtime), info.uname, info.uid, info.gname, info.gid)
        if name in NEEDED_PATHS and info.size > 0:
            self.found.add(name)
        self._keep_text(archive, info, name)

    def _keep_text(self, archive: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> None:
        if name == SETUP_STATE:
            self.setup_state = _read_text(archive, info)
        elif is_configuration(name) and info.size <= SMALL_LIMIT and len(self.configuration) < MOST_TEXTS:
            self.configuration[name] = _read_text(archive, info)
        elif is_certificate(name) and len(self.certificates) < MOST_TEXTS:
            self.certificates[name] = _read_text(archive, info)

    def conclude(self, problem: Optional[Problem]) -> FilesReading:
        return FilesReading(
            self.count, frozenset(self.found), self.setup_state, self.certificates, problem, self.configuration,
            self.entries, self.size)


def is_configuration(name: str) -> bool:
    """Is this the path of a file that says where the databases of the engine are, or how it is reached?"""
    return name in CONFIGURATION or (os.path.dirname(name) in CONFIGURATION and name.endswith(".conf"))


def is_certificate(name: str) -> bool:
    """Is this the path of a certificate of the engine's own PKI?"""
    return os.path.dirname(name) + "/" in CERTIFICATE_DIRECTORIES and name.endswith(CERTIFICATE_ENDINGS)


def _read_text(archive: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    stream = archive.extractfile(info)
    return stream.read(SMALL_LIMIT).decode("utf-8", "surrogateescape") if stream is not None else ""
