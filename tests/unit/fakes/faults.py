# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the flows: what makes a good host refuse, and where a run is interrupted.

Python 3.6 syntax: the tests of the flows run on the Pythons of the managed hosts.
"""

import errno
import itertools
from typing import Any, Callable, List, Set

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Interrupted

Change = Callable[[Any], None]


def no_change(_host: Any) -> None:
    """A good host."""


def having(**attributes: Any) -> Change:
    return lambda host: host.__dict__.update(attributes)


def replacing(attribute: str, **fields: Any) -> Change:
    """Change fields of a named tuple that a host has."""
    return lambda host: setattr(host, attribute, getattr(host, attribute)._replace(**fields))


def installed(**fields: Any) -> Change:
    return replacing("installation", **fields)


def both(*changes: Change) -> Change:
    def change(host: Any) -> None:
        for one in changes:
            one(host)

    return change


ERRORS = {
    "signal": Interrupted("ended by signal 15"),
    "disk full": OSError(errno.ENOSPC, "No space left on device"),
    "keyboard": KeyboardInterrupt(),
}


def interruptions(calls: List[str]) -> List[Any]:
    """Return (position, method, error) of each place, the errors in turn."""
    last = {name: position for position, name in enumerate(calls, 1)}
    places = sorted({calls.index(name) + 1 for name in last} | set(last.values()))
    pairs = zip(places, itertools.cycle(ERRORS))
    return [
        pytest.param(place, calls[place - 1], ERRORS[error], id="%d %s, %s" % (place, calls[place - 1], error))
        for place, error in pairs
    ]


def methods_of(*hosts: type) -> Set[str]:
    """Return the methods of fake hosts whose calls they write down."""
    return {name for host in hosts for name, value in vars(host).items() if hasattr(value, "__wrapped__")}
