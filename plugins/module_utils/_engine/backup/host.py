# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine host as a backup sees it. This file is private to the collection."""

import os
import ssl
from typing import Any, Dict, List, Sequence, Tuple

from ..._archive import reader
from ..._archive.manifest import SUFFIX
from ..._archive.sqlite_file import SQLITE_ERROR, count_changes, count_tables
from ..._common import files
from ..._common.clock import SystemClock
from ..._common.command import CommandResult, find_program, read_tail, run_command
from ..._common.errors import BackupError, CommandError, Problem
from ..._common.times import to_iso
from ..._postgres import connection
from ..._postgres.model import TableCounts, TableState
from ..host_session import HostSession, InstalledEngine
from ..installation import DUMPS, HELP

ZSTD_LEVEL = "-10"  # measured by tests/bench/engine_backup: 1.30 of the size of xz in a twentieth of its time
SQLITE_ROWS_PER_CHANGE = 100  # a write of Grafana (a login, a session) touches fewer rows


class EngineHost:
    """Everything a backup reads from and does to the host it runs on."""

    clock = SystemClock()
    files = files

    def __init__(self, prefix: str) -> None:
        self.session = HostSession(prefix)
        self.engine = InstalledEngine((HELP, DUMPS))
        self.passwords = self.engine.passwords
        self.databases = CountedDatabases()
        self.archives = ArchiveStore(self.session.environment)
        self.tool = PackingTool(self.session)


class CountedDatabases:
    """The live databases, counted."""

    read_identity = staticmethod(connection.read_identity)
    count_before = staticmethod(connection.count_before)
    count_after = staticmethod(connection.count_after)
    read_statistics = staticmethod(connection.read_statistics)
    read_records = staticmethod(connection.read_backup_records)

    @staticmethod
    def count_sqlite(path: str) -> TableCounts:
        """Return the rows of an SQLite file; its only statistics are the number of transactions that wrote to it."""
        try:
            changes = count_changes(path) * SQLITE_ROWS_PER_CHANGE
            tables = count_tables(path)
        except (SQLITE_ERROR, OSError) as error:
            raise BackupError("Could not read the SQLite file %s: %s" % (path, error), "database_unreadable") from None
        return TableCounts({name: TableState(rows, changes, changes, 0) for name, rows in tables.items()}, ())


class ArchiveStore:
    """The directory that archives go to, with their manifests."""

    read_archive = staticmethod(reader.read_archive)
    read_manifest = staticmethod(reader.read_manifest)

    def __init__(self, environment: Dict[str, str]) -> None:
        self._env = environment

    def list_manifests(self, directory: str) -> List[Tuple[str, Dict[str, Any]]]:
        """Return (archive, manifest) of each readable manifest of this collection whose archive exists."""
        found = []
        for name in sorted(files.list_names(directory)):
            if name.endswith(SUFFIX):
                path = os.path.join(directory, name[: -len(SUFFIX)])
                manifest, problems = self.read_manifest(path)
                if manifest is not None and not problems and os.path.isfile(path):
                    found.append((path, manifest))
        return found

    def check_proven(self, path: str, manifest: Dict[str, Any]) -> List[Problem]:
        """Return why an archive is not, byte for byte, the one that its manifest proves."""
        if reader.is_archive_of(path, manifest):
            return []
        return [Problem("manifest_disagrees", "its size or SHA-256 is not the one of its manifest")]

    def read_certificates(self, texts: Dict[str, str], tmpdir: str) -> List[Dict[str, str]]:
        """Return path, subject and expiry (UTC) of each certificate, read with openssl."""
        openssl = find_program("openssl", self._env)
        copy = os.path.join(tmpdir, "certificate.pem")
        found = []
        for path, text in sorted(texts.items()) if openssl else []:
            with open(copy, "w", encoding="utf-8") as stream:
                stream.write(text)
            argv = [openssl, "x509", "-in", copy, "-noout", "-subject", "-nameopt", "RFC2253", "-enddate"]
            result = run_command(argv, self._env)
            values = dict(line.partition("=")[::2] for line in result.stdout.splitlines())
            if result.returncode == 0 and "notAfter" in values:
                not_after = to_iso(ssl.cert_time_to_seconds(values["notAfter"]))
                found.append({"path": path, "subject": values.get("subject", ""), "not_after": not_after})
        return found

    def publish(self, source: str, target: str, manifest: Dict[str, Any]) -> None:
        """Name the manifest, then the archive: an archive under its final name is never without its proof."""
        described = os.path.join(os.path.dirname(source), "manifest.json")
        files.write_json(described, manifest)
        if files.exists(target):
            raise BackupError("%s appeared while the backup was made; it was left as it is" % target, "path_exists")
        try:
            files.publish(described, target + SUFFIX)
            files.publish(source, target)
        except FileExistsError as error:
            if error.filename2 == target:
                files.remove_file(target + SUFFIX)
            text = "%s appeared while the backup was made; it was left as it is" % error.filename2
            raise BackupError(text, "path_exists") from None


class EngineBackup:
    """engine-backup on this host."""

    read_log = staticmethod(read_tail)

    def __init__(self, session: HostSession) -> None:
        self._session = session
        self._env = session.environment

    def run_tool(self, argv: Sequence[str], timeout: float, stem: str) -> CommandResult:
        """Run engine-backup."""
        return self._session.run(argv, timeout, stem)


class PackingTool(EngineBackup):
    """engine-backup, and what packs its archives."""

    def tar_reads_zstd(self) -> bool:
        """Can the tar of this host unpack a zstd archive by itself?"""
        tar = find_program("tar", self._env)
        has_zstd = bool(find_program("zstd", self._env))
        return bool(tar) and has_zstd and "--zstd" in run_command([tar, "--help"], self._env).stdout

    def pack(self, source: str, target: str, timeout: float) -> None:
        """Compress an archive on all cores."""
        argv = [find_program("zstd", self._env), "-q", ZSTD_LEVEL, "-T0", source, "-o", target]
        result = self._session.run(argv, timeout, source + ".zstd")
        if result.returncode is None:
            text = "zstd was ended: the timeout was over before the archive was packed"
            raise CommandError(text, "tool_timeout", phase="packing")
        if result.returncode != 0:
            code = "disk_full" if "No space left" in result.stderr else "packing_failed"
            raise CommandError("zstd could not compress the archive: %s" % result.stderr.strip(), code, phase="packing")
        os.unlink(source)
