# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers find is what the server has and what psql would load, for a database made to mislead."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._dump.reader import DumpContents, DumpError, read_dump

pytestmark = pytest.mark.postgresql

RECORDED = Path(__file__).resolve().parents[1] / "recorded_dumps"
STOCK = ["-E", "UTF8", "--disable-dollar-quoting", "--disable-triggers"]
FLAGS = {
    "custom": [*STOCK, "--format=custom"],
    "custom without compression": [*STOCK, "--format=custom", "--compress=0"],
    "custom with dollar quotes": ["-E", "UTF8", "--format=custom"],
    "plain": [*STOCK, "--format=plain", "--no-owner", "--no-privileges"],
    "plain with owners": [*STOCK, "--format=plain"],
    "plain with dollar quotes": ["-E", "UTF8", "--format=plain"],
    "plain with everything": ["--format=plain", "--verbose", "--create", "--clean", "--quote-all-identifiers"],
}
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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="dump-tests-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(str(folder), "nobody")
        made = Server(folder)
        made.start()
        try:
            made.psql("postgres", "CREATE DATABASE nasty")
            made.psql("nasty", 'CREATE SCHEMA ext; CREATE EXTENSION "uuid-ossp" SCHEMA ext')
            for script in ("nasty-roles.sql", "nasty.sql", "nasty-grants.sql"):
                made.psql("nasty", (RECORDED / script).read_text(encoding="utf-8"))
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(str(folder))


def read_all(data: bytes) -> DumpContents:
    pieces = [data]
    return read_dump(lambda _size: pieces.pop() if pieces else b"")


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS.keys())
def test_rows_in_the_dump_are_the_rows_in_the_database(server: Server, flags: List[str]) -> None:
    live = server.count("nasty")
    found = read_all(server.run("pg_dump", *flags, "nasty"))
    assert len(live) == 20
    assert sum(live.values()) > 1000
    assert found.tables == live
    assert found.large_objects == 3
    assert found.extensions == ["uuid-ossp"]
    assert found.schemas == ["Odd.Schema", "aaa_jdbc", "empty_schema", "ext", "public"]


def test_dump_file_written_by_redirection_is_read(server: Server) -> None:
    path = server.folder / "redirected.dump"
    with path.open("wb") as target:
        subprocess.run(
            [str(server.bin / "pg_dump"), *FLAGS["custom"], "nasty"], stdout=target, env=server.environment, check=True
        )
    assert read_all(path.read_bytes()).tables == server.count("nasty")


def test_owners_and_grantees_are_found(server: Server) -> None:
    found = read_all(server.run("pg_dump", *FLAGS["custom"], "nasty"))
    assert found.owners == ["engine", "postgres"]
    assert found.grantees == ['Role with " and TO x', "column_reader", "default_reader", "grafana_reader"]
    assert found.grantees == read_all(server.run("pg_dump", *FLAGS["plain with owners"], "nasty")).grantees


def test_what_pg_restore_prints_has_the_same_rows(server: Server) -> None:
    custom = server.folder / "to-print.dump"
    custom.write_bytes(server.run("pg_dump", *FLAGS["custom"], "nasty"))
    found = read_all(server.run("pg_restore", "-f", "-", str(custom)))
    assert found.format == "plain"
    assert found.tables == read_all(custom.read_bytes()).tables


def test_psql_loads_the_rows_that_were_counted(server: Server) -> None:
    dump = server.run("pg_dump", *FLAGS["plain"], "nasty")
    server.psql("postgres", "CREATE DATABASE again")
    server.psql("again", dump.decode())
    assert server.count("again") == read_all(dump).tables


def test_rows_as_insert_statements_are_refused(server: Server) -> None:
    for kind in ("--format=custom", "--format=plain"):
        with pytest.raises(DumpError) as caught:
            read_all(server.run("pg_dump", kind, "--inserts", "nasty"))
        assert caught.value.code == "dump_unreadable"
