# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run engine-setup and engine-cleanup, and read what they decide on. This file is private to the collection."""

import collections
import glob
import os
import re
import secrets
import time
from typing import Dict, List, Optional, Sequence, Set

from ..._archive import setup_state
from ..._archive.configuration import ArchivedSetup, parse_setup_state
from ..._archive.databases import DWH_CONFIGURATION, ENGINE_CONFIGURATION
from ..._common import files
from ..._common.command import CommandResult, find_program, read_tail, run_command
from ..._common.errors import BackupError, Problem
from ..._postgres import clearing
from ..._postgres.connection import connect, fetch, read_identity
from ..._postgres.model import Settings
from ..host_session import HostSession, InstalledEngine
from ..installation import SETUP_MARK, SETUP_STATE, VERSION_FILE, below, merge_configuration
from ..marks import has_table, read_option
from ..restore import restored_files
from ..services import read_services
from .otopi_model import SETUP, Places, SetupMemory, SetupState, Tool, ToolOutcome, check_path
from .otopi_output import asked_questions, endless_question

STATE_DIRECTORY = "var/lib/ovirt-engine-backup"
LOG_DIRECTORY = "var/log/ovirt-engine/setup"
DUMPS_DIRECTORY = "var/lib/ovirt-engine/backups"
ANSWERS_DIRECTORY = "var/lib/ovirt-engine/setup/answers"
FIREWALLS = ("firewalld", "iptables")
CREDENTIALS = (
    "etc/ovirt-engine/engine.conf.d/*-database.conf",
    "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf",
    "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/*-database.conf",
)
# The Data Warehouse's plug-in keeps what it replaced beside this name, there or not.
EXAMPLE = "etc/ovirt-engine-dwh/examples/10-setup-dwh-database.conf"
UNINSTALL_LISTS = "etc/ovirt-engine/uninstall.d/*.conf"
REGISTERED_FILE = re.compile(r"^file\.\d+\.name *[=:] *(.+)$", re.MULTILINE)
AUTHENTICATION = "etc/ovirt-engine/aaa/internal.properties"
PASSWORD_LINE = re.compile(r"^.*passw.*$", re.IGNORECASE | re.MULTILINE)
FAILED_RUN = "Execution of setup failed"
LOOK_LIMIT = 4 * 1024 * 1024
MEMORY_LINE = re.compile(r"^MemTotal:\s+(\d+) kB", re.MULTILINE)
CLOCK_SLACK = 2.0  # seconds; the time of a file may have whole seconds
RECORDED_DWH = "SELECT var_value FROM dwh_history_timekeeping WHERE var_name = 'dwhUuid'"


class OtopiHost:
    """The host of an engine as engine-setup and engine-cleanup change it."""

    files = files

    def __init__(self, prefix: str) -> None:
        self.session = HostSession(prefix)
        self.engine = SetupEngine(prefix, self.session.environment)
        self.passwords = self.engine.passwords
        self.databases = SetupDatabases()
        self.tool = OtopiTool(prefix, self.session)


class SetupDatabases:
    """The databases of an engine as engine-setup and engine-cleanup change them."""

    count_rows = staticmethod(clearing.count_rows)
    clear_database = staticmethod(clearing.clear_database)
    read_holdings = staticmethod(clearing.read_holdings)

    def database_size(self, settings: Settings) -> int:
        """Return the bytes of a database, 0 where it can not be asked: that is told elsewhere."""
        try:
            return read_identity(settings).size
        except BackupError:
            return 0

    def read_setup_memory(self, settings: Settings) -> Optional[SetupMemory]:
        """Return what the engine database knows of its set-up, None where it is no engine database."""
        with connect(settings) as connection:
            if not has_table(connection, "vdc_options"):
                return None
            just_restored = read_option(connection, "DbJustRestored") == "1"
            version = read_option(connection, "ProductRPMVersion") or ""
            dwh = fetch(connection, RECORDED_DWH) if has_table(connection, "dwh_history_timekeeping") else []
        return SetupMemory(just_restored, version, str(dwh[0][0] or "") if dwh else "")


