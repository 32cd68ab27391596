# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold that a run has on its host: its lock, its work directories, its state, what is left of dead runs.

This file is private to the collection.
"""

import os
import secrets
import time
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from .._common import files
from .._common.command import CommandResult, run_long_command, start_time_of, tool_environment
from .._common.times import to_iso
from .._postgres.model import Settings
from . import leftovers
from .installation import read_installation
from .model import Installation
from .setup.otopi_model import Places, answer_file_in


class HostSession:
    """One run on this host."""

    is_locked = staticmethod(files.is_locked)
    remove_leftovers = staticmethod(leftovers.remove_leftovers)

    def __init__(self, prefix: str) -> None:
        self.environment = tool_environment(prefix)
        self._lock: Optional[files.Lock] = None
        self._directory = ""
        self._state: Dict[str, Any] = {}

    def list_leftovers(self, directory: str) -> List[str]:
        """Return what a killed run left in a directory that no run holds now."""
        if not os.path.isdir(directory) or files.is_locked_elsewhere(directory, self._lock):
            return []
        state = leftovers.read_leftovers(directory)
        return leftovers.list_leftovers(state) if state is not None else []

    def lock(self, directory: str) -> None:
        """Take the directory for this run."""
        self._lock = files.Lock(directory)
        self._lock.acquire()

    def unlock(self) -> None:
        """Give the directory back."""
        if self._lock is not None:
            self._lock.release()

    def begin(self, path: str, tmpdir: str, log_path: str) -> Tuple[str, str]:
        """Make the work directories of a run of engine-backup, one beside the archive and one for the tool."""
        directory = os.path.dirname(path)
        name = files.WORK_PREFIX + secrets.token_hex(8)
        stage, work = os.path.join(directory, name), os.path.join(tmpdir, name + "-tool")
        self._begin(directory, [stage, work], path, log_path)
        return stage, work

    def begin_private(self, places: Places) -> str:
        """Make the work directory of a run of engine-setup or engine-cleanup."""
        work = os.path.join(places.work, files.WORK_PREFIX + secrets.token_hex(8))
        self._begin(places.lock, [work], answer_file_in(work), places.log_path)
        return work

    def _begin(self, directory: str, works: Sequence[str], path: str, log_path: str) -> None:
        """Make work directories; their names are on disk before they are, so that those of a killed run are found."""
        self._directory = directory
        self._state = leftovers.describe_run(os.getpid(), list(works), path, log_path)
        self.note_phase("starting")
        for work in works:
            files.make_work_directory(work)

    def note_phase(self, phase: str) -> None:
        """Write down what the run is doing, since when."""
        self._state.update(phase=phase, since=to_iso(time.time()))
        self._write_state()

    def run(self, argv: Sequence[str], timeout: float, stem: str, **options: Any) -> CommandResult:
        """Run a program for long, its processes noted so that those of a killed run are found."""
        return run_long_command(argv, self.environment, timeout, stem, self._note_process, **options)

    def finish(self) -> None:
        """Remove what belongs to the run alone."""
        if self._state:
            leftovers.remove_run(self._state)
            leftovers.forget_run(self._directory)

    def _note_process(self, session: int) -> None:
        self._state.update(session=session, session_start=start_time_of(session))
        self._write_state()

    def _write_state(self) -> None:
        files.write_json(os.path.join(self._directory, files.STATE_NAME), self._state)


class InstalledEngine:
    """What is installed and set up; remembers every password it meets, which must never be shown."""

    def __init__(self, asked: Sequence[str] = ()) -> None:
        self._asked = asked  # of the installed engine-backup
        self.passwords: List[str] = []

    def read_installation(self, prefix: str) -> Installation:
        """Return what is installed."""
        found = read_installation(prefix, self._asked)
        self.hide(found.settings.values())
        return found

    def hide(self, found: Iterable[Settings]) -> None:
        """Remember the passwords of databases."""
        for settings in found:
            self.passwords += [settings.password, settings.password_as_shell]
