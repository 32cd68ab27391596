# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of an engine, on a host or in an archive: how its databases are reached and how it was set up.

Nothing here runs a file: the real tools source these files, this module only reads assignments.
This file is private to the collection.
"""

from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from .._common.shell_files import parse_assignments
from .._postgres.model import Settings
from .databases import DWH_CONFIGURATION, ENGINE_CONFIGURATION, KINDS, DatabaseKind


class ArchivedSetup(NamedTuple):
    """What engine-setup will find once an archive is restored: what it wrote down, and where the databases are."""

    answers: Dict[str, str]
    dwh_uuid: str
    settings: Dict[str, Settings]


def parse_setup_state(texts: Iterable[str]) -> Dict[str, str]:
    """Return key -> 'type:value' from otopi configuration texts, a later one wins; comments are left out."""
    found: Dict[str, str] = {}
    for text in texts:
        for line in text.splitlines():
            key, separator, value = line.strip().partition("=")
            if separator and not key.startswith(("#", ";", "[")):
                found[key.strip()] = value.strip()
    return found


def is_enabled(state: Dict[str, str], kind: DatabaseKind) -> bool:
    """Does the setup state say that this database is set up on this host?"""
    return state.get(kind.flag) == "bool:True"


def database_settings(
    kind: DatabaseKind, variables: Dict[str, str], shell_variables: Optional[Dict[str, str]] = None
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


def settings_of_texts(texts: Iterable[Tuple[str, str]]) -> Dict[str, Settings]:
    """Return how each database is reached by configuration files, (path, text) in the order in which they are read."""
    texts = list(texts)
    variables, shell_variables = merge_texts(texts), merge_texts(texts, as_shell=True)
    settings = {kind.name: database_settings(kind, variables, shell_variables) for kind in KINDS}
    return {name: found for name, found in settings.items() if found is not None}


def in_reading_order(configuration: Mapping[str, str]) -> List[Tuple[str, str]]:
    """Return the files of an archive in the order in which the tools would read them on a host."""
    places = ENGINE_CONFIGURATION + DWH_CONFIGURATION
    found = []
    for place in places:
        found += [
            (path, configuration[path])
            for path in sorted(configuration)
            if path == place or path.startswith(place + "/")
        ]
    return found


def merge_texts(texts: Iterable[Tuple[str, str]], as_shell: bool = False) -> Dict[str, str]:
    """Return the variables after one text after the other, with their paths, in the order in which later ones win."""
    variables: Dict[str, str] = {}
    for _path, text in texts:
        variables = parse_assignments(text, variables, as_shell)
    return variables
