# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine host as the flow of a restore sees it. This file is private to the collection."""

import contextlib
import os
import re
from typing import Dict, Iterator, List, Mapping, Optional, Sequence

from ..._archive import reader, sqlite_file
from ..._archive.configuration import in_reading_order, settings_of_texts
from ..._archive.databases import GRAFANA_FILE
from ..._archive.model import ArchiveReading, FileEntry
from ..._common import files
from ..._common.clock import SystemClock
from ..._common.command import find_program, run_command, tool_environment
from ..._common.errors import Problem
from ..._postgres import connection, local_server
from ..._postgres.local_server_model import LocalServerState
from ..._postgres.model import Settings
from .. import installation, services
from ..backup.host import CountedDatabases, EngineBackup
from ..credential_files import is_placeholder, lost_variables, names_database, replace_credentials
from ..host_session import HostSession, InstalledEngine
from . import restored_database, restored_files
from .model import CREDENTIAL_FILES, RestoreRequest, RestoreTarget
from .restored_files import TextFile

STATE_DIRECTORY = "var/lib/ovirt-engine-backup"
DATA_DIRECTORY = "var/lib/pgsql/data"
OS_RELEASE = "/etc/os-release"


class RestoreHost:
    """Everything a restore reads from and does to the host it runs on.

    ``superuser_socket`` is the directory of the Unix socket by which the superuser enters the local server.
    """

    clock = SystemClock()
    files = files

    def __init__(self, prefix: str, superuser_socket: str = "") -> None:
        self.session = HostSession(prefix)
        self.engine = RestoredEngine((installation.HELP, installation.MODULES))
        self.passwords = self.engine.passwords
        self.databases = RestoredDatabases(superuser_socket)
        self.archives = RestoredArchives()
        self.tool = EngineBackup(self.session)
        self.config = ConfigFiles()


class TargetEngine:
    """An engine host that databases are reached from."""

    def lock_directory(self, prefix: str) -> str:
        """Return the directory whose lock every run on this host takes that changes the engine."""
        return installation.below(prefix, STATE_DIRECTORY)

    def client_version(self, prefix: str) -> int:
        """Return the major version of pg_restore, 0 where it does not tell."""
        env = tool_environment(prefix)
        program = find_program("pg_restore", env)
        found = re.search(r"(\d+)", run_command([program, "--version"], env).stdout) if program else None
        return int(found.group(1)) if found else 0


class RestoredEngine(InstalledEngine, TargetEngine):
    """An engine host that an archive is restored on."""

    read_services = staticmethod(services.read_services)
    engine_is_running = staticmethod(services.engine_is_running)

    def grafana_file(self, prefix: str) -> str:
        """Return where Grafana's SQLite file is, or will be."""
        return installation.find_grafana_file(prefix) or installation.below(prefix, GRAFANA_FILE)

    def data_directory(self, prefix: str) -> str:
        """Return the directory of the local PostgreSQL, or where provisioning makes it; empty where that is unknown."""
        path = installation.below(prefix, DATA_DIRECTORY)
        places = [path, os.path.dirname(path)]
        return next((place for place in places if os.path.isdir(place)), "")

    def os_version(self) -> str:
        """Return the distribution and its major version, such as rocky9."""
        try:
            with open(OS_RELEASE, encoding="utf-8") as stream:
                values = dict(re.findall(r"^(ID|VERSION_ID)=\"?([^\"\n]*)\"?$", stream.read(), re.MULTILINE))
        except OSError:
            return ""
        return "%s%s" % (values.get("ID", ""), values.get("VERSION_ID", "").partition(".")[0])

    def configured(
        self, request: RestoreRequest, scopes: Sequence[str], reading: ArchiveReading
    ) -> Dict[str, Settings]:
        """Return how the databases will be reached once the files are restored; remember their passwords."""
        texts = dict(installation.read_configuration(request.prefix))
        if "files" in scopes and reading.files is not None:
            texts.update(reading.files.configuration)
        found = settings_of_texts(in_reading_order(texts))
        self.hide(list(found.values()) + list(request.credentials.values()))
        return found


class ProbedDatabases:
    """Databases as a login sees them."""

    read_fitness = staticmethod(connection.read_fitness)
    find_roles = staticmethod(restored_database.find_roles)

    def __init__(self, superuser_socket: str = "") -> None:
        self._superuser_socket = superuser_socket

    def read_local_server(self, settings: Settings) -> Optional[LocalServerState]:
        """Return what is there of a role and its database, None where nobody can look."""
        return local_server.read_local_server(settings, self._superuser_socket)


class RestoredDatabases(ProbedDatabases):
    """The databases that a restore fills."""

    count_rows = staticmethod(restored_database.count_rows)
    count_sqlite = staticmethod(CountedDatabases.count_sqlite)
    read_marks = staticmethod(restored_database.read_marks)


