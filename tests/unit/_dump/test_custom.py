# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom dumps of every archive version, written here byte by byte, right and wrong."""

import itertools
import struct
import zlib
from typing import List, NamedTuple, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._dump import window
from ansible_collections.ovirt.backup.plugins.module_utils._dump.reader import read_dump
from unit.fakes.dumps import read_bytes, refused

VERSIONS = [(1, 12), (1, 13), (1, 14), (1, 15), (1, 16)]
ROWS = b"1\tx\n2\ty\n\\.\n\n\n"


class Entry(NamedTuple):
    number: int
    name: str
    kind: str = "TABLE DATA"
    definition: str = ""
    copy: Optional[str] = "COPY public.t (a) FROM stdin;\n"
    schema: str = "public"
    owner: str = "engine"
    has_data: bool = True


def integer(value: int) -> bytes:
    return struct.pack("<BI", value < 0, abs(value))


def text(value: Optional[str]) -> bytes:
    raw = (value or "").encode("utf-8")
    return integer(-1) if value is None else integer(len(raw)) + raw


def header(version: Tuple[int, int], compression: int) -> bytes:
    packed = integer(-1 if compression else 0) if version < (1, 15) else bytes([compression])
    clock = b"".join(integer(part) for part in (5, 4, 3, 2, 0, 125, 0))
    names = text("engine") + text("10.23") + text("10.23")
    return b"PGDMP" + bytes([*version, 0, 4, 8, 1]) + packed + clock + names


def contents(version: Tuple[int, int], entries: List[Entry]) -> bytes:
    parts = [integer(len(entries))]
    for entry in entries:
        parts += [integer(entry.number), integer(int(entry.has_data)), text("1259"), text("16385")]
        parts += [text(entry.name), text(entry.kind), integer(3), text(entry.definition), text("")]
        parts += [text(entry.copy), text(entry.schema), text("")]
        parts += [text("heap")] if version >= (1, 14) else []
        parts += [integer(114)] if version >= (1, 16) else []
        parts += [text(entry.owner), text("false"), text("12"), text(None), b"\1" + bytes(8)]
    return b"".join(parts)


def chunks(data: bytes, size: int = 5) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(integer(len(piece)) + piece for piece in pieces) + integer(0)


def block(number: int, data: bytes, compression: int = 1, kind: int = 1) -> bytes:
    return bytes([kind]) + integer(number) + chunks(zlib.compress(data) if compression else data)


def archive(entries: List[Entry], blocks: bytes, version: Tuple[int, int] = (1, 14), compression: int = 1) -> bytes:
    return header(version, compression) + contents(version, entries) + blocks


