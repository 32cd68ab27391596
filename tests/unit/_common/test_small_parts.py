# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redaction, times and errors."""

from typing import Any

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import (
    BackupError,
    Interrupted,
    NotProven,
    Problem,
    Refused,
    describe_problems,
    list_problems,
)
from ansible_collections.ovirt.backup.plugins.module_utils._common.redact import MASK, redact
from ansible_collections.ovirt.backup.plugins.module_utils._common.times import from_iso, to_iso

ONE = Problem("disk_full", "no room")
TWO = Problem("locked", "another run")


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("hunter22 is hunter22!", "%s is %s!" % (MASK, MASK)),
        (("a", "hunter22"), ["a", MASK]),
        ({"k": {"hunter22": ["x hunter22"]}}, {"k": {MASK: ["x " + MASK]}}),
        ([5, None, True], [5, None, True]),
        ("Hunter22", "Hunter22"),
    ],
    ids=str,
)
def test_secret_is_replaced_wherever_it_stands(value: Any, hidden: Any) -> None:
    before = repr(value)
    assert redact(value, ["hunter22"]) == hidden
    assert repr(value) == before


@pytest.mark.parametrize("secrets", [[], [""], ["abc"]])
def test_empty_and_tiny_secrets_do_not_tear_words_apart(secrets: Any) -> None:
    assert redact("abc", secrets) == "abc"
    assert redact("hunter22-long and hunter22", ["hunter22", "hunter22-long"]) == "%s and %s" % (MASK, MASK)


def test_times_are_utc_and_return_to_themselves() -> None:
    assert to_iso(1795355032) == "2026-11-22T13:43:52Z"
    assert to_iso(1795355032.9) == "2026-11-22T13:43:52Z"
    assert from_iso("2026-11-22T13:43:52Z") == 1795355032
    assert from_iso(to_iso(0)) == 0


@pytest.mark.parametrize(
    "text", ["", "2026-11-22", "2026-11-22T13:43:52", "2026-11-22T13:43:52+01:00", "2026-02-30T00:00:00Z"]
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        from_iso(text)


def test_one_problem_is_a_sentence_and_several_are_a_list() -> None:
    assert describe_problems("No", [ONE]) == "No: [disk_full] no room"
    assert describe_problems("No", [ONE, TWO]).splitlines() == [
        "No, 2 problems:",
        "1. [disk_full] no room",
        "2. [locked] another run",
    ]


@pytest.mark.parametrize("kind", [Refused, NotProven])
def test_error_of_problems_has_the_code_of_the_first_and_names_all(kind: Any) -> None:
    error = kind([ONE, TWO], phase="plan")
    assert error.code == "disk_full"
    assert error.facts == {"phase": "plan", "problems": list_problems([ONE, TWO])}
    assert "another run" in error.message
    assert isinstance(error, BackupError)


def test_error_has_the_code_of_its_kind_unless_given() -> None:
    assert Interrupted("x").code == "interrupted"
    assert BackupError("x").code == "backup_error"
    assert BackupError("x", "locked", rc=1).facts == {"rc": 1}
    assert str(BackupError("what happened")) == "what happened"
