# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks: found again whole or not at all, and whose work they tell of."""

from typing import List, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.process_identity import (
    ProcessIdentity,
    parse_identity,
    render_identity,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.tag import (
    BACKUP,
    RESTORE,
    Tag,
    check_name,
    check_owner,
    parse_tag,
    render_tag,
)

RUN = "host.lab.test/1a2b3c4d/4026531836/4711/998877"
DISK = "0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1"


@pytest.mark.parametrize(
    "mark",
    [
        Tag(BACKUP, "nightly", "", ""),
        Tag(BACKUP, "before the upgrade 4.5", RUN, ""),
        Tag(RESTORE, "app", RUN, DISK),
        Tag(RESTORE, "app", "", DISK),
    ],
    ids=lambda mark: render_tag(*mark),
)
def test_a_mark_is_read_as_it_was_written(mark: Tag) -> None:
    assert parse_tag(render_tag(*mark)) == mark


@pytest.mark.parametrize(
    "text",
    [
        "", "ovirt.backup", "ovirt.backup: ", "my ovirt.backup: nightly", "ovirt.backup: nightly [a b]",
        "ovirt.backup: nightly disk=1", "ovirt.backup: nightly\n", "OVIRT.BACKUP: nightly",
    ],
)  # fmt: skip
def test_what_somebody_else_wrote_is_no_mark(text: str) -> None:
    assert parse_tag(text) is None


@pytest.mark.parametrize("name", ["", " a", "a ", "a[b]", "a\nb", "a" * 101, "ü"])
def test_a_name_that_would_not_be_found_again_is_refused(name: str) -> None:
    assert [problem.code for problem in check_name(name, "")] == ["name_invalid"]


def test_ordinary_names_are_fine() -> None:
    assert check_name("nightly of app_1.2-x", RUN) == []
    assert [problem.code for problem in check_name("a", "x y")] == ["name_invalid"]


def test_the_identity_of_a_run_is_read_as_it_was_written() -> None:
    run = ProcessIdentity("a host", "1a2b", "4026", 12, "345")
    assert parse_identity(render_identity(run)) == run._replace(host="a-host")
    assert parse_identity("somebody") is None
    assert parse_identity("a/b/c/d/e") is None


@pytest.mark.parametrize(
    ("run", "is_alive", "age", "codes"),
    [
        (RUN, True, 5, []),
        ("other", False, 5, []),
        ("other", True, 999999, ["backup_running"]),
        ("other", None, 99, ["backup_running"]),
        ("other", None, 100, []),
    ],
    ids=["own", "dead", "alive", "unknown and young", "unknown and old"],
)
def test_only_what_nobody_works_on_may_be_swept(
    run: str, is_alive: Optional[bool], age: float, codes: List[str]
) -> None:
    found = check_owner("snapshot S", Tag(BACKUP, "nightly", RUN, ""), run, is_alive, age, 100)
    assert [problem.code for problem in found] == codes
    assert all("snapshot S" in problem.message and RUN in problem.message for problem in found)
