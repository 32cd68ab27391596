# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which archive may be restored with which installed engine.

Source: oVirt engine-backup, the version check of its restore and verify modes. This file is private to the collection.
"""

import re
from typing import List, Tuple

# Pairs of (backup, installed) minor releases that are accepted besides equal ones.
UPGRADES = frozenset([("4.3", "4.4"), ("4.3", "4.5"), ("4.4", "4.5")])
OLDEST_FROM_4_3 = 10


def version_key(version: str) -> List[Tuple[int, str]]:
    """Return a key that orders versions as the tool does: numbers by value, other parts as text."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|[a-z]+", version)]


def refuse_restore(backup: str, installed: str) -> str:
    """Return why an archive of version ``backup`` may not be restored by ``installed``, or an empty string."""
    old, new = minor_release(backup), minor_release(installed)
    if not old or not new:
        return "a version is not readable: archive '%s', installed '%s'" % (backup, installed)
    if old == new:
        if version_key(backup) <= version_key(installed):
            return ""
        text = "the archive is of %s, newer than the installed %s: update the engine packages first"
        return text % (backup, installed)
    if (old, new) not in UPGRADES:
        return "an archive of %s can not be restored with %s" % (backup, installed)
    if old == "4.3" and third_number(backup) < OLDEST_FROM_4_3:
        return "an archive of 4.3 must be at least 4.3.%d to be restored with %s, this is %s" % (
            OLDEST_FROM_4_3,
            installed,
            backup,
        )
    return ""


def minor_release(version: str) -> str:
    """Return 'X.Y' of a version, or an empty string."""
    match = re.match(r"^(\d+\.\d+)", version.strip())
    return match.group(1) if match else ""


def third_number(version: str) -> int:
    """Return Z of X.Y.Z, 0 where there is none."""
    match = re.match(r"^\d+\.\d+\.(\d+)", version.strip())
    return int(match.group(1)) if match else 0
