# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine host in memory: the methods of _engine/protocols.py, a journal of their calls, and faults on demand.

Its engine-backup dumps what its databases hold at that moment, unless a test scripts another run.
Python 3.6 syntax: the tests of the flows run on the Pythons of the managed hosts.
"""

import os.path
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import BY_NAME, KINDS
from ansible_collections.ovirt.backup.plugins.module_utils._archive.manifest import SUFFIX
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import ArchiveReading
from ansible_collections.ovirt.backup.plugins.module_utils._common.command import CommandResult
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Problem
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.plan import BackupRequest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.model import Installation
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import (
    DatabaseDescription,
    Settings,
    TableCounts,
)

from . import world
from .host import FakeHost, journal

if TYPE_CHECKING:
    from ansible_collections.ovirt.backup.plugins.module_utils._engine.protocols import BackupHost

WRITING = frozenset(
    "lock unlock remove_leftovers begin note_phase finish run_tool pack publish read_archive read_certificates".split()
)


class Run(NamedTuple):
    """A run of engine-backup."""

    returncode: Optional[int]
    stdout: Optional[str]  # None for what a good run prints
    stderr: str
    log: str
    reading: Optional[ArchiveReading]  # of what it makes; None for a good archive
    takes: float  # seconds


GOOD = Run(0, None, "", "", None, 5.0)


@journal("kind_of")
class FakeEngineHost(FakeHost):
    """A host with an engine and a Data Warehouse, good in every way until a test changes something."""

    def __init__(self) -> None:
        super().__init__()
        self.installation = make_installation()
        self.live: Dict[str, TableCounts] = {kind: world.snapshot(rows) for kind, rows in world.LIVE.items()}
        self.later: Dict[str, List[TableCounts]] = {}  # counts after the tool ran; the last one stays
        self.records: List[Tuple[str, bool, str]] = [(scope, True, "") for scope in ("files", "db", "dwhdb")]
        good = ("/srv/backup", "/srv/tmp", "/var/log/ovirt-engine-backup")
        self.directories: Dict[str, List[Problem]] = {path: [] for path in good}
        self.free: Dict[str, int] = {}
        self.file_systems: Dict[str, int] = {}
        self.zstd = True
        self.existing: Set[str] = set()
        self.manifests: Dict[str, Dict[str, Any]] = {}
        self.unproven: Set[str] = set()  # archives whose hash is not the one of their manifest
        self.state: Optional[str] = None  # phase, while a run is under way
        self.runs: List[Run] = []  # what the next runs of the tool do; a good one when empty
        self.commands: List[Sequence[str]] = []
        self.timeouts: List[float] = []
        self.logs: Dict[str, str] = {}
        self.stored: Dict[str, ArchiveReading] = {}
        self.published: Dict[str, Dict[str, Any]] = {}

    def kind_of(self, settings: Settings) -> str:
        return next(name for name, found in self.installation.settings.items() if found == settings)

    def read_installation(self, prefix: str) -> Installation:
        return self.installation._replace(prefix=prefix)

    def read_identity(self, settings: Settings) -> DatabaseDescription:
        return DatabaseDescription(
            settings.database, settings.user, "15.4", 1000000, ("uuid-ossp",), ("grafana_reader",)
        )

    def count_before(self, settings: Settings) -> TableCounts:
        return self.live[self.kind_of(settings)]

    def count_after(self, settings: Settings) -> TableCounts:
        return self._count_later(self.kind_of(settings))

    def read_statistics(self, settings: Settings) -> Dict[str, Tuple[int, int]]:
        later = self._count_later(self.kind_of(settings)).tables
        return {name: (state.inserted, state.deleted) for name, state in later.items()}

    def count_sqlite(self, path: str) -> TableCounts:
        return self._count_later("grafana") if self.commands else self.live["grafana"]

    def _count_later(self, kind: str) -> TableCounts:
        queue = self.later.get(kind) or [self.live[kind]]
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def read_records(self, settings: Settings, log_path: str) -> List[Tuple[str, bool, str]]:
        return self.records

    def check_directory(self, path: str, code: str, what: str, sticky_is_safe: bool = False) -> List[Problem]:
        missing = Problem(code + "_missing", "the %s %s is not there" % (what, path))
        return self.directories.get(os.path.normpath(path), [missing])

    def exists(self, path: str) -> bool:
        return path in self.existing

    def modified(self, path: str) -> float:
        return self.time

    def same_path(self, one: str, other: str) -> bool:
        return os.path.normpath(one) == os.path.normpath(other)

    def file_size(self, path: str) -> int:
        return 5000

    def file_system_of(self, path: str) -> int:
        return self.file_systems.get(path, 1)

    def free_space(self, path: str) -> int:
        return self.free.get(path, 10**12)

    def tar_reads_zstd(self) -> bool:
        return self.zstd

    def list_manifests(self, directory: str) -> List[Tuple[str, Dict[str, Any]]]:
        if directory not in self.directories:
            raise FileNotFoundError(2, "No such file or directory", directory)
        return sorted((path, found) for path, found in self.manifests.items() if os.path.dirname(path) == directory)

    def read_manifest(self, path: str) -> Tuple[Optional[Dict[str, Any]], List[Problem]]:
        return self.manifests.get(path), []

    def check_proven(self, path: str, manifest: Dict[str, Any]) -> List[Problem]:
        return [Problem("manifest_disagrees", "another hash")] if path in self.unproven else []

    def begin(self, path: str, tmpdir: str, log_path: str) -> Tuple[str, str]:
        self.state = "starting"
        return os.path.join(os.path.dirname(path), "stage"), os.path.join(tmpdir, "work")

    def note_phase(self, phase: str) -> None:
        self.state = phase

    def finish(self) -> None:
        self.state = None

    def run_tool(self, argv: Sequence[str], timeout: float, stem: str) -> CommandResult:
        run = self.runs.pop(0) if self.runs else GOOD
        options = [argument.partition("=")[::2] for argument in argv[1:]]
        scopes = [value for name, value in options if name == "--scope"]
        path, log_path = dict(options)["--file"], dict(options)["--log"]
        self.commands.append(argv)
        self.timeouts.append(timeout)
        self.time += run.takes
        self.logs[log_path] = run.log
        self.existing.add(log_path)
        self.stored[path] = run.reading or self._make_archive(scopes)
        names = {kind: found.database for kind, found in self.installation.settings.items()}
        stdout = run.stdout
        if stdout is None:
            names["grafana"] = self.installation.grafana_file
            stdout = world.tool_output(scopes, names, path, log_path)
        return CommandResult(run.returncode, stdout, run.stderr)

    def _make_archive(self, scopes: Sequence[str]) -> ArchiveReading:
        rows = {
            kind.name: {name: state.rows for name, state in self.live[kind.name].tables.items()}
            for kind in KINDS
            if kind.scope in scopes
        }
        found = world.reading(rows, mtime=self.time, with_files="files" in scopes)
        sqlite = {kind: item._replace(format="sqlite") for kind, item in found.dumps.items() if kind == "grafana"}
        return found._replace(dumps=dict(found.dumps, **sqlite))

    def read_log(self, path: str) -> str:
        return self.logs.get(path, "")

    def pack(self, source: str, target: str, timeout: float) -> None:
        self.timeouts.append(timeout)
        found = self.stored.pop(source)
        plain = {kind: item._replace(format="plain") for kind, item in found.dumps.items()}
        small = dict(found.small, config=world.PLAIN_CONFIG)
        self.stored[target] = found._replace(compressor="zstd", dumps=plain, small=small)

    def read_archive(self, path: str, level: str, tmpdir: str) -> ArchiveReading:
        return self.stored[path]

    def read_certificates(self, texts: Dict[str, str], tmpdir: str) -> List[Dict[str, str]]:
        return [{"path": path, "subject": "CN=x", "not_after": "2036-11-22T13:43:52Z"} for path in sorted(texts)]

    def publish(self, source: str, target: str, manifest: Dict[str, Any]) -> None:
        self.stored[target] = self.stored.pop(source)
        self.existing |= {target, target + SUFFIX}
        self.published[target] = manifest


def make_installation(**changes: Any) -> Installation:
    """Return an engine with its Data Warehouse, set up, with every program."""
    settings = {"engine": world.settings("engine"), "dwh": world.settings("ovirt_engine_history")}
    found = Installation(
        prefix="",
        tool="/usr/bin/engine-backup",
        version=world.VERSION,
        fqdn=world.FQDN,
        is_set_up=True,
        supported=frozenset(["files"] + [kind.scope for kind in BY_NAME.values() if kind.name != "cinderlib"]),
        restorable=frozenset(["files"] + [kind.scope for kind in BY_NAME.values()]),
        missing_programs=(),
        enabled=frozenset(settings),
        answered=frozenset(settings),
        owned=frozenset(settings),
        settings=settings,
        notified=settings["engine"],
        grafana_file="",
        log_directory="/var/log/ovirt-engine-backup",
    )
    return found._replace(**changes)


def make_request(**changes: Any) -> BackupRequest:
    """Return the request of a run with all defaults into a directory."""
    found = BackupRequest(
        path="",
        directory="/srv/backup",
        scopes=["all"],
        log_path="",
        tmpdir="",
        timeout=7200,
        prefix="",
        max_age=0,
        profile="stock",
    )
    if changes.get("path"):
        found = found._replace(directory="")
    return found._replace(**changes)


if TYPE_CHECKING:
    IS_A_HOST: BackupHost = FakeEngineHost()
