# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams that are read forward, in pieces of any size."""

import hashlib
import io
import random
from typing import Any, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive import streams
from unit.fakes import archives

DATA = random.Random(1).getrandbits(8 * 50000).to_bytes(50000, "big") + bytes(50000)


class Sips:
    """A source that never gives more than a few bytes at once."""

    def __init__(self, data: bytes, most: int) -> None:
        self._stream = io.BytesIO(data)
        self._most = most

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, self._most) if size >= 0 else self._most)


def read_all(stream: Any, size: int = 1000) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("packer", ["none", "gzip", "bzip2", "xz"])
@pytest.mark.parametrize("most", [7, 4096])
def test_content_is_the_same_in_pieces_of_any_size(packer: str, most: int) -> None:
    name, stream = streams.open_decompressed(Sips(archives.PACKERS[packer](DATA), most))
    assert name == packer
    assert read_all(stream) == DATA


@pytest.mark.parametrize("packer", ["bzip2", "xz", "gzip"])
def test_streams_one_after_the_other_are_one_content_and_damage_is_an_error(packer: str) -> None:
    def unpack(data: bytes) -> bytes:
        return read_all(streams.open_decompressed(io.BytesIO(data))[1])

    pack = archives.PACKERS[packer]
    packed, middle = pack(DATA), len(pack(DATA)) // 2
    assert unpack(pack(DATA[:60000]) + pack(DATA[60000:])) == DATA
    assert packer != "xz" or unpack(packed + bytes(4)) == DATA, "padding is no garbage"
    flipped = packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :]
    for damaged in (packed[:-1], packed[:-5], packed[:-20], packed[:-5000], packed + b"garbage", flipped):
        with pytest.raises(streams.ERRORS):
            unpack(damaged)


def test_peeking_takes_nothing_away() -> None:
    stream = streams.Peekable(Sips(b"abcdef", 2))
    assert (stream.peek(3), stream.peek(5), stream.peek(99)) == (b"abc", b"abcde", b"abcdef")
    assert read_all(stream) == b"abcdef"


@pytest.mark.parametrize(
    ("start", "name"),
    [(b"\x28\xb5\x2f\xfd", "zstd"), (b"", "none"), (b"\x1f", "none"), (b"PGDMP", "none")],
)
def test_compressor_is_told_by_its_first_bytes(start: bytes, name: str) -> None:
    assert streams.detect_compressor(start) == name


def test_hashes_are_of_everything_that_was_passed_on() -> None:
    reader = streams.HashingReader(io.BytesIO(DATA), (streams.SHA256, streams.MD5))
    reader.read(10)
    reader.drain()
    assert reader.digests() == (hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest())
    assert reader.size == len(DATA)
    assert streams.HashingReader(io.BytesIO(DATA)).digests()[1] == ""
    assert streams.HashingReader(io.BytesIO(DATA), ()).digests() == ("", "")


def names_of(data: bytes, reads: bool = False) -> List[str]:
    found = []
    for archive, info in streams.read_tar(io.BytesIO(data)):
        found.append(info.name)
        if reads and info.isfile():
            stream = archive.extractfile(info)
            assert stream is not None
            assert len(stream.read()) == info.size
    return found


TAR = archives.make_tar([("a", b"x" * 600), ("b", bytes(4096)), ("c", b""), ("d" * 150, b"y")])


@pytest.mark.parametrize("reads", [True, False], ids=["contents read", "contents passed over"])
def test_tar_is_read_to_its_end(reads: bool) -> None:
    assert names_of(TAR, reads) == ["a", "b", "c", "d" * 150]


@pytest.mark.parametrize("reads", [True, False], ids=["contents read", "contents passed over"])
def test_cut_tar_is_an_error_wherever_it_is_cut(reads: bool) -> None:
    for size in range(0, len(TAR.rstrip(b"\0")) + 1, 256):
        with pytest.raises(streams.ERRORS + (streams.tarfile.TarError,)):
            names_of(TAR[:size], reads)


def test_tar_without_its_padding_is_whole() -> None:
    end = len(TAR.rstrip(b"\0")) // 512 * 512 + 512
    assert len(names_of(TAR[: end + 1024])) == 4
    with pytest.raises(EOFError):
        names_of(TAR[: end + 512])


def test_damaged_header_and_something_behind_the_end_mark_are_errors() -> None:
    damaged = [TAR + b"x" * 512, TAR + TAR]
    for place in (0, 1024 + 512, 1024 + 512 + 4096 + 512):
        damaged.append(TAR[:place] + bytes([TAR[place] ^ 0xFF]) + TAR[place + 1 :])
    for data in damaged:
        with pytest.raises(streams.tarfile.TarError):
            names_of(data)
