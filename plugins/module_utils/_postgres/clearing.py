# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See what keeps a database from being empty for engine-backup, and drop it as the owner of the database.

The database itself, its owner, its schema public, its extensions and what belongs to them stay.
Source: PostgreSQL, pg_identify_object. This file is private to the collection.
"""

from typing import Any

from .._common.errors import BackupError
from .connection import IN_DATABASE, IN_SCHEMAS, NOT_FROM_EXTENSION, NOT_SYSTEM, connect, count_before, fetch
from .model import NO_DATABASE, Holdings, Settings

LOCK_TIMEOUT = "SET lock_timeout = '60s'"
TABLE_TYPES = ("table", "foreign table")
# One that holds an extension can not go without it.
SCHEMAS = (
    "SELECT quote_ident(n.nspname), EXISTS (SELECT 1 FROM pg_extension e WHERE e.extnamespace = n.oid)"
    " FROM pg_namespace n WHERE n.nspname <> 'public' AND n.oid >= 16384 AND " + NOT_SYSTEM + " AND NOT EXISTS"
    " (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')"
    " ORDER BY 1"
)
# What is a part of another object goes with that one; what belongs to somebody else is named by the proof that follows.
IF_POSSIBLE = (
    "DO $ovirt_backup$ BEGIN %s; EXCEPTION WHEN insufficient_privilege OR dependent_objects_still_exist THEN NULL;"
    " END $ovirt_backup$"
)
# They belong to no schema and a dump that is loaded again makes them under the same numbers.
UNLINK_LARGE_OBJECTS = (
    "SELECT count(lo_unlink(o.oid)) FROM pg_largeobject_metadata o WHERE pg_get_userbyid(o.lomowner) = current_user"
)
IDENTIFIED = "SELECT i.type, i.identity FROM %s o%s, pg_identify_object('%s'::regclass, o.oid, 0) i WHERE %s"


def read_holdings(settings: Settings) -> Holdings:
    """Return what a database holds; one that does not exist holds nothing."""
    try:
        with connect(settings) as connection:
            schemas, objects = fetch(connection, SCHEMAS), fetch(connection, list_objects())
    except BackupError as error:
        if error.code == "database_missing":
            return NO_DATABASE
        raise
    tables = [identity for kind, identity in objects if kind in TABLE_TYPES]
    return Holdings(True, len(tables), len(objects) + len(schemas), tuple(row[0] for row in schemas))


def count_rows(settings: Settings) -> int:
    """Return how many rows all tables of a database hold together."""
    return sum(table.rows for table in count_before(settings).tables.values())


def clear_database(settings: Settings) -> None:
    """Drop everything that read_holdings finds, as far as this user may."""
    with connect(settings, writes=True) as connection:
        run(connection, LOCK_TIMEOUT)
        for name, holds_extension in fetch(connection, SCHEMAS):
            if not holds_extension:
                run(connection, IF_POSSIBLE % ("DROP SCHEMA %s CASCADE" % name))
        for kind, identity in fetch(connection, list_objects()):
            # What depended on an earlier one is gone with it.
            run(connection, IF_POSSIBLE % ("DROP %s IF EXISTS %s CASCADE" % (statement_word(kind), identity)))
        run(connection, UNLINK_LARGE_OBJECTS)


def run(connection: Any, statement: str) -> None:
    """Run a statement whose names the server has quoted."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def statement_word(kind: str) -> str:
    """Return how DROP calls what pg_identify_object calls ``kind``."""
    return {"composite type": "TYPE"}.get(kind, kind.upper())


def list_objects() -> str:
    """Return the query for type and quoted name of everything outside of schemas of its own."""
    parts = [
        IDENTIFIED
        % (
            catalog,
            " JOIN pg_namespace n ON n.oid = o.%s" % column,
            catalog,
            " AND ".join((NOT_SYSTEM, condition, NOT_FROM_EXTENSION % catalog)),
        )
        for catalog, column, condition in IN_SCHEMAS
    ]
    parts += [IDENTIFIED % (catalog, "", catalog, NOT_FROM_EXTENSION % catalog) for catalog in IN_DATABASE]
    return " UNION ALL ".join(parts)
