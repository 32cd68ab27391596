# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration files as the engine's own parser reads them, and the credentials in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ENGINE = "etc/ovirt-engine/engine.conf.d"
DWH = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d"
DEFAULTS = "share/ovirt-engine/services/ovirt-engine/ovirt-engine.conf"
ASSIGNMENT = re.compile(r"^(\w+)=(.*)$")
ESCAPED = re.compile(r"\\(.)")
REFERENCE = re.compile(r"\$\{(\w+)\}")


class Credentials(NamedTuple):
    """How a program reaches one database."""

    host: str
    port: str
    user: str
    password: str
    database: str

    def __str__(self) -> str:
        return "{}@{}:{}".format(self.user, self.host, self.port)


def read(prefix: Path, folder: str = ENGINE) -> dict[str, str]:
    """The variables of one folder on top of the defaults."""
    main = (prefix / folder).with_suffix("") if folder.endswith(".d") else prefix / folder
    return parse([prefix / DEFAULTS, main, *sorted((prefix / folder).glob("*.conf"))])


def parse(paths: Iterable[Path]) -> dict[str, str]:
    """Later files win; a backslash protects the next character; ${NAME} is what stands so far."""
    found: dict[str, str] = {}
    for path in paths:
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                match = ASSIGNMENT.match(line.strip())
                if match:
                    found[match.group(1)] = _value(match.group(2), found)
    return found


def _value(text: str, known: dict[str, str]) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    expanded = REFERENCE.sub(lambda match: known.get(match.group(1), ""), text)
    return ESCAPED.sub(r"\1", expanded)


def credentials(variables: dict[str, str], kind: str) -> Credentials:
    """Of ENGINE, DWH or KEYCLOAK; fields that are not set are empty."""
    names = ("HOST", "PORT", "USER", "PASSWORD", "DATABASE")
    return Credentials(*(variables.get("{}_DB_{}".format(kind, name), "") for name in names))


def engine(prefix: Path) -> Credentials:
    """Of the engine's database."""
    return credentials(read(prefix), "ENGINE")


def dwh(prefix: Path) -> Credentials:
    """Of the Data Warehouse, from its own configuration."""
    return credentials(read(prefix, DWH), "DWH")


def keycloak(prefix: Path) -> Credentials:
    """Of Keycloak; the password is empty where it is not configured."""
    return credentials(read(prefix), "KEYCLOAK")
