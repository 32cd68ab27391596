# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request to its answer, whatever way both of them come and go."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from xml.etree.ElementTree import Element

from .engine import Engine
from .following import follow
from .refusals import NotFound, Refusal
from .routing import Answer, Request, Route
from .xml import element, texts

ACTIONS = ("freeze", "thaw", "start-vm", "stop-vm")


def perform(
    engine: Engine, hit: tuple[Route, tuple[str, ...]], request: Request, before: Callable[[str], None] | None = None
) -> Answer:
    """Carry a request out; a refusal, and what goes wrong, is an answer too."""
    route, identities = hit
    try:
        if before is not None:
            before(route.name)
        answer = route.handler(engine, request, *identities)
        if answer.root is not None:
            follow(engine, request, answer.root)
        is_action = request.method == "DELETE" or route.name in ACTIONS
        return Answer(202, answer.root) if is_action and request.is_set("async") else answer
    except Refusal as refusal:
        return Answer(refusal.status, _fault(route, refusal.reason, refusal.detail))
    except NotFound as missing:
        return Answer(404, _fault(route, "Operation Failed", missing.detail) if missing.detail else None)
    except Exception:
        traceback.print_exc()
        return Answer(500, _fault(route, "Operation Failed", "[Internal Engine Error]"))


def _fault(route: Route, reason: str, detail: str) -> Element:
    fault = element("fault", *texts(detail=detail, reason=reason))
    return element("action", fault, *texts(status="failed")) if route.name in ACTIONS else fault
