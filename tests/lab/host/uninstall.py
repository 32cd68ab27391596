# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lists of files that engine-setup wrote, by which engine-cleanup removes them."""

from __future__ import annotations

import configparser
import hashlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDER = "etc/ovirt-engine/uninstall.d"
GROUP = "file_group_"
DESCRIPTIONS = {
    "core": "Core files",
    "ca_pki": "PKI keys",
    "ca_config": "PKI configuration",
    "ovirt_db": "Database files",
    "dwh_files": "DWH files",
    "keycloak_files": "Keycloak files",
}


def _parser() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    return parser


def digest(path: Path) -> str:
    """The hash that a list holds of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(prefix: Path, groups: Mapping[str, Iterable[Path]], stamp: str = "") -> Path:
    """A new list of files as they are now."""
    parser = _parser()
    for group, paths in groups.items():
        present = sorted({path for path in paths if path.is_file()})
        if present:
            section = GROUP + group
            parser.add_section(section)
            parser.set(section, "description", DESCRIPTIONS.get(group, group))
            parser.set(section, "optional", "False")
        for number, path in enumerate(present):
            parser.set(section, "file.{:03}.name".format(number), str(path))
            parser.set(section, "file.{:03}.sha256".format(number), digest(path))
    target = prefix / FOLDER / "{}-uninstall.conf".format(stamp or time.strftime("%Y%m%d%H%M%S"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "w", encoding="utf-8") as stream:
        parser.write(stream)
    return target


def lists(prefix: Path) -> list[Path]:
    """All lists, oldest first."""
    return sorted((prefix / FOLDER).glob("*.conf"))


def registered(prefix: Path) -> dict[Path, str]:
    """Files with the hash that the newest list has of them."""
    found: dict[Path, str] = {}
    for path in lists(prefix):
        parser = _parser()
        parser.read(path, encoding="utf-8")
        for section in parser.sections():
            for key, value in parser.items(section):
                if key.startswith("file.") and key.endswith(".name"):
                    found[Path(value)] = parser.get(section, key[: -len("name")] + "sha256", fallback="")
    return found


def changed(prefix: Path) -> list[Path]:
    """Registered files whose content is not what it was."""
    return [path for path, known in registered(prefix).items() if path.is_file() and known and digest(path) != known]
