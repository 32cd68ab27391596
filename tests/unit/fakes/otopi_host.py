# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine host in memory for engine-setup and engine-cleanup: a journal of calls, and faults on demand.

Its tools print what the real ones printed and change what the real ones change, unless a test scripts another run.
Python 3.6 syntax: the tests of the flows run on the Pythons of the managed hosts.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.ovirt.backup.plugins.module_utils._archive.configuration import ArchivedSetup
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Problem
from ansible_collections.ovirt.backup.plugins.module_utils._engine.model import Installation
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.otopi_model import (
    Places,
    SetupMemory,
    SetupState,
    Tool,
    ToolOutcome,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import NO_DATABASE, Holdings, Settings

from . import world
from .engine_host import make_installation
from .errors import AT_REST
from .host import FakeHost, journal

RECORDED = Path(__file__).resolve().parents[1] / "recorded"
STATE_DIRECTORY = "/var/lib/ovirt-engine-backup"
LOG_PATH = "/var/log/ovirt-engine/setup/tool.log"
DISPLAY_VERSION = "4.5.7-1.el9"
FILLED = Holdings(True, 3, 12, ("aaa_jdbc",))
EMPTY = Holdings(True, 0, 0, ())
POST = {
    "OVESETUP_CORE/generatedByVersion": "str:4.5.7",
    "OVESETUP_ENGINE_CORE/enable": "bool:True",
    "OVESETUP_DWH_CORE/enable": "bool:True",
    "OVESETUP_APACHE/configured": "bool:True",
}
WRITING = AT_REST | {"begin_private", "note_phase", "write_answers", "run_otopi", "finish", "clear_database"}


def recorded(name: str, answer_file: str) -> str:
    """What a real tool printed, with our answer file in the place of that of the recording."""
    text = (RECORDED / (name + ".stdout")).read_text(encoding="utf-8")
    return text.replace("/root/answers-rm.conf", answer_file).replace("/root/answers-rs.conf", answer_file)


@journal()
class FakeOtopiHost(FakeHost):
    """A host with an engine and a Data Warehouse that were just restored; good until a test changes something."""

    def __init__(self) -> None:
        super().__init__()
        self.passwords: List[str] = []
        self.installation = make_installation()
        self.holdings: Dict[str, Holdings] = {"engine": FILLED, "ovirt_engine_history": FILLED}
        self.unreachable: Set[str] = set()
        self.free = 10**9  # bytes
        self.not_emptied: Set[str] = set()  # databases that engine-cleanup only warns about
        self.archived: Dict[str, Settings] = {}
        self.archived_setup = ArchivedSetup(dict(POST), "uuid-of-the-archive", make_installation().settings)
        self.memory: Optional[SetupMemory] = SetupMemory(True, DISPLAY_VERSION, "")
        self.memory_after: Optional[SetupMemory] = SetupMemory(False, DISPLAY_VERSION, "")
        self.state = SetupState(dict(POST), DISPLAY_VERSION, "", "", 16000, "", False, False)
        self.post = dict(POST)
        self.places = Places("/usr/bin/tool", STATE_DIRECTORY, STATE_DIRECTORY, LOG_PATH, ())
        self.ran: Optional[ToolOutcome] = None  # None for what a good run returns
        self.commands: List[Sequence[str]] = []
        self.written: Dict[str, str] = {}  # answer files, while they exist
        self.kept: List[str] = []  # what was in them
        self.work = ""

    def read_installation(self, prefix: str) -> Installation:
        return self.installation._replace(prefix=prefix)

    def choose_places(self, tool: Tool, tmpdir: str) -> Places:
        return self.places._replace(tool="/usr/bin/" + tool.name, work=tmpdir or self.places.work)

    def begin_private(self, places: Places) -> str:
        self.work = places.work + "/.engine_backup-1"
        return self.work

    def note_phase(self, phase: str) -> None:
        assert self.is_held

    def write_answers(self, path: str, text: str) -> None:
        self.written[path] = text
        self.kept.append(text)

    def run_otopi(self, argv: Sequence[str], timeout: float, stem: str, log_path: str) -> ToolOutcome:
        self.commands.append(argv)
        assert self.written, "the tool runs without its answers"
        if self.ran is not None:
            return self.ran
        return self._clean_up() if argv[0].endswith("cleanup") else self._set_up()

    def _clean_up(self) -> ToolOutcome:
        for name in set(self.holdings) - self.not_emptied:
            self.holdings[name] = EMPTY
        self.installation = self.installation._replace(is_set_up=False, settings={}, owned=frozenset())
        return good_run(recorded("cleanup-ok", next(iter(self.written))))

    def _set_up(self) -> ToolOutcome:
        self.memory = self.memory_after
        return good_run(recorded("setup-after-restore", next(iter(self.written))))

    def finish(self) -> None:
        self.written.clear()
        self.work = ""

    def read_services(self, names: Sequence[str]) -> Dict[str, str]:
        return dict.fromkeys(names, "active")

    def read_archived_databases(self, path: str) -> Dict[str, Settings]:
        return self.archived

    def count_registered_files(self) -> Dict[str, int]:
        return {"/etc/ovirt-engine/engine.conf.d": 7}

    def read_archived_setup(self, path: str) -> ArchivedSetup:
        return self.archived_setup

    def dumps_directory(self, prefix: str) -> str:
        return "/dumps"

    def database_size(self, settings: Settings) -> int:
        return 1000

    def free_space(self, path: str) -> int:
        return self.free

    def read_holdings(self, settings: Settings) -> Holdings:
        if settings.database in self.unreachable:
            raise BackupError("Could not connect to '%s'" % settings.database, "database_unreachable")
        return self.holdings.get(settings.database, NO_DATABASE)

    def count_rows(self, settings: Settings) -> int:
        return 523

    def clear_database(self, settings: Settings) -> None:
        self.holdings[settings.database] = EMPTY

    def read_setup_memory(self, settings: Settings) -> Optional[SetupMemory]:
        return self.memory

    def read_setup_state(self) -> SetupState:
        return self.state

    def read_recorded_answers(self) -> Dict[str, str]:
        return self.post


def good_run(stdout: str) -> ToolOutcome:
    return ToolOutcome(0, stdout, "", "the log\n", (), "")


def broken_run(stdout: str, returncode: Optional[int] = 1, **others: Any) -> ToolOutcome:
    """A run that failed; its last output is in the shape of the real one."""
    return ToolOutcome(returncode, stdout, "", "the log\nsays more\n", (), "")._replace(**others)


def unsafe_place() -> Tuple[Problem, ...]:
    return (Problem("tmpdir_unsafe", "writable for everybody"),)


def remote(kind: str) -> Settings:
    return world.settings(kind, host="db.lab.test")


if TYPE_CHECKING:
    from ansible_collections.ovirt.backup.plugins.module_utils._engine.protocols import OtopiHost

    IS_A_HOST: OtopiHost = FakeOtopiHost()
