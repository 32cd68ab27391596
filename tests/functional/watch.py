# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module in a Python that notes what the module did."""

import json
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

from .playbooks import Task

PROGRAM = Path(__file__).with_name("watched_python.py")


class Report(NamedTuple):
    peak: int  # KiB
    changed: list[str]
    started: list[str]


class Watch:
    """One watched task and its report."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.json"
        self.interpreter = folder / name
        # -E: without quick_start, which writes files of its own and has a say in the use of memory.
        words = [sys.executable, "-E", str(PROGRAM), str(self.path)]
        self.interpreter.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        self.interpreter.chmod(0o755)

    def task(self, task: Task) -> Task:
        """The task in the watched Python."""
        return {**task, "vars": {"ansible_python_interpreter": str(self.interpreter)}}

    def report(self) -> Report:
        return Report(**json.loads(self.path.read_text(encoding="utf-8")))
