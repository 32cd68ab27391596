# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test steers an engine in memory with: a clock, errors, lost answers, and a journal of the calls."""

import functools
from typing import Any, Callable, Dict, List, NamedTuple, Set, Tuple

from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import ApiError, Conflict, Unavailable

EPOCH = 1767312000  # 2026-01-02T00:00:00Z


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, so nothing is cleaned up."""


Call = NamedTuple("Call", [("method", str), ("arguments", Tuple[Any, ...])])


def journaled(method: Callable[..., Any]) -> Callable[..., Any]:
    """Write the call down, let happen what is due, and raise what a test planned, before or after the work."""

    @functools.wraps(method)
    def call(self: "Steering", *arguments: Any, **named: Any) -> Any:
        if self.is_within:  # a request that belongs to the one that was written down
            return method(self, *arguments, **named)
        count = self.begin(Call(method.__name__, arguments + tuple(named.values())))
        self.is_within = True
        try:
            found = method(self, *arguments, **named)
        finally:
            self.is_within = False
        return self.end(method.__name__, count, found)

    return call


class Steering:
    """A clock that only moves when it is told to, and what a test planned."""

    def __init__(self) -> None:
        self.time = 1000.0  # seconds since EPOCH
        self.calls: List[str] = []  # the methods that were called
        self.log: List[Call] = []  # ... with their arguments
        self.unavailable_until = 0.0
        self.errors: Dict[Tuple[str, int], BaseException] = {}  # (method, how many-th call) -> error
        self.lost_replies: Set[Tuple[str, int]] = set()  # carried out, and the answer is lost
        self.actions: Dict[Tuple[str, int], List[Callable[[], Any]]] = {}
        self.edits: Dict[str, Callable[[Any], Any]] = {}  # method -> what becomes of its answer
        self.is_within = False
        self.is_killed = False
        self._timers: List[Tuple[float, int, Callable[[], None]]] = []
        self._made = 0

    def fail(self, method: str, error: BaseException, at: int = 1) -> None:
        """Raise an error at the first, or another, call of a method; nothing was carried out."""
        self.errors[(method, at)] = error

    def refuse(self, method: str, detail: str, status: int = 409, at: int = 1) -> None:
        """Refuse a call as the engine does."""
        self.fail(method, refusal(detail, status), at)

    def lose_reply(self, method: str, at: int = 1) -> None:
        """Carry a call out, and answer nothing."""
        self.lost_replies.add((method, at))

    def before(self, method: str, action: Callable[[], Any], at: int = 1) -> None:
        """Let something happen to the world just before a call."""
        self.actions.setdefault((method, at), []).append(action)

    def kill_at(self, method: str, at: int = 1) -> None:
        """Let this call, and all later ones, find nobody who sends them; revive begins the next process."""
        self.before(method, lambda: setattr(self, "is_killed", True), at)

    def revive(self) -> None:
        """Begin another process, some time later."""
        self.is_killed = False
        self.advance(60)

    def restart(self, seconds: float) -> None:
        """Be unavailable for some time."""
        self.unavailable_until = self.time + seconds

    def edit(self, method: str, change: Callable[[Any], Any]) -> None:
        """Let every answer of a method be another than the lab gives."""
        self.edits[method] = change

    def begin(self, called: Call) -> int:
        """Write a call down, let happen what is due, raise what was planned; return how many calls of it there were."""
        self.calls.append(called.method)
        self.log.append(called)
        count = self.calls.count(called.method)
        for action in self.actions.pop((called.method, count), []):
            action()
        self.advance(0)
        if self.is_killed:
            raise Killed
        if (called.method, count) in self.errors:
            raise self.errors[(called.method, count)]
        if self.time < self.unavailable_until:
            raise Unavailable("Could not connect to the engine: connection refused")
        return count

    def end(self, method: str, count: int, found: Any) -> Any:
        """Return an answer, unless it is to be lost."""
        if (method, count) in self.lost_replies:
            raise Unavailable("The connection broke before the engine answered")
        return self.edits[method](found) if method in self.edits else found

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return EPOCH + self.time

    def advance(self, seconds: float) -> None:
        """Move the clock, and let happen what is due."""
        until = self.time + seconds
        while self._timers and min(self._timers)[0] <= until:
            timer = min(self._timers)
            self._timers.remove(timer)
            self.time = max(self.time, timer[0])
            timer[2]()
        self.time = until

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen when the clock gets there; at once means before the next call."""
        self._timers.append((self.time + seconds, self._made, action))
        self._made += 1


def refusal(detail: str, status: int = 409) -> ApiError:
    """Return the error that a refusal of the engine becomes."""
    kind = Conflict if status in (400, 409) else ApiError
    return kind("The engine refused: %s" % detail, status=status, reason="Operation Failed", detail="[%s]" % detail)
