# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live databases, asked in the tests' own way."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import sql

from .installation import Site

PREFIXES = {"engine": "ENGINE", "dwh": "DWH", "keycloak": "KEYCLOAK"}
TABLES = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
)
# engine-backup itself writes here while it runs.
CHANGED_BY_BACKUPS = {"public.audit_log", "public.engine_backup_log"}


@contextmanager
def connection(site: Site, kind: str) -> Iterator[Any]:
    """A session of the owner that commits each statement."""
    settings, prefix = site.configuration(), PREFIXES[kind]
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DATABASE"}
    known: dict[str, Any] = {name: settings[f"{prefix}_DB_{key}"] for name, key in names.items()}
    session = psycopg2.connect(**known)
    session.autocommit = True
    try:
        yield session
    finally:
        session.close()


def ask(session: Any, statement: Any) -> list[tuple[Any, ...]]:
    with session.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def tables(session: Any) -> list[tuple[str, str]]:
    """The tables that hold rows themselves: views do not, nor parents of partitions."""
    return list(ask(session, TABLES))


def count_rows(site: Site, kind: str) -> dict[str, int]:
    """Rows by table."""
    with connection(site, kind) as session:
        return {f"{schema}.{name}": ask(session, count(schema, name))[0][0] for schema, name in tables(session)}


def count(schema: str, name: str) -> sql.Composed:
    return sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, name))


def fingerprints(site: Site, kind: str) -> dict[str, str]:
    """A hash over the sorted rows of each table."""
    with connection(site, kind) as session:
        found = {}
        for schema, name in tables(session):
            rows = ask(session, sql.SQL("SELECT t::text FROM ONLY {} t").format(sql.Identifier(schema, name)))
            content = "\0".join(sorted(row[0] for row in rows))
            found[f"{schema}.{name}"] = f"{len(rows)} {hashlib.sha256(content.encode()).hexdigest()}"
        return found
