# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module of the same name, and show its progress while it works."""

import shlex
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Dict, Iterator, Optional

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._common.progress import describe_progress

INTERVAL = 60  # the default of the option progress

display = Display()


class ActionModule(ActionBase):
    """The module does the work as without this plugin; a process beside it reads the state file, and shows a line."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Run the module; return its result."""
        result: Dict[str, Any] = super().run(tmp, task_vars)
        in_background = bool(self._task.async_val) and not self._connection.has_native_async
        seconds = self._seconds()
        if in_background or self._task.check_mode or seconds <= 0:
            result.update(self._execute_module(task_vars=task_vars, wrap_async=in_background))
        else:
            with self._watched(seconds):
                result.update(self._execute_module(task_vars=task_vars))
        return result

    def _seconds(self) -> int:
        try:
            return int(self._task.args.get("progress", INTERVAL))
        except (TypeError, ValueError):
            return 0  # the module says what is wrong with it

    @contextmanager
    def _watched(self, seconds: int) -> Iterator[None]:
        """Look at the state file now and then, in a process of its own: a connection does one thing at a time."""
        forks = get_context("fork")
        ended, held = forks.Pipe(duplex=False)
        watcher = forks.Process(target=self._watch, args=(ended, held, seconds))
        watcher.start()
        try:
            yield
        finally:
            held.close()  # which ends it; it is never killed, for it may hold a lock of the screen
            watcher.join()
            ended.close()

    def _watch(self, ended: Any, held: Any, seconds: int) -> None:
        held.close()  # the other end is closed then when the task is over, or its process gone
        path = "%s.state.json" % self._task.args.get("path", "")
        while not ended.poll(seconds):
            found = self._low_level_execute_command("cat %s" % shlex.quote(path))
            line = describe_progress(found["stdout"])
            if line and not ended.poll():
                display.display("%s: %s" % (self._task.args.get("device"), line))
