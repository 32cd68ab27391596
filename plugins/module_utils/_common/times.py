# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as text: UTC, ISO 8601. This file is private to the collection."""

import calendar
import time

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def to_iso(seconds: float) -> str:
    """Return '2026-11-22T13:43:52Z' for seconds since the epoch."""
    return time.strftime(FORMAT, time.gmtime(seconds))


def from_iso(text: str) -> int:
    """Return the seconds since the epoch; raise ValueError for another form."""
    return calendar.timegm(time.strptime(text, FORMAT))
