# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python that runs a module and notes what it did: WATCHED-PYTHON REPORT SCRIPT.

The report is a JSON object: peak memory in KiB, files opened for writing or changed, programs started.
"""

import json
import os
import resource
import runpy
import sys
from typing import Any

CHANGES = {"os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
           "os.truncate", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree"}  # fmt: skip
STARTS = {"os.exec", "os.posix_spawn", "os.spawn", "os.system"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
IN_OPEN_DIRECTORIES = {"os.mkdir", "os.remove", "os.rmdir"}  # their last argument is its descriptor, or -1


def directory_of(event: str, arguments: tuple[Any, ...]) -> str:
    """What a relative path is relative to."""
    if event in IN_OPEN_DIRECTORIES and arguments[-1] >= 0:
        return os.readlink(f"/proc/self/fd/{arguments[-1]}")
    return os.getcwd()


def main() -> None:
    """Run the script as Python would."""
    report, script = sys.argv[1], sys.argv[2]
    changed: set[str] = set()
    started: list[str] = []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)) and arguments[2] & WRITING:
            changed.add(os.fsdecode(arguments[0]))
        elif event in CHANGES:
            changed.add(os.path.join(directory_of(event, arguments), str(arguments[0])))
        elif event == "sqlite3.connect":
            changed.update([] if "mode=ro" in str(arguments[0]) else [str(arguments[0])])
        elif event == "subprocess.Popen":
            started.append(" ".join(map(str, arguments[1])))
        elif event in STARTS:
            started.append(str(arguments[0]))

    sys.argv = sys.argv[2:]
    sys.addaudithook(note)
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        found = {"changed": sorted(changed), "started": started}
        with open(report, "w", encoding="utf-8") as stream:
            json.dump({**found, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}, stream)


if __name__ == "__main__":
    main()
