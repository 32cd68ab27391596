# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write into the engine's event log. This file is private to the collection."""

from typing import List

from .api_errors import ApiError, Conflict
from .backup.rules import event_id
from .protocols import VmApi, Waiter

ORIGIN = "ovirt.backup"


def write_event(severity: str, description: str, vm_id: str, moment: float, api: VmApi, waiter: Waiter) -> List[str]:
    """Write a line into the engine's event log; return a warning where that does not work: no work fails for that.

    Text, virtual machine and moment make the event one that is written once.
    """
    number = event_id(description, vm_id, repr(moment))

    def send() -> bool:
        try:
            api.add_event(ORIGIN, number, severity, description, vm_id)
        except Conflict as error:
            if "already exists" not in error.detail:  # the first answer was lost
                raise
        return True

    try:
        waiter.retry_read("the engine to take an event", send)
    except ApiError as error:
        return ["The event '%s' was not written into the engine's log: %s" % (description, error.message)]
    return []
