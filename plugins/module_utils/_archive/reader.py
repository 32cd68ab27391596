# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an archive of engine-backup once, forward, without unpacking it and without running anything of it.

Nothing is written but the copy of the SQLite file, in the caller's temporary directory. The archive is opened for
reading only, so its modification time and mode stay. This file is private to the collection.
"""

import os
import tarfile
from typing import Any, BinaryIO, Dict, List, Mapping, Optional, Set, Tuple

from .._common.errors import CommandError, Problem
from .._common.files import hash_stream, read_json
from . import streams
from .databases import BY_MEMBER
from .dumps import read_dump_member
from .files import read_files_member, read_files_part
from .manifest import LIMIT, SUFFIX, check_manifest, recall_dumps, recall_reading
from .model import FILES_MEMBER, SMALL_LIMIT, SMALL_MEMBERS, ArchiveReading, DumpReading, FilesReading, Member

DIRECTORIES = ("", "db")
TRUNCATION_WORDS = ("truncated", "unexpected end", "premature end", "ended before")
MOST_MEMBERS = 1000  # an archive has about ten; hooks may add some


def read_archive(path: str, level: str, tmpdir: str) -> ArchiveReading:
    """Read an archive at a level: none (headers), checksums (hashes of everything), full (every dump and file too)."""
    reader = _Reader(path, level, tmpdir)
    try:
        with streams.open_regular(path) as source:
            reading = reader.read(source)
            if reader.algorithms and "md5sum" in reading.small and "sha256sum" not in reading.small:
                source.seek(0)
                reader = _Reader(path, level, tmpdir)
                reader.algorithms = (streams.SHA256, streams.MD5)
                reading = reader.read(source)
            return reading
    except OSError as error:
        problem = Problem("archive_unreadable", "the archive can not be read: %s" % (error.strerror or error))
        return ArchiveReading(path, 0, "", "none", (), {}, {}, None, (problem,))


def hash_file(path: str) -> str:
    """Return the SHA-256 of a file."""
    with streams.open_regular(path) as source:
        return hash_stream(source)


def is_archive_of(path: str, manifest: Mapping[str, Any]) -> bool:
    """Is an archive, byte for byte, the one that was proven when the manifest was written? An unreadable one is not."""
    try:
        return bool(os.path.getsize(path) == manifest["size"] and hash_file(path) == manifest["sha256"])
    except OSError:
        return False


def read_proven(path: str, manifest: Dict[str, Any]) -> Optional[ArchiveReading]:
    """Return what is in an archive that is, byte for byte, the one of its manifest; None of any other.

    What was read when the manifest was written holds for these bytes; only the files are read anew.
    """
    dumps = recall_dumps(manifest)
    if dumps is None or not is_archive_of(path, manifest):
        return None
    files = read_files_part(path) if "files" in manifest["scopes"] else None
    return recall_reading(manifest, path, peek_compressor(path), dumps, files)


def peek_compressor(path: str) -> str:
    """Return the name of the compressor of an archive, or 'none'."""
    with streams.open_regular(path) as source:
        return streams.detect_compressor(source.read(streams.MAGIC_SIZE))


def peek_version(path: str) -> str:
    """Return the version that an archive says it is of, read no further than that; empty where it does not say.

    Only a first look, to refuse at once what will be refused anyway: nothing that this returns is proven.
    """
    try:
        with streams.open_archive(path) as stream:
            return _find_version(stream)
    except streams.ERRORS + (tarfile.TarError, CommandError):
        return ""


def _find_version(stream: Any) -> str:
    for archive, info in streams.read_tar(stream):
        content = archive.extractfile(info) if info.name == "./version" and info.isfile() else None
        if content is not None:
            return content.read(SMALL_LIMIT).decode("utf-8", "replace").strip()
        if info.name.startswith("./db/"):
            return ""
    return ""


def read_manifest(path: str) -> Tuple[Optional[Dict[str, Any]], List[Problem]]:
    """Return the manifest beside an archive, None where there is none or none that can be used, and what is wrong."""
    try:
        manifest = read_json(path + SUFFIX, LIMIT)
    except (OSError, ValueError) as error:
        return None, [Problem("manifest_unreadable", "the manifest beside the archive can not be read: %s" % error)]
    if manifest is None:
        return None, []
    problems = check_manifest(manifest)
    return (None if problems else manifest), problems


class _Reader:
    """The state of one pass over one archive."""

    def __init__(self, path: str, level: str, tmpdir: str) -> None:
        self.algorithms: Tuple[str, ...] = () if level == "none" else (streams.SHA256,)
        self.path = path
        self.level = level
        self.tmpdir = tmpdir
        self.members: List[Member] = []
        self.names: Set[str] = set()
        self.small: Dict[str, str] = {}
        self.dumps: Dict[str, DumpReading] = {}
        self.files: Optional[FilesReading] = None
        self.problems: List[Problem] = []
        self.count = 0

    def read(self, source: BinaryIO) -> ArchiveReading:
        size = os.fstat(source.fileno()).st_size
        sha256 = ""
        compressor = "none"
        if size == 0:
            self.problem("archive_empty", "the archive is a file of 0 bytes")
        else:
            compressor, sha256 = self._read_stream(source)
        return ArchiveReading(
            self.path,
            size,
            sha256,
            compressor,
            tuple(self.members),
            self.small,
            self.dumps,
            self.files,
            tuple(self.problems),
        )

    def problem(self, code: str, message: str) -> None:
        self.problems.append(Problem(code, message))

    def _read_stream(self, source: BinaryIO) -> Tuple[str, str]:
        compressor = streams.detect_compressor(source.read(streams.MAGIC_SIZE))
        source.seek(0)
        if compressor == "zstd":
            self._read_piped(source)
            return compressor, hash_file(self.path) if self.algorithms else ""
        raw = streams.HashingReader(source, self.algorithms)
        self._read_members(streams.open_decompressed(raw)[1])
        if self.algorithms:
            raw.drain()
        return compressor, raw.digests()[0]

    def _read_piped(self, source: BinaryIO) -> None:
        try:
            piped = streams.open_zstd(source)
        except CommandError as error:
            self.problem(error.code, error.message)
            return
        try:
            self._read_members(piped)
        finally:
            piped.close()

    def _read_members(self, stream: Any) -> None:
        try:
            for archive, info in streams.read_tar(stream):
                self._take_member(archive, info)
        except streams.ERRORS + (tarfile.TarError,) as error:
            self.problem(*explain(error, bool(self.members)))
        if not self.members and not self.problems:
            self.problem("not_an_archive", "this is no archive of engine-backup: it holds no file")

    def _take_member(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        self.count += 1
        if self.count > MOST_MEMBERS:
            raise tarfile.ReadError("it has more than %d members" % MOST_MEMBERS)
        name = info.name[2:] if info.name.startswith("./") else info.name
        name = "" if name == "." else name.rstrip("/") if info.isdir() else name
        code = check_member(name, info)
        if code:
            self.problem(code, "member %r of the archive is refused: %s" % (info.name, MEMBER_REASONS[code]))
        elif info.isdir():
            if name not in DIRECTORIES:
                text = "the archive holds a directory %r that engine-backup does not make"
                self.problem("member_unlisted", text % name)
        elif name in self.names:
            self.problem("member_duplicate", "the archive holds %s more than once" % name)
        else:
            self._read_member(archive, info, name)

    def _read_member(self, archive: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> None:
        stream = archive.extractfile(info)
        reader = streams.HashingReader(stream, self.algorithms)
        if name in SMALL_MEMBERS and info.size <= SMALL_LIMIT:
            self.small[name] = reader.read(SMALL_LIMIT).decode("utf-8", "replace")
        elif name in BY_MEMBER:
            kind = BY_MEMBER[name].name
            self.dumps[kind] = read_dump_member(kind, info.size, reader, self.level == "full", self.tmpdir)
        elif name == FILES_MEMBER and self.level == "full":
            self.files = read_files_member(reader)
        if self.level != "none":
            reader.drain()
        sha256, md5 = reader.digests()
        self.names.add(name)
        self.members.append(Member(name, info.size, sha256, md5, float(info.mtime)))


MEMBER_REASONS = {
    "member_outside": "its path leaves the archive",
    "member_link": "it is a link",
    "member_device": "it is a device, a pipe or of an unknown type",
}


def check_member(name: str, info: tarfile.TarInfo) -> str:
    """Return the code of what makes a member unacceptable, or an empty string."""
    if name.startswith("/") or ".." in name.split("/"):
        return "member_outside"
    if info.issym() or info.islnk():
        return "member_link"
    if not (info.isdir() or info.isfile()):
        return "member_device"
    return ""


def explain(error: Exception, has_members: bool) -> Tuple[str, str]:
    """Return code and message for an error of the tar, gzip, bzip2, xz or zstd reader."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, EOFError) or any(word in text for word in TRUNCATION_WORDS):
        return "archive_truncated", "the archive is cut short: %s" % text
    if isinstance(error, tarfile.TarError) and not has_members:
        return "not_an_archive", "this is no archive of engine-backup: %s" % text
    return "archive_damaged", "the archive can not be read to its end: %s" % text
