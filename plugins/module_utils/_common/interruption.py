# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the signals that end a process into an error, so that a run cleans up before it ends.

This file is private to the collection.
"""

import contextlib
import signal
from typing import Any, Iterator

from .errors import Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@contextlib.contextmanager
def interruptible(outcome: str = "what it had made so far was removed") -> Iterator[None]:
    """Raise Interrupted at the first signal; the following ones do not disturb the clean-up.

    ``outcome`` tells a person what that means for what the run had begun.
    """

    def interrupt(number: int, _frame: Any) -> None:
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted("The run was ended by signal %d; %s" % (number, outcome))

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
