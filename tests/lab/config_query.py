# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for otopi-config-query: looks one key up in FILE and FILE.d/*.conf.

A backup asks it dozens of times, so it is one of the few programs that import next to nothing.
"""

from __future__ import annotations

import os
import sys

SECTION = "environment:default"
MATCH, MISMATCH, MISSING = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Exit 0: the key has that value; 1: another one; 2: no such key or file."""
    if not arguments or arguments[0] not in ("match", "query"):
        print("otopi-config-query: error: choose match or query", file=sys.stderr)
        return MISSING
    options = _options(arguments[1:])
    value = _lookup(options.get("--file", ""), options.get("--key", ""))
    if value is None:
        return MISSING
    if arguments[0] == "query":
        print(value)
        return MATCH
    return MATCH if value == options.get("--value") else MISMATCH


def _options(arguments: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in " ".join(arguments).replace(" --", "\n--").splitlines()]
    return {name.split(" ")[0]: value or name.partition(" ")[2] for name, _separator, value in pairs}


def _lookup(file: str, key: str) -> str | None:
    folder = file + ".d"
    more = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    paths = [file, *(os.path.join(folder, name) for name in more if name.endswith(".conf"))]
    found = [value for path in paths if os.path.isfile(path) for value in _read(path, key)]
    return found[-1] if found else None


def _read(path: str, key: str) -> list[str]:
    """The values of a key in the one section that counts."""
    section, found = "", []
    with open(path, encoding="utf-8") as stream:
        for line in map(str.strip, stream):
            if line.startswith("["):
                section = line.strip("[]")
            name, separator, value = line.partition("=")
            if separator and section == SECTION and name.strip() == key:
                found.append(value.strip())
    return found
