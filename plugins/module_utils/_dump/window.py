# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A window over the bytes of a dump that moves forward only, so that memory does not grow with the dump.

This file is private to the collection.
"""

from typing import Callable, Iterator, Pattern, Tuple

from .contents import DumpError, truncated, unreadable

Read = Callable[[int], bytes]

WINDOW = 1 << 18


def read_nothing(_size: int) -> bytes:
    """Return the end of a dump."""
    return b""


class Window:
    """Bytes from ``read`` in ``data``; everything before ``position`` is done with."""

    def __init__(self, read: Read, data: bytes = b"") -> None:
        self._read = read
        self._start = 0  # offset of data[0] in the dump
        self.data = data
        self.position = 0
        self.ended = False
        self.last = data[-2:]  # the last two bytes of the dump so far

    @property
    def offset(self) -> int:
        """Return how many bytes of the dump are done with."""
        return self._start + self.position

    def grow(self) -> None:
        """Drop what is done with and read on; ``ended`` says when there is no more."""
        parts = [self.data[self.position :]]
        wanted = WINDOW
        while wanted > 0 and not self.ended:
            part = self._read(wanted)
            parts.append(part)
            wanted -= len(part)
            self.ended = not part
        self._start += self.position
        self.position = 0
        self.data = b"".join(parts)
        self.last = (self.last + self.data[-2:])[-2:]

    def ensure(self, size: int) -> bool:
        """Make ``size`` bytes available. Return False when the dump ends before that."""
        while len(self.data) - self.position < size and not self.ended:
            self.grow()
        return len(self.data) - self.position >= size

    def refuse_empty(self) -> None:
        """Raise the error for a dump without a single byte."""
        if not self.ensure(1):
            raise DumpError("The dump is empty (0 bytes): look for the cause in the log of the backup.", "dump_empty")

    def take(self, size: int, where: str) -> bytes:
        """Return exactly ``size`` bytes; ``where`` says in the error what they belong to."""
        if not self.ensure(size):
            raise self.cut(where)
        self.position += size
        return self.data[self.position - size : self.position]

    def pieces(self, size: int, where: str) -> Iterator[bytes]:
        """Return exactly ``size`` bytes in pieces of at most a window."""
        while size > 0:
            piece = self.take(min(size, WINDOW), where)
            size -= len(piece)
            yield piece

    def skip_past(self, pattern: Pattern[bytes], longest: int, where: str, keep: int = 0) -> Tuple[bytes, bytes]:
        """Move behind the first match; return the first ``keep`` bytes before it, and the match.

        A match is at most ``longest`` bytes. One at the very end of the window is looked at again with more
        bytes, because the next byte may belong to it.
        """
        kept = b""
        while True:
            match = pattern.search(self.data, self.position)
            if match and (match.end() < len(self.data) or self.ended):
                kept += self.data[self.position : match.start()][: keep - len(kept)]
                self.position = match.end()
                return kept, match.group()
            if self.ended:
                raise self.cut(where)
            done = match.start() if match else max(self.position, len(self.data) - longest + 1)
            kept += self.data[self.position : done][: keep - len(kept)]
            self.position = done
            self.grow()

    def cut(self, where: str) -> DumpError:
        """Return the error for a dump that ends too early, with the place."""
        return truncated("The dump ends at byte %d, inside %s" % (self._start + len(self.data), where))

    def damaged(self, what: str) -> DumpError:
        """Return the error for content that no pg_dump writes, with the place."""
        return unreadable("%s (byte %d of the dump)" % (what, self.offset))
