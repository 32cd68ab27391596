# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restored database says of itself: its rows, and the marks that tie it to one backup.

This file is private to the collection.
"""

from typing import Dict, Iterable, List

from ..._postgres.connection import connect, count_before, fetch
from ..._postgres.model import Settings
from ..marks import BackupMarks, read_backup_marks, read_option
from .model import Marks

ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"


def count_rows(settings: Settings) -> Dict[str, int]:
    """Return table -> rows of a database."""
    return {name: state.rows for name, state in count_before(settings).tables.items()}


def read_marks(settings: Settings, backup_log_path: str) -> Marks:
    """Return what ties the engine database to the backup with that log path; empty: nothing does."""
    with connect(settings) as connection:
        just_restored = read_option(connection, "DbJustRestored") or ""
        marks = read_backup_marks(connection, backup_log_path) if backup_log_path else BackupMarks(False, False)
    return Marks(just_restored, marks.is_started, marks.is_finished)


def find_roles(settings: Settings, names: Iterable[str]) -> List[str]:
    """Return those of the names that are roles of the server."""
    with connect(settings) as connection:
        return sorted(row[0] for row in fetch(connection, ROLES, (sorted(names),)))
