# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine database remembers: its options, and the marks that tie it to one backup.

A backup writes into the database that it saves: its start before the dump, its end after it. So the start alone is in
the dump, which tells a restored database from its source. This file is private to the collection.
"""

from typing import Any, NamedTuple, Optional

from .._postgres.connection import fetch

HAS_TABLE = "SELECT to_regclass(%s) IS NOT NULL"
OPTION = "SELECT option_value FROM vdc_options WHERE option_name = %s AND version = 'general'"
# The message ends with the path of the backup's log, by which the backup is known.
NOTED = "SELECT DISTINCT log_type FROM audit_log WHERE log_type = ANY(%s) AND right(message, length(%s)) = %s"
RECORDED = "SELECT count(*) > 0 FROM engine_backup_log WHERE log_path = %s AND is_passed"
STARTED_EVENT, COMPLETED_EVENT = 9024, 9025


class BackupMarks(NamedTuple):
    """Which events of a backup the engine's log holds."""

    is_started: bool
    is_finished: bool


def has_table(connection: Any, name: str) -> bool:
    """Is there a table of this name in the schema public?"""
    return bool(fetch(connection, HAS_TABLE, ("public." + name,))[0][0])


def read_option(connection: Any, name: str) -> Optional[str]:
    """Return an option of the engine; None where there is none, or no engine database."""
    rows = fetch(connection, OPTION, (name,)) if has_table(connection, "vdc_options") else []
    return str(rows[0][0] or "") if rows else None


def read_backup_marks(connection: Any, backup_log_path: str) -> BackupMarks:
    """Return what the backup whose log has the path ``backup_log_path`` wrote into the database."""
    ends, events = "log=" + backup_log_path, [STARTED_EVENT, COMPLETED_EVENT]
    noted = fetch(connection, NOTED, (events, ends, ends)) if has_table(connection, "audit_log") else []
    has_record = has_table(connection, "engine_backup_log")
    recorded = has_record and bool(fetch(connection, RECORDED, (backup_log_path,))[0][0])
    return BackupMarks((STARTED_EVENT,) in noted, (COMPLETED_EVENT,) in noted or recorded)
