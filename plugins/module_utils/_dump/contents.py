# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dump holds and how reading one fails: shared by the readers of both formats.

This file is private to the collection.
"""

from collections import Counter
from typing import Dict, List, NamedTuple, Set, Tuple

from .._common.errors import BackupError

MAKE_A_NEW_ONE = "Do not keep it as a backup: make a new one."


class DumpError(BackupError):
    """A dump cannot be proven. ``code`` is dump_empty, dump_unreadable, dump_truncated or dump_newer."""

    code = "dump_unreadable"


class DumpContents(NamedTuple):
    """What was read back from a dump, from the dump alone."""

    format: str  # custom or plain
    database: str  # empty for plain
    dump_version: str  # of the pg_dump that wrote it
    server_version: str
    created: str  # local time of the dumping host; empty for plain
    tables: Dict[str, int]  # "schema.table" (names as they are, unquoted) to rows; every table with a data section
    schemas: List[str]  # that the dump creates or has tables in
    extensions: List[str]
    owners: List[str]  # custom only
    grantees: List[str]  # without PUBLIC
    large_objects: int
    noted: Dict[str, List[Tuple[str, ...]]]  # "schema.table" to the rows that say what this is a dump of


class Findings:
    """Collects what a dump holds while it is read."""

    def __init__(self) -> None:
        self.tables: Dict[str, int] = Counter()
        self.schemas: Set[str] = set()
        self.extensions: Set[str] = set()
        self.owners: Set[str] = set()
        self.grantees: Set[str] = set()
        self.large_objects = 0
        self.dump_version = ""
        self.server_version = ""
        self.noted: Dict[str, List[Tuple[str, ...]]] = {}

    def add_rows(self, schema: str, table: str, rows: int) -> None:
        """Add rows to a table: a partition loaded through its root has several data sections of one name."""
        self.schemas.add(schema)
        self.tables["%s.%s" % (schema, table)] += rows

    def conclude(self, format_name: str, database: str = "", created: str = "") -> DumpContents:
        """Return everything found, in a stable order."""
        return DumpContents(
            format=format_name,
            database=database,
            dump_version=self.dump_version,
            server_version=self.server_version,
            created=created,
            tables={name: self.tables[name] for name in sorted(self.tables)},
            schemas=sorted(self.schemas),
            extensions=sorted(self.extensions),
            owners=sorted(self.owners),
            grantees=sorted(self.grantees),
            large_objects=self.large_objects,
            noted=self.noted,
        )


def decode_name(raw: bytes) -> str:
    """Return a name as text. Bytes that are not UTF-8 stay visible and distinct instead of being an error."""
    return raw.decode("utf-8", "backslashreplace")


def unreadable(text: str) -> DumpError:
    """Return the error for a dump that is damaged or of a kind that cannot be proven."""
    return DumpError("%s. %s" % (text, MAKE_A_NEW_ONE), "dump_unreadable")


def truncated(text: str) -> DumpError:
    """Return the error for a dump that stops before its end."""
    return DumpError("%s: the dump is not complete. %s" % (text, MAKE_A_NEW_ONE), "dump_truncated")
