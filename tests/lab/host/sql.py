# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL with the configured credentials, by the lab's own psql, pg_dump and pg_restore."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..layout import Lab
from .configured import Credentials

CLEAR = """
SET client_min_messages = error;
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT table_name AS n FROM information_schema.views WHERE table_schema = 'public'
  LOOP EXECUTE format('DROP VIEW IF EXISTS public.%I CASCADE', r.n); END LOOP;
  FOR r IN SELECT table_name AS n FROM information_schema.tables WHERE table_schema = 'public'
  LOOP EXECUTE format('DROP TABLE IF EXISTS public.%I CASCADE', r.n); END LOOP;
  FOR r IN SELECT sequence_name AS n FROM information_schema.sequences WHERE sequence_schema = 'public'
  LOOP EXECUTE format('DROP SEQUENCE IF EXISTS public.%I CASCADE', r.n); END LOOP;
  FOR r IN SELECT t.typname AS n FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
           WHERE c.relkind = 'c' AND c.relnamespace = 'public'::regnamespace
  LOOP EXECUTE format('DROP TYPE IF EXISTS public.%I CASCADE', r.n); END LOOP;
  FOR r IN SELECT oid::regprocedure AS n FROM pg_proc
           WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'uuid_%'
  LOOP EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', r.n); END LOOP;
  FOR r IN SELECT schema_name AS n FROM information_schema.schemata WHERE schema_owner = current_user
  LOOP EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', r.n); END LOOP;
  -- A real engine has none; the lab's would be in the way of its own dump.
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata WHERE lomowner = current_user::regrole;
END $$;
"""
COUNT_TABLES = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public'"

DUMPERS = {"engine": "OVESETUP_DB/dumper", "dwh": "OVESETUP_DWH_DB/dumper", "keycloak": "OVESETUP_KEYCLOAK_DB/dumper"}


class SqlError(RuntimeError):
    """What the server or its client said."""


class Database:
    """One database seen with one set of credentials."""

    def __init__(self, lab: Lab, credentials: Credentials) -> None:
        self.lab = lab
        self.credentials = credentials

    def query(self, statement: str) -> str:
        """Run SQL; what it prints."""
        words = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
        return self._run(words, statement)

    def is_new(self) -> bool:
        """Whether it holds no table."""
        return self.query(COUNT_TABLES) == "0"

    def has_table(self, name: str) -> bool:
        """Whether a table or view of that name is there."""
        return self.query("SELECT to_regclass('{}') IS NOT NULL".format(name)) == "t"

    def clear(self) -> None:
        """Drop what the setup programs drop; the extension and the rights stay."""
        self.query(CLEAR)

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
        with self._passwords() as environment:
            if dumper == "pg_plain":
                words = self._words(["psql", "-w", "-q", "-o", os.devnull, "-f", str(path)])
            else:
                words = [*self._words(["pg_restore", "-w"]), str(path)]
            subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, check=False)

    def _run(self, words: list[str], text: str = "") -> str:
        with self._passwords() as environment:
            done = subprocess.run(
                self._words(words), input=text, env=environment, text=True, capture_output=True, check=False
            )
        if done.returncode != 0:
            raise SqlError(done.stderr.strip())
        return done.stdout.rstrip("\n")

    def _words(self, words: list[str]) -> list[str]:
        host, port, user, _password, database = self.credentials
        where = ["-h", host, "-p", port, "-U", user, "-d", database]
        return [str(self.lab.server_programs / words[0]), *words[1:], *where, *(["-w"] if "-w" not in words else [])]

    @contextmanager
    def _passwords(self) -> Iterator[dict[str, str]]:
        escaped = self.credentials.password.replace("\\", "\\\\").replace(":", "\\:")
        descriptor, path = tempfile.mkstemp()
        try:
            os.write(descriptor, "*:*:*:*:{}\n".format(escaped).encode())
            os.close(descriptor)
            yield {**os.environ, "PGPASSFILE": path, "PGCONNECT_TIMEOUT": "10"}
        finally:
            os.unlink(path)
