# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real engine host of a backup."""

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.manifest import SUFFIX
from ansible_collections.ovirt.backup.plugins.module_utils._common import files
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, CommandError
from ansible_collections.ovirt.backup.plugins.module_utils._engine import host_session
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.host import EngineHost
from unit.fakes import archives, world
from unit.fakes.engine_host import make_installation
from unit.fakes.errors import error_of
from unit.fakes.machine import make_certificate


def begin(folder: Path, name: str = "one.backup") -> Any:
    (folder / "tmp").mkdir(exist_ok=True)
    host = EngineHost("")
    host.session.lock(str(folder))
    stage, work = host.session.begin(str(folder / name), str(folder / "tmp"), "/log")
    return host, Path(stage), Path(work)


def visible(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("tmp", files.LOCK_NAME))


def test_run_begins_with_private_directories_that_its_state_names(tmp_path: Path) -> None:
    host, stage, work = begin(tmp_path)
    state = files.read_json(str(tmp_path / files.STATE_NAME), files.STATE_LIMIT)
    assert state is not None
    assert state["directories"] == [str(stage), str(work)]
    assert (state["phase"], state["pid"]) == ("starting", os.getpid())
    assert [path.stat().st_mode & 0o777 for path in (stage, work)] == [0o700, 0o700]
    assert (stage.parent, work.parent) == (tmp_path, tmp_path / "tmp")
    host.session.note_phase("proving")
    state = files.read_json(str(tmp_path / files.STATE_NAME), files.STATE_LIMIT)
    assert state is not None and state["phase"] == "proving" and state["since"].endswith("Z")


def test_finished_run_leaves_nothing(tmp_path: Path) -> None:
    host, stage, work = begin(tmp_path)
    (stage / "archive").write_text("half")
    (work / "engine-backup.x").mkdir()
    for each in (EngineHost(""), host, host):  # one without a run, one with a run, and that again
        each.session.finish()
    assert visible(tmp_path) == visible(tmp_path / "tmp") == []
    with pytest.raises(FileNotFoundError):
        host.session.begin(str(tmp_path / "one.backup"), str(tmp_path / "nowhere"), "/log")
    assert visible(tmp_path) != []
    host.session.finish()
    assert visible(tmp_path) == []


def test_published_archive_stands_beside_its_manifest_and_nothing_else(tmp_path: Path) -> None:
    host, stage, _work = begin(tmp_path)
    (stage / "archive").write_bytes(b"proven")
    host.archives.publish(str(stage / "archive"), str(tmp_path / "one.backup"), world.manifest())
    host.session.finish()
    assert visible(tmp_path) == ["one.backup", "one.backup" + SUFFIX]
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in visible(tmp_path)] == [0o600, 0o600]
    assert (tmp_path / "one.backup").stat().st_nlink == 1
    assert host.archives.read_manifest(str(tmp_path / "one.backup")) == (world.manifest(), [])


@pytest.mark.parametrize("taken", ["one.backup", "one.backup" + SUFFIX])
def test_file_that_appeared_meanwhile_is_left_as_it_is(tmp_path: Path, taken: str) -> None:
    host, stage, _work = begin(tmp_path)
    (stage / "archive").write_bytes(b"proven")
    (tmp_path / taken).write_text("of somebody else")
    path = str(tmp_path / "one.backup")
    error = error_of(BackupError, host.archives.publish, str(stage / "archive"), path, world.manifest())
    assert (error.code, taken in error.message) == ("path_exists", True)
    host.session.finish()
    if taken == "one.backup":
        assert visible(tmp_path) == [taken]
        assert (tmp_path / taken).read_text() == "of somebody else"
    else:
        assert not (tmp_path / "one.backup").exists()


def test_leftovers_are_seen_only_where_no_run_is_under_way(tmp_path: Path) -> None:
    host, stage, work = begin(tmp_path)
    other = EngineHost("")
    assert error_of(BackupError, other.session.lock, str(tmp_path)).code == "locked"
    assert other.session.list_leftovers(str(tmp_path)) == []
    assert host.session.list_leftovers(str(tmp_path)) == [str(stage), str(work)]
    host.session.unlock()
    host.session.unlock()
    assert not other.session.is_locked(str(tmp_path))
    assert other.session.list_leftovers(str(tmp_path)) == [str(stage), str(work)]
    assert other.session.list_leftovers(str(tmp_path / "nowhere")) == []


def test_manifests_are_those_that_can_be_used_and_have_an_archive(tmp_path: Path) -> None:
    for name in ("b", "a", "garbled"):
        (tmp_path / name).write_text("x")
    for name in ("b", "a", "gone"):
        files.write_json(str(tmp_path / (name + SUFFIX)), world.manifest())
    (tmp_path / ("garbled" + SUFFIX)).write_text("{")
    found = EngineHost("").archives.list_manifests(str(tmp_path))
    assert [path for path, _manifest in found] == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_proven_archive_is_the_one_of_its_manifest_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    path.write_bytes(b"proven")
    host = EngineHost("")
    sha256 = world.member("x", b"proven").sha256
    assert host.archives.check_proven(str(path), world.manifest(size=6, sha256=sha256)) == []
    for changes in ({"size": 7, "sha256": sha256}, {"size": 6, "sha256": "0" * 64}):
        found = host.archives.check_proven(str(path), world.manifest(**changes))
        assert [item.code for item in found] == ["manifest_disagrees"]


