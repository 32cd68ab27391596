# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Good archives, however they are packed: read once, read right, and left as they are."""

import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.manifest import describe_dumps
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import (
    ArchiveReading,
    check_archive,
    created_of,
    scopes_of,
)
from ansible_collections.ovirt.backup.plugins.module_utils._archive.reader import (
    hash_file,
    is_archive_of,
    peek_compressor,
    read_archive,
    read_manifest,
    read_proven,
)
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from ansible_collections.ovirt.backup.plugins.module_utils._common.files import write_json
from unit.fakes import archives, world
from unit.fakes.errors import error_of

ALL = ("files", "db", "dwhdb")
PACKERS = sorted(name for name in archives.PACKERS if name != "zstd" or shutil.which("zstd"))


def read(folder: Path, data: bytes, level: str = "full") -> Tuple[ArchiveReading, List[str]]:
    """Write an archive, read it, and return the reading with the codes of all that is wrong."""
    path = folder / "one.backup"
    path.write_bytes(data)
    room = folder / "room"
    room.mkdir(exist_ok=True)
    reading = read_archive(str(path), level, str(room))
    assert list(room.iterdir()) == []
    return reading, [item.code for item in check_archive(reading, level, ALL)]


@pytest.mark.parametrize("level", ["none", "checksums", "full"])
@pytest.mark.parametrize("packer", PACKERS)
def test_good_archive_is_good_however_it_is_packed(tmp_path: Path, packer: str, level: str) -> None:
    data = archives.PACKERS[packer](archives.make_archive())
    reading, codes = read(tmp_path, data, level)
    assert codes == []
    assert (reading.compressor, reading.size) == (packer, len(data))
    assert bool(reading.sha256) is (level != "none")
    assert scopes_of(reading) == list(ALL)
    assert created_of(reading) == archives.MTIME


@pytest.mark.parametrize("packer", ["none", "gzip", "bzip2", "xz"])
@pytest.mark.parametrize("form", ["custom", "plain"])
def test_dump_and_files_part_are_read_through_their_own_compressors(tmp_path: Path, packer: str, form: str) -> None:
    pack = archives.PACKERS[packer]
    dump = pack(archives.CUSTOM if form == "custom" else archives.PLAIN)
    config = "DB_DUMP_FORMAT=%s\nDB_DUMP_COMPRESSOR=%s\n" % (form, "" if packer == "none" else packer)
    more = [("etc/pki/ovirt-engine/certs/a.cer", b"PEM"), ("var/lib/large", bytes(5 << 20))]
    dumps = {"engine_backup.db": dump, "dwh_backup.db": archives.CUSTOM}
    members = archives.make_members(dumps, config, pack(archives.make_files(more=more)))
    reading, codes = read(tmp_path, archives.make_archive(members))
    assert codes == []
    found, files = reading.dumps["engine"], reading.files
    assert (found.format, found.compressor, found.size, found.tables) == (form, packer, len(dump), archives.ROWS)
    assert "aaa_jdbc" in found.schemas
    assert files is not None
    assert (files.setup_state, files.entry_count) == (world.STATE, 10)
    assert sorted(files.certificates) == ["etc/pki/ovirt-engine/ca.pem", "etc/pki/ovirt-engine/certs/a.cer"]
    assert files.certificates["etc/pki/ovirt-engine/certs/a.cer"] == "PEM", "and no private key"
    assert read(tmp_path, archives.make_archive(members), "checksums")[1] == []


def test_thousands_of_certificates_are_not_all_kept(tmp_path: Path) -> None:
    more = [("etc/pki/ovirt-engine/certs/%04d.cer" % number, b"PEM") for number in range(1000)]
    reading, codes = read(tmp_path, archives.make_archive(archives.make_members(files=archives.make_files(more=more))))
    assert codes == []
    assert reading.files is not None
    assert reading.files.entry_count == 1008
    assert 100 < len(reading.files.certificates) <= 200
    assert reading.files.setup_state == world.STATE


def test_reading_says_only_what_its_level_looked_at(tmp_path: Path) -> None:
    data = archives.make_archive()
    by_level = {level: read(tmp_path, data, level)[0] for level in ("none", "checksums", "full")}
    assert by_level["none"].sha256 == ""
    assert by_level["checksums"].sha256 == by_level["full"].sha256 == hash_file(str(tmp_path / "one.backup"))
    assert [by_level[level].files is not None for level in by_level] == [False, False, True]
    assert [by_level[level].dumps["dwh"].tables is not None for level in by_level] == [False, False, True]
    assert by_level["none"].small["version"] == "4.5.7\n"


def test_old_archive_with_md5_is_compared_by_md5(tmp_path: Path) -> None:
    members = archives.make_members()
    assert read(tmp_path, archives.make_archive(members, "md5"), "checksums")[1] == []
    listed = archives.hash_list(members, "md5")
    changed = [(name, content.replace(b"4.5.7", b"4.5.6")) for name, content in members]
    assert read(tmp_path, archives.make_tar(changed + [listed]), "checksums")[1] == ["hash_mismatch"]


def test_sqlite_file_is_counted_and_its_copy_removed(tmp_path: Path) -> None:
    members = archives.make_members(
        {
            "engine_backup.db": archives.CUSTOM,
            "dwh_backup.db": archives.CUSTOM,
            "grafana.db": archives.make_sqlite(tmp_path / "grafana.db"),
        }
    )
    reading, codes = read(tmp_path, archives.make_archive(members))
    assert codes == []
    assert reading.dumps["grafana"].tables == {"dashboard": 3, 'odd "name': 0}
    assert reading.dumps["grafana"].format == "sqlite"


