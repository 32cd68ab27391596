# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the installed packages say of their version."""

from __future__ import annotations

import re
from pathlib import Path

CONFIG = "share/ovirt-engine/setup/ovirt_engine_setup/config.py"


def installed(prefix: Path) -> dict[str, str]:
    """PACKAGE_VERSION and DISPLAY_VERSION of the setup code."""
    text = (prefix / CONFIG).read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+) = '([^']*)'", text, re.MULTILINE))


def display_version(prefix: Path) -> str:
    """The version that the engine shows: 4.5.7-1.el9."""
    return installed(prefix)["DISPLAY_VERSION"]


def numbers(version: str) -> list[int]:
    """The first three numbers."""
    return [int(word) for word in re.findall(r"\d+", version)[:3]]


def is_cleanable(ours: str, theirs: str) -> bool:
    """Whether this version's engine-cleanup takes what that version's engine-setup made."""
    mine, other = numbers(ours), numbers(theirs)
    return mine[:2] == other[:2] and mine >= other
