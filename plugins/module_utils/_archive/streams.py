# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams that are read forward: decompressed, hashed, looked at. This file is private to the collection."""

import bz2
import contextlib
import hashlib
import io
import lzma
import os
import stat
import sys
import tarfile
import zlib
from typing import Any, BinaryIO, Callable, Iterator, Sequence, Tuple

from .._common.command import Filter

MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))
MAGIC_SIZE = 6
CHUNK = 1 << 20
GULP = 1 << 16  # bytes of compressed data at a time: less time than with more, or with the 8192 of GzipFile
GZIP_WINDOW = 31  # zlib: the largest window, with the header and the check sum of gzip
END_MARK = 2 * 512  # a tar ends with two blocks of zeros
HEADER_LIMIT = 8 * CHUNK
SHA256, MD5 = "sha256", "md5"
ERRORS = (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError)


def open_regular(path: str) -> BinaryIO:
    """Open an ordinary file for reading; a link is followed, a pipe or device is an error."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(0, "not a regular file")
    return open(path, "rb")


def detect_compressor(start: bytes) -> str:
    """Return the name of the compressor that writes such first bytes, or 'none'."""
    return next((name for magic, name in MAGIC if start.startswith(magic)), "none")


class Peekable(io.RawIOBase):
    """A stream whose first bytes can be looked at before it is read."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self._start = b""

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end, without consuming them."""
        while len(self._start) < size:
            data = self._stream.read(size - len(self._start))
            if not data:
                break
            self._start += data
        return self._start[:size]

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes."""
        if self._start:
            end = len(self._start) if size < 0 else size
            data, self._start = self._start[:end], self._start[end:]
            return data
        return bytes(self._stream.read(size))

    def readable(self) -> bool:
        """A stream to read."""
        return True


class Gunzip:
    """The decompressor of zlib for one stream of gzip, to be used as those of bzip2 and xz are."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(GZIP_WINDOW)

    @property
    def eof(self) -> bool:
        """The stream has ended, and its check sum was right."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """What follows its end."""
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        """Everything that was handed over is used up."""
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return up to ``max_length`` bytes."""
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class Decompressed:
    """The decompressed bytes of one or more streams of gzip, bzip2 or xz; unlike Python's files it refuses garbage."""

    def __init__(self, stream: Any, make: Callable[[], Any]) -> None:
        self._stream = stream
        self._make = make
        self._decompressor = make()
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, empty at the end; raise EOFError where the stream is cut."""
        while True:
            if self._decompressor.eof:
                self._rest = (self._decompressor.unused_data or self._stream.read(GULP)).lstrip(b"\0")
                if not self._rest:
                    return b""
                self._decompressor = self._make()
            elif self._decompressor.needs_input and not self._rest:
                self._rest = self._stream.read(GULP)
                if not self._rest:
                    raise EOFError("the compressed data ends early")
            data, self._rest = self._decompressor.decompress(self._rest, max_length=size), b""
            if data:
                return bytes(data)


def open_decompressed(stream: Any) -> Tuple[str, Any]:
    """Return (compressor, stream of the decompressed bytes) for a forward-only stream."""
    peekable: Any = Peekable(stream)
    name = detect_compressor(peekable.peek(MAGIC_SIZE))
    if name == "gzip":
        return name, Decompressed(peekable, Gunzip)
    if name == "bzip2":
        return name, Decompressed(peekable, bz2.BZ2Decompressor)
    if name == "xz":
        return name, Decompressed(peekable, lzma.LZMADecompressor)
    if name == "zstd":
        raise OSError("zstd inside an archive is not a format of engine-backup")
    return name, peekable


def open_zstd(source: BinaryIO) -> Filter:
    """Return the decompressed bytes of a real file; Python has no zstd of its own on the engine's platforms."""
    os.lseek(source.fileno(), 0, os.SEEK_SET)
    return Filter(["zstd", "-dcq"], source)


@contextlib.contextmanager
def open_archive(path: str) -> Iterator[Any]:
    """Yield the decompressed bytes of an archive, whatever packed it."""
    with open_regular(path) as source:
        compressor = detect_compressor(source.read(MAGIC_SIZE))
        source.seek(0)
        if compressor != "zstd":
            yield open_decompressed(source)[1]
            return
        piped = open_zstd(source)
        try:
            yield piped
        finally:
            piped.close()


class HashingReader:
    """Passes bytes on and hashes them by some algorithms; MD5 is for the hash list of an old archive."""

    def __init__(self, stream: Any, algorithms: Sequence[str] = (SHA256,)) -> None:
        self._stream = stream
        self._hashes = {name: hashlib.sha256() if name == SHA256 else new_md5() for name in algorithms}
        self.size = 0

    def read(self, size: int = CHUNK) -> bytes:
        """Return up to ``size`` bytes."""
        data = bytes(self._stream.read(size if size >= 0 else CHUNK))
        for item in self._hashes.values():
            item.update(data)
        self.size += len(data)
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self.read():
            pass

    def digests(self) -> Tuple[str, str]:
        """Return (SHA-256, MD5) in hex, each empty where it was not asked for."""
        sha256, md5 = (self._hashes[name].hexdigest() if name in self._hashes else "" for name in (SHA256, MD5))
        return sha256, md5


def new_md5() -> Any:
    """Return an MD5 for a comparison with an old hash list; it is not a matter of security."""
    if sys.version_info >= (3, 9):
        return hashlib.new("md5", usedforsecurity=False)
    return hashlib.new("md5")


class Tail:
    """Passes bytes on and remembers where the last one was that is not zero: a tar ends with zeros only."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._allowance = -1
        self.size = 0
        self.last_content = 0

    def allow(self, size: int) -> None:
        """Refuse to read more than so many bytes before the next call; -1 for no limit."""
        self._allowance = size

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        data = bytes(self._stream.read(size))
        content = len(data.rstrip(b"\0"))
        if content:
            self.last_content = self.size + content
        self.size += len(data)
        if self._allowance >= 0:
            self._allowance -= len(data)
            if self._allowance < 0:
                raise tarfile.HeaderError("a header is larger than %d bytes" % HEADER_LIMIT)
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self.read(CHUNK):
            pass


def read_tar(stream: Any) -> Iterator[Tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield (archive, member) forward to the end; raise where the tar is cut or damaged.

    tarfile takes a damaged header for the end and keeps every header in memory, so both are looked after here.
    """
    tail: Any = Tail(stream)
    tail.allow(HEADER_LIMIT)
    with tarfile.open(mode="r|", fileobj=tail, bufsize=CHUNK) as opened:
        archive: Any = opened
        info = archive.next()
        while info is not None:
            archive.members = []
            tail.allow(-1)
            yield archive, info
            if archive.fileobj.tell() < archive.offset - 1:
                archive.fileobj.seek(archive.offset - 1)  # pass over what the caller did not read
            tail.allow(HEADER_LIMIT)
            info = archive.next()
        end = archive.offset
    tail.allow(-1)
    tail.drain()
    if tail.last_content > end:
        raise tarfile.ReadError("there is a damaged header at byte %d" % end)
    if tail.size < end + END_MARK:
        raise EOFError("it ends without the end mark of tar")
