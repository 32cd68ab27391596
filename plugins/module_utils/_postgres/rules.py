# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine demands of PostgreSQL: names, passwords, databases, server settings.

Sources: engine-setup's own table of server settings and engine-backup's check of lc_messages.
This file is private to the collection.
"""

import re
from typing import Collection, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._common.errors import Problem

LOCALE = "en_US.UTF-8"
ENCODING = "UTF8"
EXTENSIONS = ("uuid-ossp",)
LONGEST_NAME = 63  # bytes; PostgreSQL cuts a longer identifier without an error
RESERVED_ROLES = ("public", "none")

# sh, Java, Python and INI files read these credentials, each with its own quoting: only these mean the same to all.
_UNSAFE = re.compile(r"[^A-Za-z0-9_.@%+=,/~^-]")
_NAMED = {" ": "a blank", "\t": "a tab", "\n": "a line break", "\r": "a carriage return", "\0": "a zero byte"}


class Requirement(NamedTuple):
    """``relation`` is "=", ">=" or "<="; ``unit`` is that of pg_settings."""

    relation: str
    value: str
    unit: str


class CheckedSetting(NamedTuple):
    """A setting of the server beside what an engine requires of it."""

    value: Optional[str]
    required: str
    ok: bool


class Fitness(NamedTuple):
    """What an owner can read of a database before it is filled."""

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    lc_messages: str
    extensions: Tuple[str, ...]
    server_version: str
    server_version_num: int
    tables: int
    objects: int  # what makes engine-backup call a database "not empty"; extensions and what they own are not
    settings: Dict[str, str]  # those of REQUIRED_SETTINGS, as in pg_settings


REQUIRED_SETTINGS: Dict[str, Requirement] = {
    "lc_messages": Requirement("=", LOCALE, ""),
    "password_encryption": Requirement("=", "scram-sha-256", ""),
    "max_connections": Requirement(">=", "150", ""),
    "work_mem": Requirement(">=", "8192", "kB"),
    "maintenance_work_mem": Requirement(">=", "65536", "kB"),
    "autovacuum_max_workers": Requirement(">=", "6", ""),
    "autovacuum_vacuum_scale_factor": Requirement("<=", "0.01", ""),
    "autovacuum_analyze_scale_factor": Requirement("<=", "0.075", ""),
}


def check_password(text: str, what: str) -> List[Problem]:
    """Return why a password can not be used; ``what`` names it. The message tells the character, not the password."""
    if not text:
        return [Problem("password_empty", "%s is empty" % what)]
    found = unsafe_characters(text)
    if not found:
        return []
    message = "%s holds %s; engine-setup, engine-backup and the engine read it differently. %s"
    return [Problem("password_unsafe", message % (what, ", ".join(found), SAFE_TEXT))]


def check_identifier(text: str, what: str) -> List[Problem]:
    """Return why a name can not be that of a role or database; ``what`` says which name it is."""
    if not text:
        return [Problem("name_empty", "%s is empty" % what)]
    problems = []
    found = unsafe_characters(text)
    if found:
        message = "%s, %r, holds %s. %s" % (what, text, ", ".join(found), SAFE_TEXT)
        problems.append(Problem("name_unsafe", message))
    size = len(text.encode("utf-8", "surrogateescape"))
    if size > LONGEST_NAME:
        message = "%s, %r, has %d bytes; PostgreSQL keeps %d" % (what, text, size, LONGEST_NAME)
        problems.append(Problem("name_too_long", message))
    if text.startswith("pg_") or text in RESERVED_ROLES:
        problems.append(Problem("name_reserved", "%s, '%s', is reserved by PostgreSQL" % (what, text)))
    return problems


SAFE_TEXT = "Use letters, digits and _ . @ % + = , / ~ ^ - only"


def unsafe_characters(text: str) -> List[str]:
    """Return the characters that not every reader of a configuration file takes alike, named for a person."""
    found = sorted(set(_UNSAFE.findall(text)))
    return [_NAMED.get(one, "'%s'" % one if one.isprintable() else "U+%04X" % ord(one)) for one in found]


def check_database(
    encoding: str,
    collate: str,
    ctype: str,
    lc_messages: str,
    owner: str,
    expected_owner: str,
    extensions: Collection[str],
    needs: Collection[str] = EXTENSIONS,
    name: str = "",
) -> List[Problem]:
    """Return why an engine can not use a database as it is; ``name`` is for the messages."""
    which = "the database '%s'" % name if name else "the database"
    problems = check_locale(encoding, collate, ctype, which)
    if lc_messages != LOCALE:
        message = "%s sees lc_messages '%s', engine-backup wants exactly %s: set it in postgresql.conf and reload"
        problems.append(Problem("database_wrong_lc_messages", message % (which, lc_messages, LOCALE)))
    if owner != expected_owner:
        message = "%s is owned by '%s', not by '%s'" % (which, owner, expected_owner)
        problems.append(Problem("database_wrong_owner", message))
    missing = sorted(set(needs) - set(extensions))
    if missing:
        message = "%s lacks the extension %s: create it as superuser" % (which, ", ".join(missing))
        problems.append(Problem("database_lacks_extension", message))
    return problems


def check_locale(encoding: str, collate: str, ctype: str, which: str) -> List[Problem]:
    """Return what can never be changed in a database that stands: its encoding and its locale."""
    problems = []
    if not is_same_encoding(encoding, ENCODING):
        message = "%s has the encoding %s, an engine needs %s: make a new one" % (which, encoding, ENCODING)
        problems.append(Problem("database_wrong_encoding", message))
    if not (is_same_encoding(collate, LOCALE) and is_same_encoding(ctype, LOCALE)):
        message = "%s has LC_COLLATE %s and LC_CTYPE %s, an engine needs %s: make a new one"
        problems.append(Problem("database_wrong_locale", message % (which, collate, ctype, LOCALE)))
    return problems


def is_same_encoding(one: str, other: str) -> bool:
    """Do two spellings, such as en_US.utf8 and en_US.UTF-8, mean the same?"""
    return one.replace("-", "").lower() == other.replace("-", "").lower()


def check_settings(found: Mapping[str, Optional[str]]) -> Dict[str, CheckedSetting]:
    """Return every required server setting with what was found, in the unit of pg_settings, and what is required."""
    judged = {}
    for name, wanted in REQUIRED_SETTINGS.items():
        value = found.get(name)
        text = wanted.value if wanted.relation == "=" else "%s %s" % (wanted.relation, wanted.value)
        judged[name] = CheckedSetting(value, text + wanted.unit, value is not None and is_enough(value, wanted))
    return judged


def is_enough(value: str, wanted: Requirement) -> bool:
    """Does a value satisfy a requirement?"""
    if wanted.relation == "=":
        return value == wanted.value
    try:
        number, limit = float(value), float(wanted.value)
    except ValueError:
        return False
    return number >= limit if wanted.relation == ">=" else number <= limit
