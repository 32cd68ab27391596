# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look into a database of an engine without changing it. This file is private to the collection.

Source: oVirt's database scripts, and PostgreSQL's catalogs and statistics.
"""

from typing import Any, Optional, Tuple

from .._postgres.connection import NOT_SYSTEM, connect, fetch
from .._postgres.model import Settings
from .database_facts import HOSTED_ENGINE_ORIGINS, NO_MEMORY, Contents, Memory, Session, check_mark
from .marks import has_table, read_backup_marks, read_option

# What pg_dump would create, which is what engine-backup looks for in a database that shall be empty. What belongs to an
# extension and the schema public are always there.
OBJECTS = (
    "SELECT count(*) FILTER (WHERE o.is_table), count(*) FILTER (WHERE NOT o.is_table) FROM ("
    "SELECT 'pg_class'::regclass::oid AS class, oid, relnamespace AS schema, relkind = 'r' AS is_table FROM pg_class"
    " WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c') AND relpersistence <> 't' UNION ALL "
    "SELECT 'pg_proc'::regclass::oid, oid, pronamespace, false FROM pg_proc UNION ALL "
    "SELECT 'pg_type'::regclass::oid, oid, typnamespace, false FROM pg_type WHERE typtype IN ('d', 'e', 'r') UNION ALL "
    "SELECT 'pg_namespace'::regclass::oid, oid, oid, false FROM pg_namespace WHERE nspname <> 'public'"
    ") o JOIN pg_namespace n ON n.oid = o.schema WHERE " + NOT_SYSTEM + " AND NOT EXISTS (SELECT 1 FROM pg_depend d"
    " WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')"
)
SERVER = (
    "SELECT pg_database_size(current_database()), current_setting('server_version'), host(inet_server_addr()),"
    " inet_server_port()"
)
# Who may not see the sessions of another role sees no more than their role: the rest of such a row is null.
SESSIONS = (
    "SELECT usename, coalesce(host(client_addr), CASE WHEN client_port = -1 THEN 'local' ELSE '' END),"
    " coalesce(application_name, ''), count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND usename IS NOT NULL"
    " AND coalesce(backend_type, 'client backend') = 'client backend' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
# Rows come and go, and a table may be written anew; its oid stays as long as the table does.
DATABASE_GENERATION = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || d.oid || '/' || min(c.oid::bigint)"
    " FROM pg_database d, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
    " AND c.relpersistence <> 't' AND d.datname = current_database() AND " + NOT_SYSTEM + " GROUP BY d.oid"
)
HAS_ORIGIN = "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('public.vm_static') AND attname = 'origin'"
DWH_FLAG = "SELECT var_value FROM dwh_history_timekeeping WHERE var_name = 'DwhCurrentlyRunning'"
HOSTED_ENGINE = "SELECT vm_name FROM vm_static WHERE origin IN %s ORDER BY vm_name"


def read_contents(settings: Settings) -> Contents:
    """Return what a database holds and who uses it."""
    with connect(settings) as connection:
        return _contents(connection)


def read_engine_database(settings: Settings, backup_log_path: str = "") -> Tuple[Contents, Memory]:
    """Return what the engine database holds, and what it remembers; ``backup_log_path`` is the log path of a backup."""
    with connect(settings) as connection:
        contents = _contents(connection)
        return contents, _memory(connection, backup_log_path) if contents.tables else _nothing(backup_log_path)


def read_database_generation(settings: Settings) -> str:
    """Return a text that is the same as long as a database holds the tables that it holds now; empty without tables."""
    with connect(settings) as connection:
        rows = fetch(connection, DATABASE_GENERATION)
        return str(rows[0][0]) if rows else ""


def _nothing(backup_log_path: str) -> Memory:
    return NO_MEMORY._replace(backup_mark=check_mark(False, False)) if backup_log_path else NO_MEMORY


def _contents(connection: Any) -> Contents:
    sessions = tuple(Session(row[0], row[1], row[2], int(row[3])) for row in fetch(connection, SESSIONS))
    tables, others = fetch(connection, OBJECTS)[0]
    size, version, address, port = fetch(connection, SERVER)[0]
    return Contents(int(tables), int(others), int(size), version, address or "", int(port or 0), sessions)


def _memory(connection: Any, backup_log_path: str) -> Memory:
    names = _hosted_engine(connection)
    just_restored = read_option(connection, "DbJustRestored")
    return Memory(
        just_restored=None if just_restored is None else just_restored == "1",
        product_version=read_option(connection, "ProductRPMVersion") or "",
        dwh_currently_running=_dwh_flag(connection),
        hosted_engine=None if names is None else bool(names),
        hosted_engine_vm=names[0] if names else "",
        backup_mark=_backup_mark(connection, backup_log_path) if backup_log_path else "",
    )


def _dwh_flag(connection: Any) -> Optional[bool]:
    rows = fetch(connection, DWH_FLAG) if has_table(connection, "dwh_history_timekeeping") else []
    return str(rows[0][0]) == "1" if rows else None


def _hosted_engine(connection: Any) -> Optional[Tuple[str, ...]]:
    """Return the names of the virtual machines that run an engine, None where that is not known."""
    if not fetch(connection, HAS_ORIGIN)[0][0]:
        return None
    return tuple(row[0] for row in fetch(connection, HOSTED_ENGINE, (HOSTED_ENGINE_ORIGINS,)))


def _backup_mark(connection: Any, backup_log_path: str) -> str:
    marks = read_backup_marks(connection, backup_log_path)
    return check_mark(marks.is_started, marks.is_finished)
