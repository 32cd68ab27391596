# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL server, of the lab's, for a module of tests."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator

COUNT_ALL = """
SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') \\gexec
"""


class Server:
    """The programs of PostgreSQL, with a server of the lab."""

    def __init__(self, found: Any) -> None:
        self.socket, self.port = str(found.socket), found.port
        self.bin = found.server_programs
        self.environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PGUSER": "postgres"}
        self.environment.update(PGHOST=str(found.socket), PGPORT=str(found.port))

    def run(self, program: str, *arguments: str, script: str = "") -> bytes:
        command = [str(self.bin / program), *arguments]
        done = subprocess.run(command, input=script.encode(), capture_output=True, env=self.environment, check=False)
        assert done.returncode == 0, (command, done.stderr.decode())
        return done.stdout

    def psql(self, database: str, script: str) -> bytes:
        return self.run("psql", "-qAtX", "-z", "-0", "-v", "ON_ERROR_STOP=1", database, script=script)

    def count(self, database: str) -> Dict[str, int]:
        fields = self.psql(database, COUNT_ALL).decode().split("\0")[:-1]
        return {fields[at]: int(fields[at + 1]) for at in range(0, len(fields), 2)}


@contextlib.contextmanager
def throwaway_server(folder: Path) -> Iterator[Server]:
    """Yield a running server; afterwards nothing of it is left."""
    from lab import layout, postgres  # not on the Pythons of managed hosts, where these tests are left out

    user = postgres.server_user()
    home = postgres.make_server_home(folder, user)
    found = layout.Server(home, user, postgres.find_programs(), postgres.free_port(), "127.0.0.1")
    try:
        postgres.create(found)
        postgres.start(found)
        yield Server(found)
    finally:
        postgres.stop(found, forever=True)
        shutil.rmtree(str(home))
