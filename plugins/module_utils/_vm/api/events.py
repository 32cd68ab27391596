# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests about the engine's event log. This file is private to the collection."""

from typing import List, Sequence

from ..model import Event
from .client import ApiClient
from .convert import read_event
from .sdk_import import types
from .search_query import any_equals, equals, quote


class EventRequests(ApiClient):
    """Search the event log, and write into it."""

    def add_event(self, origin: str, custom_id: int, severity: str, description: str, vm_id: str) -> None:
        """Write a line into the engine's event log."""
        event = types.Event(
            origin=origin,
            custom_id=custom_id,
            severity=types.LogSeverity(severity),
            description=description,
            vm=types.Vm(id=vm_id),
        )
        with self._request("write into the engine's event log"):
            self._services.events_service().add(event)

    def find_events(self, text: str, most: int) -> List[Event]:
        """Return the newest events that a search for a text finds."""
        with self._request("search the engine's event log for '%s'" % text):
            found = self._services.events_service().list(search=quote(text), max=most)
        return [event for event in map(read_event, found) if text in event.description]

    def find_events_of_requests(self, traces: Sequence[str]) -> List[Event]:
        """Return what the requests of these names did, as far as the event log still has it."""
        with self._request("search the engine's event log for the requests %s" % ", ".join(traces)):
            found = self._services.events_service().list(search=any_equals("correlation_id", traces))
        return [event for event in map(read_event, found) if event.correlation_id in traces]

    def find_events_since(self, event_id: int, event_code: int, vm_name: str) -> List[Event]:
        """Return the events of a kind that a virtual machine met after another event."""
        search = "%s and type=%d" % (equals("event_vm", vm_name), event_code)
        with self._request("search the engine's event log for events %d of %s" % (event_code, vm_name)):
            found = self._services.events_service().list(search=search, from_=event_id)
        return [event for event in map(read_event, found) if event.event_code == event_code]