@pytest.mark.parametrize("compression", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_archive_version_is_read(version: Tuple[int, int], compression: int) -> None:
    entries = [Entry(7, "t"), Entry(8, "nothing", schema="aaa_jdbc", owner="dba")]
    blocks = block(8, b"\\.\n\n\n", compression) + block(7, ROWS, compression)  # in another order
    found = read_bytes(archive(entries, blocks, version, compression))
    assert found.tables == {"public.t": 2, "aaa_jdbc.nothing": 0}
    assert found.created == "2025-01-02T03:04:05"
    assert (found.database, found.server_version, found.dump_version) == ("engine", "10.23", "10.23")
    assert found.owners == ["dba", "engine"]


@pytest.mark.parametrize("compression", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_windows_may_end_anywhere(size: int, compression: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "WINDOW", size)
    data = archive([Entry(7, "t")], block(7, ROWS, compression), compression=compression)
    single = iter(data)
    assert read_dump(lambda _size: bytes(itertools.islice(single, 1))).tables == {"public.t": 2}


def test_large_objects_are_counted_even_when_empty() -> None:
    entry = Entry(9, "BLOBS", "BLOBS", copy=None)
    objects = b"".join(integer(number) + chunks(zlib.compress(b"data")) for number in (16385, -5))
    empty = integer(16386) + integer(0)
    assert read_bytes(archive([entry], b"\3" + integer(9) + objects + empty + integer(0))).large_objects == 3


def described(kind: str, definition: str, name: str = "x") -> Entry:
    return Entry(len(definition), name, kind, definition, None, "", "", has_data=False)


def test_schemas_extensions_and_grantees_are_found() -> None:
    entries = [
        described("SCHEMA", "CREATE SCHEMA aaa_jdbc;\n", "aaa_jdbc"),
        described("SCHEMA", "-- *not* creating schema, since initdb creates it", "public"),
        described("EXTENSION", 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;\n', "uuid-ossp"),
        described("ACL", 'REVOKE ALL ON t FROM x;\nGRANT SELECT ON t TO "a;b";\nGRANT ALL ON t TO c;'),
        described("FUNCTION", "CREATE FUNCTION f() AS 'GRANT x TO trap;'"),
        described("VIEW", "CREATE VIEW v AS SELECT 'COPY t FROM stdin;\n1\n\\.\n'"),
        described("DEFAULT ACL", "ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT SELECT ON TABLES TO d;"),
    ]
    found = read_bytes(archive(entries, b""))
    assert (found.schemas, found.extensions, found.grantees) == (["aaa_jdbc"], ["uuid-ossp"], ["a;b", "c", "d"])
    assert found.tables == {}


OTHERS = {
    "newer": (b"PGDMP" + bytes([1, 17, 0]) + bytes(100), "dump_newer", "1.17"),
    "older": (b"PGDMP" + bytes([1, 11, 0]) + bytes(100), "dump_unreadable", "1.11"),
    "oldest": (b"PGDMP" + bytes([0, 15, 0]) + bytes(100), "dump_unreadable", "0.15"),
    "lz4": (archive([Entry(7, "t")], b"", (1, 16), 2), "dump_unreadable", "lz4"),
    "zstd": (archive([Entry(7, "t")], b"", (1, 16), 3), "dump_unreadable", "zstd"),
    "another compression": (archive([Entry(7, "t")], b"", (1, 16), 9), "dump_unreadable", "unknown method 9"),
    "insert statements": (archive([Entry(7, "t", copy=None)], block(7, b"INSERT")), "dump_unreadable", "public.t"),
    "missing data": (archive([Entry(7, "a"), Entry(8, "b")], block(7, ROWS)), "dump_truncated", "public.b"),
}


@pytest.mark.parametrize(("data", "code", "part"), list(OTHERS.values()), ids=list(OTHERS))
def test_what_is_not_read_is_named(data: bytes, code: str, part: str) -> None:
    error = refused(data)
    assert (error.code, part in error.message) == (code, True)


@pytest.mark.parametrize(
    "blocks",
    [
        block(9, ROWS),
        block(7, ROWS) + block(7, ROWS),
        block(7, ROWS, kind=2),
        block(7, b"1\n2\n"),
        block(7, ROWS + b"3\n"),
        block(7, b""),
        b"\1" + integer(7) + integer(0),
        b"\1" + integer(7) + chunks(zlib.compress(ROWS)[:-1]),
        b"\1" + integer(7) + chunks(zlib.compress(ROWS)[:-4] + b"\0\0\0\0"),
        b"\1" + integer(7) + chunks(zlib.compress(ROWS) + b"x"),
        b"\1" + integer(7) + integer(-3) + b"abc",
        block(7, ROWS, compression=0),
    ],
)
def test_wrong_data_is_refused(blocks: bytes) -> None:
    assert refused(archive([Entry(7, "t")], blocks)).code == "dump_unreadable"


def test_very_large_row_does_not_need_memory_for_it() -> None:
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(b"\\\\.\\n" * (1 << 16)) for _part in range(100))
    packed += packer.compress(b"\n\\.\n") + packer.flush()
    data = archive([Entry(7, "t")], b"\1" + integer(7) + integer(len(packed)) + packed + integer(0))
    assert read_bytes(data).tables == {"public.t": 1}
