# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for ovirt-engine-provisiondb: creates roles and databases on the lab's server, whatever port it is asked for."""

from __future__ import annotations

import configparser
import secrets
import sys
import time
from pathlib import Path

from .layout import Lab, LabError, load
from .postgres import query

FAILED, TEMPORARY_MADE = 1, 13
CREATE = (
    "CREATE DATABASE \"{}\" OWNER \"{}\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'en_US.UTF-8' LC_CTYPE 'en_US.UTF-8'"
)


def main(home: Path, arguments: list[str]) -> int:
    """Exit 0: done; 13: something of that name was there and temporary ones were made; 1: failed."""
    try:
        return _provision(load(home), _read_answers(arguments))
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
            query(lab, database, 'GRANT CONNECT ON DATABASE "{0}" TO "{1}"; GRANT USAGE ON SCHEMA public TO "{1}"'.format(
                database, user))
        return 0
    role, there = _has_role(lab, user), _has_database(lab, database)
    status = 0
    if role != there or (there and not _is_empty(lab, database)):
        suffix = time.strftime("_%Y%m%d%H%M%S")
        user, database, there, status = user + suffix, database + suffix, False, TEMPORARY_MADE
    _make_role(lab, user, password)
    if there:
        query(lab, "postgres", 'ALTER DATABASE "{}" OWNER TO "{}"'.format(database, user))
    else:
        query(lab, "postgres", CREATE.format(database, user))
    query(lab, database, 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"; GRANT ALL ON SCHEMA public TO "{}"'.format(user))
    return status


def _make_role(lab: Lab, user: str, password: str) -> None:
    verb = "ALTER" if _has_role(lab, user) else "CREATE"
    query(lab, "postgres", "{} ROLE \"{}\" LOGIN PASSWORD '{}'".format(verb, user.replace('"', '""'), password))


def _has_role(lab: Lab, user: str) -> bool:
    return query(lab, "postgres", "SELECT 1 FROM pg_roles WHERE rolname = :'name'", {"name": user}) == "1"


def _has_database(lab: Lab, database: str) -> bool:
    return query(lab, "postgres", "SELECT 1 FROM pg_database WHERE datname = :'name'", {"name": database}) == "1"


def _is_empty(lab: Lab, database: str) -> bool:
    return query(lab, database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"
