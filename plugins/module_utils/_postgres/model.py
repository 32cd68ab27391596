# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a database: how it is reached, what it is, what it holds. This file is private to the collection."""

from typing import Dict, NamedTuple, Tuple

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class Settings(NamedTuple):
    """How a database is reached."""

    host: str
    port: int
    user: str
    password: str
    database: str
    secured: bool
    secured_validation: bool
    password_as_shell: str  # what engine-backup sees: sh keeps a backslash that the engine drops


class DatabaseDescription(NamedTuple):
    """What a database is."""

    name: str
    owner: str
    server_version: str
    size: int  # bytes
    extensions: Tuple[str, ...]
    grantees: Tuple[str, ...]


class TableState(NamedTuple):
    """Rows of a table, with PostgreSQL's statistics (n_tup_ins, n_tup_del) and file node."""

    rows: int
    inserted: int
    deleted: int
    filenode: int


class TableCounts(NamedTuple):
    """Every table of a database, counted in one snapshot."""

    tables: Dict[str, TableState]
    schemas: Tuple[str, ...]


class Holdings(NamedTuple):
    """What keeps a database from being empty."""

    exists: bool
    tables: int
    objects: int  # whatever pg_dump would create, tables and schemas included
    schemas: Tuple[str, ...]  # besides public


NO_DATABASE = Holdings(False, 0, 0, ())
