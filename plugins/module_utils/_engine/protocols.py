# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flows ask of a host. Only type checkers read this: Python 3.6 has no Protocol.

This file is private to the collection.
"""

from typing import TYPE_CHECKING, Any, Collection, ContextManager, Dict, List, Mapping, Optional, Sequence, Tuple

from .._archive.model import ArchiveReading, FileEntry
from .._common.errors import Problem
from .._postgres.local_server_model import LocalServerState
from .._postgres.model import DatabaseDescription, Settings, TableCounts
from .._postgres.rules import Fitness
from .model import Installation
from .restore.model import Marks, RestoreRequest, RestoreTarget

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class EngineHost(Protocol):
    """The engine host: _engine.backup.host.EngineHost, and the fake of the unit tests."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that no clock change moves."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def read_installation(self, prefix: str) -> Installation:
        """What is installed and set up."""

    def read_identity(self, settings: Settings) -> DatabaseDescription:
        """What a database is."""

    def count_before(self, settings: Settings) -> TableCounts:
        """Rows, with the statistics read first."""

    def count_after(self, settings: Settings) -> TableCounts:
        """Rows, with the statistics read last."""

    def read_statistics(self, settings: Settings) -> Dict[str, Tuple[int, int]]:
        """Rows inserted and deleted, per table."""

    def count_sqlite(self, path: str) -> TableCounts:
        """Rows of an SQLite file."""

    def read_records(self, settings: Settings, log_path: str) -> List[Tuple[str, bool, str]]:
        """The engine's own record of a backup."""

    def check_directory(self, path: str, code: str, what: str, sticky_is_safe: bool = False) -> List[Problem]:
        """Why a directory can not be used."""

    def exists(self, path: str) -> bool:
        """Is anything there?"""

    def modified(self, path: str) -> float:
        """The time of the last change of a path."""

    def same_path(self, one: str, other: str) -> bool:
        """Do two paths lead to one file?"""

    def file_size(self, path: str) -> int:
        """Bytes."""

    def file_system_of(self, path: str) -> int:
        """A number per file system."""

    def free_space(self, path: str) -> int:
        """Bytes."""

    def tar_reads_zstd(self) -> bool:
        """Can a restore on this host read a zstd archive?"""

    def list_leftovers(self, directory: str) -> List[str]:
        """Paths that a killed run left."""

    def list_manifests(self, directory: str) -> List[Tuple[str, Dict[str, Any]]]:
        """(archive, manifest) of each usable manifest in a directory."""

    def read_manifest(self, path: str) -> Tuple[Optional[Dict[str, Any]], List[Problem]]:
        """The manifest beside an archive."""

    def check_proven(self, path: str, manifest: Dict[str, Any]) -> List[Problem]:
        """Is the archive still the one of its manifest?"""

    def lock(self, directory: str) -> None:
        """Take the directory or raise BackupError (locked)."""

    def is_locked(self, directory: str) -> bool:
        """Does another run hold the directory?"""

    def unlock(self) -> None:
        """Give the directory back."""

    def remove_leftovers(self, directory: str) -> List[str]:
        """Undo what a killed run left."""

    def begin(self, path: str, tmpdir: str, log_path: str) -> Tuple[str, str]:
        """Make the work directories of a run and return (the one beside the target, the one for the tool)."""

    def note_phase(self, phase: str) -> None:
        """Write down what the run is doing."""

    def finish(self) -> None:
        """Remove the work directories and the state."""

    def run_tool(self, argv: Sequence[str], timeout: float, stem: str) -> Any:
        """Run engine-backup: _common.command.CommandResult."""

    def read_log(self, path: str) -> str:
        """The end of a log."""

    def pack(self, source: str, target: str, timeout: float) -> None:
        """Compress an archive with zstd."""

    def read_archive(self, path: str, level: str, tmpdir: str) -> ArchiveReading:
        """Read an archive back."""

    def read_certificates(self, texts: Dict[str, str], tmpdir: str) -> List[Dict[str, str]]:
        """Subject and expiry of each certificate."""

    def publish(self, source: str, target: str, manifest: Dict[str, Any]) -> None:
        """Give a proven archive and its manifest their final names."""


class RestoreHost(EngineHost, Protocol):
    """The engine host of a restore: _engine.restore.host.RestoreHost, and the fake of the unit tests."""

    def lock_directory(self, prefix: str) -> str:
        """The directory whose lock a restore takes."""

    def read_proven(self, path: str, manifest: Dict[str, Any]) -> Optional[ArchiveReading]:
        """What is in the archive of a manifest, None of any other archive."""

    def grafana_file(self, prefix: str) -> str:
        """Where Grafana's SQLite file is, or will be."""

    def data_directory(self, prefix: str) -> str:
        """Where the local PostgreSQL keeps its data, empty where it is unknown."""

    def os_version(self) -> str:
        """The distribution and its major version."""

    def client_version(self, prefix: str) -> int:
        """The major version of pg_restore."""

    def configured(
        self, request: RestoreRequest, scopes: Sequence[str], reading: ArchiveReading
    ) -> Dict[str, Settings]:
        """How the databases will be reached once the files are restored."""

    def read_fitness(self, settings: Settings) -> Fitness:
        """What decides whether a restore may fill a database."""

    def count_rows(self, settings: Settings) -> Dict[str, int]:
        """Rows per table."""

    def read_marks(self, settings: Settings, identity: str) -> Marks:
        """What ties the engine database to a backup."""

    def find_roles(self, settings: Settings, names: Sequence[str]) -> List[str]:
        """Those of the names that are roles of the server."""

    def read_local_server(self, settings: Settings) -> Optional[LocalServerState]:
        """What is there of a role and its database, None where nobody can look."""

    def read_services(self, prefix: str) -> Dict[str, str]:
        """active, inactive, missing or unknown, per service."""

    def engine_is_running(self, prefix: str) -> int:
        """The process id of the running engine, or 0."""

    def peek_version(self, path: str) -> str:
        """The version an archive says it is of."""

    def same_times(self, path: str) -> ContextManager[None]:
        """Put the times of a file back afterwards."""

    def write_secrets(self, secrets: Mapping[str, str]) -> None:
        """Write files for this user alone."""

    def make_placeholders(self, prefix: str, paths: Sequence[str]) -> List[str]:
        """Make the configuration files that the tool insists on."""

    def remove_placeholders(self, prefix: str, paths: Sequence[str], wanted: Collection[str]) -> None:
        """Remove those that are of no use."""

    def read_originals(
        self, prefix: str, paths: Sequence[str], scopes: Sequence[str], reading: ArchiveReading
    ) -> Dict[str, Any]:
        """Each configuration file as it is meant to be."""

    def find_broken(self, prefix: str, originals: Mapping[str, Any], targets: Sequence[RestoreTarget]) -> List[str]:
        """The files that mend would write."""

    def repair_config_files(
        self, prefix: str, originals: Mapping[str, Any], targets: Sequence[RestoreTarget]
    ) -> List[str]:
        """Put back what the tool loses of them."""

    def compare_files(self, prefix: str, entries: Mapping[str, FileEntry]) -> List[Problem]:
        """How the files of the host differ from the archive's."""
