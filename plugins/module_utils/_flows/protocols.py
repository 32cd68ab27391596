# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flows ask of a host. Only type checkers read this: Python 3.6 has no Protocol.

This file is private to the collection.
"""
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

from .._core.archive_model import ArchiveReading
from .._core.engine_config import Settings
from .._core.engine_model import Identity, Installation
from .._core.errors import Problem
from .._core.row_proof import Snapshot

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class EngineHost(Protocol):
    """The engine host: _host.engine_host.EngineHost, and the fake of the unit tests."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that no clock change moves."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def read_installation(self, prefix: str) -> Installation:
        """What is installed and set up."""

    def read_identity(self, settings: Settings) -> Identity:
        """What a database is."""

    def count_before(self, settings: Settings) -> Snapshot:
        """Rows, with the statistics read first."""

    def count_after(self, settings: Settings) -> Snapshot:
        """Rows, with the statistics read last."""

    def read_statistics(self, settings: Settings) -> Dict[str, Tuple[int, int]]:
        """Rows inserted and deleted, per table."""

    def count_sqlite(self, path: str) -> Snapshot:
        """Rows of an SQLite file."""

    def read_records(self, settings: Settings, log_path: str) -> List[Tuple[str, bool, str]]:
        """The engine's own record of a backup."""

    def judge_directory(self, path: str, code: str, what: str, sticky_is_safe: bool = False) -> List[Problem]:
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

    def judge_proven(self, path: str, manifest: Dict[str, Any]) -> List[Problem]:
        """Is the archive still the one of its manifest?"""

    def lock(self, directory: str) -> None:
        """Take the directory or raise BackupError (locked)."""

    def is_locked(self, directory: str) -> bool:
        """Does another run hold the directory?"""

    def unlock(self) -> None:
        """Give the directory back."""

    def sweep(self, directory: str) -> List[str]:
        """Undo what a killed run left."""

    def begin(self, path: str, tmpdir: str, log_path: str) -> Tuple[str, str]:
        """Make the work directories of a run and return (the one beside the target, the one for the tool)."""

    def note_phase(self, phase: str) -> None:
        """Write down what the run is doing."""

    def finish(self) -> None:
        """Remove the work directories and the state."""

    def run_tool(self, argv: Sequence[str], timeout: float, stem: str) -> Any:
        """Run engine-backup: _host.command.CommandResult."""

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
