# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged, cut, planted and foreign archives: always a named problem, never another error, never a good verdict."""

import gzip
import io
import random
import resource
import shutil
import sqlite3
import sys
import tarfile
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import check_archive
from ansible_collections.ovirt.backup.plugins.module_utils._archive.reader import read_archive
from unit.fakes import archives

ALL = ("files", "db", "dwhdb")
ROOM = "/dev/null/nothing can be written here"  # the archives here hold no SQLite file
PACKERS = sorted(name for name in archives.PACKERS if name != "zstd" or shutil.which("zstd"))


def codes_of(folder: Path, data: bytes, level: str = "full", scopes: Sequence[str] = ALL) -> List[str]:
    path = folder / "one.backup"
    path.write_bytes(data)
    return [item.code for item in check_archive(read_archive(str(path), level, ROOM), level, scopes)]


def cut_places(size: int, seed: str) -> List[int]:
    chance = random.Random(seed)
    places = {chance.randrange(1, size) for _number in range(12)}
    return sorted(places | {1, 5, 511, 512, 513, 1024, size // 2, size - 1})


@pytest.mark.parametrize("packer", PACKERS)
def test_cut_archive_is_never_good(tmp_path: Path, packer: str) -> None:
    data = archives.PACKERS[packer](archives.make_archive())
    end = len(archives.make_archive().rstrip(b"\0")) + 1024 if packer == "none" else len(data)
    for place in cut_places(min(end, len(data)), packer):
        codes = codes_of(tmp_path, data[:place], "checksums")
        assert codes, place
        assert {"archive_truncated", "not_an_archive", "archive_damaged"} & set(codes), (place, codes)
    if packer in ("gzip", "bzip2", "xz"):
        assert "archive_truncated" in codes_of(tmp_path, data[: len(data) * 3 // 4], "checksums")


@pytest.mark.parametrize("packer", PACKERS)
def test_flipped_byte_is_never_good(tmp_path: Path, packer: str) -> None:
    data = archives.PACKERS[packer](archives.make_archive())
    chance = random.Random(packer)
    if packer == "none":  # bytes of padding mean nothing; those of contents and headers do
        places = [place for place in range(512, len(data)) if data[place]]
    else:
        places = list(range(10, len(data)))  # the header of gzip holds a time that nobody checks
    for place in chance.sample(places, 20):
        flipped = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        assert codes_of(tmp_path, flipped) != [], place
    assert codes_of(tmp_path, data + b"garbage " * 100) != []
    if packer == "xz":
        assert "archive_damaged" in codes_of(tmp_path, data[:24] + b"\xff" * 20 + data[44:], "none", ())


def test_random_damage_never_ends_in_another_error(tmp_path: Path) -> None:
    chance = random.Random(5)
    for packer in ("none", "gzip", "xz"):
        data = archives.PACKERS[packer](archives.make_archive())
        for _round in range(40):
            damaged = bytearray(data)
            for _flip in range(chance.choice([1, 3, 30])):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            codes_of(tmp_path, bytes(damaged))


FOREIGN: Dict[str, Tuple[bytes, str]] = {
    "no byte": (b"", "archive_empty"),
    "zeros of a lost file": (bytes(10240), "not_an_archive"),
    "few zeros": (bytes(100), "archive_truncated"),
    "text": (b"hello world\n" * 500, "not_an_archive"),
    "packed text": (gzip.compress(b"hello world\n" * 500), "not_an_archive"),
    "tar without a member": (archives.make_tar([]), "not_an_archive"),
    "directories alone": (archives.make_tar([archives.directory("./"), archives.directory("./db")]), "not_an_archive"),
    "start of gzip": (b"\x1f\x8b", "archive_truncated"),
    "tar of something else": (archives.make_tar([("readme", b"x")]), "version_missing"),
}


@pytest.mark.parametrize(("data", "code"), list(FOREIGN.values()), ids=list(FOREIGN))
@pytest.mark.parametrize("level", ["none", "full"])
def test_file_that_is_no_archive_is_named(tmp_path: Path, data: bytes, code: str, level: str) -> None:
    assert code in codes_of(tmp_path, data, level, ())


LINK, HARD, DEVICE, PIPE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE
PLANTED: Dict[str, Tuple[Any, str]] = {
    "path above": (("../evil", b"x"), "member_outside"),
    "path above in the middle": (("./db/../../evil", b"x"), "member_outside"),
    "absolute path": (("/etc/evil", b"x"), "member_outside"),
    "symbolic link": (archives.header("./db/link", LINK, link="/etc/shadow"), "member_link"),
    "hard link": (archives.header("./db/link", HARD, link="./version"), "member_link"),
    "link in the place of a dump": (archives.header("./db/keycloak_backup.db", LINK, link="x"), "member_link"),
    "device": (archives.header("./dev", DEVICE), "member_device"),
    "pipe": (archives.header("./pipe", PIPE), "member_device"),
    "unknown type": (archives.header("./what", b"Z"), "member_device"),
    "extra file": (("./run.sh", b"x"), "member_unlisted"),
    "extra directory": (archives.directory("./more"), "member_unlisted"),
    "second version": (("./version", b"4.5.9\n"), "member_duplicate"),
    "second version, spelled otherwise": (("version", b"4.5.9\n"), "member_duplicate"),
    "name with a newline": (("./a\nb", b"x"), "member_unlisted"),
}


@pytest.mark.parametrize(("part", "code"), list(PLANTED.values()), ids=list(PLANTED))
def test_planted_member_is_named(tmp_path: Path, part: Any, code: str) -> None:
    assert codes_of(tmp_path, archives.make_archive(more=[part]), "checksums") == [code]
    first = read_archive(str(tmp_path / "one.backup"), "none", ROOM)
    assert first.small["version"] == "4.5.7\n", "the first of two members counts"


INNER: Dict[str, Tuple[bytes, List[str]]] = {
    "cut": (archives.PACKERS["xz"](archives.make_files())[:-40], ["files_unreadable"]),
    "cut before the end mark": (archives.make_files().rstrip(b"\0"), ["files_unreadable"]),
    "garbage behind": (archives.PACKERS["xz"](archives.make_files()) + b"garbage", ["files_unreadable"]),
    "damaged header": (archives.make_files().replace(b"etc/pki/ovirt-engine/keys", b"Xtc/pki/ovirt-engine/keys"), [
        "files_unreadable"]),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(100), ["files_unreadable"]),
    "key missing": (archives.make_files(lacks="etc/pki/ovirt-engine/keys/engine.p12"), ["files_incomplete"]),
    "setup state is a link": (
        archives.make_files(lacks="etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf", more=[
            archives.header("etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf", LINK, link="/etc/passwd")]),
        ["files_incomplete"]),
}  # fmt: skip


@pytest.mark.parametrize(("files", "codes"), list(INNER.values()), ids=list(INNER))
def test_bad_files_part_is_named_even_where_every_hash_is_right(tmp_path: Path, files: bytes, codes: List[str]) -> None:
    data = archives.make_archive(archives.make_members(files=files))
    assert codes_of(tmp_path, data, "checksums") == []
    assert set(codes_of(tmp_path, data)) >= set(codes)


DUMPS: Dict[str, Tuple[bytes, str]] = {
    "empty": (b"", "dump_empty"),
    "cut": (archives.CUSTOM[:-50], "dump_truncated"),
    "no dump": (b"hello" * 1000, "dump_unreadable"),
    "cut in its compressor": (gzip.compress(archives.PLAIN)[:-20], "dump_unreadable"),
    "flipped in its compressor": (
        gzip.compress(archives.PLAIN)[:200] + b"\xff\xff\xff\xff" + gzip.compress(archives.PLAIN)[204:],
        "dump_unreadable"),
    "of a newer PostgreSQL": (archives.CUSTOM[:6] + b"\xff" + archives.CUSTOM[7:], "dump_newer"),
}  # fmt: skip


@pytest.mark.parametrize(("dump", "code"), list(DUMPS.values()), ids=list(DUMPS))
def test_bad_dump_is_named_even_where_every_hash_is_right(tmp_path: Path, dump: bytes, code: str) -> None:
    members = archives.make_members({"engine_backup.db": dump, "dwh_backup.db": archives.CUSTOM})
    assert codes_of(tmp_path, archives.make_archive(members)) == [code]


def test_damaged_sqlite_file_is_named(tmp_path: Path) -> None:
    good = archives.make_sqlite(tmp_path / "grafana.db")
    broken = tmp_path / "broken.db"
    connection = sqlite3.connect(str(broken))
    connection.executescript(
        "CREATE TABLE t (x); INSERT INTO t VALUES (NULL); PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET sql = 'CREATE TABLE t (x NOT NULL)' WHERE name = 't';"
    )
    connection.close()
    path = tmp_path / "one.backup"
    for bad in (b"hello" * 1000, good[:-4096], good[:4096] + b"\xff" * 512 + good[4608:], broken.read_bytes()):
        path.write_bytes(archives.make_archive(archives.make_members({"grafana.db": bad})))
        reading = read_archive(str(path), "full", str(tmp_path))
        (problem,) = check_archive(reading, "full", ())
        assert problem.code == "dump_unreadable"
        assert list(tmp_path.glob(".engine_backup-*")) == []
    assert "NULL value in t.x" in problem.message


def test_oversized_small_member_is_not_read(tmp_path: Path) -> None:
    members = archives.make_members(config="DB_DUMP_FORMAT=custom\n" * 4000)
    assert "config_missing" in codes_of(tmp_path, archives.make_archive(members))


def big_header(kind: bytes, megabytes: int) -> bytes:
    """Return a packed tar that starts with a header of its own kind that claims and holds so much."""
    size = megabytes << 20
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", compresslevel=1) as packed:
        packed.write(archives.header("././@LongLink", kind, size).tobuf(tarfile.GNU_FORMAT))
        for _block in range(megabytes):
            packed.write(b"x" * (1 << 20))
        packed.write(archives.make_archive())
    return made.getvalue()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_huge_header_is_refused_without_reading_it(tmp_path: Path, kind: bytes) -> None:
    data = big_header(kind, 120)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes = codes_of(tmp_path, data, "checksums", ())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert codes
    assert grown < 60 * 1024, "kilobytes; %s" % sys.platform


def test_thousands_of_members_are_refused_soon(tmp_path: Path) -> None:
    links = [archives.header("./link%d" % number, LINK, link="x") for number in range(3000)]
    plain: Sequence[Any] = [("./member%d" % number, b"") for number in range(3000)]
    for parts in (links, plain):
        codes = codes_of(tmp_path, archives.make_tar(parts), "checksums", ())
        assert {"archive_damaged", "not_an_archive"} & set(codes)
        assert len(codes) < 1100


def test_damage_behind_the_first_member_is_damage(tmp_path: Path) -> None:
    data = bytearray(archives.make_archive())
    data[data.index(b"./os_version")] ^= 0xFF
    codes = codes_of(tmp_path, bytes(data), "none", ())
    assert "archive_damaged" in codes
    assert "not_an_archive" not in codes
