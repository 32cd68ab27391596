# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for otopi-config-query: looks one key up in FILE and FILE.d/*.conf."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

SECTION = "environment:default"
MATCH, MISMATCH, MISSING = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Exit 0: the key has that value; 1: another one; 2: no such key or file."""
    if not arguments or arguments[0] not in ("match", "query"):
        print("otopi-config-query: error: choose match or query", file=sys.stderr)
        return MISSING
    options = _options(arguments[1:])
    value = _lookup(Path(options.get("--file", "")), options.get("--key", ""))
    if value is None:
        return MISSING
    if arguments[0] == "query":
        print(value)
        return MATCH
    return MATCH if value == options.get("--value") else MISMATCH


def _options(arguments: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in " ".join(arguments).replace(" --", "\n--").splitlines()]
    return {name.split(" ")[0]: value or name.partition(" ")[2] for name, _separator, value in pairs}


def _lookup(path: Path, key: str) -> str | None:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    found = parser.read([path, *sorted(Path(str(path) + ".d").glob("*.conf"))], encoding="utf-8")
    if not found or not parser.has_option(SECTION, key):
        return None
    return parser.get(SECTION, key)
