# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's API: one function per request of _vm/protocols.py. This file is private to the collection."""

from typing import Any

from .disks import DiskRequests
from .events import EventRequests
from .networks import NetworkRequests
from .permits import PermitRequests
from .vm_queries import VmQueries


class EngineApi(VmQueries, DiskRequests, PermitRequests, NetworkRequests, EventRequests):
    """All requests on one session; as a context manager it logs out at the end."""

    def __enter__(self) -> "EngineApi":
        return self

    def __exit__(self, *_raised: Any) -> None:
        self.close()

    def close(self) -> None:
        """Log out and close the connection."""
        self._session.close()
