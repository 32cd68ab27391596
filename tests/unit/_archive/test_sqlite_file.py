# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting an SQLite file leaves it, its side files and their times as they are, whatever mode it is in."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive import sqlite_file
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError

Seen = Dict[str, Tuple[bytes, int, int]]


def seen(directory: Path) -> Seen:
    found = {}
    for path in sorted(directory.iterdir()):
        status = path.stat()
        found[path.name] = (path.read_bytes(), status.st_mtime_ns, status.st_ino)
    return found


@pytest.fixture
def grafana(tmp_path: Path) -> Path:
    """Grafana's directory; the temporary copies go elsewhere."""
    directory = tmp_path / "grafana"
    directory.mkdir()
    return directory / "grafana.db"


def make(path: Path, mode: str) -> Any:
    connection = sqlite3.connect(str(path))
    connection.execute("PRAGMA journal_mode=%s" % mode)
    connection.execute("CREATE TABLE dashboard (title TEXT)")
    connection.executemany("INSERT INTO dashboard VALUES (?)", [("one",), ("two",)])
    connection.commit()
    return connection


def kill_a_writer(path: Path) -> None:
    """Leave what a Grafana leaves that is killed in a transaction that has reached the file."""
    program = (
        "import os, sqlite3; c = sqlite3.connect(%r); c.execute('PRAGMA cache_size=1'); c.execute('BEGIN');"
        "c.executemany('INSERT INTO dashboard VALUES (?)', [('x' * 2000,)] * 500); os._exit(0)" % str(path)
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_rows_that_are_in_the_wal_only_are_counted_and_nothing_is_touched(grafana: Path) -> None:
    connection = make(grafana, "WAL")
    try:
        before = seen(grafana.parent)
        assert sorted(before) == ["grafana.db", "grafana.db-shm", "grafana.db-wal"]
        assert sqlite_file.count_tables(str(grafana)) == {"dashboard": 2}
        assert seen(grafana.parent) == before
    finally:
        connection.close()


def test_file_in_wal_mode_without_side_files_gets_none(grafana: Path) -> None:
    make(grafana, "WAL").close()
    before = seen(grafana.parent)
    assert list(before) == ["grafana.db"]
    assert sqlite_file.count_tables(str(grafana)) == {"dashboard": 2}
    assert seen(grafana.parent) == before


def test_hot_journal_counts_as_rolled_back_and_stays(grafana: Path) -> None:
    make(grafana, "DELETE").close()
    kill_a_writer(grafana)
    before = seen(grafana.parent)
    assert sorted(before) == ["grafana.db", "grafana.db-journal"]
    assert sqlite_file.count_tables(str(grafana)) == {"dashboard": 2}
    assert seen(grafana.parent) == before


def test_each_write_in_wal_mode_is_seen_as_a_change(grafana: Path) -> None:
    connection = make(grafana, "WAL")
    try:
        before = sqlite_file.count_changes(str(grafana))
        connection.execute("INSERT INTO dashboard VALUES ('three')")
        connection.commit()
        assert sqlite_file.count_changes(str(grafana)) > before
    finally:
        connection.close()


def test_file_that_is_written_all_the_time_is_an_error(grafana: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(grafana, "DELETE").close()
    clock = iter(range(1000))

    def touch(_seconds: float = 0) -> None:
        os.utime(str(grafana), ns=(0, next(clock)))

    original = sqlite_file._copy
    monkeypatch.setattr(sqlite_file.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(sqlite_file, "_copy", lambda source, target: (original(source, target), touch()))
    with pytest.raises(BackupError, match="written all the time"):
        sqlite_file.count_tables(str(grafana))


def test_copy_of_a_killed_process_goes_with_the_next_one_and_nobody_elses(
    grafana: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make(grafana, "DELETE").close()
    own = ".engine_backup-sqlite-%d-%s-x" % (os.getpid(), sqlite_file.start_time_of(os.getpid()))
    for name in (".engine_backup-sqlite-%d-1-x" % os.getpid(), own, ".engine_backup-other"):
        (tmp_path / name).mkdir()
    sqlite_file.count_tables(str(grafana))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([own, ".engine_backup-other", "grafana"])


def test_side_files_of_the_old_file_are_removed_with_their_names(grafana: Path) -> None:
    for suffix in ("", "-wal", "-journal"):
        Path(str(grafana) + suffix).touch()
    assert sqlite_file.remove_side_files(str(grafana)) == [str(grafana) + "-wal", str(grafana) + "-journal"]
    assert [path.name for path in grafana.parent.iterdir()] == ["grafana.db"]
