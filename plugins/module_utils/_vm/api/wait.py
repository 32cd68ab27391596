# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for what the engine does on its own time: the only loop that sleeps.

This file is private to the collection.
"""

from typing import Callable, NoReturn, Optional, TypeVar

from ..api_errors import ApiError, Unavailable

Seen = TypeVar("Seen")

# A wait that has taken long is looked at less often: each pause is this part of the time waited so far, at most.
SLACK = 0.1
LONGEST_PAUSE = 30.0


class Waiter:
    """One deadline for a whole run; a look at the engine every ``poll_interval`` seconds, in long waits fewer."""

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], None], timeout: float, poll_interval: float
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._timeout = timeout
        self._deadline = clock() + timeout
        self._poll_interval = poll_interval

    def monotonic(self) -> float:
        """Return seconds that no clock change moves."""
        return self._clock()

    def raise_if_caller_exited(self) -> None:
        """Raise Interrupted where the run for which this works has ended; who sleeps for it tells."""
        self._sleep(0.0)

    def retry_read(self, what: str, request: Callable[[], Seen]) -> Seen:
        """Send a request that changes nothing; while the engine is unavailable, again, up to the time-out."""
        return self.until(what, request, lambda _seen: True, str)

    def until(
        self,
        what: str,
        look: Callable[[], Seen],
        is_done: Callable[[Seen], bool],
        describe: Callable[[Seen], str],
        timeout: Optional[float] = None,
        head_start: float = 0.0,
    ) -> Seen:
        """Look until it is done, at least once; return what was seen last.

        ``head_start``: for so many poll intervals it can not be done, so the first look comes after them.

        An engine that is unavailable meanwhile is waited for. ``is_done`` and ``look`` raise where waiting is
        hopeless. ``timeout`` can only shorten what is left of the run's time.
        """
        began = self._clock()
        deadline = self._deadline if timeout is None else min(self._deadline, began + timeout)
        if head_start and deadline > began:
            self._sleep(min(head_start * self._poll_interval, deadline - began))
        while True:
            try:
                seen = look()
            except Unavailable as error:
                last = error.message
            else:
                if is_done(seen):
                    return seen
                last = describe(seen)
            now = self._clock()
            if now >= deadline:
                self._give_up(what, now - began, last)
            self._sleep(min(self._pause_after(now - began), deadline - now))

    def _pause_after(self, waited: float) -> float:
        return max(self._poll_interval, min(SLACK * waited, LONGEST_PAUSE))

    def _give_up(self, what: str, waited: float, last: str) -> NoReturn:
        text = "Waited %.0f seconds for %s, in vain; what was seen last: %s." % (waited, what, last.rstrip("."))
        if self._clock() >= self._deadline:
            text += " The time-out of the whole run is %.0f seconds (option timeout)." % self._timeout
        raise ApiError(text, "timed_out", awaited=what, last_seen=last, waited=round(waited, 1))
