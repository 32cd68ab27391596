# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection, and what is said when a request on it fails. This file is private to the collection."""

import contextlib
from typing import Any, Iterator, Optional

from .errors import NotTheEngine, translate
from .login import Auth, connect
from .sdk_import import pycurl, sdk


class Session:
    """The connection of a run; ``services`` is the SDK's tree of services."""

    def __init__(self, auth: Auth, correlation_id: str = "") -> None:
        self._auth = auth
        self._was_reached = False
        try:
            self._connection = connect(auth, correlation_id)
        except sdk.Error as error:
            raise translate(error, "use the login", auth.url, False) from None

    @property
    def services(self) -> Any:
        """Return the root of the SDK's services."""
        return self._connection.system_service()

    @contextlib.contextmanager
    def request(self, what: str) -> Iterator[None]:
        """Turn what goes wrong with a request to ``what`` into an error of ours."""
        try:
            yield
        except (sdk.Error, NotTheEngine) as error:
            found = translate(error, what, self._auth.url, self._was_reached)
            self._was_reached = self._was_reached or found.status is not None
            raise found from None
        self._was_reached = True

    def close(self) -> None:
        """Log out, unless the login is one that was given as a token. An engine that is away needs no log-out."""
        token: Optional[str] = None
        with contextlib.suppress(sdk.Error, NotTheEngine):
            token = self._connection.authenticate() if self._was_reached else None
        is_own = token is not None and token != self._auth.token
        try:
            self._connection.close(logout=is_own)
        except (sdk.Error, NotTheEngine, pycurl.error):
            self._connection.close(logout=False)
