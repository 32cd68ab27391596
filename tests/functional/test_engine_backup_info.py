# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup_info reads good archives to their last row, and does nothing else."""

import bz2
import calendar
import gzip
import lzma
import re
import tarfile
from pathlib import Path

import pytest
from lab import start, stop

from .archive_mutations import Part, Parts, hashed, pack, part, replace, unpack, without
from .archive_steps import in_turns
from .archive_store import Made, copy_archive
from .installation import read_site
from .playbooks import Engine, Result, backup, codes, info
from .side_effects import photograph
from .watch import Watch

ALLOWED_PEAK = 150 * 1024
LARGE_SCALE = 12  # about 80 MB of databases


@pytest.fixture(scope="module")
def variants(proven: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good archives as other versions and other options make them, none with a manifest."""
    folder = tmp_path_factory.mktemp("variants")
    parts = unpack(proven["stock"])
    pack(hashed(without(parts, "os_version"), "md5sum"), folder / "of_an_old_engine.backup", bz2.compress)
    pack(hashed(replace(parts, "version", lambda _old: b"4.3.9\n")), folder / "of_4_3.backup", lzma.compress)
    pack(hashed(replace(parts, "version", lambda _old: b"4.5.99\n")), folder / "of_a_newer_engine.backup", bytes)
    pack(hashed(without(parts, "files")), folder / "databases.backup")
    changed = replace(replace(parts, "db/engine_backup.db", lzma.compress), "config", declare_xz)
    pack(hashed(changed), folder / "with_xz_dumps.backup")
    for path in folder.iterdir():
        path.chmod(0o640)
    return folder


def declare_xz(config: bytes) -> bytes:
    return re.sub(rb"^(DB_DUMP_COMPRESSOR=)$", rb"\1xz", config, flags=re.MULTILINE)


def by_name(result: Result) -> dict[str, Result]:
    assert not result.get("failed"), result
    return {Path(report["path"]).stem: report for report in result["archives"]}


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path, "python")


def test_archives_of_every_profile_are_good_to_the_last_row_and_reading_them_changes_nothing(
    engine: Engine, made: Made, tmp_path: Path, watch: Watch
) -> None:
    archives, tmpdir = tmp_path / "archives", tmp_path / "tmpdir"
    archives.mkdir()
    tmpdir.mkdir()
    for path in made.paths.values():
        copy_archive(path, archives / path.name).chmod(0o440)
    before = photograph(archives)
    result, by_manifest = engine.play(
        watch.task(info(path=archives, verify="full", tmpdir=tmpdir)), info(path=archives, verify="manifest")
    )
    for name, report in by_name(by_manifest).items():
        read = by_name(result)[name]
        databases = {kind: dict(dump, dump_version=None) for kind, dump in read["databases"].items()}
        began = report["created"]  # the archive tells only what is newest in it
        assert report == dict(read, databases=databases, files=None, hosted_engine=None, created=began)
        assert began <= read["created"]
    for profile, report in by_name(result).items():
        assert report["ok"] and report["manifest"], report["problems"]
        archive = made.results[profile]["archive"]
        shared = ("size", "sha256", "version", "os_version", "scopes")
        assert {key: report[key] for key in shared} == {key: archive[key] for key in shared}
        for kind, read in report["databases"].items():
            keys = ("file", "format", "compressor", "size", "tables", "rows")
            assert {key: read[key] for key in keys} == {key: archive["databases"][kind][key] for key in keys}
    assert photograph(archives) == before
    assert not list(tmpdir.iterdir())

    seen = watch.report()
    own = (str(tmpdir), str(engine.scratch), str(watch.path))
    assert not [path for path in seen.changed if not path.removeprefix("file:").startswith(own)]
    copied = any(path.startswith(str(tmpdir)) for path in seen.changed)
    assert copied == ("grafanadb" in engine.site.scopes), "the copy of the SQLite file was seen"
    assert {Path(command.split()[0]).name for command in seen.started} <= {"zstd"}
    assert seen.peak < ALLOWED_PEAK


def test_archives_of_other_versions_and_options_are_good_and_what_was_asked_for_must_be_in_them(
    engine: Engine, made: Made, variants: Path, tmp_path: Path
) -> None:
    installed = made.results["stock"]["archive"]["version"]
    parts = unpack(made.paths["stock"])
    dumps = [item.name for item in parts if item.name.startswith("db/")]
    files = pack(hashed(without(parts, *dumps)), tmp_path / "files.backup")
    aged = make_aged(parts, tmp_path / "aged")
    result, lacking, bare, enough, missing, listed = engine.play(
        info(path=variants, verify="full", installed_version=installed),
        info(path=variants / "databases.backup", scope=["files", "db"]),
        info(path=files, verify="full"),
        info(path=files, verify="full", scope=["files"]),
        info(path=tmp_path / "nowhere.backup"),
        info(path=aged, verify="none"),
    )
    found = by_name(result)
    assert {name: codes(report) for name, report in found.items()} == dict.fromkeys(found, [])
    assert len(found) == 5
    assert found["of_an_old_engine"]["os_version"] == "" and found["of_an_old_engine"]["compressor"] == "bzip2"
    assert "files" not in found["databases"]["scopes"]
    packed = found["with_xz_dumps"]["databases"]["engine"]
    assert (packed["compressor"], packed["rows"]) == ("xz", found["databases"]["databases"]["engine"]["rows"])

    restorable = {name: report["restorable"] for name, report in found.items()}
    refused = {name for name, answer in restorable.items() if not answer["ok"]}
    assert refused == {"of_4_3", "of_a_newer_engine"}
    assert all(bool(answer["reason"]) != answer["ok"] for answer in restorable.values())
    assert {answer["installed_version"] for answer in restorable.values()} == {installed}

    assert codes(lacking["archives"][0]) == ["files_missing"]
    assert set(codes(bare["archives"][0])) == {"dump_missing"}, "its own setup state says what was set up"
    assert codes(enough["archives"][0]) == []
    assert missing["failed"] and missing["code"] == "archive_missing"

    assert [Path(report["path"]).stem for report in listed["archives"]] == ["c", "b", "a"], "newest inside first"
    assert [report["created"][:4] for report in listed["archives"]] == ["2024", "2023", "2022"]
    assert {report["sha256"] for report in listed["archives"]} == {None}


def make_aged(parts: Parts, folder: Path) -> Path:
    """A directory with archives of several years, and files that are none."""
    folder.mkdir()
    for name, year in (("b", 2023), ("c", 2024), ("a", 2022)):
        aged = [aged_part(item.info, item.content, calendar.timegm((year, 7, 1, 0, 0, 0))) for item in parts]
        pack(aged, folder / f"{name}.backup")
    (folder / "notes.txt").write_text("not an archive, not named like one")
    (folder / ".hidden.backup").write_bytes(b"")
    return folder


def aged_part(header: tarfile.TarInfo, content: bytes, mtime: int) -> Part:
    aged = part(header.name, content, header.type)
    aged.info.mtime = mtime
    return aged


@pytest.mark.faults
def test_memory_stays_small_whatever_the_size(tmp_path: Path, closed: Path) -> None:
    home, profiles = tmp_path / "lab", ("fast", "small")
    lab = start(home, scale=LARGE_SCALE, components="engine+dwh")
    try:
        host = Engine(read_site(lab.inventory), tmp_path / "ansible")
        watches = {name: Watch(tmp_path, name) for name in (*profiles, "info")}
        *results, read = in_turns(
            host,
            *(watches[name].task(backup(path=closed / f"{name}.backup", profile=name)) for name in profiles),
            lambda: (closed / "again.backup").write_bytes(gzip.compress((closed / "fast.backup").read_bytes(), 1)),
            watches["info"].task(info(path=closed, verify="full")),
        )
    finally:
        stop(home, remove=True)
    assert [result["changed"] for result in results] == [True, True], [result.get("msg") for result in results]
    found = by_name(read)
    assert {name: report["ok"] for name, report in found.items()} == {"again": True, "fast": True, "small": True}
    assert found["fast"]["size"] > 10 << 20, "the archive is large"
    peaks = {name: watch.report().peak for name, watch in watches.items()}
    assert max(peaks.values()) < ALLOWED_PEAK, peaks