class SetupFiles:
    """The files that engine-setup and engine-cleanup write and read."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def tool_answers(self) -> Set[str]:
        """Return the answer files that engine-setup wrote down."""
        return set(glob.glob(os.path.join(glob.escape(below(self._prefix, ANSWERS_DIRECTORY)), "*.conf")))

    def list_files(self, patterns: Sequence[str]) -> List[str]:
        """Return the files that match patterns below the prefix."""
        return [path for pattern in patterns for path in glob.glob(below(glob.escape(self._prefix), pattern))]


class OtopiTool:
    """engine-setup and engine-cleanup on this host."""

    def __init__(self, prefix: str, session: HostSession) -> None:
        self._prefix = prefix
        self._session = session
        self._files = SetupFiles(prefix)

    def choose_places(self, tool: Tool, tmpdir: str) -> Places:
        """Return where a run of the tool works, and why it can not work there."""
        usual = below(self._prefix, STATE_DIRECTORY)
        lock = usual if os.path.isdir(usual) else tmpdir
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time()))
        name = "%s-%s-%s.log" % (tool.log_name, stamp, secrets.token_hex(3))
        log_path = os.path.join(below(self._prefix, LOG_DIRECTORY), name)
        places = Places(below(self._prefix, "bin/" + tool.name), lock, tmpdir or usual, log_path, ())
        return places._replace(problems=tuple(self._check_places(places, usual)))

    def _check_places(self, places: Places, usual: str) -> List[Problem]:
        problems = []
        if not os.access(places.tool, os.X_OK):
            text = "there is no %s: is this an engine host, and is 'prefix' right?"
            problems.append(Problem("tool_missing", text % places.tool))
        if not places.lock:
            text = "there is no directory %s: name one in 'tmpdir' for the answers while the tool runs"
            return problems + [Problem("tmpdir_missing", text % usual)]
        problems += check_path(places.work, "temporary directory") + check_path(places.log_path, "log")
        for path in sorted({places.lock, places.work}):
            problems += files.check_directory(path, "tmpdir", "temporary directory", sticky_is_safe=True)
        return problems

    def write_answers(self, path: str, text: str) -> None:
        """Write the answer file, readable for its owner alone from its first byte on."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)

    def run_otopi(self, argv: Sequence[str], timeout: float, stem: str, log_path: str) -> ToolOutcome:
        """Run the tool; end it where it asks one question again and again."""
        look = LogPosition(log_path)
        known, kept = self._files.tool_answers(), self._kept_files()
        result: Optional[CommandResult] = None
        try:
            result = self._session.run(argv, timeout, stem, is_hopeless=look.is_endless)
        finally:
            if result is None or result.returncode is None:
                self._remove_tool_answers(known)
            self._remove_old_passwords(kept)
        look.update()
        return ToolOutcome(
            result.returncode,
            result.stdout,
            result.stderr,
            read_tail(log_path),
            tuple(look.asked),
            look.endless if result.returncode is None else "",
        )

    def _remove_tool_answers(self, known: Set[str]) -> None:
        """A tool that is ended may write down the answers it had, passwords in clear, and nobody would look there."""
        for path in self._files.tool_answers() - known:
            files.remove_file(path)

    def _kept_files(self) -> Dict[str, str]:
        """Return copy -> original of each file with credentials that engine-setup replaced: it keeps what was there."""
        originals = self._files.list_files(CREDENTIALS + (AUTHENTICATION,)) + [below(self._prefix, EXAMPLE)]
        found = restored_files.list_copies(originals)
        return {copy: path for path, copies in found.items() for copy in copies}

    def _remove_old_passwords(self, known: Dict[str, str]) -> None:
        """A run on changed credentials would leave the old ones where nobody looks."""
        for copy, path in self._kept_files().items():
            now = PASSWORD_LINE.findall(read_tail(path)) if os.path.exists(path) else []
            if copy not in known and PASSWORD_LINE.findall(read_tail(copy)) != now:
                files.remove_file(copy)


