# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for engine-config: reads and writes options of the configured engine database."""

from __future__ import annotations

import sys
from pathlib import Path

from .host import configured
from .host.sql import Database, SqlError
from .layout import Lab, load

NO_SERVER = (
    "Connection to the Database failed. Please check that the hostname and port number are correct and that "
    "the Database service is up and running."
)
UNKNOWN = "Error fetching {} value: no such entry. Please verify key name and property file support."
NO_VERSION = "Error fetching {} value: no such entry with version '{}'."
NOT_SET = "Error setting {}'s value. No such entry with version {}."
NOISE = "Picked up JAVA_TOOL_OPTIONS: -Dcom.redhat.fips=false"
VALUE = "SELECT option_value FROM vdc_options WHERE option_name = {} AND version = {}"
ALL = "SELECT option_value || ' version: ' || version FROM vdc_options WHERE option_name = {} ORDER BY version"
UPDATE = "UPDATE vdc_options SET option_value = {} WHERE option_name = {} AND version = {} RETURNING 'yes'"
VERBS = {"-g": "get", "--get": "get", "-s": "set", "--set": "set", "-l": "list", "--list": "list"}


class Refused(Exception):
    """What the tool says, on standard output, before it ends with 1."""


def main(home: Path, arguments: list[str]) -> int:
    """Run the tool; its exit status."""
    print(NOISE, file=sys.stderr, flush=True)
    try:
        _run(load(home), arguments)
    except SqlError:
        print(NO_SERVER)
        return 1
    except Refused as error:
        print(error)
        return 1
    return 0


def _run(lab: Lab, arguments: list[str]) -> None:
    if (lab.faults / "engine-config-fails").exists():
        raise Refused((lab.faults / "engine-config-fails").read_text(encoding="utf-8").strip() or NO_SERVER)
    verb, subject, version = _parse(arguments)
    database = Database(lab, configured.engine(lab.prefix))
    if verb == "list":
        print("\n".join("{}: (Value Type: {})".format(*pair) for pair in sorted(_known(lab.prefix).items())))
    elif verb == "get":
        print(_get(database, lab.prefix, subject, version))
    else:
        _set(database, lab.prefix, subject, version)


def _parse(arguments: list[str]) -> tuple[str, str, str]:
    if not arguments:
        raise Refused("Error: at least 1 argument needed for configuration utility to run.")
    first, equals, value = arguments[0].partition("=")
    rest = arguments[1:]
    if first not in VERBS:
        raise Refused("Error: invalid action argument: {}".format(arguments[0]))
    if not equals and VERBS[first] != "list":
        value = rest.pop(0) if rest else ""
    version = ""
    for word in rest:
        name, _equals, given = word.partition("=")
        if name != "--cver":
            raise Refused("Error: invalid argument: {}".format(word))
        version = given
    return VERBS[first], value, version


def _known(prefix: Path) -> dict[str, str]:
    path = prefix / "etc/ovirt-engine/engine-config/engine-config.properties"
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.partition(".type=")[0]: line.partition(".type=")[2] for line in lines if ".type=" in line}


def _quote(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))


def _get(database: Database, prefix: Path, key: str, version: str) -> str:
    if key not in _known(prefix):
        raise Refused(NO_VERSION.format(key, version) if version else UNKNOWN.format(key))
    if version:
        # With a version the value stands alone.
        value = database.query(VALUE.format(_quote(key), _quote(version)))
        if not value:
            raise Refused(NO_VERSION.format(key, version))
        return value
    lines = database.query(ALL.format(_quote(key))).splitlines()
    if not lines:
        raise Refused("Error fetching {} value: no such entry with default version.".format(key))
    return "\n".join("{}: {}".format(key, line) for line in lines)


def _set(database: Database, prefix: Path, subject: str, version: str) -> None:
    key, equals, value = subject.partition("=")
    if not equals:
        raise Refused("Argument for set/merge action must be in format of key=value.")
    kind, version = _known(prefix).get(key), version or "general"
    if kind is None:
        raise Refused(NOT_SET.format(key, version))
    if kind == "Integer" and not value.lstrip("-").isdigit():
        raise Refused("Cannot set value {} to key {}. ".format(value, key))
    if database.query(UPDATE.format(_quote(value), _quote(key), _quote(version))) != "yes":
        raise Refused(NOT_SET.format(key, version))
