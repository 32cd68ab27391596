# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start one of the stand-in programs: launch.py PROGRAM LAB-HOME INVOKED-AS [ARGUMENTS...]."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

# Only what the program needs is imported: it is started often and has to start fast.
MODULES = {
    "engine-backup": "lab.tool.main",
    "engine-setup": "lab.setup.main",
    "engine-cleanup": "lab.cleanup.main",
    "engine-config": "lab.engine_config",
    "otopi-config-query": "lab.config_query",
    "ovirt-engine-provisiondb": "lab.provisiondb",
    "systemctl": "lab.systemctl",
}
KNOW_THEIR_NAME = ("engine-backup", "engine-setup", "engine-cleanup")


def main() -> int:
    """Run the program; its exit status."""
    program, home, invoked_as, arguments = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
    if program == "engine-backup" and not os.environ.get("BACKUP_ENV_CLEAN"):
        _again_in_clean_environment()
    run = importlib.import_module(MODULES[program]).main
    if program in KNOW_THEIR_NAME:
        return int(run(home, invoked_as, arguments))
    return int(run(arguments) if program == "otopi-config-query" else run(home, arguments))


def _again_in_clean_environment() -> None:
    kept = {name: os.environ.get(name, "") for name in ("PATH", "TMPDIR")}
    os.execve(
        sys.executable, [sys.executable, "-I", "-S", __file__, *sys.argv[1:]], {**kept, "BACKUP_ENV_CLEAN": "1"}
    )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(main())
