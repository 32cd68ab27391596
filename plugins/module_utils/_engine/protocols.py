# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flows ask of an engine host, one protocol per concern; each flow names those it needs in a host of its own.

Only type checkers read this: Python 3.6 has no Protocol. mypy holds the real hosts and the fakes of the unit tests
against these. This file is private to the collection.
"""

from typing import TYPE_CHECKING, Any, ContextManager, Dict, List, Mapping, Optional, Sequence, Tuple

from .._archive.configuration import ArchivedSetup
from .._archive.model import ArchiveReading, FileEntry
from .._common.errors import Problem
from .._postgres.local_server_model import LocalServerState
from .._postgres.model import DatabaseDescription, Holdings, Settings, TableCounts
from .._postgres.rules import Fitness
from .model import Installation
from .restore.model import Marks, RestoreRequest, RestoreTarget
from .setup.otopi_model import Places, SetupMemory, SetupState, Tool, ToolOutcome

if TYPE_CHECKING:
    from typing import Protocol

    from .._common.command import CommandResult
else:
    Protocol = object


class Clock(Protocol):
    """Seconds."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that no clock change moves."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Session(Protocol):
    """The hold that a run has on its host: a lock, a note of its phase, what dead runs left."""

    def lock(self, directory: str) -> None:
        """Take the directory or raise BackupError (locked)."""

    def is_locked(self, directory: str) -> bool:
        """Does another run hold the directory?"""

    def unlock(self) -> None:
        """Give the directory back."""

    def list_leftovers(self, directory: str) -> List[str]:
        """Paths that a killed run left."""

    def remove_leftovers(self, directory: str) -> List[str]:
        """Undo what a killed run left."""

    def note_phase(self, phase: str) -> None:
        """Write down what the run is doing."""

    def finish(self) -> None:
        """Remove the work directories and the state."""


class ArchiveSession(Session, Protocol):
    """The session of a run of engine-backup."""

    def begin(self, path: str, tmpdir: str, log_path: str) -> Tuple[str, str]:
        """Make the work directories of a run and return (the one beside the target, the one for the tool)."""


class OtopiSession(Session, Protocol):
    """The session of a run of engine-setup or engine-cleanup."""

    def begin_private(self, places: Places) -> str:
        """Make the work directory."""


class Space(Protocol):
    """Room on the file systems of the host."""

    def free_space(self, path: str) -> int:
        """Bytes."""


class Files(Space, Protocol):
    """Paths of the host."""

    def check_directory(self, path: str, code: str, what: str, sticky_is_safe: bool = False) -> List[Problem]:
        """Why a directory cannot be used."""

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


class Engine(Protocol):
    """What is installed and set up."""

    def read_installation(self, prefix: str) -> Installation:
        """What is installed and set up."""


class TargetEngine(Protocol):
    """An engine host that databases will be reached from."""

    def lock_directory(self, prefix: str) -> str:
        """The directory whose lock every run takes that changes the engine."""

    def client_version(self, prefix: str) -> int:
        """The major version of pg_restore."""


class RestoredEngine(Engine, TargetEngine, Protocol):
    """An engine host that an archive is restored on."""

    def grafana_file(self, prefix: str) -> str:
        """Where Grafana's SQLite file is, or will be."""

    def data_directory(self, prefix: str) -> str:
        """Where the local PostgreSQL keeps its data, empty where it is unknown."""

    def os_version(self) -> str:
        """The distribution and its major version."""

    def configured(
        self, request: RestoreRequest, scopes: Sequence[str], reading: ArchiveReading
    ) -> Dict[str, Settings]:
        """How the databases will be reached once the files are restored."""

    def read_services(self, prefix: str) -> Dict[str, str]:
        """active, inactive, missing or unknown, per service."""

    def engine_is_running(self, prefix: str) -> int:
        """The process id of the running engine, or 0."""


