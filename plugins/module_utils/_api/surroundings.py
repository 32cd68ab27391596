# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests about what virtual machines live in: clusters, networks, permissions, the event log.

This file is private to the collection.
"""
from typing import Any, Dict, Iterable, List, Optional, Set

from .._core.api_errors import Conflict, Forbidden, NotFound
from .._core.vm_model import Cluster, Event, VnicProfile
from .library import types
from .reading import id_of, read_cluster, read_event, read_vnic_profile, word
from .requests import Requests
from .searching import quote
from .session import Session

EVERYONE = "eee00000-0000-0000-0000-123456789eee"


class SurroundingRequests(Requests):
    """Read what is around virtual machines, and write into the event log."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._root: Any = None
        self._permits_of_roles: Dict[str, Set[str]] = {}

    def _read_root(self) -> Any:
        if self._root is None:
            with self._request("read the version of the engine"):
                self._root = self._services.get()
        return self._root

    def read_version(self) -> str:
        """Return the engine's full version."""
        info = self._read_root().product_info
        return word(info.version.full_version) if info and info.version else ""

    def read_user_id(self) -> str:
        """Return the id of the user that is logged in; empty where the engine does not say."""
        return id_of(self._read_root().authenticated_user)

    def list_permits(self, kind: str, object_id: str) -> Optional[Set[str]]:
        """Return the permits of the user on an object, inherited ones included; None where that can not be told."""
        user_id = self.read_user_id()
        try:
            with self._request("list the permissions on %s/%s" % (kind, object_id)):
                service = self._services.service("%s/%s/permissions" % (kind, object_id))
                found = service.list(follow="role.permits")
            permits = self._list_permits_of(one.role for one in found if is_of(one, user_id))
            perhaps = self._list_permits_of(one.role for one in found if is_of_group(one))
        except (Forbidden, NotFound, Conflict):
            return None
        # Nobody tells whether the user is in a group; that is no matter where the group adds nothing.
        return permits if user_id and perhaps <= permits else None

    def _list_permits_of(self, roles: Iterable[Any]) -> Set[str]:
        """Return the permits of all these roles."""
        return {permit for role in roles for permit in self._list_permits_of_one(role)}

    def _list_permits_of_one(self, role: Any) -> Set[str]:
        """Return the permits of a role, from the engine once where they did not come along."""
        if role.permits:
            return {word(permit.name).lower() for permit in role.permits}
        if role.id not in self._permits_of_roles:
            with self._request("list the permits of the role %s" % role.id):
                permits = self._services.roles_service().role_service(role.id).permits_service().list()
            self._permits_of_roles[role.id] = {word(permit.name).lower() for permit in permits}
        return self._permits_of_roles[role.id]

    def list_clusters(self) -> List[Cluster]:
        """Return the clusters that this user sees."""
        with self._request("list the clusters"):
            return [read_cluster(cluster) for cluster in self._services.clusters_service().list()]

    def list_vnic_profiles(self, data_center_id: str) -> List[VnicProfile]:
        """Return the vNIC profiles of a data center."""
        with self._request("list the networks of the data center %s" % data_center_id):
            service = self._services.data_centers_service().data_center_service(data_center_id)
            names = {network.id: word(network.name) for network in service.networks_service().list()}
        with self._request("list the vNIC profiles"):
            found = self._services.vnic_profiles_service().list()
        return [read_vnic_profile(one, names[one.network.id]) for one in found if id_of(one.network) in names]

    def add_event(self, origin: str, custom_id: int, severity: str, description: str, vm_id: str) -> None:
        """Write a line into the engine's event log."""
        event = types.Event(
            origin=origin, custom_id=custom_id, severity=types.LogSeverity(severity), description=description,
            vm=types.Vm(id=vm_id),
        )
        with self._request("write into the engine's event log"):
            self._services.events_service().add(event)

    def find_events(self, text: str, most: int) -> List[Event]:
        """Return the newest events that a search for a text finds."""
        with self._request("search the engine's event log for '%s'" % text):
            found = self._services.events_service().list(search=quote(text), max=most)
        return [event for event in map(read_event, found) if text in event.description]


def is_of(permission: Any, user_id: str) -> bool:
    """Is it a permission of this user, or of everyone?"""
    return id_of(permission.user) == user_id or id_of(permission.group) == EVERYONE


def is_of_group(permission: Any) -> bool:
    """Is it a permission of a group that not everyone is in?"""
    return permission.group is not None and id_of(permission.group) != EVERYONE
