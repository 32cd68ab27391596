# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what engine-backup --mode=restore printed and logged.

The tool ignores the status of pg_restore and looks for upper-case ERROR lines only. Here every error of a load counts,
unless it is one that the tool's way of working makes inevitable for that entry of the dump.
Source: recorded runs (tests/unit/recorded) and pg_restore of PostgreSQL 10 to 17.
This file is private to the collection.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..._common.errors import Problem
from ..backup.output import ToolReport, check_run, first_fatal, is_cause, shorten

LABELS = {
    "Engine": "engine",
    "DWH": "dwh",
    "Cinderlib": "cinderlib",
    "Managed Block": "managedblock",
    "KEYCLOAK": "keycloak",
    "Grafana": "grafana",
}
_DATABASE_LINE = re.compile(r"^- (.+) database '(.*)'$", re.MULTILINE)
_STAMPED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+: (.*)$")
_LOAD = re.compile(r"^restoreDB: .* database (\S+) orig_user ")
_ERROR = re.compile(r"\b(error|ERROR|FATAL|PANIC|fatal): |^server closed the connection")
_NEXT = re.compile(r"^(pg_restore|psql)\b.*:")
_CASCADE = re.compile(r'^NOTICE:  truncate cascades to table "(.+)"$', re.MULTILINE)
_TWINS = re.compile(r"\b(\w+_\d{14})\b")

MOST_ERRORS = 10  # shown of a database; a connection that is lost makes one of each entry that follows


class LoadError(NamedTuple):
    """One error of a load; ``entry`` is the table-of-contents line or the statement, empty where none was shown."""

    database: str
    message: str
    entry: str


UUID = r"public\.uuid_(generate_v\w+|nil|ns_\w+)"
TO_POSTGRES = r'must be (member of role|able to SET ROLE) "postgres"'  # the second since PostgreSQL 16

# What must fail when an ordinary owner loads a dump, per entry: (entry, message). Without an entry (plain dumps) the
# message alone must name the object.
INEVITABLE: Tuple[Tuple[str, str], ...] = (
    (r"EXTENSION", r"must be owner of extension|permission denied to create extension|extension .* does not exist"),
    (
        r"SCHEMA \"?public\b|SCHEMA - public",
        r'schema "public" already exists|must be owner of schema public|' + TO_POSTGRES,
    ),
    (r"LANGUAGE", r'language "plpgsql" already exists|must be owner of language plpgsql'),
    (r"DEFAULT PRIVILEGES|DEFAULT ACL", TO_POSTGRES + r"|permission denied to change default privileges"),
    (
        r"FUNCTION " + UUID + r"|FUNCTION uuid_",
        r"permission denied for language c|function " + UUID + r"\(.*\) does not exist|" + TO_POSTGRES,
    ),
)
NAMELESS = "|".join(
    (
        r"must be owner of extension",
        r"permission denied to create extension",
        r"extension .* does not exist",
        r'schema "public" already exists',
        r"must be owner of schema public",
        r'language "plpgsql" already exists',
        r"must be owner of language plpgsql",
        r"permission denied to change default privileges",
        r"function " + UUID + r"\(.*\) does not exist",
        r"permission denied for language c",
    )
)

CAUSES: Tuple[Problem, ...] = (  # what a part of the fatal text means
    Problem("provision_unsupported", "Provisioning is not supported"),
    Problem("provision_leftovers", "temporary ones created"),
    Problem("provision_not_local", "Can provision database only"),
    Problem("provision_secured", "Cannot provision database with"),
    Problem("provision_failed", "Provisioning database"),
    Problem("provision_failed", "Creating user"),
    Problem("target_not_empty", "is not empty"),
    Problem("database_unreachable", "Can't connect to database"),
    Problem("database_wrong_lc_messages", "lc_messages is set"),
    Problem("load_failed", "Errors while restoring database"),
    Problem("engine_running", "Engine service is active"),
    Problem("hash_mismatch", "Checksum verification failed"),
    Problem("version_refused", "can not be restored using"),
    Problem("configuration_missing", "Can not find"),
    Problem("files_failed", "Failed extracting"),
    Problem("files_failed", "Failed restoring"),
)


def check_restore(returncode: Optional[int], stdout: str, stderr: str, log: str) -> ToolReport:
    """Return what the run itself says: an empty code for success, else what failed."""
    outcome = check_run(returncode, stdout, stderr, log)
    if outcome.code != "tool_failed":
        return outcome
    fatal = first_fatal(stderr, log)
    cause = next((cause for cause in CAUSES if cause.message in fatal), None)
    return outcome if cause is None else ToolReport(cause.code, outcome.message)


