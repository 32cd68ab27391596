# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fake hosts share: a journal of their calls, faults on demand, a clock, a lock, and what dead runs left.

Python 3.6 syntax: the tests of the flows run on the Pythons of the managed hosts.
"""

import functools
import inspect
from typing import Any, Callable, Dict, List, Tuple, TypeVar

from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError

from . import world

Host = TypeVar("Host")


def journaled(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: "FakeHost", *arguments: Any, **named: Any) -> Any:
        name = method.__name__
        self.calls.append(name)
        error = self.errors.get((name, self.calls.count(name))) or self.errors_by_position.get(len(self.calls))
        if error is not None:
            raise error
        return method(self, *arguments, **named)

    return call


def journal(*steering: str) -> Callable[[Host], Host]:
    """Write every call of a host's own methods down, and raise the error that a test planned for it before it acts.

    What tests steer the host with is none of them, and nothing with an underscore.
    """

    def decorate(host: Host) -> Host:
        for name, method in list(vars(host).items()):
            if inspect.isfunction(method) and not name.startswith("_") and name not in steering:
                setattr(host, name, journaled(method))
        return host

    return decorate


class Whole:
    """A fake that is every part of its host: the protocols give no two methods one name."""

    @property
    def clock(self: Host) -> Host:
        return self

    session = files = engine = databases = archives = tool = config = clock


@journal("fail")
class FakeHost(Whole):
    """A host that a run can hold, good in every way until a test changes something."""

    def __init__(self) -> None:
        self.calls: List[str] = []
        self.errors: Dict[Tuple[str, int], BaseException] = {}  # (method, how many-th call) -> error
        self.errors_by_position: Dict[int, BaseException] = {}  # how many-th call of all -> error
        self.time = world.NOW
        self.locked_by_another = False
        self.is_held = False
        self.leftovers: List[str] = []

    def fail(self, method: str, error: BaseException, at: int = 1) -> None:
        """Raise an error at the first, or another, call of a method."""
        self.errors[(method, at)] = error

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time - 1000

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def lock(self, directory: str) -> None:
        if self.locked_by_another:
            raise BackupError("another run holds %s" % directory, "locked")
        self.is_held = True

    def is_locked(self, directory: str) -> bool:
        return self.locked_by_another

    def unlock(self) -> None:
        self.is_held = False

    def list_leftovers(self, directory: str) -> List[str]:
        return list(self.leftovers)

    def remove_leftovers(self, directory: str) -> List[str]:
        cleaned_up, self.leftovers = self.leftovers, []
        return cleaned_up
