# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens later by itself: the operations that the engine goes on with after it has answered."""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

Action = Callable[[], None]


class Schedule:
    """Runs each action after its delay, in a thread of its own pool."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        self._pool = ThreadPoolExecutor(max_workers=4)
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin to run what is due."""
        self._thread.start()

    def after(self, seconds: float, action: Action) -> None:
        """Run an action that much later."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), action))
            self._changed.notify()

    def end(self) -> None:
        """Run nothing more; wait for what is running."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        self._pool.shutdown()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._ended and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._ended:
                    return
                action = heapq.heappop(self._due)[2]
            self._pool.submit(_run, action)


def _run(action: Action) -> None:
    try:
        action()
    except Exception:
        # It would be lost in the pool, and the test would only see a state that never changes.
        traceback.print_exc(file=sys.stderr)
        raise
