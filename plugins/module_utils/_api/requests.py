# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all requests share: the session. This file is private to the collection."""
from typing import Any, ContextManager

from .session import Session


class Requests:
    """A part of the engine's API on one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _services(self) -> Any:
        return self._session.services

    def _request(self, what: str) -> ContextManager[None]:
        return self._session.request(what)

    def _vm(self, vm_id: str) -> Any:
        return self._services.vms_service().vm_service(vm_id)
