# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of engine-backup, and what its help says it can do.

This file is private to the collection.
"""

import re
from typing import Dict, FrozenSet, List, NamedTuple, Sequence, Tuple

from ..._archive.databases import BY_NAME, SCOPES


class Profile(NamedTuple):
    """How an archive is compressed, and what that costs in space."""

    options: Tuple[str, ...]  # for every scope
    dump_format: str
    packs: bool  # the archive is compressed by this collection after the tool made it
    work_factor: float  # bytes in the temporary directory per byte of database, for the space check
    archive_factor: float  # bytes of the archive per byte of database, likewise


PROFILES: Dict[str, Profile] = {
    "stock": Profile((), "custom", False, 0.35, 0.35),
    # The dumps of the custom format are compressed already: compressing the archive again costs time and gains nothing.
    "fast": Profile(("--archive-compressor=None", "--files-compressor=gzip"), "custom", False, 0.35, 0.35),
    # Text compresses better in one piece than table by table, so nothing is compressed before the end.
    "small": Profile(("--archive-compressor=None", "--files-compressor=None"), "plain", True, 2.2, 0.25),
}


def backup_command(
    tool: str, scopes: Sequence[str], kinds: Sequence[str], profile: str, path: str, log_path: str, tmpdir: str
) -> List[str]:
    """Return the argument list of a backup. No argument is ever empty: the tool stops parsing at an empty one."""
    chosen = PROFILES[profile]
    argv = [tool, "--mode=backup"]
    argv += ["--scope=" + scope for scope in scopes]
    argv += chosen.options
    if chosen.dump_format != "custom":
        argv += [BY_NAME[name].option + "dump-format=" + chosen.dump_format for name in kinds if BY_NAME[name].option]
    return argv + ["--file=" + path, "--log=" + log_path, "--tmpdir=" + tmpdir]


def supported_scopes(help_text: str) -> FrozenSet[str]:
    """Return the scopes that the installed tool can back up, read from its help."""
    found = set()
    for scope in SCOPES:
        match = re.search(r"^\s+%s\s+(\S.*)$" % scope, help_text, re.MULTILINE)
        if match and "restore only" not in match.group(1).lower():
            found.add(scope)
    return frozenset(found)
