# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the part of an archive that holds the files of the engine. This file is private to the collection."""

import os
import tarfile
from typing import Any, Dict, Optional, Set

from .._common.errors import CommandError, Problem
from . import streams
from .databases import DWH_CONFIGURATION, ENGINE_CONFIGURATION
from .model import FILES_MEMBER, NEEDED_FILES, SETUP_STATE, SMALL_LIMIT, FileEntry, FilesReading

CERTIFICATE_DIRECTORIES = ("etc/pki/ovirt-engine/", "etc/pki/ovirt-engine/certs/")
CERTIFICATE_ENDINGS = (".pem", ".cer")
CONFIGURATION = frozenset(ENGINE_CONFIGURATION + DWH_CONFIGURATION)
MOST_TEXTS = 200  # of a kind: a host may have thousands of certificates
MOST_ENTRIES = 200000
NEEDED_PATHS = frozenset(path for path, _kind in NEEDED_FILES)


def read_files_part(path: str) -> FilesReading:
    """Return what is in the files part of an archive; the rest of it is passed over.

    Raises CommandError (archive_unreadable) where that part is not there, or can not be read to its end.
    """
    try:
        with streams.open_archive(path) as stream:
            return _find_files_part(stream)
    except (OSError, tarfile.TarError) + streams.ERRORS as error:
        text = "The configuration in the archive %s can not be read: %s" % (path, error)
        raise CommandError(text, "archive_unreadable") from None


def _find_files_part(stream: Any) -> FilesReading:
    for archive, info in streams.read_tar(stream):
        if info.isfile() and info.name in (FILES_MEMBER, "./" + FILES_MEMBER):
            found = read_files_member(archive.extractfile(info))
            if found.problem is not None:
                raise tarfile.ReadError(found.problem.message)
            return found
    raise tarfile.ReadError("it has no files part")


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
                info.size, info.mode, int(info.mtime), info.uname, info.uid, info.gname, info.gid
            )
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
            self.count,
            frozenset(self.found),
            self.setup_state,
            self.certificates,
            problem,
            self.configuration,
            self.entries,
            self.size,
        )


def is_configuration(name: str) -> bool:
    """Is this the path of a file that says where the databases of the engine are, or how it is reached?"""
    return name in CONFIGURATION or (os.path.dirname(name) in CONFIGURATION and name.endswith(".conf"))


def is_certificate(name: str) -> bool:
    """Is this the path of a certificate of the engine's own PKI?"""
    return os.path.dirname(name) + "/" in CERTIFICATE_DIRECTORIES and name.endswith(CERTIFICATE_ENDINGS)


def _read_text(archive: tarfile.TarFile, info: tarfile.TarInfo) -> str:
    stream = archive.extractfile(info)
    return stream.read(SMALL_LIMIT).decode("utf-8", "surrogateescape") if stream is not None else ""
