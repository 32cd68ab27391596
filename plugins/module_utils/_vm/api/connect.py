# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a module begins: the login of the option auth becomes an EngineApi. This file is private to the collection."""

from typing import Any, Dict

from .engine import EngineApi
from .login import read_auth
from .sdk_import import IMPORT_ERROR, LIBRARY
from .session import Session

__all__ = ["IMPORT_ERROR", "LIBRARY", "open_api"]


def open_api(auth: Dict[str, Any], correlation_id: str = "") -> EngineApi:
    """Return the API of an engine. The login happens with the first request, so the engine may be down until then.

    Close it at the end, it is a context manager. ``correlation_id`` stands in the engine's log at all that it does.
    """
    return EngineApi(Session(read_auth(auth), correlation_id))
