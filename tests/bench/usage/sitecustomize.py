# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python imports this when it starts, where it finds it: at its end, a module of the collection notes what it took.

One line of JSON per module in the file that BENCH_USAGE names. The kernel adds to a process what its children took as
soon as they have ended: so what qemu-img read is in "read", and its peak memory in "children".
"""

import atexit
import json
import os
import resource
import sys

MODULES = "ansible_collections.ovirt.backup.plugins.modules."


def note() -> None:
    """Write the line, if this process is a module."""
    names = [name[len(MODULES) :] for name in sys.modules if name.startswith(MODULES)]
    if not names:
        return
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    with open("/proc/self/io", encoding="ascii") as file:
        counters = dict(line.split(": ") for line in file.read().splitlines())
    noted = {
        "module": names[0], "memory": own.ru_maxrss * 1024, "children": children.ru_maxrss * 1024,
        "cpu": sum((own.ru_utime, own.ru_stime, children.ru_utime, children.ru_stime)), "read": int(counters["rchar"]),
    }  # fmt: skip
    with open(os.environ["BENCH_USAGE"], "a", encoding="utf-8") as file:
        file.write(json.dumps(noted) + "\n")


if "BENCH_USAGE" in os.environ:
    atexit.register(note)