def test_tool_runs_with_its_session_in_the_state(tmp_path: Path) -> None:
    host, _stage, work = begin(tmp_path)
    script = "cat %s/%s; echo Done." % (tmp_path, files.STATE_NAME)
    deadline = "while grep -q '\"session\": 0' %s/%s; do sleep 0.02; done; " % (tmp_path, files.STATE_NAME)
    result = host.tool.run_tool(["sh", "-c", deadline + script], 20, str(work / "tool"))
    assert result.returncode == 0
    assert '"session_start": ""' not in result.stdout
    assert result.stdout.endswith("Done.\n")


@pytest.mark.skipif(not shutil.which("zstd"), reason="needs zstd")
def test_packed_archive_can_be_read_back_and_packing_that_fails_is_named(tmp_path: Path) -> None:
    host, stage, work = begin(tmp_path)
    (work / "archive").write_bytes(archives.make_archive())
    host.tool.pack(str(work / "archive"), str(stage / "archive"), 20)
    assert not (work / "archive").exists()
    reading = host.archives.read_archive(str(stage / "archive"), "full", str(work))
    assert (reading.compressor, reading.problems) == ("zstd", ())
    error = error_of(CommandError, host.tool.pack, str(work / "nowhere"), str(stage / "archive"), 20)
    assert (error.code, "nowhere" in error.message) == ("packing_failed", True)


def test_certificates_are_read_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    text = make_certificate(tmp_path, "/O=lab/CN=engine.lab.test").read_text()
    found = EngineHost("").archives.read_certificates({"b": "no certificate", "a": text, "c": ""}, str(tmp_path))
    assert [item["path"] for item in found] == ["a"]
    assert found[0]["subject"] == "CN=engine.lab.test,O=lab"
    assert len(found[0]["not_after"]) == len("2026-11-22T13:43:52Z")


def test_sqlite_file_is_counted_without_changing_it(tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    archives.make_sqlite(path)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    found = EngineHost("").databases.count_sqlite(str(path)).tables
    assert {name: state.rows for name, state in found.items()} == {"dashboard": 3, 'odd "name': 0}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["grafana.db"]
    connection = sqlite3.connect(str(path))
    with connection:
        connection.execute("INSERT INTO dashboard (title) VALUES ('d')")
    connection.close()
    old, new = found["dashboard"], EngineHost("").databases.count_sqlite(str(path)).tables["dashboard"]
    assert new.rows == 4
    assert (new.inserted > old.inserted, new.deleted > old.deleted) == (True, True), "possible changes"


def test_sqlite_file_that_can_not_be_counted_is_named_or_empty(tmp_path: Path) -> None:
    count, path = EngineHost("").databases.count_sqlite, tmp_path / "grafana.db"
    assert error_of(BackupError, count, str(path)).code == "database_unreadable"
    path.write_bytes(b"")
    assert count(str(path)).tables == {}
    path.write_bytes(b"hello" * 1000)
    assert error_of(BackupError, count, str(path)).code == "database_unreadable"


def test_one_file_has_one_path_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(".")
    host = EngineHost("")
    assert host.files.same_path(str(tmp_path / "x"), str(tmp_path / "link" / "." / "x"))
    assert not host.files.same_path(str(tmp_path / "x"), str(tmp_path / "y"))
    (tmp_path / "dangling").symlink_to("nowhere")
    assert host.files.exists(str(tmp_path / "dangling"))


TAR_HELP = "#!/bin/sh\necho '  -z, --gzip%s'\n"


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ({"tar": TAR_HELP % " --zstd", "zstd": "#!/bin/sh\n"}, True),
        ({"tar": TAR_HELP % " --zstd"}, False),
        ({"tar": TAR_HELP % "", "zstd": "#!/bin/sh\n"}, False),
        ({"zstd": "#!/bin/sh\n"}, False),
    ],
    ids=["both", "no zstd", "old tar", "no tar"],
)
def test_tar_must_know_zstd_and_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Dict[str, str], expected: bool
) -> None:
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": str(tmp_path)}
    monkeypatch.setattr(host_session, "tool_environment", lambda _prefix: environment)
    assert EngineHost("").tool.tar_reads_zstd() is expected


def test_passwords_are_remembered_in_both_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"engine": world.settings("engine", "p:w", password_as_shell="p\\:w"), "dwh": world.settings("dwh")}
    monkeypatch.setattr(host_session, "read_installation", lambda _prefix, _asked: make_installation(settings=settings))
    host = EngineHost("")
    host.engine.read_installation("")
    assert set(host.passwords) == {"p:w", "p\\:w", "secret-of-dwh"}
