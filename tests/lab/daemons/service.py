# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the background programs have in common: how they start, live and end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from .sessions import Session

TICK = 1.0


class Service:
    """Keeps sessions until it is told to stop or its lab is gone."""

    def __init__(self, home: Path, name: str) -> None:
        self.home = home
        self.name = name
        self.done = threading.Event()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.done.set()

    def tell_ready(self) -> None:
        """Whoever started the service waits for this."""
        (self.home / "run" / (self.name + ".ready")).touch()

    def live(self, sessions: Sequence[Session]) -> None:
        """Until the end."""
        while not self.done.wait(TICK):
            if not (self.home / "lab.json").exists():
                break
            for session in sessions:
                session.keep()
        for session in sessions:
            session.close()
