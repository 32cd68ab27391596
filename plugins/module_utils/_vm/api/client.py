# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all requests share: the session. This file is private to the collection."""

from typing import Any, Callable, ContextManager

from ..api_errors import ApiError
from .errors import could_not_follow
from .session import Session


class ApiClient:
    """A part of the engine's API on one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _services(self) -> Any:
        return self._session.services

    def _request(self, what: str) -> ContextManager[None]:
        return self._session.request(what)

    def _following(self, what: str, links: str, ask: Callable[..., Any]) -> Any:
        """Return what a request answers that follows links; where they can not be followed, what it answers without.

        The engine lets the whole request fail when one link leads to nothing. Who asks looks what came along.
        """
        try:
            with self._request(what):
                return ask(follow=links)
        except ApiError as error:
            if not could_not_follow(error):
                raise
        with self._request(what):
            return ask()

    def _vm(self, vm_id: str) -> Any:
        return self._services.vms_service().vm_service(vm_id)
