# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which client may enter a PostgreSQL server: the rules of pg_hba.conf, of which the first that matches decides.

Source: PostgreSQL's documentation of pg_hba.conf and of the view pg_hba_file_rules.
This file is private to the collection.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

METHOD = "scram-sha-256"
ACCEPTED_METHODS = (METHOD, "md5")  # with a SCRAM password stored, md5 in the file means SCRAM, too
CLIENT_TYPES = ("host", "hostssl", "hostnossl")
# Words that stand for names, and whether they hold a given one: True, False perhaps, None not.
DATABASE_WORDS: Dict[str, Optional[bool]] = {
    "all": True,
    "sameuser": False,
    "samerole": False,
    "samegroup": False,
    "replication": None,
}
USER_WORDS: Dict[str, Optional[bool]] = {"all": True}
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RULE_START = re.compile(r"\s*[^#\s]")


class AddressRange(NamedTuple):
    """Addresses of one family, 4 or 6; family 0 stands for every address."""

    family: int
    first: int
    last: int


EVERYWHERE = AddressRange(0, 0, 0)


class Client(NamedTuple):
    """A client as asked for; ``addresses`` is None where the text is no address."""

    text: str
    addresses: Optional[AddressRange]


class Rule(NamedTuple):
    """One line of pg_hba.conf."""

    file: str
    line: int
    type: str
    databases: Tuple[str, ...]
    users: Tuple[str, ...]
    addresses: Optional[AddressRange]  # None where only the server knows them: a host name, samenet
    method: str


class Place(NamedTuple):
    """Where a new line has to stand: before this rule; line 0 is the end."""

    file: str
    line: int


END = Place("", 0)


def make_line(database: str, user: str, address: str) -> str:
    """Return the line that lets a client in with a SCRAM password."""
    return "host %s %s %s %s" % (quote(database or "all", bool(database)), quote(user), address, METHOD)


def quote(name: str, is_name: bool = True) -> str:
    """Return a name as it stands in pg_hba.conf: quoted where it would mean something else."""
    if is_name and (name in DATABASE_WORDS or not _PLAIN.fullmatch(name)):
        return '"%s"' % name
    return name


def find_place(rules: Sequence[Rule], database: str, user: str, client: AddressRange) -> Optional[Place]:
    """Return where a line for this client is missing; None where the rules let it in with a password already.

    A rule of another method that could catch the client first is one to stand before.
    """
    for rule in rules:
        certain = match(rule, database, user, client)
        if certain is None:
            continue
        if rule.method not in ACCEPTED_METHODS:
            return Place(rule.file, rule.line)
        if certain and rule.type == "host":
            return None
    return END


def match(rule: Rule, database: str, user: str, client: AddressRange) -> Optional[bool]:
    """Return whether a rule catches a client: True always, False perhaps or in part, None never."""
    if rule.type not in CLIENT_TYPES:
        return None
    found = (
        match_name(rule.databases, database, DATABASE_WORDS),
        match_name(rule.users, user, USER_WORDS),
        match_addresses(rule.addresses, client),
    )
    return None if None in found else all(found)


def match_name(listed: Sequence[str], name: str, words: Dict[str, Optional[bool]]) -> Optional[bool]:
    """Return whether a list of names holds a name: True, False perhaps (a group, a pattern), None not."""
    found: List[Optional[bool]] = [words[item] for item in listed if item in words]
    found += [True for item in listed if item == name]
    found += [False for item in listed if item.startswith(("+", "/", "@"))]
    known = [item for item in found if item is not None]
    return any(known) if known else None


def match_addresses(listed: Optional[AddressRange], client: AddressRange) -> Optional[bool]:
    """Return whether a range holds a client's addresses: True all, False some or perhaps, None none."""
    if listed is None or listed == EVERYWHERE:
        return listed == EVERYWHERE
    if listed.family != client.family or listed.last < client.first or client.last < listed.first:
        return None
    return listed.first <= client.first and client.last <= listed.last


def insert_lines(text: str, path: str, lines: Sequence[Tuple[Place, str]]) -> str:
    """Return the text of the file ``path`` with the lines put in; each place counts lines of the text as it was.

    Where a place is in another file, one that is included, the line goes before the first rule of this one.
    """
    rows = text.splitlines(keepends=True)
    if rows and not rows[-1].endswith("\n"):
        rows[-1] += "\n"
    first = next((number for number, row in enumerate(rows) if _RULE_START.match(row)), len(rows))
    added: List[Tuple[int, str]] = []
    for place, line in lines:
        index = len(rows) if place == END else place.line - 1 if place.file == path else first
        added.append((index, line + "\n"))
    for index, row in sorted(added, key=lambda item: item[0], reverse=True):
        rows.insert(index, row)
    return "".join(rows)


def remove_lines(text: str, lines: Sequence[str]) -> str:
    """Return the text without the rows that are one of these lines, however they are spaced."""
    unwanted = [line.split() for line in lines]
    return "".join(row for row in text.splitlines(keepends=True) if row.split() not in unwanted)
