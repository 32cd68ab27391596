# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting the lines of a data section does not depend on where its blocks begin and end."""

import itertools

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._dump.copy_counter import CopyRowCounter

SECTIONS = [
    (b"\\.\n", 0),
    (b"\n\\.\n", 1),
    (b"\n\n\n\\.\n", 3),
    (b"\\\\.\n\\.\n", 1),
    (b"a\t\\\\.\n\\N\n.\n\\.\n", 3),
    (b"\\n\\.x\n\\.\n", 1),
]


@pytest.mark.parametrize(("section", "rows"), SECTIONS)
def test_rows_are_lines_before_the_end_mark(section: bytes, rows: int) -> None:
    counter = CopyRowCounter()
    assert counter.feed(b"before" + section + b"after\n", len(b"before")) == len(b"before" + section)
    assert counter.ended
    assert counter.rows == rows


@pytest.mark.parametrize(("section", "rows"), SECTIONS)
def test_blocks_may_end_anywhere(section: bytes, rows: int) -> None:
    for cuts in itertools.combinations(range(1, len(section)), 2):
        counter = CopyRowCounter()
        for start, stop in [(0, cuts[0]), cuts, (cuts[1], len(section))]:
            assert not counter.ended
            assert counter.feed(section[start:stop]) == stop - start
        assert counter.ended
        assert counter.rows == rows


def test_a_section_without_its_end_mark_has_not_ended() -> None:
    counter = CopyRowCounter()
    counter.feed(b"1\n2\n\\.")
    assert not counter.ended
