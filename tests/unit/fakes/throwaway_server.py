# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL server that lives as long as a module of tests."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, Iterator

import pytest

COUNT_ALL = """
SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') \\gexec
"""


def programs() -> Path:
    """Return the folder of the server programs: Debian keeps them out of the path."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.fail("PostgreSQL's initdb was not found: install the PostgreSQL server")
    return folders[-1]


class Server:
    """A throw-away server on 127.0.0.1, run by an ordinary user even when the tests run as root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = programs()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        self.environment.update(PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER="postgres")

    def run(self, program: str, *arguments: str, script: str = "") -> bytes:
        command = [str(self.bin / program), *arguments]
        done = subprocess.run(
            command,
            input=script.encode(),
            capture_output=True,
            env=self.environment,
            cwd=str(self.folder),
            preexec_fn=become_ordinary,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr.decode())
        return done.stdout

    def start(self) -> None:
        self.run("initdb", "-D", "data", "-E", "UTF8", "-A", "trust", "-U", "postgres", "--no-sync")
        options = "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off".format(self.port)
        subprocess.run(
            [str(self.bin / "pg_ctl"), "-D", "data", "-l", "log", "-w", "-o", options, "start"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=self.environment,
            cwd=str(self.folder),
            preexec_fn=become_ordinary,
        )

    def stop(self) -> None:
        self.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def psql(self, database: str, script: str) -> bytes:
        return self.run("psql", "-qAtX", "-z", "-0", "-v", "ON_ERROR_STOP=1", database, script=script)

    def count(self, database: str) -> Dict[str, int]:
        fields = self.psql(database, COUNT_ALL).decode().split("\0")[:-1]
        return {fields[at]: int(fields[at + 1]) for at in range(0, len(fields), 2)}


def become_ordinary() -> None:
    """Drop root before a program of PostgreSQL starts: the server refuses to run as root."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def throwaway_server() -> Iterator[Server]:
    """Yield a running server; afterwards nothing of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-tests-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(str(folder), "nobody")
        made = Server(folder)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(str(folder))
