# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for ovirt-engine-provisiondb: creates roles and databases on the lab's server, whatever the port asked."""

from __future__ import annotations

import configparser
import secrets
import sys
import time
from pathlib import Path

from .databases import create_database
from .layout import Database, Lab, LabError, load
from .postgres import query

FAILED, UNSUPPORTED, TEMPORARY_MADE = 1, 12, 13
RENAMED = """[ ERROR ] Failed to execute stage 'Misc configuration': Existing resources found, new ones created:
database {} user {}"""
READ_ONLY = 'GRANT CONNECT ON DATABASE "{0}" TO "{1}"; GRANT USAGE ON SCHEMA public TO "{1}"'


def main(home: Path, arguments: list[str]) -> int:
    """Exit 0: done; 12: not here; 13: something of that name was there and temporary ones were made; 1: failed."""
    lab = load(home)
    if (lab.faults / "provision-unsupported").exists():
        print("[ ERROR ] Provisioning is not supported on this distribution")
        return UNSUPPORTED
    if (lab.faults / "provision-fails").exists():
        print("[ ERROR ] Failed to execute stage 'Misc configuration': Command '/usr/bin/psql' failed to execute")
        return FAILED
    try:
        return _provision(lab, _read_answers(arguments))
    except LabError as error:
        print("[ ERROR ] {}".format(error), file=sys.stderr)
        return FAILED


def _read_answers(arguments: list[str]) -> dict[str, str]:
    paths = [word.partition("=")[2] for word in arguments if word.startswith("--config-append=")]
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(paths, encoding="utf-8")
    pairs = parser["environment:default"].items() if parser.has_section("environment:default") else []
    return {name.rpartition("/")[2]: value.partition(":")[2] for name, value in pairs}


def _provision(lab: Lab, answers: dict[str, str]) -> int:
    user, database = answers["user"], answers["database"]
    password = answers.get("password") or secrets.token_urlsafe(16)
    if answers.get("provisionDb") != "True":
        _make_role(lab, user, password)
        if answers.get("grantReadOnly") == "True":
            query(lab, database, READ_ONLY.format(database, user))
        return 0
    if _has_role(lab, user) == _has_database(lab, database) and _is_empty(lab, database):
        _make_database(lab, Database(database, user, password))
        return 0
    suffix = time.strftime("_%Y%m%d%H%M%S")
    _make_database(lab, Database(database + suffix, user + suffix, password))
    print(RENAMED.format(database + suffix, user + suffix))
    return TEMPORARY_MADE


def _make_database(lab: Lab, wanted: Database) -> None:
    _make_role(lab, wanted.owner, wanted.password)
    if _has_database(lab, wanted.name):
        query(lab, "postgres", 'ALTER DATABASE "{}" OWNER TO "{}"'.format(wanted.name, wanted.owner))
    else:
        create_database(lab, wanted)


def _make_role(lab: Lab, user: str, password: str) -> None:
    verb = "ALTER" if _has_role(lab, user) else "CREATE"
    query(lab, "postgres", "{} ROLE \"{}\" LOGIN PASSWORD '{}'".format(verb, user.replace('"', '""'), password))


def _has_role(lab: Lab, user: str) -> bool:
    return query(lab, "postgres", "SELECT 1 FROM pg_roles WHERE rolname = :'name'", {"name": user}) == "1"


def _has_database(lab: Lab, database: str) -> bool:
    return query(lab, "postgres", "SELECT 1 FROM pg_database WHERE datname = :'name'", {"name": database}) == "1"


def _is_empty(lab: Lab, database: str) -> bool:
    if not _has_database(lab, database):
        return True
    return query(lab, database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"
