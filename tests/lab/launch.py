# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start one of the stand-in programs: launch.py PROGRAM LAB-HOME INVOKED-AS [ARGUMENTS...]."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    """Import only what the program needs: it is started often and has to start fast."""
    program, home, invoked_as, arguments = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
    if program == "engine-backup":
        if not os.environ.get("BACKUP_ENV_CLEAN"):
            _again_in_clean_environment()
        from lab.tool.main import main as engine_backup

        return engine_backup(home, invoked_as, arguments)
    if program == "otopi-config-query":
        from lab.config_query import main as config_query

        return config_query(arguments)
    if program == "systemctl":
        from lab.systemctl import main as systemctl

        return systemctl(home, arguments)
    if program == "engine-setup":
        from lab.setup.main import main as engine_setup

        return engine_setup(home, invoked_as, arguments)
    if program == "engine-cleanup":
        from lab.cleanup.main import main as engine_cleanup

        return engine_cleanup(home, invoked_as, arguments)
    if program == "engine-config":
        from lab.engine_config import main as engine_config

        return engine_config(home, arguments)
    from lab.provisiondb import main as provisiondb

    return provisiondb(home, arguments)


def _again_in_clean_environment() -> None:
    kept = {name: os.environ.get(name, "") for name in ("PATH", "TMPDIR")}
    os.execve(
        sys.executable, [sys.executable, "-I", "-S", __file__, *sys.argv[1:]], {**kept, "BACKUP_ENV_CLEAN": "1"}
    )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(main())
