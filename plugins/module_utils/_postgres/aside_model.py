# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of a server as far as they are renamed. This file is private to the collection."""

from typing import NamedTuple, Optional, Tuple


class AsideDatabase(NamedTuple):
    """A database: ``size`` in bytes, ``obstacles`` as sentences that say what keeps it from being renamed."""

    oid: int
    name: str
    size: int
    allows_connections: bool
    sessions: int
    obstacles: Tuple[str, ...] = ()


class AsideServerState(NamedTuple):
    """A server with all its databases; ``free`` in bytes, None where the module cannot see its disk."""

    user: str
    is_superuser: bool
    is_standby: bool
    free: Optional[int]
    databases: Tuple[AsideDatabase, ...]

    def by_name(self, name: str) -> Optional[AsideDatabase]:
        """Return the database of this name."""
        return next((found for found in self.databases if found.name == name), None)