class SetupEngine(Engine, Protocol):
    """An engine host as engine-setup and engine-cleanup find it."""

    def read_services(self, names: Sequence[str]) -> Dict[str, str]:
        """The state of each service."""

    def count_registered_files(self) -> Dict[str, int]:
        """How many files engine-cleanup removes from each directory."""

    def read_archived_databases(self, path: str) -> Dict[str, Settings]:
        """The databases that an archive's configuration names."""

    def read_archived_setup(self, path: str) -> ArchivedSetup:
        """What engine-setup will find once an archive is restored."""

    def read_setup_state(self) -> SetupState:
        """What engine-setup would find."""

    def read_recorded_answers(self) -> Dict[str, str]:
        """What the last run of engine-setup wrote down."""

    def dumps_directory(self, prefix: str) -> str:
        """Where engine-cleanup puts its dumps."""


class CountedDatabases(Protocol):
    """Live databases whose rows are held against a dump."""

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


class ProbedDatabases(Protocol):
    """Databases that a login looks into."""

    def read_fitness(self, settings: Settings) -> Fitness:
        """What decides whether a restore may fill a database."""

    def find_roles(self, settings: Settings, names: Sequence[str]) -> List[str]:
        """Those of the names that are roles of the server."""

    def read_local_server(self, settings: Settings) -> Optional[LocalServerState]:
        """What is there of a role and its database, None where nobody can look."""


class RestoredDatabases(ProbedDatabases, Protocol):
    """Databases that a restore fills."""

    def count_rows(self, settings: Settings) -> Dict[str, int]:
        """Rows per table."""

    def count_sqlite(self, path: str) -> TableCounts:
        """Rows of an SQLite file."""

    def read_marks(self, settings: Settings, backup_log_path: str) -> Marks:
        """What ties the engine database to a backup."""


class ClearedDatabases(ProbedDatabases, Protocol):
    """Databases that are emptied before a restore."""

    def count_sessions(self, settings: Settings) -> int:
        """How many other sessions use a database."""

    def clear_database(self, settings: Settings) -> None:
        """Drop everything in a database."""


class SetupDatabases(Protocol):
    """Databases that engine-setup and engine-cleanup change."""

    def database_size(self, settings: Settings) -> int:
        """Bytes of a database, 0 where it cannot be asked."""

    def read_holdings(self, settings: Settings) -> Holdings:
        """What a database holds."""

    def count_rows(self, settings: Settings) -> int:
        """Rows of all tables."""

    def clear_database(self, settings: Settings) -> None:
        """Drop everything in a database."""

    def read_setup_memory(self, settings: Settings) -> Optional[SetupMemory]:
        """What the engine database knows of its set-up."""


class Archives(Protocol):
    """Archives with their manifests."""

    def read_archive(self, path: str, level: str, tmpdir: str) -> ArchiveReading:
        """Read an archive back."""

    def read_manifest(self, path: str) -> Tuple[Optional[Dict[str, Any]], List[Problem]]:
        """The manifest beside an archive."""


class ArchiveStore(Archives, Protocol):
    """The directory that new archives go to."""

    def list_manifests(self, directory: str) -> List[Tuple[str, Dict[str, Any]]]:
        """(archive, manifest) of each usable manifest in a directory."""

    def check_proven(self, path: str, manifest: Dict[str, Any]) -> List[Problem]:
        """Is the archive still the one of its manifest?"""

    def read_certificates(self, texts: Dict[str, str], tmpdir: str) -> List[Dict[str, str]]:
        """Subject and expiry of each certificate."""

    def publish(self, source: str, target: str, manifest: Dict[str, Any]) -> None:
        """Give a proven archive and its manifest their final names."""


class RestoredArchives(Archives, Protocol):
    """The archive that is restored."""

    def read_proven(self, path: str, manifest: Dict[str, Any]) -> Optional[ArchiveReading]:
        """What is in the archive of a manifest, None of any other archive."""

    def peek_version(self, path: str) -> str:
        """The version an archive says it is of."""

    def same_times(self, path: str) -> ContextManager[None]:
        """Put the times of a file back afterwards."""


