# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine host in memory that an archive is restored on: servers with roles and databases, files, services.

Its engine-backup loads what the archive holds, unless a test scripts another run. It is the fake engine host of the
backups, extended. Python 3.6 syntax: the tests of the flows run on the Pythons of the managed hosts.
"""

import contextlib
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from ansible_collections.ovirt.backup.plugins.module_utils._archive.configuration import database_settings
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import BY_NAME, KINDS
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import ArchiveReading, DumpReading, FileEntry
from ansible_collections.ovirt.backup.plugins.module_utils._common.command import CommandResult
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Problem
from ansible_collections.ovirt.backup.plugins.module_utils._common.shell_files import parse_assignments
from ansible_collections.ovirt.backup.plugins.module_utils._engine.credential_files import (
    names_database,
    replace_credentials,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import (
    CREDENTIAL_FILES,
    EMPTIED,
    Marks,
    RestoreRequest,
    RestoreTarget,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.local_server_model import LocalServerState
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings, TableCounts
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.rules import Fitness

from . import world
from .engine_host import GOOD, FakeEngineHost, Run, make_installation
from .host import journal

PATH = "/srv/backup/one.backup"
IDENTITY = "/var/log/ovirt-engine-backup/one.log"
STATE = "/var/lib/ovirt-engine-backup"
GRAFANA = "/var/lib/grafana/grafana.db"
LOCAL = ("localhost", 5432)
LABELS = {"engine": "Engine", "dwh": "DWH", "cinderlib": "Cinderlib", "managedblock": "Managed Block",
          "keycloak": "KEYCLOAK", "grafana": "Grafana"}  # fmt: skip
ENGINE_ROWS = {"public.vdc_options": 500, "public.vm_static": 20, "public.job": 7}
DWH_ROWS = {"public.calendar": 300}

Place = Tuple[str, int]
WRITES = frozenset(
    "begin note_phase run_tool make_placeholders write_secrets mend remove_placeholders finish same_times".split()
)


class FakeDatabase:
    """A database: what it is, its rows, its marks."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.rows: Dict[str, int] = {}
        self.marks = Marks("", False, False)
        self.fitness = world.fitness("", owner)


class FakeServer:
    """A PostgreSQL: password by role, database by name."""

    def __init__(self) -> None:
        self.roles: Dict[str, str] = {}
        self.databases: Dict[str, FakeDatabase] = {}

    def add(self, settings: Settings) -> FakeDatabase:
        """Make an empty database and the role that owns it."""
        self.roles[settings.user] = settings.password
        self.databases[settings.database] = FakeDatabase(settings.user)
        return self.databases[settings.database]


