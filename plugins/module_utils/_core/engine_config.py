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
_ASSIGNMENT = re.compile(r"^\s*(\w+)=(.*)$")


def parse_assignments(text: str, known: Optional[Dict[str, str]] = None, as_shell: bool = False) -> Dict[str, str]:
    """Return the variables that the text assigns; ``known`` ones may be used in it as ${NAME}.

    With ``as_shell`` a backslash in double quotes escapes only what sh lets it escape, else any character.
    """
    found = dict(known or {})
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match:
            found[match.group(1)] = _read_value(match.group(2), found, SHELL_ESCAPES if as_shell else None)
    return found


def _read_value(raw: str, variables: Dict[str, str], escapes: Optional[FrozenSet[str]]) -> str:
    value: List[str] = []
    quote = ""
    position = 0
    while position < len(raw):
        char = raw[position]
        rest = raw[position:]
        if quote and char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        elif not quote and (char.isspace() or char == "#"):
            break
        elif quote != "'" and char == "\\" and len(rest) > 1:
            keeps = bool(quote) and escapes is not None and rest[1] not in escapes
            value.append(rest[:2] if keeps else rest[1])
            position += 1
        elif quote != "'" and rest.startswith("${") and "}" in rest:
            name = rest[2 : rest.index("}")]
            value.append(variables.get(name, ""))
            position += len(name) + 2
        else:
            value.append(char)
        position += 1
    return "".join(value)


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
