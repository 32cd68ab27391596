# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana's database where engine-backup is harsh: its side files, and a configuration that names another place."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from lab.driver import Machine, Run

SIDE_FILES = ("grafana.db-wal", "grafana.db-shm", "grafana.db-journal")
# grafana-server that writes and is killed: its side files stay.
WRITER = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = " + sys.argv[2])
if sys.argv[2] == "wal":
    connection.execute("PRAGMA wal_autocheckpoint = 0")
else:
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
for statement in sys.argv[3:]:
    connection.execute(statement)
os.kill(os.getpid(), signal.SIGKILL)
"""
ADD = "INSERT INTO dashboard (slug, title, data) SELECT 'n' || id, 'New', hex(randomblob(2000)) FROM dashboard"
CHANGE = "UPDATE dashboard SET title = 'half', data = hex(randomblob(2000))"


def write_and_die(path: Path, mode: str, *statements: str) -> None:
    """Some statements of a process that is killed before it could tidy up."""
    done = subprocess.run([sys.executable, "-c", WRITER, str(path), mode, *statements], check=False)
    assert done.returncode == -signal.SIGKILL


def files_of(archive: Path, folder: Path) -> list[str]:
    """Names below /var/lib/grafana in the files part."""
    with tarfile.open(archive) as outer:
        outer.extract("./files", folder)
    with tarfile.open(folder / "files") as inner:
        return sorted(Path(name).name for name in inner.getnames() if name.startswith("var/lib/grafana/"))


def dashboards(path: Path) -> int:
    """Rows, as a program reads them that opens the file like any other."""
    with sqlite3.connect(path) as connection:
        (found,) = connection.execute("SELECT count(*) FROM dashboard").fetchone()
    connection.close()
    return int(found)


def test_side_files_are_in_the_files_part_and_grafana_db_is_not(machine: Machine) -> None:
    for name in SIDE_FILES[:2]:
        (machine.prefix / "var/lib/grafana" / name).write_bytes(b"")
    archive = machine.backup()
    # The third would be taken for a hot journal and removed by whoever reads the database.
    (machine.prefix / "var/lib/grafana" / SIDE_FILES[2]).write_bytes(b"")
    other = machine.directory / "files.backup"
    run = machine.run(
        "engine-backup", "--mode=backup", "--scope=files", "--file={}".format(other), "--log={}.log".format(other)
    )
    assert run.rc == 0, run.stderr
    assert set(SIDE_FILES[:2]) <= set(files_of(archive, machine.directory))
    found = files_of(other, machine.directory)
    assert (SIDE_FILES[2] in found, "grafana.db" in found, "plugins" in found) == (True, False, True)


def restore(machine: Machine, archive: Path) -> Run:
    """Grafana's database alone, with the engine down."""
    machine.run("systemctl", "stop", "ovirt-engine")
    return machine.run(
        "engine-backup",
        "--mode=restore",
        "--scope=grafanadb",
        "--no-restore-permissions",
        "--file={}".format(archive),
        "--log={}/grafana.log".format(machine.directory),
    )


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_stale_side_file_changes_what_was_restored(machine: Machine, mode: str) -> None:
    path = machine.prefix / "var/lib/grafana/grafana.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = wal" if mode == "wal" else "PRAGMA journal_mode = delete")
    connection.close()
    old = dashboards(path)
    archived = path.read_bytes()
    write_and_die(path, mode, *([ADD] if mode == "wal" else [ADD, ADD, CHANGE]))
    stale = path.with_name("grafana.db-wal" if mode == "wal" else "grafana.db-journal")
    kept = stale.read_bytes()
    assert len(kept) > 1000
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM dashboard WHERE id > 5")
        connection.execute("CREATE TABLE newer (id INTEGER PRIMARY KEY)")
    connection.close()
    archive = machine.backup()
    newest = dashboards(path)
    assert (newest, old) == (5, 30)
    path.write_bytes(archived)
    stale.write_bytes(kept)
    run = restore(machine, archive)
    assert (run.rc, stale.exists()) == (0, True)
    try:
        found: int | str = dashboards(path)
    except sqlite3.DatabaseError as error:
        found = str(error)
    assert found != newest


def test_configuration_that_names_another_database_is_not_looked_at(machine: Machine) -> None:
    """What is saved and restored is the file at the usual place, stale as it is."""
    elsewhere, usual = machine.prefix / "srv/grafana/real.db", machine.prefix / "var/lib/grafana/grafana.db"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(usual.read_bytes())
    with sqlite3.connect(elsewhere) as connection:
        connection.execute("DELETE FROM dashboard")
    connection.close()
    ini = machine.prefix / "etc/grafana/grafana.ini"
    ini.write_text("[database]\ntype = sqlite3\npath = {}\n".format(elsewhere), encoding="utf-8")
    archive = machine.backup()
    with tarfile.open(archive) as outer:
        outer.extract("./db/grafana.db", machine.directory)
    assert (dashboards(machine.directory / "db/grafana.db"), dashboards(elsewhere)) == (30, 0)
    with tarfile.open(archive) as outer:
        outer.extract("./files", machine.directory)
    with tarfile.open(machine.directory / "files") as inner:
        assert "etc/grafana/grafana.ini" in inner.getnames()
        assert not [name for name in inner.getnames() if name.endswith("real.db")]
    run = restore(machine, archive)
    assert (run.rc, dashboards(elsewhere)) == (0, 0)
