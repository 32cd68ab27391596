# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which archive may be restored with which installed engine: the table of the releases."""

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.versions import (
    minor_release,
    refuse_restore,
    third_number,
    version_key,
)

# archive, installed -> part of the reason, empty where it may be restored
PAIRS = [
    ("4.5.7", "4.5.7", ""),
    ("4.5.0.2", "4.5.1", ""),
    ("4.5.6", "4.5.10", ""),
    ("4.5.7", "4.5.8_master", ""),
    ("4.5.8", "4.5.8_master", ""),
    ("4.3.10", "4.3.11", ""),
    ("4.3.10", "4.4.10", ""),
    ("4.3.10.4", "4.5.7", ""),
    ("4.4.10.7", "4.5.0.2", ""),
    (" 4.5.6\n", "4.5.7", ""),
    ("4.5.10", "4.5.9", "newer than the installed"),
    ("4.5.8_master", "4.5.8", "newer than the installed"),
    ("4.5.7.1", "4.5.7", "newer than the installed"),
    ("4.3.9", "4.4.10", "at least 4.3.10"),
    ("4.3", "4.5.7", "at least 4.3.10"),
    ("4.2.8", "4.3.10", "can not be restored with"),
    ("4.5.0", "4.4.10", "can not be restored with"),
    ("3.6.11", "4.0.6", "can not be restored with"),
    ("4.5.7", "4.6.0", "can not be restored with"),
    ("4.50.1", "4.5.7", "can not be restored with"),
    ("5.4.5", "4.5.7", "can not be restored with"),
    ("", "4.5.7", "not readable"),
    ("4.5.7", "", "not readable"),
    ("master", "4.5.7", "not readable"),
]


@pytest.mark.parametrize(
    ("backup", "installed", "part"), PAIRS, ids=["%s on %s" % (pair[0].strip(), pair[1]) for pair in PAIRS]
)
def test_pair_is_accepted_or_refused_by_the_rule_of_the_tool(backup: str, installed: str, part: str) -> None:
    reason = refuse_restore(backup, installed)
    assert bool(reason) == bool(part)
    assert part in reason
    assert not part or (backup in reason and installed in reason)


def test_versions_are_ordered_by_number_not_by_text() -> None:
    ordered = ["4.5.2", "4.5.2.1", "4.5.9", "4.5.9_beta", "4.5.10", "4.5.10.1"]
    assert sorted(ordered, key=version_key) == ordered


def test_parts_of_a_version_are_found() -> None:
    assert [minor_release(version) for version in ("4.5.7", "4.5", "4", "x4.5")] == ["4.5", "4.5", "", ""]
    assert [third_number(version) for version in ("4.3.10.4", "4.3", "4.3.x")] == [10, 0, 0]