class SetupEngine(InstalledEngine):
    """An engine host as engine-setup and engine-cleanup find it."""

    def __init__(self, prefix: str, environment: Dict[str, str]) -> None:
        super().__init__()
        self._prefix = prefix
        self._env = environment
        self._files = SetupFiles(prefix)

    def dumps_directory(self, prefix: str) -> str:
        """Return where engine-cleanup puts its dumps, or the nearest directory above that exists."""
        place = below(prefix, DUMPS_DIRECTORY)
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        return place

    def read_services(self, names: Sequence[str]) -> Dict[str, str]:
        """Return active, inactive, missing or unknown for each service."""
        return read_services(self._prefix, names)

    def count_registered_files(self) -> Dict[str, int]:
        """Return how many files engine-cleanup removes from each directory: engine-setup registered them for that."""
        lists = [read_tail(path) for path in self._files.list_files((UNINSTALL_LISTS,))]
        paths = {path for text in lists for path in REGISTERED_FILE.findall(text) if os.path.isfile(path)}
        return dict(collections.Counter(os.path.dirname(path) for path in paths))

    def read_archived_databases(self, path: str) -> Dict[str, Settings]:
        """Return the databases that belong to the engine of an archive, by kind."""
        found = setup_state.read_databases(path)
        self.hide(found.values())
        return found

    def read_archived_setup(self, path: str) -> ArchivedSetup:
        """Return what engine-setup will find once an archive is restored."""
        found = setup_state.read_setup(path)
        self.hide(found.settings.values())
        return found

    def read_setup_state(self) -> SetupState:
        """Return what engine-setup would find on this host."""
        names = [below(self._prefix, SETUP_STATE)]
        names += sorted(glob.glob(os.path.join(glob.escape(names[0] + ".d"), "*.conf")))
        variables = merge_configuration(self._prefix, ENGINE_CONFIGURATION + DWH_CONFIGURATION)
        active = [name for name, state in read_services(self._prefix, FIREWALLS).items() if state == "active"]
        with open("/proc/meminfo", encoding="ascii") as stream:
            memory = MEMORY_LINE.search(stream.read())
        return SetupState(
            answers=parse_setup_state(read_tail(name) for name in names),
            display_version=self._display_version(),
            engine_package=self._engine_package(),
            dwh_uuid=variables.get(setup_state.DWH_UUID, ""),
            memory=int(memory.group(1)) // 1024 if memory else 0,
            active_firewall=active[0] if active else "",
            is_unprivileged=bool(self._prefix) or os.geteuid() != 0,
            was_configured_since=self._was_configured_since(),
        )

    def read_recorded_answers(self) -> Dict[str, str]:
        """Return what the last run of engine-setup wrote down, empty where it never ended."""
        return parse_setup_state([read_tail(below(self._prefix, SETUP_MARK))])

    def _display_version(self) -> str:
        match = re.search(
            r"^DISPLAY_VERSION = ['\"](.*)['\"]$", read_tail(below(self._prefix, VERSION_FILE)), re.MULTILINE
        )
        return match.group(1) if match else ""

    def _engine_package(self) -> str:
        """Return version and release of the engine's package; a development installation is in no package."""
        rpm = find_program("rpm", self._env)
        if self._prefix or not rpm:
            return ""
        result = run_command([rpm, "-q", "--queryformat=%{version}-%{release}", "ovirt-engine"], self._env)
        return result.stdout.strip() if result.returncode == 0 else ""

    def _was_configured_since(self) -> bool:
        """Was a file with database credentials written after engine-setup ran? Its answer file dates that run."""
        ran = [os.stat(path).st_mtime for path in self._files.tool_answers() if path.endswith("-setup.conf")]
        ran = [moment for moment in ran if not self._failed_at(moment)]
        paths = self._files.list_files(CREDENTIALS)
        return bool(ran) and any(os.stat(path).st_mtime > max(ran) + CLOCK_SLACK for path in paths)

    def _failed_at(self, moment: float) -> bool:
        """Did a run of engine-setup fail that wrote its answers then? It does so right before its log ends."""
        logs = glob.glob(os.path.join(glob.escape(below(self._prefix, LOG_DIRECTORY)), SETUP.log_name + "-*.log"))
        near = [path for path in logs if abs(os.stat(path).st_mtime - moment) < CLOCK_SLACK]
        return bool(near) and all(FAILED_RUN in read_tail(path) for path in near)


class LogPosition:
    """Reads what was added to the log of the tool and counts the questions in it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._counts: Dict[str, int] = collections.Counter()
        self.asked: List[str] = []
        self.endless = ""

    def is_endless(self) -> bool:
        """Is one question asked again and again?"""
        self.update()
        return bool(self.endless)

    def update(self) -> None:
        """Read on; the last line may not be complete yet."""
        try:
            with open(self._path, "rb") as stream:
                stream.seek(self._offset)
                data = stream.read(LOOK_LIMIT)
        except OSError:
            return
        self._offset += len(data)
        whole, separator, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest[-LOOK_LIMIT:]
        asked = asked_questions((whole + separator).decode("utf-8", "replace"))
        for name in asked:
            self._counts[name] += 1
        self.asked = (self.asked + asked)[-1:]
        self.endless = endless_question(self._counts)