class ConfigFiles(Protocol):
    """The configuration files that a restore rewrites."""

    def write_secrets(self, secrets: Mapping[str, str]) -> None:
        """Write files for this user alone."""

    def make_placeholders(self, prefix: str, paths: Sequence[str]) -> List[str]:
        """Make the configuration files that the tool insists on."""

    def remove_placeholders(self, prefix: str, paths: Sequence[str], wanted: Mapping[str, Any]) -> None:
        """Remove those that are of no use."""

    def read_originals(
        self, prefix: str, paths: Sequence[str], scopes: Sequence[str], reading: ArchiveReading
    ) -> Dict[str, Any]:
        """Each configuration file as it is meant to be."""

    def find_broken(self, prefix: str, originals: Mapping[str, Any], targets: Sequence[RestoreTarget]) -> List[str]:
        """The files that repair_config_files would write."""

    def repair_config_files(
        self, prefix: str, originals: Mapping[str, Any], targets: Sequence[RestoreTarget]
    ) -> List[str]:
        """Put back what the tool loses of them."""

    def remove_side_files(self, path: str) -> List[str]:
        """Remove what SQLite kept beside a file that was replaced."""

    def compare_files(self, prefix: str, entries: Mapping[str, FileEntry]) -> List[Problem]:
        """How the files of the host differ from the archive's."""


class EngineBackup(Protocol):
    """The tool engine-backup."""

    def run_tool(self, argv: Sequence[str], timeout: float, stem: str) -> "CommandResult":
        """Run engine-backup."""

    def read_log(self, path: str) -> str:
        """The end of a log."""


class PackingTool(EngineBackup, Protocol):
    """engine-backup, and what packs its archives."""

    def pack(self, source: str, target: str, timeout: float) -> None:
        """Compress an archive with zstd."""

    def tar_reads_zstd(self) -> bool:
        """Can a restore on this host read a zstd archive?"""


class OtopiTool(Protocol):
    """The tools engine-setup and engine-cleanup."""

    def choose_places(self, tool: Tool, tmpdir: str) -> Places:
        """Where a run works, and why it cannot."""

    def write_answers(self, path: str, text: str) -> None:
        """Write the answer file."""

    def run_otopi(self, argv: Sequence[str], timeout: float, stem: str, log_path: str) -> ToolOutcome:
        """Run the tool."""


class BackupHost(Protocol):
    """The host of a backup: _engine.backup.host.EngineHost."""

    @property
    def clock(self) -> Clock: ...
    @property
    def session(self) -> ArchiveSession: ...
    @property
    def files(self) -> Files: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def databases(self) -> CountedDatabases: ...
    @property
    def archives(self) -> ArchiveStore: ...
    @property
    def tool(self) -> PackingTool: ...


class RestoreHost(Protocol):
    """The host of a restore: _engine.restore.host.RestoreHost."""

    @property
    def clock(self) -> Clock: ...
    @property
    def session(self) -> ArchiveSession: ...
    @property
    def files(self) -> Files: ...
    @property
    def engine(self) -> RestoredEngine: ...
    @property
    def databases(self) -> RestoredDatabases: ...
    @property
    def archives(self) -> RestoredArchives: ...
    @property
    def tool(self) -> EngineBackup: ...
    @property
    def config(self) -> ConfigFiles: ...


class TargetHost(Protocol):
    """The host from which new databases are tried: _engine.restore.target_host.TargetHost."""

    @property
    def clock(self) -> Clock: ...
    @property
    def session(self) -> Session: ...
    @property
    def engine(self) -> TargetEngine: ...
    @property
    def databases(self) -> ClearedDatabases: ...


class OtopiHost(Protocol):
    """The host of engine-setup and engine-cleanup: _engine.setup.otopi_tools.OtopiHost."""

    passwords: List[str]

    @property
    def session(self) -> OtopiSession: ...
    @property
    def files(self) -> Space: ...
    @property
    def engine(self) -> SetupEngine: ...
    @property
    def databases(self) -> SetupDatabases: ...
    @property
    def tool(self) -> OtopiTool: ...
