# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a dump of pg_dump to its end and count its rows, from the dump alone and without PostgreSQL.

Nothing is kept but names and counts, whatever the size of the dump, of a row or of a statement.
This file is private to the collection.
"""

from .contents import DumpContents, DumpError, unreadable
from .custom import MAGIC, read_custom_dump, read_custom_source
from .plain import read_plain_dump, read_plain_source, starts_like_plain
from .window import Read, Window

__all__ = ["DumpContents", "DumpError", "Read", "read_custom_dump", "read_dump", "read_plain_dump"]


def read_dump(read: Read) -> DumpContents:
    """Return what a custom or plain dump holds; ``read(n)`` returns at most n bytes, none at the end."""
    source = Window(read)
    source.refuse_empty()
    source.ensure(len(MAGIC))
    if MAGIC.startswith(source.data[: len(MAGIC)]):
        return read_custom_source(source)
    if starts_like_plain(source):
        return read_plain_source(source)
    raise unreadable(
        "The file starts with the bytes %s and is neither a custom nor a plain dump of one database by pg_dump"
        % source.data[:8].hex()
    )