@pytest.mark.skipif(not shutil.which("tar"), reason="needs tar")
def test_sparse_members_of_the_real_tar_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "db").mkdir(parents=True)
    files = archives.make_files(more=[("etc/ovirt-engine/zeros", bytes(3000000))])
    members = archives.make_members(files=files)
    for name, content in members + [archives.hash_list(members)]:
        with open(str(folder / name), "wb") as stream:
            for start in range(0, len(content), 4096):
                piece = content[start : start + 4096]
                if piece.strip(b"\0") or start + 4096 >= len(content):
                    stream.seek(start)
                    stream.write(piece)
    assert os.system("tar -cpSzf %s/one.tgz -C %s ." % (tmp_path, folder)) == 0
    with tarfile.open(str(tmp_path / "one.tgz")) as archive:
        assert any(info.issparse() for info in archive)
    assert read(tmp_path, (tmp_path / "one.tgz").read_bytes())[1] == []


def test_archive_keeps_its_times_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    path.write_bytes(archives.make_archive())
    os.utime(str(path), (1000, 2000))
    path.chmod(0o400)
    before = path.stat()
    for level in ("none", "checksums", "full"):
        read_archive(str(path), level, str(tmp_path))
    after = path.stat()
    for name in ("st_mtime_ns", "st_mode", "st_ctime_ns"):
        assert getattr(after, name) == getattr(before, name)


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "device", "link"])
def test_path_that_is_no_file_is_a_problem_of_its_own(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "one.backup"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(str(path))
    elif kind == "device":
        path = Path("/dev/null")
    elif kind == "link":
        (tmp_path / "real").write_bytes(archives.make_archive())
        path.symlink_to("real")
    reading = read_archive(str(path), "full", str(tmp_path))
    assert [item.code for item in reading.problems] == ([] if kind == "link" else ["archive_unreadable"])


@pytest.mark.skipif("zstd" not in PACKERS, reason="needs zstd")
def test_missing_zstd_is_a_problem_of_the_archive_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archives.PACKERS["zstd"](archives.make_archive())
    monkeypatch.setenv("PATH", str(tmp_path))
    reading, codes = read(tmp_path, data, "checksums")
    assert "decompressor_missing" in codes
    assert reading.sha256


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
def test_full_disk_of_the_copy_says_nothing_about_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make_full(**_options: Any) -> str:
        (tmp_path / "copies").mkdir()
        (tmp_path / "copies" / "copy.db").symlink_to("/dev/full")
        return str(tmp_path / "copies")

    path = tmp_path / "one.backup"
    members = archives.make_members({"grafana.db": archives.make_sqlite(tmp_path / "grafana.db")})
    path.write_bytes(archives.make_archive(members))
    monkeypatch.setattr(tempfile, "mkdtemp", make_full)
    assert error_of(BackupError, read_archive, str(path), "full", str(tmp_path)).code == "disk_full"
    assert not (tmp_path / "copy").exists()


MANIFESTS: Dict[str, Any] = {
    "none": (None, False, []),
    "good": (world.manifest(), True, []),
    "of a newer schema": (world.manifest(schema_version=9), False, ["manifest_newer"]),
    "no object": (b"[]", False, ["manifest_unreadable"]),
    "too large": (b" " * (16 * 1024 * 1024 + 1), False, ["manifest_unreadable"]),
    "a directory": ("", False, ["manifest_unreadable"]),
}


@pytest.mark.parametrize(("content", "usable", "codes"), list(MANIFESTS.values()), ids=list(MANIFESTS))
def test_manifest_beside_an_archive_is_read_or_named(
    tmp_path: Path, content: Any, usable: bool, codes: List[str]
) -> None:
    path = tmp_path / "one.backup.manifest.json"
    if isinstance(content, dict):
        write_json(str(path), content)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    manifest, problems = read_manifest(str(tmp_path / "one.backup"))
    assert (manifest is not None) is usable
    assert [item.code for item in problems] == codes


def test_archive_of_a_manifest_is_so_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    for start, name in ((b"\x1f\x8b\x08", "gzip"), (b"./", "none"), (b"", "none")):
        path.write_bytes(start)
        assert peek_compressor(str(path)) == name
    path.write_bytes(archives.make_archive())
    manifest = {"size": path.stat().st_size, "sha256": hash_file(str(path))}
    assert is_archive_of(str(path), manifest)
    assert not is_archive_of(str(path), dict(manifest, size=manifest["size"] + 1))
    assert not is_archive_of(str(tmp_path / "nowhere"), manifest)
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert not is_archive_of(str(path), manifest)


def test_archive_of_a_manifest_is_recalled_and_only_its_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    path.write_bytes(archives.make_archive())
    reading = read_archive(str(path), "full", str(tmp_path))
    databases = {
        kind: dict(dump._asdict(), name=kind, rows=sum((dump.tables or {}).values()))
        for kind, dump in reading.dumps.items()
    }
    manifest = world.manifest(
        size=reading.size, sha256=reading.sha256, databases=databases, dumps=describe_dumps(reading), hosted_engine="he"
    )
    found = read_proven(str(path), manifest)
    assert found is not None
    he = {"engine": {"public.vm_static": [("he",)]}}
    assert found.dumps == {kind: dump._replace(noted=he.get(kind, {})) for kind, dump in reading.dumps.items()}
    assert (found.files, found.sha256, found.problems) == (reading.files, reading.sha256, ())
    assert sorted(scopes_of(found)) == sorted(scopes_of(reading))
    assert read_proven(str(path), dict(manifest, sha256="0" * 64)) is None
    for lacking in ("dumps", "hosted_engine"):
        assert read_proven(str(path), {key: value for key, value in manifest.items() if key != lacking}) is None
    assert read_proven(str(path), dict(manifest, dumps={"engine": {}})) is None
