# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health page of the engine: where to ask for it, and what an answer means.

Source: HealthStatus of the engine's services, and the ports that engine-setup writes.
This file is private to the collection.
"""

import re
from typing import Any, Dict, NamedTuple, Optional

PAGE = "/ovirt-engine/services/health"
REDIRECTS = (301, 302, 303, 307, 308)
HEALTHY = "DB Up!Welcome to Health Status!"
_SECURE_PLACE = re.compile(r"https://([^/:]+)(?::(\d{1,5}))?(/.*)\Z")
SHOWN = 200  # characters of a page that is not the expected one


# An address to ask: the name goes into the request, the connection goes to this machine.
class HealthTarget(NamedTuple):
    """Where the health page is served."""

    scheme: str
    host: str
    port: int


class Answer(NamedTuple):
    """What an HTTP request for the health page got; ``status`` is None where nothing answered."""

    status: Optional[int]
    body: str
    location: str
    error: str


def choose_target(variables: Dict[str, str], fqdn: str) -> HealthTarget:
    """Return where this engine serves plain HTTP: Apache in front of it, or the engine itself."""
    proxied = variables.get("ENGINE_PROXY_ENABLED", "").lower() == "true"
    name, silent = ("ENGINE_PROXY_HTTP_PORT", 80) if proxied else ("ENGINE_HTTP_PORT", 8700)
    port = variables.get(name, "")
    return HealthTarget("http", fqdn or "localhost", int(port) if port.isdigit() else silent)


def format_url(target: HealthTarget) -> str:
    """Return the address of the health page."""
    return "%s://%s:%d%s" % (target.scheme, target.host, target.port, PAGE)


def follow(target: HealthTarget, answer: Answer) -> Optional[HealthTarget]:
    """Return where a redirect leads, if it leads from HTTP to HTTPS of the same page of the same engine."""
    place = _SECURE_PLACE.match(answer.location)
    if answer.status not in REDIRECTS or target.scheme != "http" or not place:
        return None
    host, port, path = place.groups()
    same = host.lower() == target.host.lower() and path == PAGE
    return HealthTarget("https", target.host, int(port or 443)) if same else None


def is_healthy(answer: Answer) -> bool:
    """Is this, to the letter, the page of an engine that reaches its database?"""
    return answer.status == 200 and answer.body == HEALTHY


def describe_answer(answer: Answer) -> str:
    """Return in a few words what was seen."""
    if answer.status is None:
        return answer.error
    if answer.location:
        return "status %d, a redirect to %s" % (answer.status, answer.location[:SHOWN])
    return "status %d, '%s'" % (answer.status, shorten(answer.body))


def shorten(body: str) -> str:
    """Return the start of a page on one line."""
    return " ".join(body.split())[:SHOWN]


def describe_health(target: HealthTarget, answer: Answer, waited: float) -> Dict[str, Any]:
    """Return the health as a result shows it."""
    healthy = is_healthy(answer)
    text = "Waited %.0f seconds for %s, asked on this machine, to answer '%s'; last seen: %s"
    return {
        "url": format_url(target),
        "status": answer.status,
        "body": answer.body if healthy else shorten(answer.body),
        "is_healthy": healthy,
        "waited": round(waited, 1),
        "problem": "" if healthy else text % (waited, format_url(target), HEALTHY, describe_answer(answer)),
    }
