# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine demands of names, passwords, databases and server settings."""

import string
from typing import Any, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.rules import (
    REQUIRED_SETTINGS,
    check_database,
    check_identifier,
    check_password,
    check_settings,
)
from unit.fakes import world

SAFE = string.ascii_letters + string.digits + "_.@%+=,/~^-"
GOOD = {
    "encoding": "UTF8", "collate": "en_US.UTF-8", "ctype": "en_US.UTF-8", "lc_messages": "en_US.UTF-8",
    "owner": "engine", "expected_owner": "engine", "extensions": ["plpgsql", "uuid-ossp"], "needs": ["uuid-ossp"],
}  # fmt: skip


@pytest.mark.parametrize("character", list(" \t\n\0'\"\\$`!#&;|<>()*?[]{}:\x7f\xe9\u20ac\udcff"))
def test_any_but_the_safe_characters_is_refused_everywhere_in_a_text(character: str) -> None:
    assert check_password(SAFE, "it") == check_identifier(SAFE[:63], "it") == []
    for text in (character, "a" + character, character + "a"):
        assert world.codes(check_password(text, "it")) == ("password_unsafe",)
        assert world.codes(check_identifier(text, "it")) == ("name_unsafe",)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hunter 2", "a blank"), ("hunter\n2", "a line break"), ("h$u`n", "'$', '`'"), ("\x07", "U+0007"),
        ("\xe9", "'\xe9'"),
    ],
    ids=["blank", "line break", "several", "control", "accent"],
)  # fmt: skip
def test_message_tells_the_character_and_not_the_password(text: str, shown: str) -> None:
    message = check_password(text, "the password of 'engine'")[0].message
    assert shown in message
    assert "hunter" not in message
    assert message.startswith("the password of 'engine' holds")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("engine", ()),
        ("x" * 63, ()),
        ("x" * 64, ("name_too_long",)),
        ("", ("name_empty",)),
        ("pg_engine", ("name_reserved",)),
        ("public", ("name_reserved",)),
        ("pgsql", ()),
        ("\xe9" * 32, ("name_unsafe", "name_too_long")),
    ],
)
def test_name_is_judged_as_postgresql_takes_it(name: str, expected: Tuple[str, ...]) -> None:
    assert world.codes(check_identifier(name, "the name")) == expected
    assert world.codes(check_password("", "it")) == ("password_empty",)


def test_database_that_fits_has_no_problem() -> None:
    assert check_database(**GOOD) == []
    spelled_otherwise = {**GOOD, "collate": "en_US.utf8", "ctype": "en_US.utf8", "encoding": "utf-8"}
    assert check_database(**spelled_otherwise) == []


@pytest.mark.parametrize(
    ("change", "code", "part"),
    [
        ({"encoding": "SQL_ASCII"}, "database_wrong_encoding", "SQL_ASCII"),
        ({"collate": "C"}, "database_wrong_locale", "LC_COLLATE C"),
        ({"ctype": "C.UTF-8"}, "database_wrong_locale", "C.UTF-8"),
        ({"lc_messages": "en_US.utf8"}, "database_wrong_lc_messages", "'en_US.utf8'"),
        ({"lc_messages": ""}, "database_wrong_lc_messages", "exactly en_US.UTF-8"),
        ({"owner": "postgres"}, "database_wrong_owner", "owned by 'postgres', not by 'engine'"),
        ({"extensions": ["plpgsql"]}, "database_lacks_extension", "uuid-ossp"),
    ],
)
def test_what_does_not_fit_is_named(change: Any, code: str, part: str) -> None:
    problems = check_database(**dict(GOOD, name="history", **change))
    assert world.codes(problems) == (code,)
    assert problems[0].message.startswith("the database 'history' ")
    assert part in problems[0].message


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    problems = check_database("LATIN1", "C", "C", "C", "a", "b", [], ["uuid-ossp"])
    assert len(world.codes(problems)) == len(set(world.codes(problems))) == 5
    assert problems[0].message.startswith("the database has")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lc_messages", "en_US.utf8"), ("password_encryption", "md5"), ("max_connections", "149"), ("work_mem", "8191"),
        ("maintenance_work_mem", "65535"), ("autovacuum_max_workers", "5"), ("autovacuum_vacuum_scale_factor", "0.011"),
        ("autovacuum_analyze_scale_factor", "0.0751"), ("work_mem", "much"), ("work_mem", None),
    ],
)  # fmt: skip
def test_setting_at_the_limit_is_enough_and_beyond_it_is_not(name: str, value: Any) -> None:
    assert {item: one.ok for item, one in check_settings(world.ENOUGH).items()} == dict.fromkeys(
        REQUIRED_SETTINGS, True
    )
    judged = check_settings(dict(world.ENOUGH, **{name: value}))
    assert [key for key, item in judged.items() if not item.ok] == [name]
    assert judged[name].value == value
    assert check_settings({})["work_mem"] == (None, ">= 8192kB", False)
    assert check_settings({})["lc_messages"].required == "en_US.UTF-8"
