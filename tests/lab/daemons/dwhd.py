# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Data Warehouse's service: sessions to both databases, and the mark in the engine's that it runs."""

from __future__ import annotations

from pathlib import Path

from ..host import configured
from ..host.configured import Credentials
from ..host.sql import Database, SqlError
from ..layout import Lab, load
from .service import Service
from .sessions import Session

APPLICATION = "PostgreSQL JDBC Driver"
MARK = "UPDATE dwh_history_timekeeping SET var_value = '{}' WHERE var_name = 'DwhCurrentlyRunning'"


def main(home: Path) -> int:
    """Live until told to stop."""
    service, lab = Service(home, "ovirt-engine-dwhd"), load(home)
    variables = configured.read(lab.prefix, configured.DWH)
    engine, dwh = (configured.credentials(variables, kind) for kind in ("ENGINE", "DWH"))
    sessions = [Session(lab.server_programs / "psql", target, APPLICATION) for target in (engine, dwh)]
    for session in sessions:
        session.keep()
    _mark(lab, engine, "1")
    service.tell_ready()
    service.live(sessions)
    _mark(lab, engine, "0")
    return 0


def _mark(lab: Lab, engine: Credentials, value: str) -> None:
    try:
        Database(lab, engine).query(MARK.format(value))
    except SqlError:
        # No engine database, no mark.
        return
