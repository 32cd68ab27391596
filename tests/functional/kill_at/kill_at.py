# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback plugin of Ansible that kills the whole run at a task, as a lost connection or a lost controller would.

The environment names the task as FILE/NAME, what of it comes first (``before`` it, or ``after`` it did its work), how
many times it has to come by, and a file to note in that it came to that. Another signal may be named, to stop it only.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: kill_at
type: aggregate
short_description: Kill the run at a task
description: For the tests of this collection.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Strikes once, where the environment says so; nothing is cleaned up, nobody is told."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kill_at"

    def __init__(self) -> None:
        super().__init__()
        self._moment = os.environ.get("KILL_AT_MOMENT", "never")
        self._place = os.environ.get("KILL_AT_TASK", "")
        self._left = int(os.environ.get("KILL_AT_TIMES", "0"))

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task begins; it may still be skipped."""
        if self._moment == "before":
            self._come_by(task)

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task has done its work; all of it where it is a loop."""
        if self._moment == "after":
            self._come_by(result._task)

    def _come_by(self, task: Any) -> None:
        stem = Path(task.get_path().rpartition(":")[0]).stem
        if "include" in task.action or "{}/{}".format(stem, task.name) != self._place:
            return
        self._left -= 1
        if not self._left:
            Path(os.environ["KILL_AT_NOTE"]).write_text(self._place, encoding="utf-8")
            os.killpg(0, signal.Signals[os.environ["KILL_AT_SIGNAL"]])
