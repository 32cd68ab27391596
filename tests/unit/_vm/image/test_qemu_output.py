# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What qemu-img says and how it ends. The outputs are those of qemu-img 7.2."""

import json
from typing import Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.image.qemu_output import (
    ImageInfo,
    check_comparison,
    check_end,
    read_info,
    read_progress,
    read_version,
    without_progress,
)

PROGRESS = "    (0.00/100%)\r    (12.50/100%)\r    (100.00/100%)\r\n"


def test_progress_is_the_last_share_that_was_printed() -> None:
    assert read_progress(PROGRESS) == 1.0
    assert read_progress("    (0.00/100%)\r    (12.50/100%)\r") == 0.125
    assert read_progress("") == 0.0


def test_progress_is_no_message() -> None:
    assert without_progress(PROGRESS + "Images are identical.\n") == "Images are identical."


def test_info_is_read_and_everything_else_refused() -> None:
    text = '{"virtual-size": 1048576, "filename": "a", "format": "qcow2", "backing-filename": "b"}'
    assert read_info(text) == ImageInfo("qcow2", 1048576, "b")
    for wrong in ("[]", '{"format": "raw"}'):
        with pytest.raises(ValueError, match="not the output of qemu-img info"):
            read_info(wrong)
    with pytest.raises(json.JSONDecodeError):
        read_info("")


def test_version_is_read_from_its_line() -> None:
    assert read_version("qemu-img version 7.2.22 (Debian 1:7.2+dfsg)\nCopyright (c)") == "7.2.22"
    assert read_version("qemu-img: not found") == ""


@pytest.mark.parametrize(
    ("returncode", "said", "code"),
    [
        (0, PROGRESS, ""),
        (None, PROGRESS, "timed_out"),
        (-9, PROGRESS, "tool_killed"),
        (1, "qemu-img: error while writing at byte 0: No space left on device", "disk_full"),
        (1, "qemu-img: Could not open 'x'", "tool_failed"),
        (1, "", "tool_failed"),
    ],
)
def test_each_end_has_its_name(returncode: Optional[int], said: str, code: str) -> None:
    assert [problem.code for problem in check_end("saving /dev/sdb", returncode, said, 5)] == ([code] if code else [])


@pytest.mark.parametrize(
    ("returncode", "code"),
    [(0, ""), (1, "image_differs"), (2, "tool_failed"), (None, "timed_out"), (-15, "tool_killed")],
)
def test_only_status_0_proves_equality(returncode: Optional[int], code: str) -> None:
    found = check_comparison("comparing a with b", returncode, "Content mismatch at offset 0!", 5)
    assert [problem.code for problem in found] == ([code] if code else [])
