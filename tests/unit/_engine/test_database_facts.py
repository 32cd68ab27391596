# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result tells of a database."""

from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.database_facts import (
    Contents,
    Session,
    check_mark,
    describe_database,
    differing,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings

SETTINGS = Settings("db.lab.test", 5433, "engine", "pw-of-the-engine", "engine_db", True, False, "pw-of-the-engine")
CONTENTS = Contents(47, 120, 4096, "15.18", "192.0.2.7", 5433, (Session("engine", "192.0.2.1", "java", 3),))


@pytest.mark.parametrize(
    ("started", "finished", "mark"),
    [(False, False, "none"), (True, False, "started"), (True, True, "finished"), (False, True, "finished")],
)
def test_only_the_engine_that_made_a_backup_knows_its_end(started: bool, finished: bool, mark: str) -> None:
    assert check_mark(started, finished) == mark


def test_a_database_is_shown_with_who_uses_it_and_without_its_password() -> None:
    shown = describe_database(SETTINGS, CONTENTS, 7, "", "")
    assert (shown["host"], shown["port"], shown["name"], shown["user"]) == ("db.lab.test", 5433, "engine_db", "engine")
    assert (shown["state"], shown["tables"], shown["rows"], shown["size"]) == ("filled", 47, 7, 4096)
    assert (shown["server_address"], shown["server_port"], shown["server_version"]) == ("192.0.2.7", 5433, "15.18")
    assert shown["sessions"] == [{"user": "engine", "client": "192.0.2.1", "application": "java", "count": 3}]
    assert SETTINGS.password not in str(shown)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"password": "x"}, ["password"]),
        ({"host": "x", "port": 1, "database": "x", "user": "x"}, ["host", "port", "name", "user"]),
        ({"secured": False, "password_as_shell": "x"}, []),
    ],
)
def test_what_is_configured_is_held_against_what_was_given(changes: Dict[str, Any], names: List[str]) -> None:
    assert differing(SETTINGS, SETTINGS._replace(**changes)) == names
    assert differing(SETTINGS, None) == []


@pytest.mark.parametrize(("tables", "others", "state"), [(0, 0, "empty"), (0, 1, "filled"), (1, 0, "filled")])
def test_a_database_with_anything_to_dump_is_not_empty(tables: int, others: int, state: str) -> None:
    contents = CONTENTS._replace(tables=tables, others=others)
    assert describe_database(SETTINGS, contents, None, "", "")["state"] == state


@pytest.mark.parametrize(
    ("code", "state"),
    [("database_missing", "missing"), ("database_login_failed", "login_failed"), ("backup_error", "unreadable")],
)
def test_a_database_that_can_not_be_read_says_why(code: str, state: str) -> None:
    shown = describe_database(SETTINGS, None, None, "the server said no", code)
    assert (shown["state"], shown["problem"]) == (state, "the server said no")
    assert shown["tables"] is shown["size"] is shown["rows"] is None


def test_a_database_whose_rows_could_not_be_counted_is_still_what_it_is() -> None:
    shown = describe_database(SETTINGS, CONTENTS, None, "a table went away", "database_unreadable")
    assert (shown["state"], shown["rows"], shown["problem"]) == ("filled", None, "a table went away")
