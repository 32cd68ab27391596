# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test steers an engine in memory with: a clock, errors, lost answers, and a journal of the calls."""

import functools
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Set, Tuple

from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import (
    ApiError,
    Conflict,
    NotFound,
    Unavailable,
)

EPOCH = 1767312000  # 2026-01-02T00:00:00Z

Call = NamedTuple("Call", [("method", str), ("arguments", Tuple[Any, ...])])


def journaled(method: Callable[..., Any]) -> Callable[..., Any]:
    """Write the call down, let happen what is due, and raise what a test planned, before or after the work."""

    @functools.wraps(method)
    def call(self: "Steering", *arguments: Any, **named: Any) -> Any:
        name = method.__name__
        self.calls.append(name)
        self.log.append(Call(name, arguments + tuple(named.values())))
        count = self.calls.count(name)
        for action in self.actions.pop((name, count), []):
            action()
        self.advance(0)
        error = self.errors.get((name, count)) or self.errors_by_position.get(len(self.calls))
        if error is not None:
            raise error
        if self.time < self.unavailable_until:
            raise Unavailable("Could not connect to the engine: connection refused")
        found = method(self, *arguments, **named)
        if (name, count) in self.lost_replies:
            raise Unavailable("The connection broke before the engine answered")
        return found

    return call


class Steering:
    """A clock that only moves when it is told to, and what a test planned."""

    def __init__(self) -> None:
        self.time = 1000.0  # seconds since EPOCH
        self.calls: List[str] = []  # the methods that were called
        self.log: List[Call] = []  # ... with their arguments
        self.unavailable_until = 0.0
        self.errors: Dict[Tuple[str, int], BaseException] = {}  # (method, how many-th call) -> error
        self.errors_by_position: Dict[int, BaseException] = {}  # how many-th call of all -> error
        self.lost_replies: Set[Tuple[str, int]] = set()  # carried out, and the answer is lost
        self.actions: Dict[Tuple[str, int], List[Callable[[], None]]] = {}
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

    def before(self, method: str, action: Callable[[], None], at: int = 1) -> None:
        """Let something happen to the world just before a call."""
        self.actions.setdefault((method, at), []).append(action)

    def restart(self, seconds: float) -> None:
        """Be unavailable for some time."""
        self.unavailable_until = self.time + seconds

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

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        if seconds > 0:
            self._timers.append((self.time + seconds, self._made, action))
            self._made += 1
        else:
            action()


def refusal(detail: str, status: int = 409) -> ApiError:
    """Return the error that a refusal of the engine becomes."""
    kind = Conflict if status in (400, 409) else ApiError
    return kind("The engine refused: %s" % detail, status=status, reason="Operation Failed", detail="[%s]" % detail)


def refuse(detail: str, status: int = 409) -> NoReturn:
    raise refusal(detail, status)


def refuse_first(*rules: Tuple[bool, int, str]) -> None:
    """Refuse with the first rule that is broken."""
    for is_broken, status, detail in rules:
        if is_broken:
            refuse(detail, status)


def missing(what: str, number: str) -> NoReturn:
    raise NotFound("There is no %s %s" % (what, number), status=404)
