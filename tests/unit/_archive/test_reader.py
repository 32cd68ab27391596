# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Good archives, however they are packed: read once, read right, and left as they are."""

import lzma
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
def test_dump_is_read_through_its_own_compressor(tmp_path: Path, packer: str, form: str) -> None:
    dump = archives.PACKERS[packer](archives.CUSTOM if form == "custom" else archives.PLAIN)
    config = "DB_DUMP_FORMAT=%s\nDB_DUMP_COMPRESSOR=%s\n" % (form, "" if packer == "none" else packer)
    members = archives.make_members({"engine_backup.db": dump, "dwh_backup.db": archives.CUSTOM}, config)
    reading, codes = read(tmp_path, archives.make_archive(members))
    assert codes == []
    found = reading.dumps["engine"]
    assert (found.format, found.compressor, found.size, found.tables) == (form, packer, len(dump), archives.ROWS)
    assert "aaa_jdbc" in found.schemas


@pytest.mark.parametrize("packer", ["none", "gzip", "bzip2", "xz"])
def test_files_part_is_read_through_its_own_compressor(tmp_path: Path, packer: str) -> None:
    files = archives.PACKERS[packer](archives.make_files(more=[("etc/pki/ovirt-engine/certs/a.cer", b"PEM")]))
    reading, codes = read(tmp_path, archives.make_archive(archives.make_members(files=files)))
    assert codes == []
    assert reading.files is not None
    assert reading.files.setup_state == world.STATE
    assert reading.files.certificates["etc/pki/ovirt-engine/certs/a.cer"] == "PEM"
    assert reading.files.entry_count == 9


def test_large_members_are_passed_over_where_they_are_not_read(tmp_path: Path) -> None:
    members = archives.make_members(files=archives.make_files(more=[("var/lib/large", bytes(20 << 20))]))
    for level in ("none", "checksums", "full"):
        assert read(tmp_path, archives.make_archive(members), level)[1] == []


def test_thousands_of_certificates_are_not_all_kept(tmp_path: Path) -> None:
    more = [("etc/pki/ovirt-engine/certs/%04d.cer" % number, b"PEM") for number in range(1000)]
    reading, codes = read(tmp_path, archives.make_archive(archives.make_members(files=archives.make_files(more=more))))
    assert codes == []
    assert reading.files is not None
    assert reading.files.entry_count == 1008
    assert 100 < len(reading.files.certificates) <= 200
    assert reading.files.setup_state == world.STATE


def test_private_keys_are_never_kept(tmp_path: Path) -> None:
    reading, _codes = read(tmp_path, archives.make_archive())
    assert reading.files is not None
    assert sorted(reading.files.certificates) == ["etc/pki/ovirt-engine/ca.pem"]


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
    assert (after.st_mtime_ns, after.st_mode, after.st_ctime_ns) == (
        before.st_mtime_ns,
        before.st_mode,
        before.st_ctime_ns,
    )


def test_archive_is_found_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(archives.make_archive())
    (tmp_path / "link").symlink_to("real")
    assert read_archive(str(tmp_path / "link"), "full", str(tmp_path)).problems == ()


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "device"])
def test_path_that_is_no_file_is_a_problem_of_its_own(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "one.backup"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(str(path))
    elif kind == "device":
        path = Path("/dev/null")
    reading = read_archive(str(path), "full", str(tmp_path))
    assert [item.code for item in reading.problems] == ["archive_unreadable"]


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
    with pytest.raises(BackupError) as caught:
        read_archive(str(path), "full", str(tmp_path))
    assert caught.value.code == "disk_full"
    assert not (tmp_path / "copy").exists()


MANIFESTS: Dict[str, Any] = {
    "none": (None, False, []),
    "good": (world.manifest(), True, []),
    "of a newer schema": (world.manifest(schema_version=9), False, ["manifest_newer"]),
    "garbled": (b"{", False, ["manifest_unreadable"]),
    "no object": (b"[]", False, ["manifest_unreadable"]),
    "not UTF-8": (b'{"a": "\xff"}', False, ["manifest_unreadable"]),
    "empty": (b"", False, ["manifest_unreadable"]),
    "deeply nested": (b"[" * 100000, False, ["manifest_unreadable"]),
    "too large": (b" " * (16 * 1024 * 1024 + 1), False, ["manifest_unreadable"]),
}


@pytest.mark.parametrize(("content", "usable", "codes"), list(MANIFESTS.values()), ids=list(MANIFESTS))
def test_manifest_beside_an_archive_is_read_or_named(
    tmp_path: Path, content: Any, usable: bool, codes: List[str]
) -> None:
    path = tmp_path / "one.backup.manifest.json"
    if isinstance(content, dict):
        write_json(str(path), content)
    elif content is not None:
        path.write_bytes(content)
    manifest, problems = read_manifest(str(tmp_path / "one.backup"))
    assert (manifest is not None) is usable
    assert [item.code for item in problems] == codes


def test_manifest_that_is_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.backup.manifest.json").mkdir()
    assert [item.code for item in read_manifest(str(tmp_path / "one.backup"))[1]] == ["manifest_unreadable"]


def test_compressed_files_part_is_what_the_tool_makes() -> None:
    assert lzma.decompress(dict(archives.make_members())["./files"]) == archives.make_files()


def test_archive_of_a_manifest_is_so_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    path.write_bytes(archives.make_archive())
    manifest = {"size": path.stat().st_size, "sha256": hash_file(str(path))}
    assert is_archive_of(str(path), manifest)
    assert not is_archive_of(str(path), dict(manifest, size=manifest["size"] + 1))
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert not is_archive_of(str(path), manifest)
    assert not is_archive_of(str(tmp_path / "nowhere"), manifest)


def test_archive_of_a_manifest_is_recalled_and_only_its_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    path.write_bytes(archives.make_archive())
    reading = read_archive(str(path), "full", str(tmp_path))
    databases = {
        kind: dict(
            world.manifest()["databases"]["dwh"],
            tables=dump.tables,
            format=dump.format,
            size=dump.size,
            compressor=dump.compressor,
            rows=sum((dump.tables or {}).values()),
        )
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


def test_compressor_is_told_without_reading_on(tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    for start, name in ((b"\x1f\x8b\x08", "gzip"), (b"./", "none"), (b"", "none")):
        path.write_bytes(start)
        assert peek_compressor(str(path)) == name
