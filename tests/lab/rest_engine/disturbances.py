# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the way between client and engine: lost, late and foreign answers, restarts, expired sessions."""

from __future__ import annotations

import time
from collections.abc import Callable

from . import vms
from .engine import Engine
from .refusals import TABLES, Refusal, refuse, say

PROXY_PAGE = b"""<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head>
<title>503 Service Unavailable</title>
</head><body>
<h1>Service Unavailable</h1>
<p>The server is temporarily unable to service your
request due to maintenance downtime or capacity
problems. Please try again later.</p>
</body></html>
"""


class Cut(Exception):
    """The connection ends without an answer."""


class ProxyPage(Exception):
    """A proxy answers instead of the engine."""


class Disturbances:
    """What is switched on for a request, before it is carried out and after."""

    def __init__(self, engine: Engine, restart: Callable[[float], None], expire: Callable[[], None]) -> None:
        self._engine = engine
        self._faults = engine.faults
        self._restart = restart
        self._expire = expire

    def on_arrival(self, name: str) -> None:
        """When a request comes, before anybody looks at its session."""
        down = self._faults.take_for("restart-at", name, values=1)
        if down is not None:
            self._restart(float(down[0]))
            raise Cut
        if self._faults.take_for("lost-request", name) is not None:
            raise Cut
        if self._faults.take_for("proxy-503", name) is not None:
            raise ProxyPage
        if self._faults.take_for("expire-at", name) is not None:
            self._expire()

    def before(self, name: str) -> None:
        """When it is about to be carried out."""
        gone = self._faults.take_text("vm-gone-at", name)
        if gone is not None:
            for vm in [one for one in self._engine.world.vms.values() if gone in (one.id, one.name)]:
                vms.drop(self._engine, vm, keeps_disks=False)
        said = self._faults.take_text("refuse", name)
        if said is not None:
            status, _blank, text = said.partition(" ")
            raise say(int(status), text)
        keyed = self._faults.take_for("refuse-by-key", name, values=1)
        if keyed is not None:
            raise self._refuse_by_key(name, keyed[0])

    def _refuse_by_key(self, name: str, key: str) -> Refusal:
        if key not in TABLES.get(name, {}):
            return say(500, "refuse-by-key: {} has no {}".format(name, key))
        return refuse(name, key, alias="disk", vm="vm", status="Paused", domain="data", where="a ,b, c", other="disk")

    def after(self, name: str) -> None:
        """When it has been carried out, before the answer."""
        slow = self._faults.take_for("slow-request", name, values=1)
        hang = self._faults.seconds("freeze-hangs") if name == "freeze" else None
        time.sleep(float(slow[0]) if slow else hang or 0.0)
        down = self._faults.take_for("restart-after", name, values=1)
        if down is not None:
            self._restart(float(down[0]))
            raise Cut
        if self._faults.take_for("lost-reply", name) is not None:
            raise Cut
        if self._faults.take_for("reply-503", name) is not None:
            raise ProxyPage
