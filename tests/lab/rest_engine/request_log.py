# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of requests, for tests and measurements: one JSON document per line, never a body."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Logged(NamedTuple):
    """A request that came. status 0: the connection was cut."""

    time: float
    name: str
    method: str
    path: str
    query: str
    status: int
    user: str
    correlation: str


class RequestLog:
    """Writes the log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, name: str, method: str, target: str, status: int, user: str = "", correlation: str = "") -> None:
        """One line."""
        path, _mark, query = target.partition("?")
        logged = Logged(round(time.time(), 3), name, method, path, query, status, user, correlation)
        with self._lock, open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(logged._asdict()) + "\n")


def read(path: Path | str) -> Iterator[Logged]:
    """All that came so far."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        yield Logged(**json.loads(line))