@journal("wipe", "add_server", "rewrite_archived", "database", "fill", "file_size", "login", "read_local_server")
class FakeRestoreHost(FakeEngineHost):
    """A host whose engine was cleaned up, with the archive of that engine; good in every way."""

    def __init__(self) -> None:
        super().__init__()
        self.installation = make_installation(is_set_up=False, settings={}, notified=None)
        self.directories[STATE] = []
        self.existing.add(PATH)
        self.stored[PATH] = make_reading()
        self.servers: Dict[Place, FakeServer] = {LOCAL: FakeServer()}
        for kind in ("engine", "dwh"):
            self.servers[LOCAL].add(configured_settings(kind))
        self.proven: Set[str] = set()  # archives that are byte for byte those of their manifests
        self.sqlite: Dict[str, int] = {}
        self.services: Dict[str, str] = {"ovirt-engine": "inactive", "ovirt-engine-dwhd": "inactive"}
        self.engine_pid = 0
        self.system = "centos9"
        self.client = 15
        self.size = 123456
        self.config_files: Dict[str, str] = {}  # configuration files of this host
        self.secrets: Dict[str, str] = {}
        self.placeholders: Set[str] = set()
        self.file_problems: List[Problem] = []
        self.spoil: Optional[Callable[[FakeRestoreHost], None]] = None  # what goes wrong behind the tool's back
        self.seen_secrets: Dict[str, str] = {}  # while the tool ran
        self.seen_placeholders: Set[str] = set()
        self.shows_standing = False  # whether the superuser can look into the local server
        self.local_version = 150004
        self.are_times_kept = False

    def wipe(self) -> None:
        """Make it a machine that was installed a moment ago: a PostgreSQL without roles and databases."""
        self.servers = {LOCAL: FakeServer()}

    def add_server(self, *settings: Settings) -> FakeServer:
        """Make another server with these empty databases."""
        server = self.servers[settings[0].host, settings[0].port] = FakeServer()
        for one in settings:
            server.add(one)
        return server

    def rewrite_archived(self, change: Callable[[str, str], str]) -> None:
        """Change the configuration files in the archive, each from its path and text."""
        reading = self.stored[PATH]
        assert reading.files is not None
        texts = {path: change(path, text) for path, text in reading.files.configuration.items()}
        self.stored[PATH] = reading._replace(files=reading.files._replace(configuration=texts))

    def database(self, kind: str) -> FakeDatabase:
        """Return the local database of a kind."""
        return self.servers[LOCAL].databases[configured_settings(kind).database]

    def fill(self) -> None:
        """Make the host one that was restored from the archive already."""
        for kind in ("engine", "dwh"):
            self._load(kind, configured_settings(kind), False)

    def file_size(self, path: str) -> int:
        return self.size

    def login(self, settings: Settings) -> FakeDatabase:
        """Return the database that settings lead to."""
        server = self.servers.get((settings.host, settings.port))
        if server is None:
            raise BackupError("no server on %s:%d" % (settings.host, settings.port), "database_unreachable")
        if server.roles.get(settings.user) != settings.password:
            raise BackupError("the server refused %s" % settings.user, "database_login_failed")
        if settings.database not in server.databases:
            raise BackupError("there is no database %s" % settings.database, "database_missing")
        return server.databases[settings.database]

    def read_local_server(self, settings: Settings) -> Optional[LocalServerState]:
        if not self.shows_standing:
            return None
        server = self.servers[LOCAL]
        found = server.databases.get(settings.database)
        tables = len(found.rows) if found else 0
        return LocalServerState(settings.user in server.roles, found is not None, tables, self.local_version)

    def lock_directory(self, prefix: str) -> str:
        return STATE

    def grafana_file(self, prefix: str) -> str:
        return GRAFANA

    def data_directory(self, prefix: str) -> str:
        return "/var/lib/pgsql/data"

    def os_version(self) -> str:
        return self.system

    def client_version(self, prefix: str) -> int:
        return self.client

    def configured(
        self, request: RestoreRequest, scopes: Sequence[str], reading: ArchiveReading
    ) -> Dict[str, Settings]:
        texts = dict(self.config_files)
        if "files" in scopes and reading.files is not None:
            texts.update(reading.files.configuration)
        variables: Dict[str, str] = {}
        shell: Dict[str, str] = {}
        for _path, text in sorted(texts.items()):
            variables, shell = parse_assignments(text, variables), parse_assignments(text, shell, True)
        found = {kind.name: database_settings(kind, variables, shell) for kind in KINDS}
        return {name: settings for name, settings in found.items() if settings is not None}

    def read_fitness(self, settings: Settings) -> Fitness:
        found = self.login(settings)
        tables = len(found.rows)
        return found.fitness._replace(name=settings.database, tables=tables, objects=found.fitness.objects + tables)

    def count_rows(self, settings: Settings) -> Dict[str, int]:
        return dict(self.login(settings).rows)

    def count_sqlite(self, path: str) -> TableCounts:
        return world.snapshot(self.sqlite, schemas=["main"])

    def read_marks(self, settings: Settings, backup_log_path: str) -> Marks:
        return self.login(settings).marks

    def find_roles(self, settings: Settings, names: Sequence[str]) -> List[str]:
        self.login(settings)
        return [name for name in names if name in self.servers[settings.host, settings.port].roles]

    def read_services(self, prefix: str) -> Dict[str, str]:
        return self.services

    def engine_is_running(self, prefix: str) -> int:
        return self.engine_pid

    def read_proven(self, path: str, manifest: Dict[str, Any]) -> Optional[ArchiveReading]:
        return self.stored[path] if path in self.proven else None

    def peek_version(self, path: str) -> str:
        return self.stored[path].small.get("version", "").strip()

    def same_times(self, path: str) -> Any:
        return self._same_times()

    @contextlib.contextmanager
    def _same_times(self) -> Iterator[None]:
        self.are_times_kept = True
        yield
        self.are_times_kept = False

    def write_secrets(self, secrets: Mapping[str, str]) -> None:
        self.secrets.update(secrets)

    def finish(self) -> None:
        self.state = None
        self.secrets.clear()  # they are in the work directory

    def make_placeholders(self, prefix: str, paths: Sequence[str]) -> List[str]:
        made = [path for path in paths if not self.config_files.get(path)]
        self.config_files.update(dict.fromkeys(made, ""))
        self.placeholders |= set(made)
        return made

    def remove_placeholders(self, prefix: str, paths: Sequence[str], wanted: Mapping[str, Any]) -> None:
        for path in paths:
            self.placeholders.discard(path)
            if path not in wanted:
                self.config_files.pop(path, None)

    def read_originals(
        self, prefix: str, paths: Sequence[str], scopes: Sequence[str], reading: ArchiveReading
    ) -> Dict[str, Any]:
        texts = reading.files.configuration if reading.files is not None and "files" in scopes else self.config_files
        return {path: texts[path] for path in paths if path in texts}

    def repair_config_files(
        self, prefix: str, originals: Mapping[str, Any], targets: Sequence[RestoreTarget]
    ) -> List[str]:
        whole = whole_files(originals, targets)
        repaired = [path for path, text in sorted(whole.items()) if self.config_files.get(path) != text]
        self.config_files.update(whole)
        return repaired

    def remove_side_files(self, path: str) -> List[str]:
        return []

    def find_broken(self, prefix: str, originals: Mapping[str, Any], targets: Sequence[RestoreTarget]) -> List[str]:
        whole = whole_files(originals, targets)
        return [path for path, text in sorted(whole.items()) if self.config_files.get(path) != text]

    def compare_files(self, prefix: str, entries: Mapping[str, FileEntry]) -> List[Problem]:
        return self.file_problems

    def run_tool(self, argv: Sequence[str], timeout: float, stem: str) -> CommandResult:
        run: Run = self.runs.pop(0) if self.runs else GOOD
        self.commands.append(argv)
        self.timeouts.append(timeout)
        self.time += run.takes
        self.seen_secrets, self.seen_placeholders = dict(self.secrets), set(self.placeholders)
        options = [argument.partition("=")[::2] for argument in argv[1:]]
        scopes = [value for name, value in options if name == "--scope"]
        log_path = dict(options)["--log"]
        self.logs[log_path] = run.log
        self.existing.add(log_path)
        stdout = run.stdout
        if stdout is None:
            stdout = self._restore(dict(options), scopes)
        if self.spoil is not None:
            self.spoil(self)
        return CommandResult(run.returncode, stdout, run.stderr)

    def _restore(self, options: Dict[str, str], scopes: Sequence[str]) -> str:
        reading = self.stored[options["--file"]]
        lines = ["Restoring:"]
        if "files" in scopes and reading.files is not None:
            self.config_files.update(reading.files.configuration)
            lines.append("- Files")
        known = self.configured(make_request(), scopes, reading)
        for kind in KINDS:
            if kind.scope in scopes:
                settings = self._target(kind.option, options, known.get(kind.name))
                self._load(kind.name, settings, "--keep-temporary-data" in options)
                lines.append("- %s database '%s'" % (LABELS[kind.name], settings.database))
        return "\n".join(lines + ["You should now run engine-setup.", "Done.", ""])

    def _target(self, stem: str, options: Dict[str, str], known: Optional[Settings]) -> Settings:
        if stem + "host" in options:
            host, port, user, name, secret = (options[stem + word] for word in "host port user name passfile".split())
            settings = Settings(host, int(port), user, self.secrets[secret], name, False, False, "")
        else:
            settings = known or world.settings(GRAFANA)
        if "--provision-" + stem.strip("-") in options:
            self.servers[LOCAL].add(settings)
        return settings

    def _load(self, kind: str, settings: Settings, keeps: bool) -> None:
        archived = self.stored[PATH].dumps[kind].tables or {}
        if kind == "grafana":
            self.sqlite = dict(archived)
            return
        found = self.login(settings)
        found.rows = {name: 0 if name in EMPTIED and not keeps else rows for name, rows in archived.items()}
        if kind == "engine":
            found.marks = Marks("" if keeps else "1", True, False)


