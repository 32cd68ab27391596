# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look into the local PostgreSQL server as its superuser, in the way in which provisioning enters it.

That is psql as the user postgres of the operating system, by the Unix socket. This file is private to the collection.
"""

import os
import pwd
from typing import List, Optional

from .._common.command import find_program, run_command, tool_environment
from .local_server_model import LocalServerState
from .model import Settings

SUPERUSER = "postgres"
NAMES = (
    "SELECT 'role ' || rolname FROM pg_roles UNION ALL SELECT 'database ' || datname FROM pg_database"
    " UNION ALL SELECT 'version ' || current_setting('server_version_num')"
)
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"  # by which provisioning calls a database new


def read_local_server(settings: Settings, socket: str) -> Optional[LocalServerState]:
    """Return what is there of a role and its database, None where nobody can look; ``socket`` is a directory."""
    names = _ask(SUPERUSER, NAMES, settings.port, socket)
    if names is None:
        return None
    has_database = "database " + settings.database in names
    tables = _ask(settings.database, TABLES, settings.port, socket) if has_database else ["0"]
    if tables is None:
        return None
    version = next((int(name[len("version ") :]) for name in names if name.startswith("version ")), 0)
    return LocalServerState("role " + settings.user in names, has_database, int(tables[0]), version)


def _ask(database: str, query: str, port: int, socket: str) -> Optional[List[str]]:
    """Return the lines that the server answers, None where it does not."""
    env = tool_environment("")
    program = find_program("psql", env)
    if not program:
        return None
    argv = _as_superuser(env["PATH"]) + [
        program,
        "--no-psqlrc",
        "--no-password",
        "--no-align",
        "--tuples-only",
        "--username",
        SUPERUSER,
        "--port",
        str(port),
        "--dbname",
        _quote(database),
        "--command",
        query,
    ]
    result = run_command(argv + (["--host", socket] if socket else []), dict(env, PGCONNECT_TIMEOUT="10"))
    return result.stdout.splitlines() if result.returncode == 0 else None


def _quote(database: str) -> str:
    """Return a connection string: a bare name with a = in it would be read as one."""
    return "dbname='%s'" % database.replace("\\", "\\\\").replace("'", "\\'")


def _as_superuser(path: str) -> List[str]:
    """Return what makes a program run as the user postgres, where there is one and this user may."""
    program = find_program("runuser", {"PATH": path})
    try:
        pwd.getpwnam(SUPERUSER)
    except KeyError:
        return []
    return [program, "-u", SUPERUSER, "--"] if program and os.geteuid() == 0 else []
