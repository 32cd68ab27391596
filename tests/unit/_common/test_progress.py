# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of a state file: what is done, how far, since when; and none of what is no state."""

import json
from typing import Any, Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.progress import describe_progress

GIB = 1 << 30
SINCE = "2026-11-22T13:43:52Z"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "saving: 2.0 of 8.0 GiB (25 %), at work since " + SINCE),
        ({"phase": "compare", "bytes_done": 8 * GIB}, "comparing: 8.0 of 8.0 GiB (100 %), at work since " + SINCE),
        ({"phase": "write", "bytes_total": 0}, "writing: 2.0 of 0.0 GiB (0 %), at work since " + SINCE),
    ],
)
def test_a_state_is_one_line(changes: Dict[str, Any], line: str) -> None:
    state = {"phase": "save", "since": SINCE, "bytes_done": 2 * GIB, "bytes_total": 8 * GIB}
    state.update(changes)
    assert describe_progress(json.dumps(state)) == line


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"phase": "save", "bytes_done": "x"}'])
def test_what_is_no_state_is_no_line(text: str) -> None:
    assert describe_progress(text) == ""
