# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain format of pg_dump (-Fp): a script for psql with the data of tables in COPY blocks.

The end mark that pg_dump writes must be the last thing in it. This file is private to the collection.
"""

from typing import List

from .contents import DumpContents, Findings, unreadable
from .copy_counter import CopyRowCounter
from .row_filter import watch_table
from .sql import COMMAND, COMMENT, WORD, Lexer, Token, list_grantees, read_qualified_name
from .window import Read, Window

HEADER = b"--\n-- PostgreSQL database dump\n"
END_MARK = " PostgreSQL database dump complete"
SERVER_VERSION = " Dumped from database version "
DUMP_VERSION = " Dumped by pg_dump version "
BODY, MARKED, CLOSED = "body", "marked", "closed"  # before the end mark, in it, behind it


def starts_like_plain(source: Window) -> bool:
    """Return whether the dump starts, as far as it goes, with the comment that pg_dump writes first."""
    source.ensure(len(HEADER))
    return HEADER.startswith(source.data[: len(HEADER)])


def read_plain_dump(read: Read) -> DumpContents:
    """Return what a plain dump holds, or raise DumpError."""
    source = Window(read)
    source.refuse_empty()
    if not starts_like_plain(source):
        raise unreadable("The file does not start as a plain dump of one database by pg_dump does")
    return read_plain_source(source)


def read_plain_source(source: Window) -> DumpContents:
    """Return what a plain dump holds; it was read up to its end mark."""
    return PlainReader(source).read()


class PlainReader:
    """Follows the script as psql would and notes what it creates, fills and grants."""

    def __init__(self, source: Window) -> None:
        self.source = source
        self.lexer = Lexer(source)
        self.findings = Findings()
        self.stage = BODY
        self.search_path = ""  # first schema of it: dumps of old PostgreSQL releases name tables without schema
        self.restricted = ""  # key of \restrict, which \unrestrict must repeat
        self.handlers = {
            "alter": self.note_grants,
            "copy": self.count_copy,
            "create": self.note_created,
            "grant": self.note_grants,
            "insert": self.refuse_insert,
            "select": self.note_call,
            "set": self.note_setting,
        }

    def read(self) -> DumpContents:
        """Read everything, then ask for the proof that it was everything."""
        for item in self.lexer.items():
            if item.kind == COMMENT:
                self.note_comment(item.text)
            elif item.kind == COMMAND:
                self.note_command(item.text)
            elif item.tokens:
                self.note_statement(item.tokens)
        if self.stage != CLOSED or self.restricted or self.source.last != b"\n\n":
            raise self.source.cut("its text, without the end mark of pg_dump")
        return self.findings.conclude("plain")

    def note_comment(self, text: str) -> None:
        """Take versions from the head and the end mark from the foot."""
        if self.stage == MARKED and not text:
            self.stage = CLOSED
        elif self.stage != BODY:
            raise self.more_than_one_dump()
        elif text == END_MARK:
            self.stage = MARKED
        elif text.startswith(SERVER_VERSION) and not self.findings.server_version:
            self.findings.server_version = text[len(SERVER_VERSION) :]
        elif text.startswith(DUMP_VERSION) and not self.findings.dump_version:
            self.findings.dump_version = text[len(DUMP_VERSION) :]

    def note_command(self, text: str) -> None:
        """Accept the psql commands that pg_dump writes; \\unrestrict comes last, and before \\connect."""
        command, _space, argument = text.partition(" ")
        if command == "unrestrict" and self.stage != MARKED and argument == self.restricted:
            self.restricted = ""
        elif self.stage != BODY or command == "unrestrict":
            raise self.source.damaged("The psql command \\%s does not belong there" % text)
        elif command == "restrict":
            self.restricted = argument
        elif command != "connect":
            raise self.source.damaged("pg_dump does not write the psql command \\%s" % command)

    def note_statement(self, tokens: List[Token]) -> None:
        """Look at the statements that say something about contents."""
        if self.stage != BODY:
            raise self.more_than_one_dump()
        if tokens[0].kind == WORD and tokens[0].text in self.handlers:
            self.handlers[tokens[0].text](tokens)

    def more_than_one_dump(self) -> Exception:
        """Return the error for text behind the end mark."""
        return self.source.damaged("Something follows the end mark of pg_dump")

    def count_copy(self, tokens: List[Token]) -> None:
        """Count the rows of the data that follows a COPY statement."""
        only = tokens[1:2] == [Token(WORD, "only")]
        schema, table, behind = read_qualified_name(tokens, 2 if only else 1)
        schema = self.search_path if schema is None else schema
        if not schema or tokens[max(behind, len(tokens) - 2) :] != [Token(WORD, "from"), Token(WORD, "stdin")]:
            raise self.source.damaged("A COPY statement that pg_dump does not write")
        where = "the data of table %s.%s" % (schema, table)
        if self.source.take(1, where) != b"\n":
            raise self.source.damaged("A COPY statement does not end its line before %s" % where)
        rows, watch = CopyRowCounter(), watch_table(schema, table, tokens)
        while not rows.ended:
            if not self.source.ensure(1):
                raise self.source.cut(where)
            start = self.source.position
            self.source.position = rows.feed(self.source.data, start)
            if watch is not None:
                watch.feed(self.source.data[start : self.source.position])
        self.findings.add_rows(schema, table, rows.rows)
        if watch is not None:
            self.findings.noted["%s.%s" % (schema, table)] = watch.rows

    def refuse_insert(self, _tokens: List[Token]) -> None:
        """Refuse data that is not COPY text."""
        raise self.source.damaged("Rows were dumped as INSERT statements and cannot be counted: dump without --inserts")

    def note_created(self, tokens: List[Token]) -> None:
        """Note new schemas, extensions, and the schemas of new tables."""
        words = [token.text if token.kind == WORD else "" for token in tokens[:6]]
        kind = 2 if words[1:2] in (["unlogged"], ["foreign"]) else 1
        if words[kind + 1 : kind + 4] == ["if", "not", "exists"]:
            schema, name, _behind = read_qualified_name(tokens, kind + 4)
        else:
            schema, name, _behind = read_qualified_name(tokens, kind + 1)
        if words[kind : kind + 1] == ["schema"]:
            self.findings.schemas.add(name)
        elif words[kind : kind + 1] == ["extension"]:
            self.findings.extensions.add(name)
        elif words[kind : kind + 1] == ["table"]:
            self.findings.schemas.add(self.search_path if schema is None else schema)

    def note_grants(self, tokens: List[Token]) -> None:
        """Note roles of GRANT and ALTER DEFAULT PRIVILEGES ... GRANT."""
        if tokens[0].text == "grant" or tokens[1:2] == [Token(WORD, "default")]:
            self.findings.grantees.update(list_grantees(tokens))

    def note_call(self, tokens: List[Token]) -> None:
        """Count large objects that are filled, and follow set_config('search_path', ...)."""
        texts = [token.text for token in tokens[:6]]
        if texts[1:5] == ["pg_catalog", ".", "lo_open", "("]:
            self.findings.large_objects += 1
        elif texts[1:6] == ["pg_catalog", ".", "set_config", "(", "search_path"]:
            self.search_path = "".join(token.text for token in tokens[7:8])

    def note_setting(self, tokens: List[Token]) -> None:
        """Follow the settings that change how the rest is to be read."""
        if len(tokens) < 4 or tokens[2].text != "=":
            return
        if tokens[1].text == "standard_conforming_strings":
            self.lexer.backslash_escapes = tokens[3].text == "off"
        elif tokens[1].text == "search_path":
            self.search_path = tokens[3].text
