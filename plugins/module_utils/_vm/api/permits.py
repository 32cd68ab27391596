# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is logged in where, and what this user may do. This file is private to the collection.

The permissions of a user are listed together with those of all groups that the user is in. Those on an object are
listed with the inherited ones, of everybody; a permission has one id in both lists.
"""

from typing import Any, Dict, Iterable, List, Optional, Set

from ..api_errors import Conflict, Forbidden, NotFound
from .client import ApiClient
from .convert import id_of, word
from .session import Session

EVERYONE = "eee00000-0000-0000-0000-123456789eee"
# What a permission can be on; one that is on nothing is on the system, and so on everything.
PLACES = ("vm", "disk", "storage_domain", "cluster", "data_center", "host", "template", "vm_pool")


class PermitRequests(ApiClient):
    """Read what the engine says of itself and of the user."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._root: Any = None
        self._permits_of_roles: Dict[str, Set[str]] = {}
        self._own: Optional[List[Any]] = None  # the permissions of the user and of the user's groups
        self._is_own_told = True

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

    def list_permits(self, kind: str, object_id: str, needed: Set[str]) -> Optional[Set[str]]:
        """Return the permits of the user on an object, inherited ones included; None where that can not be told."""
        try:
            own = self._list_own()
            if own is None:
                return self._list_permits_of_known(kind, object_id)
            permits = self._list_permits_of(one.role for one in own if is_at(one, object_id))
            if needed <= permits:
                return permits
            ids = {one.id for one in self._list_permissions(kind, object_id)}
            return permits | self._list_permits_of(one.role for one in own if one.id in ids)
        except (Forbidden, NotFound, Conflict):
            return None

    def _list_own(self) -> Optional[List[Any]]:
        """Return the permissions of the user, once; None where the engine does not say."""
        user_id = self.read_user_id()
        if self._own is None and user_id and self._is_own_told:
            try:
                self._own = self._list_permissions("users", user_id, with_permits=True)
            except (Forbidden, NotFound, Conflict):
                self._is_own_told = False
        return self._own

    def _list_permissions(self, kind: str, object_id: str, with_permits: bool = False) -> List[Any]:
        what = "list the permissions on %s/%s" % (kind, object_id)
        service = self._services.service("%s/%s/permissions" % (kind, object_id))
        if with_permits:
            return list(self._following(what, "role.permits", service.list))
        with self._request(what):
            return list(service.list())

    def _list_permits_of_known(self, kind: str, object_id: str) -> Optional[Set[str]]:
        """Return the permits where only those of the user alone and of everyone can be told."""
        user_id = self.read_user_id()
        found = self._list_permissions(kind, object_id, with_permits=True)
        permits = self._list_permits_of(one.role for one in found if is_of(one, user_id))
        perhaps = self._list_permits_of(one.role for one in found if is_of_group(one))
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


def is_at(permission: Any, object_id: str) -> bool:
    """Is it a permission on this very object, or on the system?"""
    places = {id_of(getattr(permission, place)) for place in PLACES}
    return object_id in places or places == {""}


def is_of(permission: Any, user_id: str) -> bool:
    """Is it a permission of this user, or of everyone?"""
    return id_of(permission.user) == user_id or id_of(permission.group) == EVERYONE


def is_of_group(permission: Any) -> bool:
    """Is it a permission of a group that not everyone is in?"""
    return permission.group is not None and id_of(permission.group) != EVERYONE
