# Copyright (c) 2026, oVirt backup contributors
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
import runpy
from typing import Any

MODULES = "ansible_collections.ovirt.backup.plugins.modules."
run_module = runpy.run_module


def watch(mod_name: str, *arguments: Any, **named: Any) -> Any:
    """Run a module as Ansible does, and see to it that it is noted at the end if it is one of the collection."""
    if mod_name.startswith(MODULES):
        atexit.register(note, mod_name[len(MODULES) :])
    return run_module(mod_name, *arguments, **named)


def note(name: str) -> None:
    """Write the line."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    with open("/proc/self/io", encoding="ascii") as file:
        counters = dict(line.split(": ") for line in file.read().splitlines())
    noted = {
        "module": name, "memory": own.ru_maxrss * 1024, "children": children.ru_maxrss * 1024,
        "cpu": sum((own.ru_utime, own.ru_stime, children.ru_utime, children.ru_stime)), "read": int(counters["rchar"]),
    }  # fmt: skip
    with open(os.environ["BENCH_USAGE"], "a", encoding="utf-8") as file:
        file.write(json.dumps(noted) + "\n")


if "BENCH_USAGE" in os.environ:
    runpy.run_module = watch
