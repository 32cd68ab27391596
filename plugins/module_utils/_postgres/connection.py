# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to PostgreSQL: the only place of this collection that uses psycopg2. A connection reads unless asked to write.

Source of the statistics: PostgreSQL's pg_stat_user_tables. This file is private to the collection.
"""

import contextlib
import time
import traceback
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from .._common.errors import BackupError
from .model import DatabaseDescription, Settings, TableCounts, TableState
from .rules import REQUIRED_SETTINGS, Fitness

try:
    import psycopg2
    import psycopg2.sql

    PSYCOPG2_ERROR: Optional[str] = None
except ImportError:
    PSYCOPG2_ERROR = traceback.format_exc()

Values = Union[Sequence[Any], Mapping[str, Any]]

CONNECT_TIMEOUT = 10
LOGIN_FAILURES = ("authentication failed", "no password", "pg_hba", 'role "', "permission denied for database")
# A server that says so answers soon (SQLSTATE 57P03, 53300); it is no missing database. Source: PostgreSQL, postmaster.
PASSING = (
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
    "too many clients already",
    "remaining connection slots are reserved",
)
PATIENCE = 120.0  # seconds
PAUSE = 1.0
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
FITNESS = (
    "SELECT d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,"
    " current_setting('server_version'), current_setting('server_version_num') FROM pg_database d"
    " WHERE d.datname = current_database()"
)
# What pg_dump would write a CREATE for: objects that neither initdb (below oid 16384) nor an extension made. The schema
# public is not counted, nor are the types that belong to a table.
NOT_FROM_EXTENSION = (
    "o.oid >= 16384 AND NOT EXISTS (SELECT 1 FROM pg_depend d"
    " WHERE d.classid = '%s'::regclass AND d.objid = o.oid AND d.deptype = 'e')"
)
IN_SCHEMAS = (
    ("pg_class", "relnamespace", "relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')"),
    ("pg_proc", "pronamespace", "true"),
    ("pg_type", "typnamespace", "typrelid = 0 AND typelem = 0"),
    ("pg_operator", "oprnamespace", "true"),
    ("pg_opclass", "opcnamespace", "true"),
    ("pg_opfamily", "opfnamespace", "true"),
    ("pg_collation", "collnamespace", "true"),
    ("pg_conversion", "connamespace", "true"),
    ("pg_ts_config", "cfgnamespace", "true"),
    ("pg_ts_dict", "dictnamespace", "true"),
    ("pg_ts_parser", "prsnamespace", "true"),
    ("pg_ts_template", "tmplnamespace", "true"),
)
IN_DATABASE = ("pg_cast", "pg_am", "pg_foreign_data_wrapper", "pg_foreign_server", "pg_publication", "pg_event_trigger")
RECORDS = "SELECT scope, is_passed, output_message FROM engine_backup_log WHERE log_path = %s ORDER BY done_at"


@contextlib.contextmanager
def connect(settings: Settings, writes: bool = False) -> Iterator[Any]:
    """Yield a connection; the password goes through the library, never through argv or the environment.

    It is read-only in one snapshot. With ``writes`` each statement is a transaction of its own.
    """
    connection = _log_in(settings)
    try:
        if writes:
            connection.autocommit = True
        else:
            connection.set_session(readonly=True, isolation_level="REPEATABLE READ")
        yield connection
    except psycopg2.Error as error:
        text = "Could not %s the database '%s' on %s:%d: %s" % (
            "change" if writes else "read",
            settings.database,
            settings.host,
            settings.port,
            _describe(error),
        )
        raise BackupError(text, "database_unwritable" if writes else "database_unreadable") from None
    finally:
        connection.close()


def _log_in(settings: Settings) -> Any:
    """Return a connection; a server that starts up, stops, recovers or is full is waited for."""
    sslmode = "verify-full" if settings.secured_validation else "require" if settings.secured else "prefer"
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return psycopg2.connect(
                host=settings.host,
                port=settings.port,
                user=settings.user,
                password=settings.password,
                dbname=settings.database,
                sslmode=sslmode,
                connect_timeout=CONNECT_TIMEOUT,
                application_name="ovirt.backup",
            )
        except psycopg2.Error as error:
            passes = any(words in str(error) for words in PASSING)
            if not passes or time.monotonic() > deadline:
                raise _connection_error(settings, str(error)) from None
        time.sleep(PAUSE)


def _describe(error: Any) -> str:
    """Return what the server said, without the statement that it may quote: there can be a secret in it."""
    said = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint]
    return " ".join(" ".join(filter(None, said)).split()) or " ".join(str(error).split())


def _connection_error(settings: Settings, text: str) -> BackupError:
    code = "database_unreachable"
    if any(words in text for words in LOGIN_FAILURES):
        code = "database_login_failed"
    elif "does not exist" in text and "database" in text:
        code = "database_missing"
    message = "Could not connect to the database '%s' on %s:%d as '%s': %s" % (
        settings.database,
        settings.host,
        settings.port,
        settings.user,
        " ".join(text.split()),
    )
    return BackupError(message, code)


def fetch(
    connection: Any, query: str, values: Optional[Values] = None, names: Sequence[str] = ()
) -> List[Tuple[Any, ...]]:
    """Return the rows of a query; ``names`` stand for {} as quoted identifiers, ``values`` for %s."""
    with connection.cursor() as cursor:
        cursor.execute(_compose(query, names, values is not None), values)
        return list(cursor.fetchall())


def execute(connection: Any, statement: str, values: Optional[Values] = None, names: Sequence[str] = ()) -> None:
    """Run a statement that returns no rows; ``names`` and ``values`` as in ``fetch``."""
    with connection.cursor() as cursor:
        cursor.execute(_compose(statement, names, values is not None), values)


def succeeds(connection: Any, query: str, values: Optional[Values] = None) -> bool:
    """Does the server take a query? Whatever it did is taken back, where the connection only reads."""
    try:
        fetch(connection, query, values)
    except psycopg2.Error:
        connection.rollback()
        return False
    return True


def _compose(text: str, names: Sequence[str], with_values: bool) -> Any:
    """Put the names in. Where values follow, a percent sign in a name would be taken for the place of one."""
    if not names:
        return text
    shown = [name.replace("%", "%%") if with_values else name for name in names]
    return psycopg2.sql.SQL(text).format(*map(psycopg2.sql.Identifier, shown))


def read_identity(settings: Settings) -> DatabaseDescription:
    """Return what a database is: name, owner, server version, size in bytes, extensions, roles with grants."""
    with connect(settings) as connection:
        name, owner, version, size = fetch(connection, IDENTITY)[0]
        extensions = fetch(connection, "SELECT extname FROM pg_extension ORDER BY 1")
        grantees = sorted(row[0] for row in fetch(connection, GRANTEES))
    return DatabaseDescription(name, owner, version, int(size), tuple(row[0] for row in extensions), tuple(grantees))


def count_before(settings: Settings) -> TableCounts:
    """Count every table; the statistics are read first, so that they can only allow more, never less."""
    with connect(settings) as connection:
        statistics = _read_statistics(connection)
        return _count_tables(connection, statistics)


def count_after(settings: Settings) -> TableCounts:
    """Count every table; the statistics are read last, so that they can only allow more, never less."""
    with connect(settings) as connection:
        counted = _count_tables(connection, {})
        statistics = _read_statistics(connection)
    tables = {
        name: TableState(state.rows, *(statistics.get(name, (0, 0)) + (state.filenode,)))
        for name, state in counted.tables.items()
    }
    return TableCounts(tables, counted.schemas)


def read_statistics(settings: Settings) -> Dict[str, Tuple[int, int]]:
    """Return table -> (rows inserted, rows deleted) since the statistics began."""
    with connect(settings) as connection:
        return _read_statistics(connection)


def _read_statistics(connection: Any) -> Dict[str, Tuple[int, int]]:
    found = {"%s.%s" % (row[0], row[1]): (int(row[2] or 0), int(row[3] or 0)) for row in fetch(connection, STATISTICS)}
    connection.rollback()  # the next statement sees a new snapshot
    return found


def _count_tables(connection: Any, statistics: Dict[str, Tuple[int, int]]) -> TableCounts:
    tables: Dict[str, TableState] = {}
    for schema, table, filenode in fetch(connection, TABLES):
        rows = int(fetch(connection, "SELECT count(*) FROM ONLY {}.{}", names=(schema, table))[0][0])
        name = "%s.%s" % (schema, table)
        inserted, deleted = statistics.get(name, (0, 0))
        tables[name] = TableState(rows, inserted, deleted, int(filenode or 0))
    schemas = tuple(sorted(row[0] for row in fetch(connection, SCHEMAS)))
    connection.rollback()
    return TableCounts(tables, schemas)


def read_backup_records(settings: Settings, log_path: str) -> List[Tuple[str, bool, str]]:
    """Return what the engine recorded of the backup with this log path: (scope, passed, message)."""
    with connect(settings) as connection:
        if not fetch(connection, "SELECT to_regclass('public.engine_backup_log')")[0][0]:
            return []
        return [(row[0], bool(row[1]), row[2] or "") for row in fetch(connection, RECORDS, (log_path,))]


def read_fitness(settings: Settings) -> Fitness:
    """Return what decides whether a restore may fill a database; an ordinary owner can read it."""
    with connect(settings) as connection:
        return fetch_fitness(connection)


def fetch_fitness(connection: Any) -> Fitness:
    """Return the fitness of the database that a connection leads to."""
    name, owner, encoding, collate, ctype, version, number = fetch(connection, FITNESS)[0]
    extensions = tuple(row[0] for row in fetch(connection, "SELECT extname FROM pg_extension ORDER BY 1"))
    found = dict(
        fetch(connection, "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (list(REQUIRED_SETTINGS),))
    )
    return Fitness(
        name,
        owner,
        encoding,
        collate,
        ctype,
        found.get("lc_messages", ""),
        extensions,
        version,
        int(number),
        tables=fetch(connection, "SELECT count(*) FROM (%s) t" % TABLES)[0][0],
        objects=int(fetch(connection, count_objects())[0][0]),
        settings=found,
    )


def count_objects() -> str:
    """Return the query for how many objects somebody made in a database."""
    parts = [
        "SELECT count(*) AS found FROM %s o JOIN pg_namespace n ON n.oid = o.%s WHERE %s AND %s AND %s"
        % (catalog, column, NOT_SYSTEM, condition, NOT_FROM_EXTENSION % catalog)
        for catalog, column, condition in IN_SCHEMAS
    ]
    parts += ["SELECT count(*) FROM %s o WHERE %s" % (name, NOT_FROM_EXTENSION % name) for name in IN_DATABASE]
    parts.append(
        "SELECT count(*) FROM pg_namespace n WHERE n.nspname <> 'public' AND n.oid >= 16384 AND %s AND NOT"
        " EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass"
        " AND d.objid = n.oid AND d.deptype = 'e')" % NOT_SYSTEM
    )
    return "SELECT sum(found) FROM (%s) all_objects" % " UNION ALL ".join(parts)
