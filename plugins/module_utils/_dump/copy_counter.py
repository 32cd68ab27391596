# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows in the text that COPY ... TO writes: one line each, up to the line of a backslash and a dot.

COPY escapes newlines and backslashes inside values, so neither a newline nor that last line can be part of a value.
This file is private to the collection.
"""

END = b"\n\\.\n"


class CopyRowCounter:
    """Counts the lines of one data section that arrives in blocks, without looking at each line."""

    def __init__(self) -> None:
        self.rows = 0
        self.ended = False
        self._tail = b"\n"  # as if a line ended before the section, so that an empty section ends like any other

    def feed(self, data: bytes, start: int = 0) -> int:
        """Count the rows from ``start``; return where the section ends, or the end of ``data`` when it goes on."""
        border = (self._tail + data[start : start + len(END) - 1]).find(END)
        found = border - len(self._tail) + start if border >= 0 else data.find(END, start)
        self.ended = border >= 0 or found >= 0
        stop = found + len(END) if self.ended else len(data)
        self.rows += data.count(b"\n", start, stop) - (1 if self.ended else 0)
        self._tail = (self._tail + data[max(start, stop - len(END) + 1) : stop])[1 - len(END) :]
        return stop
