# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine host as every run sees that takes hold of it: its lock, its work directory, what is left of it.

This file is private to the collection.
"""

import os
import time
from typing import Any, Dict, Iterable, List, Optional, Tuple

from .._common import files
from .._common.command import start_time_of, tool_environment
from .._common.times import to_iso
from .._postgres.model import Settings
from . import leftovers
from .installation import read_installation
from .model import Installation


class HostSession:
    """What the runs of all tools read from and do to the host they run on."""

    now = staticmethod(time.time)
    check_directory = staticmethod(files.check_directory)
    free_space = staticmethod(files.free_space)
    is_locked = staticmethod(files.is_locked)
    remove_leftovers = staticmethod(leftovers.remove_leftovers)

    asked: Tuple[str, ...] = ()  # of the installed engine-backup

    def __init__(self, prefix: str) -> None:
        self._env = tool_environment(prefix)
        self._lock: Optional[files.Lock] = None
        self._directory = ""
        self._state: Dict[str, Any] = {}
        self.passwords: List[str] = []

    def read_installation(self, prefix: str) -> Installation:
        """Return what is installed."""
        found = read_installation(prefix, self.asked)
        self._hide(found.settings.values())
        return found

    def _hide(self, found: Iterable[Settings]) -> None:
        """Remember the passwords of databases, which must never be shown."""
        for settings in found:
            self.passwords += [settings.password, settings.password_as_shell]

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

    def note_phase(self, phase: str) -> None:
        """Write down what the run is doing, since when."""
        self._state.update(phase=phase, since=to_iso(time.time()))
        self._write_state()

    def _write_state(self) -> None:
        files.write_json(os.path.join(self._directory, files.STATE_NAME), self._state)

    def finish(self) -> None:
        """Remove what belongs to the run alone."""
        if self._state:
            leftovers.remove_run(self._state)
            leftovers.forget_run(self._directory)

    def _note_session(self, session: int) -> None:
        self._state.update(session=session, session_start=start_time_of(session))
        self._write_state()
