# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A qemu-img that hangs, is killed, or writes half, where the path of an image says so; otherwise the real one."""

import os
import shutil
import signal
from pathlib import Path

from .machines import Machines, wait_until

SECONDS = str(10**6 + os.getpid())  # of a sleep that only a hanging tool of these tests asks for
SCRIPT = """#!/bin/sh
for target; do :; done
work() { %(program)s "$@" || exit; size=$(stat -c %%s "$target"); truncate -s $((size / 2)) "$target"; }
case "$*" in
%(cases)s
*) exec %(program)s "$@" ;;
esac
"""
KINDS = {
    "hangs": "exec sleep " + SECONDS,
    "killed": 'work "$@"; kill -9 $$',
    "half": 'work "$@"; truncate -s "$size" "$target"',
}


def break_tool(machines: Machines, **kinds: str) -> None:
    """Let the tool be bad at copies whose images are below these directories: their names, and what it does there."""
    program = shutil.which("qemu-img")
    assert program
    cases = "\n".join(f"convert*/{start}*) {KINDS[kind]} ;;" for start, kind in kinds.items())
    script = machines.scratch / "bin" / "qemu-img"
    script.parent.mkdir(exist_ok=True)
    script.write_text(SCRIPT % {"program": program, "cases": cases})
    script.chmod(0o755)
    machines.path = f"{script.parent}{os.pathsep}{os.environ['PATH']}"


def hanging() -> list[str]:
    """The processes that hang."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        found += [pid] if SECONDS.encode() in words else []
    return found


def end_hanging() -> None:
    """End them, and wait until those who waited for them have said so."""
    for pid in hanging():
        os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: not hanging())
