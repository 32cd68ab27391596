# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn what the SDK raises into errors that a caller can tell apart.

The SDK hides much: a broken connection and a refused certificate are both a plain Error with a number of libcurl
somewhere in its text, and a page of a proxy is one without a status. This file is private to the collection.
"""

import re
from typing import Any, Dict, Optional, Type

from ..api_errors import ApiError, Conflict, Forbidden, NotFound, Unauthorized, Unavailable, Untrusted
from .sdk_import import sdk

# (60, 'SSL certificate problem: ...'), also within a list and after the name of a handle.
CURL_ERROR = re.compile(r"[(,] ?(\d{1,3}), (['\"])(.*?)\2\)")
RESOLVE = frozenset((5, 6))
# 58, 77 and 82 are about our own files, the others about what the server showed.
CERTIFICATE = frozenset((51, 58, 60, 77, 82, 83, 90, 91))
# Not here: a malformed address (3), an unknown protocol (1).
CONNECTION = frozenset((5, 6, 7, 9, 16, 18, 28, 35, 52, 55, 56, 92, 95))
# No engine behind the proxy, or one that is not up yet.
RETRIABLE_STATUS = frozenset((408, 425, 429, 502, 503, 504))

KIND_BY_STATUS: Dict[int, Type[ApiError]] = {
    400: Conflict,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
}


class NotTheEngine(Exception):
    """What answered is no XML of an engine: a page of a proxy, of a web server, or nothing at all."""

    def __init__(self, text: str, status: Optional[int]) -> None:
        super().__init__(text)
        self.status = status


def could_not_follow(error: ApiError) -> bool:
    """May it be that the engine only could not follow a link? Then the whole request fails, as an internal error."""
    return error.status is not None and error.status >= 500 and not isinstance(error, Unavailable)


def translate(error: Exception, what: str, where: str, was_reached: bool) -> ApiError:
    """Return the error of ours. ``was_reached``: the engine at that address has answered before."""
    start = "Could not %s: " % what
    if isinstance(error, ApiError):
        return error
    if isinstance(error, NotTheEngine):
        return _translate_page(error, start, where, was_reached)
    numbered = CURL_ERROR.search(str(error))
    if error.__class__ is not sdk.AuthError and getattr(error, "code", None) is None and numbered:
        return _translate_connection(int(numbered.group(1)), numbered.group(3), start, where, was_reached)
    return _translate_answer(error, start, where)


def _translate_page(error: NotTheEngine, start: str, where: str, was_reached: bool) -> ApiError:
    text = "%swhat answered at %s is not the engine's API: %s (HTTP status %s)." % (start, where, error, error.status)
    if error.status == 401:
        return Unauthorized(text, status=401)
    if was_reached or error.status in RETRIABLE_STATUS or (error.status or 0) >= 500:
        return Unavailable(text + " The engine is down or starting, or a proxy before it is.", status=error.status)
    return ApiError(
        text + " Check the address; it usually ends in /ovirt-engine/api.", "not_an_engine", status=error.status
    )


def _translate_connection(number: int, text: str, start: str, where: str, was_reached: bool) -> ApiError:
    said = "%s%s (%s)." % (start, text.rstrip(".") or "the connection failed", where)
    if number in CERTIFICATE:
        return Untrusted(
            said + " Nothing was sent. Give the certificate of the authority that signed the engine's as auth.ca_file,"
            " and the name that stands in the engine's certificate as the address."
        )
    if number in RESOLVE and not was_reached:
        return ApiError(said + " Check the name in the address.", "host_unknown")
    if number in CONNECTION:
        return Unavailable(said)
    return ApiError(said + " Check the address.", "not_an_engine")


def _translate_answer(error: Exception, start: str, where: str) -> ApiError:
    status: Optional[int] = getattr(error, "code", None)
    facts = dict(_read_fault(getattr(error, "fault", None)), status=status)
    said = facts["detail"].strip("[]") or facts["reason"] or " ".join(str(error).split())
    if status is not None:
        kind = Unavailable if status in RETRIABLE_STATUS else KIND_BY_STATUS.get(status, ApiError)
        return kind("%sthe engine answered with status %d: %s" % (start, status, said), **facts)
    if isinstance(error, sdk.AuthError):
        return Unauthorized("%sthe engine at %s refused the login: %s" % (start, where, said), **facts)
    kind = Unavailable if isinstance(error, (sdk.ConnectionError, sdk.TimeoutError)) else ApiError
    return kind("%s%s (%s)" % (start, said, where), **facts)


def _read_fault(fault: Any) -> Dict[str, Any]:
    """Return what the engine gave as the reason, in its own words."""
    return {name: getattr(fault, name, None) or "" for name in ("reason", "detail")}
