# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of the collection ovirt.ovirt, to hold this one against; nothing else of the project uses them."""

import subprocess
import sys
import zipfile
from pathlib import Path

# Ansible Galaxy has the collection, too; this package is the one that pip finds.
PACKAGE = "ansible==12.3.0"
MEMBERS = "ansible_collections/ovirt/ovirt/"
BACKUP = Path(__file__).parent / "ovirt_ovirt" / "backup.yml"
RESTORE = Path(__file__).parent / "ovirt_ovirt" / "restore.yml"


def install(build: Path) -> Path:
    """Take the collection out of the PyPI package, once; return the folder to look for collections in."""
    target = build / "ovirt-ovirt"
    if not (target / MEMBERS / "MANIFEST.json").exists():
        print(f"installing ovirt.ovirt from {PACKAGE} of PyPI", flush=True)
        options = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.12", "--quiet", "--dest", str(target)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, PACKAGE], check=True)
        (wheel,) = target.glob("ansible-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target, [name for name in archive.namelist() if name.startswith(MEMBERS)])
        wheel.unlink()
    return target
