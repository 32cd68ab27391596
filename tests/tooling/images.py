# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-builder makes of the definition of an execution environment, and of the installed collection."""

import shutil
import subprocess
import sys
from pathlib import Path

from .collection import build, install
from .places import BUILD, COLLECTIONS, ROOT

BUILDER = str(Path(sys.executable).with_name("ansible-builder"))


def main() -> None:
    # The paths in it begin at the collection, those in the definition of an image at the folder of the definition.
    folder = BUILD / "image-definition"
    shutil.copytree(ROOT / "meta", folder / "meta", dirs_exist_ok=True)
    definition = str(shutil.copy2(ROOT / "meta" / "execution-environment.yml", folder))
    install(build())
    for arguments in (["create", "-f", definition, "-c", str(BUILD / "image")], ["introspect", str(COLLECTIONS)]):
        subprocess.run([BUILDER, *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
