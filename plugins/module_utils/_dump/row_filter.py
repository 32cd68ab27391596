# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pick the few rows out of a dump that say what it is a dump of, while it is read anyway.

Source: oVirt engine, tables vm_static and audit_log. This file is private to the collection.
"""

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .contents import decode_name
from .sql import MARK, Token


class FilterSpec(NamedTuple):
    """Which columns to keep of the rows that hold the needle and one of the wanted values in each named column."""

    columns: Tuple[str, ...]
    needle: bytes
    wanted: Dict[str, Tuple[str, ...]]


HOSTED_ENGINE_TABLE = "public.vm_static"  # its rows tell a hosted engine
WATCHES: Dict[str, FilterSpec] = {
    # The virtual machine that the engine itself runs in; 5 is hosted engine, 6 managed hosted engine.
    HOSTED_ENGINE_TABLE: FilterSpec(("vm_name",), b"", {"origin": ("5", "6")}),
    # The start of every backup, committed before its dump; it carries the path of the backup's log.
    "public.audit_log": FilterSpec(
        ("audit_log_id", "message"), b"engine-backup: Backup Started", {"log_type": ("9024",)}
    ),
}
WATCHED_TABLES = frozenset(name.partition(".")[2] for name in WATCHES)
MOST_ROWS = 1000
LONGEST_ROW = 1 << 20

Rows = List[Tuple[str, ...]]


def list_columns(tokens: Sequence[Token]) -> List[str]:
    """Return the columns that a COPY statement names between its first parentheses."""
    opening, closing = Token(MARK, "("), Token(MARK, ")")
    if opening not in tokens or closing not in tokens:
        return []
    inside = tokens[list(tokens).index(opening) + 1 : list(tokens).index(closing)]
    return [token.text for token in inside if token.kind != MARK]


class RowFilter:
    """Looks at the rows of one data section that arrives in blocks."""

    def __init__(self, watch: FilterSpec, columns: Sequence[str]) -> None:
        self.rows: Rows = []
        self._watch = watch
        self._columns = list(columns)
        self._usable = set(watch.columns) | set(watch.wanted) <= set(columns)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Look at the next block."""
        if not self._usable:
            return
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:][:LONGEST_ROW]
        if self._watch.needle in data[:end]:
            for line in data[:end].split(b"\n"):
                if self._watch.needle in line and len(self.rows) < MOST_ROWS:
                    self._take(line)

    def _take(self, line: bytes) -> None:
        values = dict(zip(self._columns, map(decode_name, line.split(b"\t"))))
        if all(values.get(name) in wanted for name, wanted in self._watch.wanted.items()):
            self.rows.append(tuple(values[name] for name in self._watch.columns))


def watch_table(schema: str, table: str, tokens: Sequence[Token]) -> Optional[RowFilter]:
    """Return what looks at the rows of a table, None where nobody asks for them."""
    watch = WATCHES.get("%s.%s" % (schema, table))
    return RowFilter(watch, list_columns(tokens)) if watch is not None else None


def hosted_engine_name(noted: Mapping[str, Rows]) -> str:
    """Return the name of the virtual machine that the engine runs in, an empty string where it runs in none."""
    return next((row[0] for row in noted.get(HOSTED_ENGINE_TABLE, [])), "")


def backup_log_path(noted: Mapping[str, Rows]) -> str:
    """Return the path of the log of the backup that this dump belongs to: the newest one that had begun.

    A blank ends it: the engine appends nothing, but the tool refuses a path with one.
    """
    rows = [row for row in noted.get("public.audit_log", []) if row[0].isdigit() and "log=" in row[1]]
    newest = max(rows, key=lambda row: int(row[0]), default=None)
    return newest[1].rpartition("log=")[2].split(" ")[0] if newest is not None else ""
