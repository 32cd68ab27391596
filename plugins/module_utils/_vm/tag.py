# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark by which this collection finds again what it made in an engine, and whose work that is.

A mark names the backup or restore and the run that works on it, so that a leftover of a killed run can be told from
the work of a living one. What does not carry a mark is never touched. This file is private to the collection.
"""

import re
from typing import List, NamedTuple, Optional

from .._common.errors import Problem

BACKUP = "ovirt.backup"
RESTORE = "ovirt.backup restore"
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}"
RUN_PATTERN = r"[A-Za-z0-9._:/-]{0,200}"
_MARK = re.compile(
    r"(%s|%s): (%s?)(?: \[(%s)\])?(?: disk=([0-9A-Fa-f-]{36}))?" % (RESTORE, BACKUP, NAME_PATTERN, RUN_PATTERN)
)


class Tag(NamedTuple):
    """``kind`` is BACKUP or RESTORE; ``disk_id`` the original of a disk that a restore made, else empty."""

    kind: str
    name: str
    run: str
    disk_id: str


def render_tag(kind: str, name: str, run: str, disk_id: str = "") -> str:
    """Return the text to put into a description or comment."""
    text = "%s: %s" % (kind, name)
    if run:
        text += " [%s]" % run
    return text + (" disk=%s" % disk_id if disk_id else "")


def parse_tag(text: str) -> Optional[Tag]:
    """Return the mark that a text wholly is; None for every other text."""
    found = _MARK.fullmatch(text)
    if found is None:
        return None
    kind, name, run, disk_id = found.groups()
    return Tag(kind, name, run or "", disk_id or "")


def check_name(name: str, run: str) -> List[Problem]:
    """Return why a name or the identity of a run can not be part of a mark."""
    problems = []
    if not re.fullmatch(NAME_PATTERN, name) or name != name.strip():
        text = "name %r can not mark a backup: up to 100 letters, digits, spaces and . _ - are allowed"
        problems.append(Problem("name_invalid", text % name))
    if not re.fullmatch(RUN_PATTERN, run):
        text = "run %r can not be part of a mark; leave it out, or use the lookup plugin"
        problems.append(Problem("name_invalid", text % run))
    return problems


def check_owner(
    what: str, mark: Tag, run: str, is_alive: Optional[bool], age: float, stale_after: float
) -> List[Problem]:
    """Return why marked work of another run must be left alone; nothing where it is our own or a leftover.

    ``is_alive`` is None where that can not be told; then work younger than ``stale_after`` seconds is left alone.
    """
    if mark.run == run or is_alive is False or (is_alive is None and age >= stale_after):
        return []
    if is_alive:
        text = "%s belongs to %s, which is still at work: wait until it has ended" % (what, mark.run or "a run by hand")
    else:
        text = (
            "%s belongs to %s, began %d seconds ago, and nobody here can tell whether that is still at work: wait, or "
            "make sure that it is not and run again with stale_after=0; from %d seconds on it counts as left behind"
            % (what, mark.run or "a run by hand", age, stale_after)
        )
    return [Problem("backup_running", text)]
