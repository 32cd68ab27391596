# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restored database says of itself: its rows, and the marks that tie it to one backup.

This file is private to the collection.
"""
from typing import Dict, Iterable, List

from .._core.engine_config import Settings
from .._core.restore_model import Marks
from .database import connect, count_before, fetch

JUST_RESTORED = "SELECT option_value FROM vdc_options WHERE option_name = 'DbJustRestored' AND version = 'general'"
# The message ends with the path; nothing else of a backup is in the database that it is a dump of.
STARTED = "SELECT count(*) FROM audit_log WHERE log_type = 9024 AND right(message, length(%s)) = %s"
FINISHED = "SELECT count(*) FROM engine_backup_log WHERE is_passed AND log_path = %s"
ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"


def count_rows(settings: Settings) -> Dict[str, int]:
    """Return table -> rows of a database."""
    return {name: state.rows for name, state in count_before(settings).tables.items()}


def read_marks(settings: Settings, identity: str) -> Marks:
    """Return what ties the engine database to the backup whose log has the path ``identity``."""
    with connect(settings) as connection:
        rows = fetch(connection, JUST_RESTORED)
        text = "log=" + identity
        started = fetch(connection, STARTED, (text, text))[0][0]
        finished = fetch(connection, FINISHED, (identity,))[0][0]
    return Marks(rows[0][0] if rows else "", bool(identity and started), bool(identity and finished))


def find_roles(settings: Settings, names: Iterable[str]) -> List[str]:
    """Return those of the names that are roles of the server."""
    with connect(settings) as connection:
        return sorted(row[0] for row in fetch(connection, ROLES, (sorted(names),)))
