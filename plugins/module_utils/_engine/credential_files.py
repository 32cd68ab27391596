# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give configuration files other database credentials and leave every other line as it is.

engine-backup itself writes the database lines alone and loses the rest: Keycloak's client secret, for one.
This file is private to the collection.
"""

import re
from typing import Dict, List, Sequence

from .._archive.databases import BY_NAME
from .._common.shell_files import parse_assignments
from .._postgres.model import Settings

_KEY = re.compile(r"^\s*(\w+)=")
DRIVER = "org.postgresql.Driver"
UNCHECKED = "sslfactory=org.postgresql.ssl.NonValidatingFactory"


def credential_lines(kind: str, settings: Settings) -> Dict[str, str]:
    """Return variable -> line of a database, as engine-setup writes it; the password is of the safe alphabet."""
    prefix = BY_NAME[kind].prefix
    options = (["ssl=true"] if settings.secured else []) + ([] if settings.secured_validation else [UNCHECKED])
    url = "jdbc:postgresql://${%sHOST}:${%sPORT}/${%sDATABASE}%s" % (
        prefix,
        prefix,
        prefix,
        "?" + "&".join(options) if options else "",
    )
    values = {
        "HOST": settings.host,
        "PORT": str(settings.port),
        "USER": settings.user,
        "PASSWORD": settings.password,
        "DATABASE": settings.database,
        "SECURED": str(settings.secured),
        "SECURED_VALIDATION": str(settings.secured_validation),
        "DRIVER": DRIVER,
        "URL": url,
    }
    return {prefix + name: '%s%s="%s"' % (prefix, name, value) for name, value in values.items()}


def replace_credentials(text: str, kind: str, settings: Settings) -> str:
    """Return the text with the lines of one database replaced, each in its place; those that are missing at the end."""
    wanted = credential_lines(kind, settings)
    result: List[str] = []
    for line in text.splitlines():
        match = _KEY.match(line)
        name = match.group(1) if match else ""
        if name not in wanted:
            result.append(line)
        elif wanted[name]:
            result.append(wanted[name])
            wanted[name] = ""  # a second assignment of the same variable would win over the new one
    return "\n".join(result + [line for line in wanted.values() if line]) + "\n"


def names_database(text: str, kind: str) -> bool:
    """Does a configuration file say how to log in to a database?"""
    return bool(parse_assignments(text).get(BY_NAME[kind].prefix + "PASSWORD"))


def lost_variables(original: str, found: str, kinds: Sequence[str]) -> List[str]:
    """Return the variables that a file had and has no more, those of the kinds' credentials left out."""
    prefixes = tuple(BY_NAME[kind].prefix for kind in kinds)
    missing = set(parse_assignments(original)) - set(parse_assignments(found))
    return sorted(name for name in missing if not name.startswith(prefixes))


def is_placeholder(text: str) -> bool:
    """Is this a configuration file without a single password: one that was made because the tool insists on it?"""
    return not any(value for name, value in parse_assignments(text).items() if name.endswith("_PASSWORD"))
