# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL with the configured credentials, by the lab's own psql, pg_dump and pg_restore."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..layout import Lab
from .configured import Credentials

BARE = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
COUNT_TABLES = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public'"

DUMPERS = {"engine": "OVESETUP_DB/dumper", "dwh": "OVESETUP_DWH_DB/dumper", "keycloak": "OVESETUP_KEYCLOAK_DB/dumper"}


LEVEL = re.compile(r"^(psql:\S*:\d+: )?(ERROR|FATAL): +")
REFUSED = 3  # how psql ends where the server did not want a statement; without a connection it ends with 2


class SqlError(RuntimeError):
    """No connection, or a program that failed: what the client said."""


class StatementError(RuntimeError):
    """The server refused a statement: what it said."""


def without_level(text: str) -> str:
    """The message as drivers give it."""
    return LEVEL.sub("", text)


class Database:
    """One database seen with one set of credentials."""

    def __init__(self, lab: Lab, credentials: Credentials) -> None:
        self.lab = lab
        self.credentials = credentials

    def query(self, statement: str) -> str:
        """Run SQL; what it prints."""
        return self._run(BARE, statement)

    def values(self, statement: str) -> list[str]:
        """Run SQL that asks for one column; what it found, line breaks included."""
        return self._run([*BARE, "--record-separator-zero"], statement).split("\0")[:-1]

    def is_new(self) -> bool:
        """Whether it holds no table."""
        return self.query(COUNT_TABLES) == "0"

    def has_table(self, name: str) -> bool:
        """Whether a table or view of that name is there."""
        return self.query("SELECT to_regclass('{}') IS NOT NULL".format(name)) == "t"

    def dump(self, directory: Path, prefix: str) -> Path:
        """An empty file with a new name in that directory, readable by its owner only."""
        directory.mkdir(parents=True, exist_ok=True)
        stem = "{}-{}.".format(prefix, time.strftime("%Y%m%d%H%M%S"))
        descriptor, name = tempfile.mkstemp(prefix=stem, suffix=".dump", dir=directory)
        os.close(descriptor)
        return Path(name)

    def write_dump(self, path: Path, dumper: str = "pg_custom") -> None:
        """Fill the file that dump() made."""
        form = "--format=" + dumper.removeprefix("pg_")
        options = ["-E", "UTF8", "--disable-dollar-quoting", "--disable-triggers", form]
        self._run(["pg_dump", *options, "-f", str(path)])

    def restore(self, path: Path, dumper: str = "pg_custom") -> None:
        """Load a dump; what the server refuses is passed over, as when the extension is there already."""
        with self.passwords() as environment:
            if dumper == "pg_plain":
                words = self.words(["psql", "-w", "-q", "-o", os.devnull, "-f", str(path)])
            else:
                words = [*self.words(["pg_restore", "-w"]), str(path)]
            subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, check=False)

    def _run(self, words: list[str], text: str = "") -> str:
        with self.passwords() as environment:
            done = subprocess.run(
                self.words(words), input=text, env=environment, text=True, capture_output=True, check=False
            )
        if done.returncode == REFUSED and words[0] == "psql":
            raise StatementError(without_level(done.stderr.strip()))
        if done.returncode != 0:
            raise SqlError(done.stderr.strip())
        return done.stdout.rstrip("\n")

    def words(self, words: list[str]) -> list[str]:
        """The command line of a client that connects with the credentials."""
        host, port, user, _password, database = self.credentials
        where = ["-h", host, "-p", port, "-U", user, "-d", database]
        return [str(self.lab.server_programs / words[0]), *words[1:], *where, *(["-w"] if "-w" not in words else [])]

    @contextmanager
    def passwords(self) -> Iterator[dict[str, str]]:
        """The environment of such a client, with the password in a file for as long as it runs."""
        escaped = self.credentials.password.replace("\\", "\\\\").replace(":", "\\:")
        descriptor, path = tempfile.mkstemp()
        try:
            os.write(descriptor, "*:*:*:*:{}\n".format(escaped).encode())
            os.close(descriptor)
            yield {**os.environ, "PGPASSFILE": path, "PGCONNECT_TIMEOUT": "10"}
        finally:
            os.unlink(path)
