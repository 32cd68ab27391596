# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the setup programs; each name starts with the program's action: setup-kill-at, cleanup-asks ..."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from .dialog import Dialog

PAUSE = 0.05


class Faults:
    """Reads the lab's fault directory at the moment a question matters."""

    def __init__(self, directory: Path, action: str) -> None:
        self.directory = directory
        self.action = action

    def words(self, name: str) -> list[str]:
        """The words of the parameter."""
        return (self.text(name) or "").split()

    def text(self, name: str) -> str | None:
        """The parameter; None where the fault is off."""
        try:
            return (self.directory / "{}-{}".format(self.action, name)).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def strike(self, step: str) -> None:
        """Wait, die or fail here."""
        slow = self.words("slow-at")
        if slow[:1] == [step]:
            subprocess.run(["sleep", slow[1]], check=False)
        if step in self.words("kill-at"):
            os.kill(os.getpid(), signal.SIGKILL)
        fails = self.words("fails-at")
        if fails[:1] == [step]:
            raise RuntimeError(" ".join(fails[1:]) or "step {} failed".format(step))

    def ask(self, dialog: Dialog) -> None:
        """A question that nobody knows, without a default; or one that comes again and again."""
        question = self.words("asks")
        if question:
            dialog.query(question[0], "{}: ".format(" ".join(question[1:]) or "Please answer"))
        name = self.text("asks-forever")
        while name is not None:
            dialog.query(name or "OVESETUP_DB_HOST", "Engine database host [@DEFAULT@]: ", default="localhost")
            dialog.error("Cannot connect to Engine database: could not connect to server")
            time.sleep(PAUSE)
