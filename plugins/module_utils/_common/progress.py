# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a state file says of a long step, in one line. This file is private to the collection."""

import json

GIB = 1024.0**3
DOING = {"save": "saving", "write": "writing", "compare": "comparing", "check": "checking"}


def describe_progress(text: str) -> str:
    """Return 'comparing: 1.2 of 8.0 GiB (15 %), at work since 2026-11-22T13:43:52Z'; nothing for what is no state."""
    try:
        state = json.loads(text)
        done, total = int(state["bytes_done"]), int(state["bytes_total"])
        phase, since = str(state["phase"]), str(state["since"])
    except (KeyError, TypeError, ValueError):
        return ""
    share = 100 * done // total if total else 0
    what = DOING.get(phase, phase)
    return "%s: %.1f of %.1f GiB (%d %%), at work since %s" % (what, done / GIB, total / GIB, share, since)
