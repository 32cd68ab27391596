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
from .engine_host import Whole, journaled, make_installation

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
AT_REST = {"lock", "remove_leftovers", "unlock"}  # what a run that is refused may do all the same
WRITING = AT_REST | {"begin_private", "note_phase", "write_answers", "run_otopi", "finish", "clear_database"}


def recorded(name: str, answer_file: str) -> str:
    """What a real tool printed, with our answer file in the place of that of the recording."""
    text = (RECORDED / (name + ".stdout")).read_text(encoding="utf-8")
    return text.replace("/root/answers-rm.conf", answer_file).replace("/root/answers-rs.conf", answer_file)


class FakeOtopiHost(Whole):
    """A host with an engine and a Data Warehouse that were just restored; good until a test changes something."""

    def __init__(self) -> None:
        self.calls: List[str] = []
        self.errors: Dict[Tuple[str, int], BaseException] = {}
        self.errors_by_position: Dict[int, BaseException] = {}
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
        self.locked_by_another = False
        self.leftovers: List[str] = []
        self.ran: Optional[ToolOutcome] = None  # None for what a good run returns
        self.commands: List[Sequence[str]] = []
        self.written: Dict[str, str] = {}  # answer files, while they exist
        self.kept: List[str] = []  # what was in them
        self.is_held = False
        self.work = ""

    def fail(self, method: str, error: BaseException, at: int = 1) -> None:
        """Raise an error at the first, or another, call of a method."""
        self.errors[(method, at)] = error

    @journaled
    def read_installation(self, prefix: str) -> Installation:
        return self.installation._replace(prefix=prefix)

    @journaled
    def choose_places(self, tool: Tool, tmpdir: str) -> Places:
        return self.places._replace(tool="/usr/bin/" + tool.name, work=tmpdir or self.places.work)

    @journaled
    def is_locked(self, directory: str) -> bool:
        return self.locked_by_another

    @journaled
    def list_leftovers(self, directory: str) -> List[str]:
        return list(self.leftovers)

    @journaled
    def lock(self, directory: str) -> None:
        if self.locked_by_another:
            raise BackupError("Another run holds it", "locked")
        self.is_held = True

    @journaled
    def unlock(self) -> None:
        self.is_held = False

    @journaled
    def remove_leftovers(self, directory: str) -> List[str]:
        cleaned_up, self.leftovers = self.leftovers, []
        return cleaned_up

    @journaled
    def begin_private(self, places: Places) -> str:
        self.work = places.work + "/.engine_backup-1"
        return self.work

    @journaled
    def note_phase(self, phase: str) -> None:
        assert self.is_held

    @journaled
    def write_answers(self, path: str, text: str) -> None:
        self.written[path] = text
        self.kept.append(text)

    @journaled
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

    @journaled
    def finish(self) -> None:
        self.written.clear()
        self.work = ""

    @journaled
    def read_services(self, names: Sequence[str]) -> Dict[str, str]:
        return dict.fromkeys(names, "active")

    @journaled
    def read_archived_databases(self, path: str) -> Dict[str, Settings]:
        return self.archived

    @journaled
    def count_registered_files(self) -> Dict[str, int]:
        return {"/etc/ovirt-engine/engine.conf.d": 7}

    @journaled
    def read_archived_setup(self, path: str) -> ArchivedSetup:
        return self.archived_setup

    @journaled
    def dumps_directory(self, prefix: str) -> str:
        return "/dumps"

    @journaled
    def database_size(self, settings: Settings) -> int:
        return 1000

    @journaled
    def free_space(self, path: str) -> int:
        return self.free

    @journaled
    def read_holdings(self, settings: Settings) -> Holdings:
        if settings.database in self.unreachable:
            raise BackupError("Could not connect to '%s'" % settings.database, "database_unreachable")
        return self.holdings.get(settings.database, NO_DATABASE)

    @journaled
    def count_rows(self, settings: Settings) -> int:
        return 523

    @journaled
    def clear_database(self, settings: Settings) -> None:
        self.holdings[settings.database] = EMPTY

    @journaled
    def read_setup_memory(self, settings: Settings) -> Optional[SetupMemory]:
        return self.memory

    @journaled
    def read_setup_state(self) -> SetupState:
        return self.state

    @journaled
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
