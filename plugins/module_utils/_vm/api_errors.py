# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can become of a request to the engine, told apart as far as a caller acts on it.

This file is private to the collection.
"""

from typing import Any, Optional

from .._common.errors import BackupError


class ApiError(BackupError):
    """The engine said no, or something else came back. ``detail`` is the engine's own sentence, often empty."""

    code = "api_error"

    def __init__(
        self,
        message: str,
        code: Optional[str] = None,
        status: Optional[int] = None,
        reason: str = "",
        detail: str = "",
        **facts: Any,
    ) -> None:
        super().__init__(message, code, status=status, reason=reason, detail=detail, **facts)
        self.status = status
        self.reason = reason
        self.detail = detail


class NotFound(ApiError):
    """404: the object is not there (or this user may not see it)."""

    code = "not_found"


class Conflict(ApiError):
    """400 or 409: the engine refused; ``detail`` says why. Nothing was changed."""

    code = "engine_refused"


class Forbidden(ApiError):
    """403: the user lacks a permit. Nothing was changed."""

    code = "not_permitted"


class Unauthorized(ApiError):
    """401, or the login was refused: wrong password, or a token that has expired and can not be renewed."""

    code = "login_refused"


class Unavailable(ApiError):
    """No answer of the engine: connection refused or lost, time-out, 502, 503, 504, a proxy's HTML page.

    A request that writes may have been carried out all the same: look before it is sent again.
    """

    code = "engine_unavailable"


class Untrusted(ApiError):
    """The certificate of the engine does not belong to the given CA or to that name. Waiting does not help."""

    code = "certificate_refused"
