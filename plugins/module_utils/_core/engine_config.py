# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the configuration of an engine host: shell-style files and the setup state.

Nothing here runs a file: the real tools source these files, this module only reads assignments.
This file is private to the collection.
"""
import re
from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Tuple

from .databases import KINDS, Kind

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
Settings = NamedTuple(
    "Settings",
    [
        ("host", str),
        ("port", int),
        ("user", str),
        ("password", str),
        ("database", str),
        ("secured", bool),
        ("secured_validation", bool),
        ("password_as_shell", str),  # what engine-backup sees: sh keeps a backslash that the engine drops
    ],
)

SHELL_ESCAPES = frozenset('$"`\\')  # the characters before which sh drops a backslash inside double quotes
_VALUE_PART = re.compile(r"\\.|\$\{\w+\}|.", re.DOTALL)
_ASSIGNMENT = re.compile(r"^\s*(\w+)=(.*)$")


def parse_assignments(text: str, known: Optional[Dict[str, str]] = None, as_shell: bool = False) -> Dict[str, str]:
    """Return the variables that the text assigns; ``known`` ones may be used in it as ${NAME}.

    With ``as_shell`` a backslash in double quotes escapes only what sh lets it escape, else any character.
    """
    found = dict(known or {})
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match:
            found[match.group(1)] = _read_value(match.group(2), found, as_shell)
    return found


def _read_value(raw: str, variables: Dict[str, str], as_shell: bool) -> str:
    quotes = "\"'" if as_shell else '"'
    value: List[str] = []
    quote = ""
    for match in _VALUE_PART.finditer(raw):
        part = match.group()
        if part == quote:
            quote = ""
        elif not quote and part in quotes:
            quote = part
        elif not quote and _ends_value(part, as_shell and bool(value)):
            break
        else:
            value.append(_expand(part, variables, quote, as_shell))
    return "".join(value)


def _ends_value(part: str, in_shell_word: bool) -> bool:
    """Does an unquoted part end the value? To sh a # inside a word is no comment."""
    return part.isspace() or (part == "#" and not in_shell_word)


def _expand(part: str, variables: Dict[str, str], quote: str, as_shell: bool) -> str:
    """Return what one part of a value stands for."""
    if len(part) == 1 or quote == "'":
        return part
    if part[0] == "$":
        return variables.get(part[2:-1], "")
    return part if as_shell and quote and part[1] not in SHELL_ESCAPES else part[1]


def parse_setup_state(texts: Iterable[str]) -> Dict[str, str]:
    """Return key -> 'type:value' from otopi configuration texts, a later one wins; comments are left out."""
    found: Dict[str, str] = {}
    for text in texts:
        for line in text.splitlines():
            key, separator, value = line.strip().partition("=")
            if separator and not key.startswith(("#", ";", "[")):
                found[key.strip()] = value.strip()
    return found


def is_enabled(state: Dict[str, str], kind: Kind) -> bool:
    """Does the setup state say that this database is set up on this host?"""
    return state.get(kind.flag) == "bool:True"


def database_settings(
    kind: Kind, variables: Dict[str, str], shell_variables: Optional[Dict[str, str]] = None
) -> Optional[Settings]:
    """Return how the host is configured to reach a database, or None where it has no name and no password for it.

    A user name alone says nothing: the defaults file of the package sets one for every database.
    """
    prefix = kind.prefix
    password = variables.get(prefix + "PASSWORD", "")
    database = variables.get(prefix + "DATABASE", "")
    if not prefix or not (password and database):
        return None
    port = variables.get(prefix + "PORT", "")
    return Settings(
        host=variables.get(prefix + "HOST", "") or "localhost",
        port=int(port) if port.isdigit() else 5432,
        user=variables.get(prefix + "USER", ""),
        password=password,
        database=database,
        secured=variables.get(prefix + "SECURED", "").lower() == "true",
        secured_validation=variables.get(prefix + "SECURED_VALIDATION", "").lower() == "true",
        password_as_shell=(shell_variables or variables).get(prefix + "PASSWORD", ""),
    )


def owned_kinds(texts_by_file: Iterable[Tuple[str, str]]) -> FrozenSet[str]:
    """Return the databases that belong to this host: their credentials stand in their own service's configuration.

    The copy of ENGINE_DB_* in the Data Warehouse's configuration says where the engine is, not that it is here.
    """
    owned = set()
    for path, text in texts_by_file:
        assigned = parse_assignments(text)
        for kind in KINDS:
            own = any(path == own_file or path.startswith(own_file + "/") for own_file in kind.own_files)
            if own and assigned.get(kind.prefix + "PASSWORD"):
                owned.add(kind.name)
    return frozenset(owned)
