# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start one of the stand-in programs: launch.py PROGRAM LAB-HOME INVOKED-AS [ARGUMENTS...]."""

from __future__ import annotations

import gc
import importlib
import os
import sys

# Only what the program needs is imported: it is started often and has to start fast.
MODULES = {
    "engine-backup": "lab.tool.main",
    "engine-setup": "lab.setup.main",
    "engine-cleanup": "lab.cleanup.main",
    "engine-config": "lab.engine_config",
    "hecleaner": "lab.hecleaner",
    "otopi-config-query": "lab.config_query",
    "ovirt-engine-provisiondb": "lab.provisiondb",
    "systemctl": "lab.systemctl",
}
KNOW_THEIR_NAME = ("engine-backup", "engine-setup", "engine-cleanup")


def main() -> int:
    """Run the program; its exit status."""
    program, invoked_as, arguments = sys.argv[1], sys.argv[3], sys.argv[4:]
    run = importlib.import_module(MODULES[program]).main
    if program == "otopi-config-query":
        return int(run(arguments))
    from pathlib import Path

    home = Path(sys.argv[2])
    return int(run(home, invoked_as, arguments) if program in KNOW_THEIR_NAME else run(home, arguments))


if __name__ == "__main__":
    gc.disable()  # it ends before there is much to collect
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    sys.exit(main())
