# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine host with the databases that an engine is to be restored into. This file is private to the collection."""

from ..._common.clock import SystemClock
from ..._postgres.clearing import clear_database
from ..._postgres.model import Settings
from ..database_state import read_contents
from ..host_session import HostSession, InstalledEngine
from .host import ProbedDatabases, TargetEngine


class TargetHost:
    """Reaches the databases as their owners, from where the engine will."""

    clock = SystemClock()

    def __init__(self, prefix: str) -> None:
        self.session = HostSession(prefix)
        self.engine = InstalledTarget()
        self.passwords = self.engine.passwords
        self.databases = ClearedDatabases()


class InstalledTarget(InstalledEngine, TargetEngine):
    """An installed engine, from which databases are reached."""


class ClearedDatabases(ProbedDatabases):
    """Databases that are emptied before a restore."""

    clear_database = staticmethod(clear_database)

    def count_sessions(self, settings: Settings) -> int:
        """Return how many other sessions use a database."""
        return sum(session.connections for session in read_contents(settings).sessions)