def whole_files(originals: Mapping[str, str], targets: Sequence[RestoreTarget]) -> Dict[str, str]:
    """Return the configuration files with the new credentials."""
    found = dict(originals)
    for path in found:
        for target in targets:
            if path in CREDENTIAL_FILES[target.kind] and names_database(found[path], target.kind):
                found[path] = replace_credentials(found[path], target.kind, target.settings)
    return found


Change = Callable[[FakeRestoreHost], None]


def rows(kind: str, **changes: int) -> Change:
    """Change how many rows tables of a local database have."""
    return lambda host: host.database(kind).rows.update({"public." + name: count for name, count in changes.items()})


def marks(**changes: Any) -> Change:
    """Change the marks of the local engine database."""

    def change(host: FakeRestoreHost) -> None:
        host.database("engine").marks = host.database("engine").marks._replace(**changes)

    return change


def configured_settings(kind: str) -> Settings:
    """Return how the archive's configuration reaches a database."""
    return world.settings({"engine": "engine", "dwh": "ovirt_engine_history"}.get(kind, kind))


def configuration(*kinds: str) -> Dict[str, str]:
    """Return the configuration files that name these databases."""
    found: Dict[str, str] = {}
    for kind in kinds:
        path = CREDENTIAL_FILES[kind][0]
        more = 'EXTERNAL_OIDC_CLIENT_SECRET="oidc"\n' if kind == "keycloak" else ""
        found[path] = replace_credentials(found.get(path, more), kind, configured_settings(kind))
    return found


