# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are. Python 3.6 syntax: the unit tests of the pure layers import this too."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("OVIRT_BACKUP_BUILD") or str(ROOT / ".build")).absolute()
VENV = BUILD / "venv"

# The collection as users have it: built, and installed from the artefact.
COLLECTIONS = BUILD / "collections"
INSTALLED = COLLECTIONS / "ansible_collections" / "ovirt" / "backup"


def link_checkout() -> Path:
    """Make the checkout importable as ansible_collections.ovirt.backup; return the folder for the import path."""
    tree = BUILD / "tree"
    link = tree / "ansible_collections" / "ovirt" / "backup"
    if not (link.is_symlink() and link.resolve() == ROOT):
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh = link.with_name(f"backup.{os.getpid()}")
        fresh.symlink_to(ROOT, target_is_directory=True)
        fresh.replace(link)
    return tree


if __name__ == "__main__":
    print(link_checkout())
