# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the setup programs empty a database: sort by sort, one drop and one transaction after the other, names unquoted.

What another role owns and this one can see ends it; what it cannot see stays, as do large objects, procedures' kin
with other names than they are listed by, domains and enumerations. Nothing notes how far it came.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from typing import NamedTuple

from .sql import Database, StatementError, without_level


class Sort(NamedTuple):
    """One sort of objects: the word for DROP, and the question for their names as they are then written."""

    word: str
    names: str


SORTS = (
    Sort("VIEW", "SELECT 'public.' || table_name FROM information_schema.views WHERE table_schema = 'public'"),
    Sort("TABLE", "SELECT 'public.' || table_name FROM information_schema.tables WHERE table_schema = 'public'"),
    Sort(
        "SEQUENCE",
        "SELECT 'public.' || sequence_name FROM information_schema.sequences WHERE sequence_schema = 'public'",
    ),
    Sort(
        "FUNCTION",
        "SELECT format('public.%s(%s)', proname, oidvectortypes(proargtypes)) FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'uuid_%'",
    ),
    Sort("TYPE", "SELECT relname FROM pg_class WHERE relkind = 'c' AND relnamespace = 'public'::regnamespace"),
    Sort("SCHEMA", "SELECT schema_name FROM information_schema.schemata WHERE schema_owner = current_user"),
)


def clear(database: Database, before: Callable[[str], None]) -> None:
    """Drop all that can be listed; before each drop, say which one of its sort comes: view-1, view-2 ..."""
    for sort in SORTS:
        names = database.values(sort.names)
        if names:
            _drop(database, sort.word, names, before)


def _drop(database: Database, word: str, names: list[str], before: Callable[[str], None]) -> None:
    with database.passwords() as environment, tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            database.words(["psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]),
            env={**environment, "PGOPTIONS": "-c client_min_messages=error"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process:
            for number, name in enumerate(names, 1):
                before("{}-{}".format(word.lower(), number))
                if not _execute(process, "DROP {} IF EXISTS {} CASCADE".format(word, name)):
                    process.wait()
                    errors.seek(0)
                    raise StatementError(without_level(errors.read().strip()))


def _execute(process: subprocess.Popen[str], statement: str) -> bool:
    """Whether the server did it. The text goes to the server as it is: psql would look for the end of a quote."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("SELECT '{}' \\gexec\n\\echo done\n".format(statement.replace("'", "''")))
    process.stdin.flush()
    return process.stdout.readline() == "done\n"