def make_reading(*more: str, **dumps: DumpReading) -> ArchiveReading:
    """Return the reading of a good archive of an engine with its Data Warehouse, and more databases."""
    rows: Dict[str, Dict[str, int]] = {"engine": ENGINE_ROWS, "dwh": DWH_ROWS}
    rows.update({kind: {"public.%s" % kind: 4} for kind in more})
    found = world.reading(rows, config=world.CONFIG)
    files = world.files()._replace(
        configuration=configuration(*[kind for kind in rows if kind != "grafana"]),
        entries={"etc/ovirt-engine/x.conf": FileEntry(4, 0o640, 1795355032, "root", 0, "ovirt", 108)},
        size=4000,
    )
    started: List[Tuple[str, ...]] = [("1", "engine-backup: Backup Started, scope=db, log=" + IDENTITY)]
    made = {}
    for kind, dump in found.dumps.items():
        roles, form = (configured_settings(kind).user,), "sqlite" if kind == "grafana" else "custom"
        made[kind] = dump._replace(owners=roles, grantees=roles, server_version="15.4", format=form)
    made["engine"] = made["engine"]._replace(noted={"public.audit_log": started})
    made.update(dumps)
    return found._replace(path=PATH, files=files, dumps=made)


def credentials(kind: str, **changes: Any) -> Settings:
    """Return credentials of a database on a second server."""
    name = BY_NAME[kind].scope + "_new"
    return world.settings(name, "Secret.of.new_%s")._replace(**dict({"host": "db.lab.test"}, **changes))


def make_request(**changes: Any) -> RestoreRequest:
    """Return the request of a run with all defaults."""
    found = RestoreRequest(
        path=PATH,
        scopes=["all"],
        provision=["auto"],
        credentials={},
        permissions="auto",
        keep_temporary_data=False,
        restore_jobs=0,
        tmpdir="",
        log_path="",
        timeout=14400,
        prefix="",
        remove_storage_vm=False,
        remove_hosts=False,
        allow_hosted_engine=False,
        cleanup_planned=False,
    )
    return found._replace(**changes)


if TYPE_CHECKING:
    from ansible_collections.ovirt.backup.plugins.module_utils._engine.protocols import RestoreHost as Host

    IS_A_HOST: Host = FakeRestoreHost()
