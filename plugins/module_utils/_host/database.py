# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to PostgreSQL: the only place of this collection that uses psycopg2. A connection reads unless asked to write.

Source of the statistics: PostgreSQL's pg_stat_user_tables. This file is private to the collection.
"""
import contextlib
import traceback
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .._core.engine_config import Settings
from .._core.engine_model import Identity
from .._core.errors import BackupError
from .._core.row_proof import Snapshot, TableState

try:
    import psycopg2
    import psycopg2.sql

    PSYCOPG2_ERROR: Optional[str] = None
except ImportError:
    PSYCOPG2_ERROR = traceback.format_exc()

CONNECT_TIMEOUT = 10
NOT_SYSTEM = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%'"

# Ordinary tables only: views hold no rows and a partitioned parent's rows are in its parts. What an extension owns
# is made by CREATE EXTENSION, not dumped.
TABLES = (
    "SELECT n.nspname, c.relname, pg_relation_filenode(c.oid) FROM pg_class c JOIN pg_namespace n"
    " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND " + NOT_SYSTEM + " AND NOT EXISTS"
    " (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
)
STATISTICS = "SELECT schemaname, relname, n_tup_ins, n_tup_del FROM pg_stat_user_tables"
SCHEMAS = (
    "SELECT n.nspname FROM pg_namespace n WHERE " + NOT_SYSTEM + " AND NOT EXISTS (SELECT 1 FROM pg_depend d"
    " WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')"
)
IDENTITY = (
    "SELECT d.datname, pg_get_userbyid(d.datdba), current_setting('server_version'), pg_database_size(d.oid)"
    " FROM pg_database d WHERE d.datname = current_database()"
)
GRANTEES = (
    "SELECT DISTINCT pg_get_userbyid(a.grantee) FROM ("
    "SELECT (aclexplode(c.relacl)).grantee, c.relowner AS owner FROM pg_class c JOIN pg_namespace n"
    " ON n.oid = c.relnamespace WHERE " + NOT_SYSTEM + " UNION "
    "SELECT (aclexplode(n.nspacl)).grantee, n.nspowner FROM pg_namespace n WHERE " + NOT_SYSTEM + " UNION "
    "SELECT (aclexplode(p.proacl)).grantee, p.proowner FROM pg_proc p JOIN pg_namespace n"
    " ON n.oid = p.pronamespace WHERE " + NOT_SYSTEM + " UNION "
    "SELECT (aclexplode(t.defaclacl)).grantee, t.defaclrole FROM pg_default_acl t"
    ") a WHERE a.grantee <> 0 AND a.grantee <> a.owner"
    " AND a.grantee <> (SELECT datdba FROM pg_database WHERE datname = current_database())"
    " AND pg_get_userbyid(a.grantee) <> 'postgres'"
)
RECORDS = "SELECT scope, is_passed, output_message FROM engine_backup_log WHERE log_path = %s ORDER BY done_at"


@contextlib.contextmanager
def connect(settings: Settings, writes: bool = False) -> Iterator[Any]:
    """Yield a connection; the password goes through the library, never through argv or the environment.

    It is read-only in one snapshot. With ``writes`` each statement is a transaction of its own.
    """
    sslmode = "verify-full" if settings.secured_validation else "require" if settings.secured else "prefer"
    try:
        connection = psycopg2.connect(
            host=settings.host, port=settings.port, user=settings.user, password=settings.password,
            dbname=settings.database, sslmode=sslmode, connect_timeout=CONNECT_TIMEOUT, application_name="ovirt.backup",
        )
    except psycopg2.Error as error:
        raise _connection_error(settings, str(error)) from None
    try:
        if writes:
            connection.autocommit = True
        else:
            connection.set_session(readonly=True, isolation_level="REPEATABLE READ")
        yield connection
    except psycopg2.Error as error:
        text = "Could not %s the database '%s' on %s:%d: %s" % (
            "change" if writes else "read", settings.database, settings.host, settings.port,
            " ".join(str(error).split()))
        raise BackupError(text, "database_unwritable" if writes else "database_unreadable") from None
    finally:
        connection.close()


def _connection_error(settings: Settings, text: str) -> BackupError:
    code = "database_unreachable"
    if "authentication failed" in text or "no password" in text or "pg_hba" in text:
        code = "database_login_failed"
    elif "does not exist" in text and "database" in text:
        code = "database_missing"
    message = "Could not connect to the database '%s' on %s:%d as '%s': %s" % (
        settings.database, settings.host, settings.port, settings.user, " ".join(text.split()))
    return BackupError(message, code)


def fetch(
    connection: Any, query: str, values: Optional[Sequence[Any]] = None, names: Sequence[str] = ()
) -> List[Tuple[Any, ...]]:
    """Return the rows of a query; ``names`` stand for {} as quoted identifiers, ``values`` for %s."""
    with connection.cursor() as cursor:
        cursor.execute(_compose(query, names), values)
        return list(cursor.fetchall())


def execute(
    connection: Any, statement: str, values: Optional[Sequence[Any]] = None, names: Sequence[str] = ()
) -> None:
    """Run a statement that returns no rows; ``names`` and ``values`` as in ``fetch``."""
    with connection.cursor() as cursor:
        cursor.execute(_compose(statement, names), values)


def _compose(text: str, names: Sequence[str]) -> Any:
    return psycopg2.sql.SQL(text).format(*map(psycopg2.sql.Identifier, names)) if names else text


def read_identity(settings: Settings) -> Identity:
    """Return what a database is: name, owner, server version, size in bytes, extensions, roles with grants."""
    with connect(settings) as connection:
        name, owner, version, size = fetch(connection, IDENTITY)[0]
        extensions = fetch(connection, "SELECT extname FROM pg_extension ORDER BY 1")
        grantees = sorted(row[0] for row in fetch(connection, GRANTEES))
    return Identity(name, owner, version, int(size), tuple(row[0] for row in extensions), tuple(grantees))


def count_before(settings: Settings) -> Snapshot:
    """Count every table; the statistics are read first, so that they can only allow more, never less."""
    with connect(settings) as connection:
        statistics = _read_statistics(connection)
        return _count_tables(connection, statistics)


def count_after(settings: Settings) -> Snapshot:
    """Count every table; the statistics are read last, so that they can only allow more, never less."""
    with connect(settings) as connection:
        counted = _count_tables(connection, {})
        statistics = _read_statistics(connection)
    tables = {
        name: TableState(state.rows, *(statistics.get(name, (0, 0)) + (state.filenode,)))
        for name, state in counted.tables.items()
    }
    return Snapshot(tables, counted.schemas)


def read_statistics(settings: Settings) -> Dict[str, Tuple[int, int]]:
    """Return table -> (rows inserted, rows deleted) since the statistics began."""
    with connect(settings) as connection:
        return _read_statistics(connection)


def _read_statistics(connection: Any) -> Dict[str, Tuple[int, int]]:
    found = {"%s.%s" % (row[0], row[1]): (int(row[2] or 0), int(row[3] or 0)) for row in fetch(connection, STATISTICS)}
    connection.rollback()  # the next statement sees a new snapshot
    return found


def _count_tables(connection: Any, statistics: Dict[str, Tuple[int, int]]) -> Snapshot:
    tables: Dict[str, TableState] = {}
    for schema, table, filenode in fetch(connection, TABLES):
        rows = int(fetch(connection, "SELECT count(*) FROM ONLY {}.{}", names=(schema, table))[0][0])
        name = "%s.%s" % (schema, table)
        inserted, deleted = statistics.get(name, (0, 0))
        tables[name] = TableState(rows, inserted, deleted, int(filenode or 0))
    schemas = tuple(sorted(row[0] for row in fetch(connection, SCHEMAS)))
    connection.rollback()
    return Snapshot(tables, schemas)


def read_backup_records(settings: Settings, log_path: str) -> List[Tuple[str, bool, str]]:
    """Return what the engine recorded of the backup with this log path: (scope, passed, message)."""
    with connect(settings) as connection:
        if not fetch(connection, "SELECT to_regclass('public.engine_backup_log')")[0][0]:
            return []
        return [(row[0], bool(row[1]), row[2] or "") for row in fetch(connection, RECORDS, (log_path,))]
