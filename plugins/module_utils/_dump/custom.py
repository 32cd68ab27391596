# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The custom format of pg_dump (-Fc), archive versions 1.12 (PostgreSQL 9.0) to 1.16 (PostgreSQL 17 and 18).

Layout: header, table of contents, then one data block for each entry that has data. A block is a sequence of
chunks, each with its length before it, that ends with the length 0; the chunks of a block are one zlib stream or
are not compressed. Integers are a sign byte and four bytes, least significant first; text is its length and bytes,
with length -1 for none. This file is private to the collection.
"""

import struct
import zlib
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

from .contents import DumpContents, DumpError, Findings, decode_name, truncated, unreadable
from .copy_counter import CopyRowCounter
from .row_filter import WATCHED_TABLES, RowFilter, watch_table
from .sql import STATEMENT, Lexer, find_grantees
from .window import WINDOW, Read, Window, read_nothing

MAGIC = b"PGDMP"
OLDEST, NEWEST = (1, 12), (1, 16)
CUSTOM_FORMAT = 1
COMPRESSION = {0: "none", 1: "gzip", 2: "lz4", 3: "zstd"}
BLOCK_OF_TABLE, BLOCK_OF_LARGE_OBJECTS = 1, 3
POSITION_KNOWN = 2
LONGEST_NAME = 1 << 16
LONGEST_GRANTS = 1 << 24
LONGEST_COPY = 1 << 16
COPY = b"COPY "
TABLES = ("TABLE", "FOREIGN TABLE", "TABLE DATA")
GRANTS = ("ACL", "DEFAULT ACL", "ACL LANGUAGE")
INTEGER = struct.Struct("<BI")
INTEGER_SIZE = 4


class Header(NamedTuple):
    """The part before the table of contents."""

    version: Tuple[int, int]
    offset_size: int
    compressed: bool
    created: str
    database: str
    server_version: str
    dump_version: str


class Entry(NamedTuple):
    """An entry of the table of contents, as far as it matters here."""

    number: int
    has_data: bool
    kind: str
    name: str
    schema: str
    owner: str
    definition: bytes  # the start of it; all of it for grants
    copy: bytes  # the start of the statement that loads the rows; all of it for the tables that are watched
    position: Optional[int]  # of the data block, where the writer could still fill it in


class ArchiveSource:
    """The primitives of the format over a source of bytes."""

    def __init__(self, source: Window) -> None:
        self.source = source
        self.where = "its header"

    def byte(self) -> int:
        """Return one byte as a number."""
        return ord(self.source.take(1, self.where))

    def integer(self) -> int:
        """Return one signed integer."""
        sign = self.byte()
        number = int.from_bytes(self.source.take(INTEGER_SIZE, self.where), "little")
        if sign > 1 or sign and not number:
            raise self.source.damaged("A number is damaged in %s" % self.where)
        return -number if sign else number

    def text(self, longest: int = LONGEST_NAME) -> Optional[bytes]:
        """Return a text that must not be longer than ``longest``."""
        length = self.integer()
        if length > longest:
            raise self.source.damaged("A text of %d bytes in %s cannot be right" % (length, self.where))
        return self.source.take(length, self.where) if length >= 0 else None

    def name(self) -> str:
        """Return a text that is a name, empty for none."""
        return decode_name(self.text() or b"")

    def start_of_text(self, keep: int) -> bytes:
        """Return the first ``keep`` bytes of a text of any length."""
        kept = b""
        for piece in self.source.pieces(self.integer(), self.where):
            kept += piece[: keep - len(kept)]
        return kept

    def chunks(self) -> Iterator[bytes]:
        """Return the content of the chunks up to the end of the block, many at once.

        Uncompressed dumps of PostgreSQL before 17 have a chunk for every row, hence the tight loop.
        """
        source, unpack, size = self.source, INTEGER.unpack_from, INTEGER.size
        while True:
            data, position, parts = source.data, source.position, []
            while position + size <= len(data):
                sign, length = unpack(data, position)
                stop = position + size + length
                if sign or not length or stop > len(data):
                    break
                parts.append(data[position + size : stop])
                position = stop
            source.position = position
            yield b"".join(parts)
            length = self.integer()
            if not length:
                return
            if length < 0:
                raise source.damaged("A chunk of %d bytes in %s cannot be right" % (length, self.where))
            yield from source.pieces(length, self.where)


def read_custom_dump(read: Read) -> DumpContents:
    """Return what a custom dump holds, or raise DumpError."""
    source = Window(read)
    source.refuse_empty()
    return read_custom_source(source)


def read_custom_source(source: Window) -> DumpContents:
    """Return what a custom dump holds; every data block was read and checked to its end."""
    archive = ArchiveSource(source)
    header = read_header(archive)
    findings = Findings()
    findings.server_version = header.server_version
    findings.dump_version = header.dump_version
    archive.where = "its table of contents"
    start = source.offset
    entries = read_contents(archive, header, findings)
    length = source.offset - start
    positions = read_blocks(archive, header, entries, findings)
    if source.ensure(1):
        read_second_contents(archive, header, entries, positions, length)
    return findings.conclude("custom", header.database, header.created)


def read_header(archive: ArchiveSource) -> Header:
    """Return the header, or refuse what cannot be read."""
    if archive.source.take(len(MAGIC), archive.where) != MAGIC:
        raise archive.source.damaged("The file does not start as a custom dump of pg_dump does")
    version = (archive.byte(), archive.byte())
    archive.byte()  # revision: says nothing about the layout
    check_version(version)
    integer_size, offset_size, format_number = archive.byte(), archive.byte(), archive.byte()
    if integer_size != INTEGER_SIZE or not 4 <= offset_size <= 8 or format_number != CUSTOM_FORMAT:
        raise archive.source.damaged("The header of the custom dump is damaged")
    return Header(
        version=version,
        offset_size=offset_size,
        compressed=read_compression(archive, version),
        created=read_time(archive),
        database=archive.name(),
        server_version=archive.name(),
        dump_version=archive.name(),
    )


def check_version(version: Tuple[int, int]) -> None:
    """Refuse archive versions whose layout is not known."""
    if version > NEWEST:
        raise DumpError(
            "The dump has archive version %d.%d; up to %d.%d (PostgreSQL 18) can be read. It was written by a newer "
            "pg_dump: use a newer release of this collection." % (version + NEWEST),
            "dump_newer",
        )
    if version < OLDEST:
        raise unreadable(
            "The dump has archive version %d.%d; %d.%d (PostgreSQL 9.0) is the oldest that can be read"
            % (version + OLDEST)
        )


def read_compression(archive: ArchiveSource, version: Tuple[int, int]) -> bool:
    """Return whether the data is compressed; before 1.15 the header has a level in place of the algorithm."""
    if version < (1, 15):
        return archive.integer() != 0
    number = archive.byte()
    if number not in (0, 1):
        raise unreadable(
            "The data of the dump is compressed with %s, which cannot be read here: dump with gzip or "
            "without compression" % COMPRESSION.get(number, "the unknown method %d" % number)
        )
    return number == 1


def read_time(archive: ArchiveSource) -> str:
    """Return the time of the dump; the format stores a broken-down local time without its zone."""
    second, minute, hour, day, month, year, _is_summer = (archive.integer() for _field in range(7))
    return "%04d-%02d-%02dT%02d:%02d:%02d" % (year + 1900, month + 1, day, hour, minute, second)


def read_contents(archive: ArchiveSource, header: Header, findings: Findings) -> Dict[int, Entry]:
    """Read the table of contents; return the entries that must have a data block."""
    entries: Dict[int, Entry] = {}
    for _number in range(archive.integer()):
        entry = read_entry(archive, header)
        note_entry(entry, findings)
        if entry.has_data:
            if entry.number in entries:
                raise archive.source.damaged("The number %d is twice in the table of contents" % entry.number)
            entries[entry.number] = entry
    return entries


def read_entry(archive: ArchiveSource, header: Header) -> Entry:
    """Return the next entry of the table of contents."""
    number, has_data = archive.integer(), archive.integer() != 0
    archive.name(), archive.name()  # numbers in the system catalog
    name, kind = archive.name(), archive.name()
    archive.integer()  # section
    definition = archive.start_of_text(LONGEST_GRANTS if kind in GRANTS else 64)
    archive.start_of_text(0)  # how to drop it
    copy = archive.start_of_text(LONGEST_COPY if name in WATCHED_TABLES else len(COPY))
    schema = archive.name()
    archive.name()  # tablespace
    if header.version >= (1, 14):
        archive.name()  # table access method
    if header.version >= (1, 16):
        archive.integer()  # kind of relation
    owner = archive.name()
    archive.name()  # with oids
    while archive.text() is not None:
        pass  # numbers of the entries it depends on
    position_state = archive.byte()
    position = int.from_bytes(archive.source.take(header.offset_size, archive.where), "little")
    if kind == "TABLE DATA" and not (has_data and copy.startswith(COPY)):
        raise unreadable(
            "The rows of table %s.%s were not dumped as COPY text and cannot be counted: dump without "
            "--inserts" % (schema, name)
        )
    return Entry(
        number,
        has_data,
        kind,
        name,
        schema,
        owner,
        definition,
        copy,
        position if position_state == POSITION_KNOWN else None,
    )


def note_entry(entry: Entry, findings: Findings) -> None:
    """Add what an entry of the table of contents says about the database."""
    if entry.owner:
        findings.owners.add(entry.owner)
    if entry.kind in TABLES:
        findings.schemas.add(entry.schema)
    elif entry.kind == "SCHEMA" and entry.definition.startswith(b"CREATE SCHEMA"):
        findings.schemas.add(entry.name)
    elif entry.kind == "EXTENSION":
        findings.extensions.add(entry.name)
    elif entry.kind in GRANTS:
        findings.grantees.update(find_grantees(entry.definition))


def read_blocks(
    archive: ArchiveSource, header: Header, entries: Dict[int, Entry], findings: Findings
) -> Dict[int, int]:
    """Read every data block to its end; each entry must get exactly one. Return the position of each."""
    source = archive.source
    positions: Dict[int, int] = {}
    while len(positions) < len(entries):
        archive.where = "the start of a data block"
        start = source.offset
        if not source.ensure(1):
            missing = [entry for number, entry in entries.items() if number not in positions]
            names = ["%s.%s" % (entry.schema, entry.name) for entry in missing[:10]]
            raise truncated(
                "The dump ends without the data of %d entries of its table of contents (%s)"
                % (len(missing), ", ".join(names))
            )
        block, number = archive.byte(), archive.integer()
        entry = entries.get(number)
        if entry is None or number in positions or entry.position not in (None, start):
            raise source.damaged("A data block with number %d does not belong there" % number)
        archive.where = "the data of %s %s.%s" % (entry.kind.replace(" DATA", "").lower(), entry.schema, entry.name)
        read_block(archive, header, block, entry, findings)
        positions[number] = start
    return positions


def read_block(archive: ArchiveSource, header: Header, block: int, entry: Entry, findings: Findings) -> None:
    """Read one data block to its end and count what is in it."""
    if block == BLOCK_OF_LARGE_OBJECTS:
        findings.large_objects += count_large_objects(archive, header.compressed)
    elif block == BLOCK_OF_TABLE and entry.kind == "TABLE DATA":
        watch = watch_entry(entry)
        findings.add_rows(entry.schema, entry.name, count_rows(archive, header.compressed, watch))
        if watch is not None:
            findings.noted["%s.%s" % (entry.schema, entry.name)] = watch.rows
    else:
        raise archive.source.damaged("A data block of the unknown type %d" % block)


def read_second_contents(
    archive: ArchiveSource, header: Header, entries: Dict[int, Entry], positions: Dict[int, int], length: int
) -> None:
    """Check what follows the last block: nothing, or the table of contents once more, with positions.

    pg_dump writes the positions into the table of contents at its end. From PostgreSQL 16 on it opens its standard
    output for appending, so that with "pg_dump > file" the second table lands behind the data. pg_restore does not
    look there.
    """
    archive.where = "the second copy of its table of contents"
    if any(entry.position is not None for entry in entries.values()):
        raise archive.source.damaged("Something that is not part of the dump follows its last data")
    start = archive.source.offset
    second = read_contents(archive, header, Findings())
    expected = {number: entry._replace(position=positions[number]) for number, entry in entries.items()}
    if second != expected or archive.source.offset - start != length or archive.source.ensure(1):
        raise archive.source.damaged("Something that is not part of the dump follows its last data")


def watch_entry(entry: Entry) -> Optional[RowFilter]:
    """Return what looks at the rows of a table, None where nobody asks for them."""
    items = Lexer(Window(read_nothing, entry.copy)).items() if entry.name in WATCHED_TABLES else iter(())
    return next((watch_table(entry.schema, entry.name, item.tokens) for item in items if item.kind == STATEMENT), None)


def count_rows(archive: ArchiveSource, compressed: bool, watch: Optional[RowFilter]) -> int:
    """Return the rows of a table, after its data was read and checked to the end."""
    rows = CopyRowCounter()
    for data in read_block_data(archive, compressed):
        if watch is not None:
            watch.feed(data)
        rest = data[rows.feed(data) :] if not rows.ended else data
        if rest.strip(b"\n"):
            raise archive.source.damaged("Something follows the end mark in %s" % archive.where)
    if not rows.ended:
        raise archive.source.damaged("The end mark is missing in %s" % archive.where)
    return rows.rows


def count_large_objects(archive: ArchiveSource, compressed: bool) -> int:
    """Return the number of large objects in a block: number and data of each, then the number 0."""
    count = 0
    while archive.integer():
        for _data in read_block_data(archive, compressed):
            pass
        count += 1
    return count


def read_block_data(archive: ArchiveSource, compressed: bool) -> Iterator[bytes]:
    """Return the content of the next chunks up to the end of the block, uncompressed."""
    return inflate(archive) if compressed else archive.chunks()


def inflate(archive: ArchiveSource) -> Iterator[bytes]:
    """Uncompress a block. No chunks at all is right for an empty large object only, whose content is nothing."""
    inflater, used = zlib.decompressobj(), False
    try:
        for packed in archive.chunks():
            used = used or bool(packed)
            rest = packed
            while rest:
                yield inflater.decompress(rest, WINDOW)
                rest = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as error:
        raise archive.source.damaged("The compressed data is damaged in %s: %s" % (archive.where, error)) from error
    if used and (not inflater.eof or inflater.unused_data):
        raise archive.source.damaged("The compressed data does not end where it should in %s" % archive.where)
