# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the dumps of an archive, the SQLite file among them. This file is private to the collection."""

from typing import Any

from .._common.errors import Problem
from .._dump.reader import DumpError, read_dump
from . import streams
from .model import DumpReading
from .sqlite_file import SQLITE_ERROR, count_streamed_tables


def read_dump_member(kind: str, size: int, stream: Any, full: bool, tmpdir: str) -> DumpReading:
    """Read one dump; at less than the full level only its compressor and format are looked at."""
    if size == 0:
        return DumpReading("", "none", 0, None, (), "", None)
    try:
        compressor, content = streams.open_decompressed(stream)
        if kind == "grafana":
            tables = count_streamed_tables(content, tmpdir) if full else None
            return DumpReading("sqlite", compressor, size, tables, (), "", None)
        if not full:
            return DumpReading("", compressor, size, None, (), "", None)
        contents = read_dump(content.read)
        return DumpReading(
            contents.format,
            compressor,
            size,
            dict(contents.tables),
            tuple(contents.schemas),
            contents.dump_version,
            None,
            tuple(contents.owners),
            tuple(contents.grantees),
            tuple(contents.extensions),
            contents.server_version,
            contents.noted,
        )
    except DumpError as error:
        return _failed(size, Problem(error.code, "the dump of the %s database: %s" % (kind, error.message)))
    except streams.ERRORS + (SQLITE_ERROR,) as error:
        text = "the dump of the %s database can not be read to its end: %s" % (kind, error)
        return _failed(size, Problem("dump_unreadable", text))


def _failed(size: int, problem: Problem) -> DumpReading:
    return DumpReading("", "none", size, None, (), "", problem)
