# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run names itself, and another one tells from that whether it still lives."""

from typing import Any

from ansible_collections.ovirt.backup.plugins.lookup import run_identity, run_state


def look_up(plugin: Any, terms: list[str]) -> list[str]:
    lookup = plugin.LookupModule()
    lookup._load_name = plugin.__name__  # as the loader of plugins does; ansible-core 2.18 and older want it
    found: list[str] = lookup.run(terms)
    return found


def test_own_run_is_alive_the_same_process_started_earlier_has_ended_and_of_others_nobody_can_tell() -> None:
    (own,) = look_up(run_identity, [])
    earlier, elsewhere = own.rpartition("/")[0] + "/1", "elsewhere" + own[own.index("/") :]
    words = look_up(run_state, [own, earlier, elsewhere, "somebody"])
    assert words == ["alive", "ended", "unknown", "unknown"]
