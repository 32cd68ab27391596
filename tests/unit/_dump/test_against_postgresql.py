# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers find is what the server has and what psql would load, for a database made to mislead."""

import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._dump.reader import DumpError
from unit.fakes.dumps import read_bytes as read_all
from unit.fakes.errors import error_of
from unit.fakes.throwaway_server import Server, throwaway_server

pytestmark = pytest.mark.postgresql

RECORDED = Path(__file__).resolve().parents[1] / "recorded_dumps"
STOCK = ["-E", "UTF8", "--disable-dollar-quoting", "--disable-triggers"]
FLAGS = {
    "custom": [*STOCK, "--format=custom"],
    "custom without compression": [*STOCK, "--format=custom", "--compress=0"],
    "plain": [*STOCK, "--format=plain", "--no-owner", "--no-privileges"],
    "plain with owners": [*STOCK, "--format=plain"],
    "plain with dollar quotes": ["-E", "UTF8", "--format=plain"],
    "plain with everything": ["--format=plain", "--verbose", "--create", "--clean", "--quote-all-identifiers"],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with throwaway_server(tmp_path_factory.mktemp("dumps")) as made:
        made.psql("postgres", "CREATE DATABASE nasty")
        made.psql("nasty", 'CREATE SCHEMA ext; CREATE EXTENSION "uuid-ossp" SCHEMA ext')
        for script in ("nasty-roles.sql", "nasty.sql", "nasty-grants.sql"):
            made.psql("nasty", (RECORDED / script).read_text(encoding="utf-8"))
        yield made


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


def test_owners_and_grantees_are_found(server: Server) -> None:
    found = read_all(server.run("pg_dump", *FLAGS["custom"], "nasty"))
    assert found.owners == ["engine", "postgres"]
    assert found.grantees == ['Role with " and TO x', "column_reader", "default_reader", "grafana_reader"]
    assert found.grantees == read_all(server.run("pg_dump", *FLAGS["plain with owners"], "nasty")).grantees


def test_what_pg_restore_prints_has_the_same_rows(server: Server, tmp_path: Path) -> None:
    custom = tmp_path / "redirected.dump"
    command = [str(server.bin / "pg_dump"), *FLAGS["custom"], "nasty"]
    with custom.open("wb") as target:
        subprocess.run(command, stdout=target, env=server.environment, check=True)
    found = read_all(server.run("pg_restore", "-f", "-", str(custom)))
    assert found.format == "plain"
    assert found.tables == read_all(custom.read_bytes()).tables == server.count("nasty")


def test_psql_loads_the_rows_that_were_counted(server: Server) -> None:
    dump = server.run("pg_dump", *FLAGS["plain"], "nasty")
    server.psql("postgres", "CREATE DATABASE again")
    server.psql("again", dump.decode())
    assert server.count("again") == read_all(dump).tables


def test_rows_as_insert_statements_are_refused(server: Server) -> None:
    for kind in ("--format=custom", "--format=plain"):
        error = error_of(DumpError, read_all, server.run("pg_dump", kind, "--inserts", "nasty"))
        assert error.code == "dump_unreadable"
