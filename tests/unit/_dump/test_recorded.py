# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps that real PostgreSQL releases wrote: what is in them is found, and no damage to them gets through."""

import itertools
import random
from pathlib import Path
from typing import Callable, Dict, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._dump import custom
from ansible_collections.ovirt.backup.plugins.module_utils._dump.contents import Findings
from ansible_collections.ovirt.backup.plugins.module_utils._dump.reader import DumpError, read_dump
from ansible_collections.ovirt.backup.plugins.module_utils._dump.window import Window

RECORDED = Path(__file__).resolve().parents[1] / "recorded_dumps"
DUMPS = sorted(path.name for path in RECORDED.glob("*.dump"))
ROWS = {"aaa_jdbc.Odd name": 3, "public.no_columns": 2, "public.no_rows": 0, "public.vm_static": 20}


def recorded(name: str) -> bytes:
    return (RECORDED / name).read_bytes()


def reader(data: bytes, most: int = 1 << 30) -> Callable[[int], bytes]:
    """Serve a dump in pieces of at most ``most`` bytes."""
    place = [0]

    def read(size: int) -> bytes:
        piece = data[place[0] : place[0] + min(size, most)]
        place[0] += len(piece)
        return piece

    return read


def refusal(data: bytes) -> str:
    """Return the code that the dump is refused with, or that it was accepted."""
    try:
        read_dump(reader(data))
    except DumpError as error:
        return error.code
    return "accepted"


def data_blocks(data: bytes) -> Dict[str, Optional[int]]:
    """Return where the data of a custom dump starts, in all and of each kind where the dump itself says so."""
    archive = custom.ArchiveSource(Window(reader(data)))
    entries = custom.read_contents(archive, custom.read_header(archive), Findings())
    return dict({entry.kind: entry.position for entry in entries.values()}, start=archive.source.offset)


@pytest.mark.parametrize("name", DUMPS)
def test_rows_of_every_release_and_format_are_counted(name: str) -> None:
    data = recorded(name)
    contents = read_dump(reader(data))
    assert contents.tables == ROWS
    assert contents.large_objects == 2
    assert contents.schemas == ["aaa_jdbc", "public"]
    assert contents.server_version.split(".")[0] == name[:2] == contents.dump_version.split(".")[0]
    assert read_dump(reader(data, most=1)) == read_dump(reader(data, most=7)) == contents
    assert refusal(data + b"\0") in ("dump_unreadable", "dump_truncated")
    assert refusal(data * 2) == "dump_unreadable"
    assert len(DUMPS) == 13


@pytest.mark.parametrize("name", ["15-custom.dump", "16-custom.dump", "17-piped.dump", "18-uncompressed.dump"])
def test_custom_dump_names_database_time_owners_and_grantees(name: str) -> None:
    contents = read_dump(reader(recorded(name)))
    assert (contents.format, contents.database) == ("custom", "small")
    assert contents.owners == ["engine", "postgres"]
    assert contents.grantees == ["grafana_reader"]
    assert contents.created.startswith("2026-11-22T15:")


@pytest.mark.parametrize("name", ["15-custom.dump", "17-piped.dump"])
def test_cut_custom_dump_is_refused_wherever_it_is_cut(name: str) -> None:
    data = recorded(name)
    assert refusal(data) == "accepted"
    assert refusal(b"") == "dump_empty"
    start = data_blocks(data)["start"] or 0
    cuts = itertools.chain(range(1, start, 17), range(start, len(data)))
    assert {refusal(data[:size]) for size in cuts} == {"dump_truncated"}


@pytest.mark.parametrize("name", ["17-plain.dump"])
def test_cut_plain_dump_is_refused_wherever_it_is_cut(name: str) -> None:
    data = recorded(name)
    cuts = itertools.chain(range(1, len(data) - 200, 13), range(len(data) - 200, len(data)))
    assert {refusal(data[:size]) for size in cuts} == {"dump_truncated"}


def test_second_table_of_contents_may_be_missing_but_not_cut() -> None:
    data = recorded("17-custom.dump")
    end_of_data = len(recorded("17-piped.dump"))
    assert refusal(data[:end_of_data]) == "accepted"
    assert {refusal(data[:size]) for size in range(end_of_data + 1, len(data), 37)} == {"dump_truncated"}


def test_damaged_second_table_of_contents_is_refused() -> None:
    data = recorded("17-custom.dump")
    start = len(recorded("17-piped.dump"))
    assert refusal(data[:start] + data[start:].replace(b"vm_static", b"vm_statiX")) == "dump_unreadable"
    assert refusal(data[:start] + recorded("18-custom.dump")[start:]) == "dump_unreadable"


def test_wrong_position_in_the_table_of_contents_is_refused() -> None:
    data = recorded("15-custom.dump")
    start = data_blocks(data)["start"] or 0
    known = b"\2" + start.to_bytes(8, "little")
    assert data.count(known) == 1
    assert refusal(data.replace(known, b"\2" + (start + 1).to_bytes(8, "little"))) == "dump_unreadable"
    assert refusal(data.replace(known, b"\1" + bytes(8))) == "accepted"


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_flipped_byte_in_compressed_data_is_refused(mask: int) -> None:
    data = recorded("15-custom.dump")
    blocks = data_blocks(data)
    large_objects = blocks["BLOBS"] or 0  # a damaged number of a large object cannot be told from another number
    assert len(data) - 200 < large_objects
    accepted = []
    for place in range(blocks["start"] or 0, large_objects):
        flipped = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
        if refusal(flipped) == "accepted":
            assert read_dump(reader(flipped)) == read_dump(reader(data))
            accepted.append(data[place + 1 : place + 10])
    # Only bits that fill up the last byte of a compressed stream mean nothing: checksum and end mark come next.
    assert len(accepted) <= 4
    assert all(behind.endswith(bytes(5)) for behind in accepted)


@pytest.mark.parametrize("name", DUMPS)
def test_random_damage_never_ends_in_another_error(name: str) -> None:
    chance = random.Random(name)
    data = recorded(name)
    for _round in range(30):
        damaged = bytearray(data)
        for _flip in range(chance.choice([1, 1, 5])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert refusal(bytes(damaged)).startswith(("dump_", "accepted"))


@pytest.mark.parametrize(
    "start", [b"\x1f\x8b\x08\x00", b"hello", b"SQLite format 3\0", b"--\n-- PostgreSQL database cluster dump\n"]
)
def test_something_else_is_refused(start: bytes) -> None:
    assert refusal(start + bytes(2000)) == "dump_unreadable"
