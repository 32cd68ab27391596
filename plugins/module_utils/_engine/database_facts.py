# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the databases of an engine hold: the facts, and how a result shows them. This file is private to the collection.

Source: oVirt's database scripts, and OriginType of the engine for the virtual machine of a hosted engine.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from .._postgres.model import Settings

HOSTED_ENGINE_ORIGINS = (5, 6)  # made by the set-up of a hosted engine; 6 since the engine may change it
STATES = {
    "database_missing": "missing",
    "database_unreachable": "unreachable",
    "database_login_failed": "login_failed",
    "database_unreadable": "unreadable",
}


class Session(NamedTuple):
    """Sessions of one user, client address and application."""

    user: str
    client: str
    application: str
    connections: int


class Contents(NamedTuple):
    """What a database holds, and who uses it."""

    tables: int
    others: int  # whatever else pg_dump would create: views, sequences, functions, types, schemas
    size: int  # bytes
    server_version: str
    server_address: str  # of the server's end of this connection, empty over a Unix socket
    server_port: int
    sessions: Tuple[Session, ...]  # without our own


class Memory(NamedTuple):
    """What the engine database remembers of restores, of its Data Warehouse and of a backup."""

    just_restored: Optional[bool]
    product_version: str
    dwh_currently_running: Optional[bool]
    hosted_engine: Optional[bool]
    hosted_engine_vm: str
    backup_mark: str


NO_MEMORY = Memory(None, "", None, None, "", "")


def check_mark(started: bool, finished: bool) -> str:
    """Return what the engine database knows of a backup.

    The start is noted before the dump is taken and the end after it: only the engine that made the backup knows both.
    """
    return "finished" if finished else "started" if started else "none"


def describe_database(
    settings: Settings, contents: Optional[Contents], rows: Optional[int], problem: str, code: str
) -> Dict[str, Any]:
    """Return one database as a result shows it; without contents, why there are none."""
    found: Dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "name": settings.database,
        "user": settings.user,
        "state": STATES.get(code, "unreadable"),
        "tables": None,
        "rows": rows,
        "size": None,
        "server_version": "",
        "server_address": "",
        "server_port": None,
        "sessions": [],
        "problem": problem,
    }
    if contents is not None:
        found.update(
            state="filled" if contents.tables or contents.others else "empty",
            tables=contents.tables,
            size=contents.size,
            server_version=contents.server_version,
            server_address=contents.server_address,
            server_port=contents.server_port,
            sessions=describe_sessions(contents.sessions),
        )
    return found


def differing(found: Settings, given: Optional[Settings]) -> List[str]:
    """Return in what the settings of a configuration are others than those that were given."""
    if given is None:
        return []
    pairs = (
        ("host", found.host, given.host),
        ("port", found.port, given.port),
        ("name", found.database, given.database),
        ("user", found.user, given.user),
        ("password", found.password, given.password),
    )
    return [name for name, here, wanted in pairs if here != wanted]


def describe_sessions(sessions: Sequence[Session]) -> Any:
    """Return sessions as plain dictionaries."""
    return [
        {"user": item.user, "client": item.client, "application": item.application, "count": item.connections}
        for item in sessions
    ]
