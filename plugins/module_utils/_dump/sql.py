# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough of PostgreSQL's SQL and of psql to tell statements apart, whatever they quote.

Literals and comments are passed over without being kept, so a statement may be of any size.
This file is private to the collection.
"""

import re
from typing import Iterator, List, NamedTuple, Optional, Set, Tuple

from .contents import decode_name
from .window import Window, read_nothing

WORD, NAME, LITERAL, MARK = "word", "name", "literal", "mark"
STATEMENT, COMMENT, COMMAND = "statement", "comment", "command"

LONGEST_WORD = 4096
LONGEST_TEXT = 1024  # of a literal, comment or psql command: the rest is not kept
MOST_TOKENS = 20000

LEXEME = re.compile(
    rb"(?P<space>[ \t\r\n\f\v]+)"
    rb"|(?P<escaped>[eE]')"
    rb"|(?P<word>[A-Za-z_\x80-\xff][\w$\x80-\xff]*)"
    rb"|(?P<number>[0-9][\w.]*)"
    rb"|(?P<literal>')"
    rb'|(?P<name>")'
    rb"|(?P<dollar>\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$)"
    rb"|(?P<comment>--)"
    rb"|(?P<block>/\*)"
    rb"|(?P<command>\\)"
    rb"|(?P<mark>.)",
    re.DOTALL,
)
LINE_END = re.compile(rb"\n")
QUOTE = re.compile(rb"''|'")
QUOTE_OR_ESCAPE = re.compile(rb"''|'|\\.", re.DOTALL)
NAME_QUOTE = re.compile(rb'""|"')
BLOCK_EDGE = re.compile(rb"/\*|\*/")


class Token(NamedTuple):
    """A word in lower case, a quoted name without its quotes, the start of a literal, or one other character."""

    kind: str
    text: str


class Item(NamedTuple):
    """A statement, a line comment between statements, or a command to psql."""

    kind: str
    tokens: List[Token]  # of a statement
    text: str  # of a comment or command, the start of it


class Statement:
    """The tokens of a statement so far, and what a semicolon would mean there."""

    def __init__(self) -> None:
        self.tokens: List[Token] = []
        self._previous = Token(MARK, "")
        self._parentheses = 0
        self._blocks = 0  # BEGIN ATOMIC and the CASEs in it, up to their END

    def add(self, token: Token) -> bool:
        """Add a token; return whether it ends the statement."""
        if token.kind == MARK:
            if token.text == ";" and not self._parentheses and not self._blocks:
                return True
            self._parentheses = max(0, self._parentheses + (token.text == "(") - (token.text == ")"))
        elif token.kind == WORD and not self._parentheses:
            self._note_block(token.text)
        self._previous = token
        if len(self.tokens) < MOST_TOKENS:
            self.tokens.append(token)
        return False

    def _note_block(self, word: str) -> None:
        if self._blocks:
            self._blocks += (word == "case") - (word == "end")
        elif word == "atomic" and self._previous == Token(WORD, "begin"):
            self._blocks = 1


class Lexer:
    """Splits the text of a source into items. The data of a COPY is for the caller to read, between two items."""

    def __init__(self, source: Window) -> None:
        self.source = source
        self.backslash_escapes = False  # the opposite of standard_conforming_strings

    def items(self) -> Iterator[Item]:
        """Return one item after the other; the source stands right behind the one that was returned."""
        statement = Statement()
        while self.source.ensure(1):
            kind, text = self._next_lexeme()
            if kind == "block":
                self._skip_block_comment()
            elif kind == "comment":
                comment = self._rest_of_line("a comment")
                if not statement.tokens:
                    yield Item(COMMENT, [], comment)
            elif kind == "command":
                if statement.tokens:
                    raise self.source.damaged("A backslash stands inside a statement")
                yield Item(COMMAND, [], self._rest_of_line("a command to psql"))
            elif kind != "space" and statement.add(self._read_token(kind, text)):
                yield Item(STATEMENT, statement.tokens, "")
                statement = Statement()
        if statement.tokens:
            raise self.source.cut("a statement that starts with %s" % statement.tokens[0].text)

    def _next_lexeme(self) -> Tuple[str, bytes]:
        self.source.ensure(LONGEST_WORD)
        match = LEXEME.match(self.source.data, self.source.position)
        if match is None or match.lastgroup is None:
            raise self.source.damaged("Nothing that SQL knows")
        self.source.position = match.end()
        return match.lastgroup, match.group()

    def _read_token(self, kind: str, text: bytes) -> Token:
        if kind == "name":
            return Token(NAME, self._read_quoted_name())
        if kind in ("literal", "escaped"):
            return Token(LITERAL, self._read_literal(kind == "escaped" or self.backslash_escapes))
        if kind == "dollar":
            self.source.skip_past(re.compile(re.escape(text)), len(text), "a literal between %s" % text.decode())
            return Token(LITERAL, "")
        if len(text) >= LONGEST_WORD:
            raise self.source.damaged("A word of more than %d bytes" % LONGEST_WORD)
        return Token(WORD if kind == "word" else MARK, decode_name(text.lower()))

    def _read_quoted_name(self) -> str:
        name, quote = b"", b'""'
        while quote == b'""' and len(name) <= LONGEST_WORD:
            part, quote = self.source.skip_past(NAME_QUOTE, 2, "a quoted name", LONGEST_WORD + 1)
            name += part + quote[1:]
        if len(name) > LONGEST_WORD:
            raise self.source.damaged("A quoted name of more than %d bytes" % LONGEST_WORD)
        return decode_name(name)

    def _read_literal(self, escapes: bool) -> str:
        pattern = QUOTE_OR_ESCAPE if escapes else QUOTE
        start, mark = self.source.skip_past(pattern, 2, "a quoted literal", LONGEST_TEXT)
        while mark != b"'":
            _rest, mark = self.source.skip_past(pattern, 2, "a quoted literal")
        return decode_name(start)

    def _rest_of_line(self, where: str) -> str:
        return decode_name(self.source.skip_past(LINE_END, 1, where, LONGEST_TEXT)[0])

    def _skip_block_comment(self) -> None:
        depth = 1
        while depth:
            edge = self.source.skip_past(BLOCK_EDGE, 2, "a comment between /* and */")[1]
            depth += 1 if edge == b"/*" else -1


def read_qualified_name(tokens: List[Token], at: int) -> Tuple[Optional[str], str, int]:
    """Return schema (None when not given) and name that start at a token, and the place behind them."""
    parts = []
    for token, separator in zip(tokens[at::2], tokens[at + 1 :: 2] + [Token(MARK, "")]):
        if token.kind not in (WORD, NAME):
            break
        parts.append(token.text)
        if separator != Token(MARK, "."):
            break
    if not 1 <= len(parts) <= 2:
        return None, "", at
    return (parts[0] if len(parts) == 2 else None), parts[-1], at + 2 * len(parts) - 1


def find_grantees(definition: bytes) -> Set[str]:
    """Return the roles other than PUBLIC that the statements of an access control entry grant something to."""
    found: Set[str] = set()
    for item in Lexer(Window(read_nothing, definition)).items():
        found.update(list_grantees(item.tokens))
    return found


def list_grantees(tokens: List[Token]) -> List[str]:
    """Return the roles of a GRANT or ALTER DEFAULT PRIVILEGES ... GRANT: the names behind the last TO."""
    to = Token(WORD, "to")
    if Token(WORD, "grant") not in tokens or to not in tokens:
        return []
    names = []
    for token in tokens[len(tokens) - tokens[::-1].index(to) :]:
        if token in (Token(WORD, "with"), Token(WORD, "granted")):
            break
        if token.kind == NAME or token.kind == WORD and token.text not in ("public", "group"):
            names.append(token.text)
    return names
