# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive without grants does not stand in for one with them."""

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.plan import keeps_as_much


@pytest.mark.parametrize(
    ("made", "wanted", "serves"),
    [
        ("stock", "stock", True),
        ("fast", "stock", True),
        ("stock", "small", True),
        ("small", "small", True),
        ("small", "stock", False),
        ("small", "fast", False),
        ("of a later release", "stock", False),
    ],
)
def test_archive_of_a_profile_serves_a_request_for_another(made: str, wanted: str, serves: bool) -> None:
    assert keeps_as_much(made, wanted) is serves