def announced_targets(stdout: str) -> Dict[str, str]:
    """Return kind -> database name for each '- ... database' line; 'Setting credentials for' lines are others."""
    return {LABELS[label]: name for label, name in _DATABASE_LINE.findall(stdout) if label in LABELS}


def missing_restore_lines(stdout: str, expected: Dict[str, str], files: bool) -> List[Problem]:
    """Return a problem for each expected part that the tool did not say it restored."""
    announced = announced_targets(stdout)
    problems = []
    for kind, name in sorted(expected.items()):
        if kind not in announced:
            text = "engine-backup printed no line for the %s database '%s': it was skipped, its data is not there"
            problems.append(Problem("database_skipped", text % (kind, name)))
        elif announced[kind] != name:
            text = "engine-backup restored the %s database into '%s', expected '%s'"
            problems.append(Problem("database_other", text % (kind, announced[kind], name)))
    if files and "- Files" not in stdout.splitlines():
        problems.append(Problem("files_skipped", "engine-backup printed no line for the files"))
    return problems


def find_load_errors(log: str) -> List[LoadError]:
    """Return every error that loading a dump gave, in the order of the log."""
    found: List[LoadError] = []
    for database, lines in _load_sections(log):
        found += _errors_of_section(database, lines)
    return found


def _load_sections(log: str) -> List[Tuple[str, List[str]]]:
    """Return (database, lines that pg_restore or psql wrote) of each load; only of a long log the start is missing."""
    sections: List[Tuple[str, List[str]]] = [("", [])]
    is_open = True
    for line in log.splitlines():
        stamped = _STAMPED.match(line)
        if not stamped:
            if is_open:
                sections[-1][1].append(line)
            continue
        load = _LOAD.match(stamped.group(1))
        if load:
            sections.append((load.group(1), []))
        is_open = bool(load) or (is_open and stamped.group(1).startswith("pg_cmd running: "))
    return sections


def _errors_of_section(database: str, lines: Sequence[str]) -> List[LoadError]:
    found: List[LoadError] = []
    toc = ""
    for number, line in enumerate(lines):
        if "from TOC entry" in line:
            toc = line.partition("from TOC entry")[2].strip()
        elif _ERROR.search(line) and "warning: errors ignored" not in line:
            statement = _statement_behind(lines[number + 1 :])
            found.append(LoadError(database, line.strip(), (toc + " " + statement).strip()))
            toc = ""
    return found


def _statement_behind(lines: Sequence[str]) -> str:
    """Return the statement that pg_restore shows after an error, before the next message."""
    for line in lines:
        if line.lstrip().startswith("Command was: "):  # indented up to PostgreSQL 11
            return shorten(line.lstrip()[len("Command was: ") :])
        if _NEXT.match(line):
            return ""
    return ""


def is_inevitable(error: LoadError) -> bool:
    """Is this an error that loading as an ordinary owner always gives for this entry, and that loses no data?"""
    if not error.entry:
        return bool(re.search(NAMELESS, error.message))
    return any(re.search(entry, error.entry) and re.search(message, error.message) for entry, message in INEVITABLE)


def check_load(log: str) -> List[Problem]:
    """Return a problem for each error of a load that is not inevitable, the first ones of each database."""
    found: Dict[str, List[str]] = {}
    for error in find_load_errors(log):
        if not is_inevitable(error):
            where = " at: %s" % error.entry if error.entry else ""
            found.setdefault(error.database, []).append(shorten(error.message) + where)
    problems = []
    for database, texts in found.items():
        texts.sort(key=lambda text: not is_cause(text))  # the first cause before its consequences
        more = len(texts) - MOST_ERRORS
        shown = texts[:MOST_ERRORS] + (["%d more errors, which the log holds" % more] if more > 0 else [])
        problems += [Problem("load_error", "loading the database '%s': %s" % (database, text)) for text in shown]
    return problems


def cascaded_tables(log: str) -> List[str]:
    """Return the tables of schema public that the tool's own TRUNCATE ... CASCADE reached."""
    return sorted({"public." + name for name in _CASCADE.findall(log)})


def provisioning_twins(log: str) -> List[str]:
    """Return the time-stamped names that a failed provisioning made, such as engine_20261122134500."""
    return sorted(set(_TWINS.findall(log)))
