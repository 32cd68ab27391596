# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of every profile restore with the stock tool alone, row for row."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, postgres

from .archive_store import Made, read_manifest
from .db_probe import CHANGED_BY_BACKUPS, PREFIXES, count_rows, fingerprints
from .installation import Site
from .side_effects import processes

pytestmark = pytest.mark.faults


def empty_databases(lab: Lab) -> None:
    """As engine-setup leaves them on a new machine."""
    for name, owner, _password in lab.databases.values():
        postgres.query(lab, "postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        postgres.query(
            lab, "postgres", f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE template0 ENCODING \'UTF8\''
        )
        postgres.query(lab, name, f'GRANT ALL ON SCHEMA public TO "{owner}"')
        postgres.query(lab, name, 'CREATE EXTENSION "uuid-ossp"')


def restore(site: Site, archive: Path, log: Path) -> "subprocess.CompletedProcess[str]":
    """The stock command line, nothing of the collection."""
    path = f"{site.prefix}/bin:{os.environ['PATH']}"
    options = ["--mode=restore", f"--file={archive}", f"--log={log}", "--restore-permissions", "--keep-temporary-data"]
    command = [str(site.prefix / "bin/engine-backup"), *options]
    return subprocess.run(
        command, env={**os.environ, "PATH": path}, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def original(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, str]]]:
    """The content of the live databases before they are emptied; they are brought back whatever happens."""
    folder = tmp_path_factory.mktemp("original")
    dumps = {kind: folder / f"{kind}.dump" for kind in site.lab.databases}
    for kind, dump in dumps.items():
        run_client(site.lab, "pg_dump", site.lab.databases[kind].name, "--format=custom", f"--file={dump}")
    yield {kind: fingerprints(site, kind) for kind in site.lab.databases if kind in PREFIXES}
    empty_databases(site.lab)
    for kind, dump in dumps.items():
        run_client(site.lab, "pg_restore", site.lab.databases[kind].name, "--clean", "--if-exists", str(dump))


def run_client(lab: Lab, program: str, database: str, *options: str) -> None:
    where = ["-h", str(lab.socket), "-p", str(lab.port), "-U", "postgres", "-d", database]
    subprocess.run([str(lab.server_programs / program), *where, *options], check=True)


# The tests of the restores have the stock profile: it differs from fast in who compresses.
@pytest.mark.parametrize("profile", ["fast", "small"])
def test_the_stock_tool_restores_every_row_of_an_archive_of_profile(
    profile: str, made: Made, site: Site, original: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    before, said = processes(site), read_manifest(made.paths[profile])["databases"]
    grafana = site.prefix / "var/lib/grafana/grafana.db"
    grafana.unlink()
    empty_databases(site.lab)
    done = restore(site, made.paths[profile], tmp_path / "restore.log")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "Done."
    for kind, contents in original.items():
        assert count_rows(site, kind) == said[kind]["tables"]
        restored = fingerprints(site, kind)
        kept = [name for name in contents if rows_of(contents[name]) == said[kind]["tables"][name]]
        assert len(kept) > len(contents) - 10, "most tables can be compared by their content"
        assert {n: restored[n] for n in kept if n not in CHANGED_BY_BACKUPS} == {
            n: contents[n] for n in kept if n not in CHANGED_BY_BACKUPS}  # fmt: skip
    assert grafana.stat().st_size > 0
    assert processes(site) == before


def rows_of(fingerprint: str) -> int:
    return int(fingerprint.split()[0])
