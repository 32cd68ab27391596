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
from ansible_collections.ovirt.backup.plugins.module_utils._dump.reader import DumpContents, DumpError, read_dump

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


def read_bytes(data: bytes) -> DumpContents:
    pieces = [data]
    return read_dump(lambda _size: pieces.pop() if pieces else b"")


def refused(data: bytes) -> Tuple[str, str]:
    with pytest.raises(DumpError) as caught:
        read_bytes(data)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("compression", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_archive_version_is_read(version: Tuple[int, int], compression: int) -> None:
    entries = [Entry(7, "t"), Entry(8, "nothing", schema="aaa_jdbc", owner="dba")]
    blocks = block(7, ROWS, compression) + block(8, b"\\.\n\n\n", compression)
    found = read_bytes(archive(entries, blocks, version, compression))
    assert found.tables == {"public.t": 2, "aaa_jdbc.nothing": 0}
    assert found.created == "2025-01-02T03:04:05"
    assert (found.database, found.server_version, found.dump_version) == ("engine", "10.23", "10.23")
    assert found.owners == ["dba", "engine"]


@pytest.mark.parametrize("compression", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
def test_windows_may_end_anywhere(size: int, compression: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "WINDOW", size)
    data = archive([Entry(7, "t")], block(7, ROWS, compression), compression=compression)
    single = iter(data)
    assert read_dump(lambda _size: bytes(itertools.islice(single, 1))).tables == {"public.t": 2}


def test_blocks_may_come_in_another_order() -> None:
    entries = [Entry(7, "a"), Entry(8, "b")]
    assert read_bytes(archive(entries, block(8, ROWS) + block(7, b"\\.\n"))).tables == {"public.a": 0, "public.b": 2}


def test_large_objects_are_counted_even_when_empty() -> None:
    entry = Entry(9, "BLOBS", "BLOBS", copy=None)
    objects = b"".join(integer(number) + chunks(zlib.compress(b"data")) for number in (16385, -5))
    empty = integer(16386) + integer(0)
    assert read_bytes(archive([entry], b"\3" + integer(9) + objects + empty + integer(0))).large_objects == 3


def test_schemas_extensions_and_grantees_are_found() -> None:
    def described(number: int, name: str, kind: str, definition: str) -> Entry:
        return Entry(number, name, kind, definition, None, "", "", has_data=False)

    found = read_bytes(
        archive(
            [
                described(1, "aaa_jdbc", "SCHEMA", "CREATE SCHEMA aaa_jdbc;\n"),
                described(2, "public", "SCHEMA", "-- *not* creating schema, since initdb creates it"),
                described(
                    3, "uuid-ossp", "EXTENSION", 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;\n'
                ),
                described(
                    4, "TABLE t", "ACL", 'REVOKE ALL ON t FROM x;\nGRANT SELECT ON t TO "a;b";\nGRANT ALL ON t TO c;'
                ),
                described(5, "f()", "FUNCTION", "CREATE FUNCTION f() AS 'GRANT x TO trap;'"),
                described(6, "v", "VIEW", "CREATE VIEW v AS SELECT 'COPY t FROM stdin;\n1\n\\.\n'"),
                described(
                    7, "TABLES", "DEFAULT ACL", "ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT SELECT ON TABLES TO d;"
                ),
            ],
            b"",
        )
    )
    assert found.schemas == ["aaa_jdbc"]
    assert found.extensions == ["uuid-ossp"]
    assert found.grantees == ["a;b", "c", "d"]
    assert found.tables == {}


def test_newer_archive_is_named() -> None:
    code, message = refused(b"PGDMP" + bytes([1, 17, 0]) + bytes(100))
    assert code == "dump_newer"
    assert "1.17" in message


@pytest.mark.parametrize(("compression", "name"), [(2, "lz4"), (3, "zstd"), (9, "unknown method 9")])
def test_other_compression_is_named(compression: int, name: str) -> None:
    code, message = refused(archive([Entry(7, "t")], b"", (1, 16), compression))
    assert code == "dump_unreadable"
    assert name in message


def test_rows_as_insert_statements_are_refused() -> None:
    code, message = refused(archive([Entry(7, "t", copy=None)], block(7, b"INSERT INTO public.t VALUES (1);\n")))
    assert code == "dump_unreadable"
    assert "public.t" in message


def test_missing_data_is_named() -> None:
    code, message = refused(archive([Entry(7, "a"), Entry(8, "b")], block(7, ROWS)))
    assert code == "dump_truncated"
    assert "public.b" in message


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
    assert refused(archive([Entry(7, "t")], blocks))[0] == "dump_unreadable"


@pytest.mark.parametrize("version", [(1, 11), (1, 0), (0, 9)])
def test_older_archive_is_refused(version: Tuple[int, int]) -> None:
    assert refused(b"PGDMP" + bytes([*version, 0]) + bytes(100))[0] == "dump_unreadable"


def test_very_large_row_does_not_need_memory_for_it() -> None:
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(b"\\\\.\\n" * (1 << 16)) for _part in range(100))
    packed += packer.compress(b"\n\\.\n") + packer.flush()
    data = archive([Entry(7, "t")], b"\1" + integer(7) + integer(len(packed)) + packed + integer(0))
    assert read_bytes(data).tables == {"public.t": 1}