class RestoredArchives:
    """The archive that is restored."""

    read_archive = staticmethod(reader.read_archive)
    read_manifest = staticmethod(reader.read_manifest)
    read_proven = staticmethod(reader.read_proven)
    peek_version = staticmethod(reader.peek_version)

    @contextlib.contextmanager
    def same_times(self, path: str) -> Iterator[None]:
        """Put the times of a file back: the tool touches the archive, which would defeat rotation by age."""
        status = os.stat(path)
        try:
            yield
        finally:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


class ConfigFiles:
    """The configuration files that a restore rewrites."""

    write_secrets = staticmethod(restored_files.write_secrets)
    remove_side_files = staticmethod(sqlite_file.remove_side_files)

    def compare_files(self, prefix: str, entries: Mapping[str, FileEntry]) -> List[Problem]:
        """Return how the files of this host differ from the archive's."""
        return restored_files.compare_files(prefix or "/", entries)

    def make_placeholders(self, prefix: str, paths: Sequence[str]) -> List[str]:
        """Make the configuration files that the tool insists on and this engine does not have.

        Returns their paths and those of the directories that had to be made for them.
        """
        made = restored_files.make_placeholders(installation.below(prefix, path) for path in paths)
        return [os.path.relpath(path, prefix or "/") for path in made]

    def remove_placeholders(self, prefix: str, paths: Sequence[str], wanted: Mapping[str, TextFile]) -> None:
        """Remove them, and the copies that the tool made of them, but for wanted ones that were filled meanwhile.

        Filled is one that holds a password, or is as wanted: Keycloak's has none where the engine does without it.
        """
        for path in reversed(paths):
            real = installation.below(prefix, path)
            if os.path.isdir(real):
                with contextlib.suppress(OSError):  # it holds something else by now
                    os.rmdir(real)
                continue
            found = restored_files.read_text_file(real)
            is_filled = path in wanted and found is not None and found.text == wanted[path].text
            if path not in wanted or (found is not None and is_placeholder(found.text) and not is_filled):
                for name in [real] + restored_files.list_copies([real])[real]:
                    files.remove_file(name)

    def read_originals(
        self, prefix: str, paths: Sequence[str], scopes: Sequence[str], reading: ArchiveReading
    ) -> Dict[str, TextFile]:
        """Return each configuration file as it is meant to be, but for its credentials: the archive's or the host's."""
        found = {}
        for path in paths:
            here = restored_files.read_text_file(installation.below(prefix, path))
            there = _of_archive(reading, path)
            original = choose_original(here, there, "files" in scopes)
            if original is not None:
                found[path] = original
        return found

    def repair_config_files(
        self, prefix: str, originals: Mapping[str, TextFile], targets: Sequence[RestoreTarget]
    ) -> List[str]:
        """Put back every line that the tool lost, with the new credentials; remove its copies with old secrets."""
        whole = _whole_files(prefix, originals, targets)
        broken = self.find_broken(prefix, originals, targets)
        for real in broken:
            restored_files.write_text_file(real, whole[real])
        for copies in restored_files.list_copies(whole).values():
            for name in copies:
                files.remove_file(name)
        return broken

    def find_broken(
        self, prefix: str, originals: Mapping[str, TextFile], targets: Sequence[RestoreTarget]
    ) -> List[str]:
        """Return the configuration files that mend would write."""
        whole = _whole_files(prefix, originals, targets)
        return sorted(real for real, content in whole.items() if restored_files.read_text_file(real) != content)


def _whole_files(
    prefix: str, originals: Mapping[str, TextFile], targets: Sequence[RestoreTarget]
) -> Dict[str, TextFile]:
    """Return what each configuration file must hold: every line of the original, with the new credentials."""
    found = {}
    for path, original in originals.items():
        text = original.text
        for target in targets:
            if path in CREDENTIAL_FILES[target.kind] and names_database(text, target.kind):
                text = replace_credentials(text, target.kind, target.settings)
        found[installation.below(prefix, path)] = original._replace(text=text)
    return found


def _of_archive(reading: ArchiveReading, path: str) -> Optional[TextFile]:
    if reading.files is None or path not in reading.files.configuration:
        return None
    return restored_files.content_like(reading.files.entries[path], reading.files.configuration[path])


def choose_original(
    here: Optional[TextFile], there: Optional[TextFile], files_are_restored: bool
) -> Optional[TextFile]:
    """Return which of two copies of a file a restore must end with, but for its credentials.

    Without the scope files it is the host's, unless an earlier run left only a part of it.
    """
    if files_are_restored or here is None or not here.text:
        return there if files_are_restored else None
    if there is not None and lost_variables(there.text, here.text, ()):
        return there
    return here
