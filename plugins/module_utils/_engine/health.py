# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the engine on this machine whether it is well. This file is private to the collection.

The connection goes to the loopback address whatever the engine's name resolves to: another machine behind the same
name, such as the one that this engine is restored from, must not answer for it. A certificate is therefore not looked
at: it would prove a name, and what is asked for is this machine.
"""

import http.client
import socket
import ssl
import time
from typing import Any, Callable, Dict

from .health_rules import PAGE, Answer, HealthTarget, describe_health, follow, is_healthy

LOCAL = "127.0.0.1"
PAUSE = 2.0
TRY = 10.0  # seconds for one answer
LIMIT = 64 * 1024


def await_health(
    target: HealthTarget,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Dict[str, Any]:
    """Ask until the engine is well or the time is up, at least once; return what was seen last."""
    began = clock()
    while True:
        left = timeout - (clock() - began)
        asked, answer = target, ask(target, _patience(left, timeout))
        secure = follow(target, answer)
        if secure:
            asked, answer = secure, ask(secure, _patience(left, timeout))
        waited = clock() - began
        if is_healthy(answer) or waited >= timeout:
            return describe_health(asked, answer, waited)
        sleep(min(PAUSE, timeout - waited))


def _patience(left: float, timeout: float) -> float:
    """Return how long one answer may take; who does not want to wait still gives the engine a moment."""
    return TRY if timeout <= 0 else max(1.0, min(TRY, left))


def ask(target: HealthTarget, patience: float) -> Answer:
    """Ask once, by name, on this machine."""
    connection = LocalConnection(target, patience)
    try:
        connection.request("GET", PAGE, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(LIMIT).decode("utf-8", "replace")
        return Answer(response.status, body, response.getheader("Location") or "", "")
    except (OSError, http.client.HTTPException) as error:
        return Answer(None, "", "", _explain(error))
    finally:
        connection.close()


class LocalConnection(http.client.HTTPConnection):
    """A connection to this machine that asks for another name."""

    def __init__(self, target: HealthTarget, patience: float) -> None:
        super().__init__(target.host, target.port, timeout=patience)
        self.default_port = 443 if target.scheme == "https" else 80  # is not named in the request
        self._target = target

    def connect(self) -> None:
        """Connect to the loopback address, with TLS where the target wants it."""
        plain = socket.create_connection((LOCAL, self._target.port), self.timeout)
        self.sock: Any = plain
        if self._target.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.sock = context.wrap_socket(plain, server_hostname=self._target.host)


def _explain(error: Exception) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return "no answer: %s" % (error or type(error).__name__)
