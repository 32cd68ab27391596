# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A busy engine: rows come and go in the databases while something else happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .layout import Lab, LabError
from .postgres import query

STATEMENTS = {
    "engine": (
        "INSERT INTO audit_log (log_time, log_type, severity, message) SELECT now(), 30, 0, 'busy ' || g"
        " FROM generate_series(1, 7) g; DELETE FROM audit_log WHERE audit_log_id IN"
        " (SELECT audit_log_id FROM audit_log ORDER BY audit_log_id LIMIT 3)"
    ),
    "dwh": (
        "INSERT INTO vm_samples_history (history_datetime, vm_id, vm_status, minutes_in_status)"
        " SELECT now(), md5(g::text)::uuid, 1, 1 FROM generate_series(1, 11) g; DELETE FROM vm_samples_history"
        " WHERE history_id IN (SELECT history_id FROM vm_samples_history ORDER BY history_id LIMIT 5)"
    ),
}


class Traffic:
    """Counts the rounds that were written; a round that fails ends the traffic and is raised at the end."""

    def __init__(self, lab: Lab, pause: float) -> None:
        self.lab, self.pause = lab, pause
        self.rounds = 0
        self.error: LabError | None = None
        self.done = threading.Event()

    def run(self) -> None:
        """One round after the other until told to stop."""
        while not self.done.is_set():
            try:
                for kind, statement in STATEMENTS.items():
                    if kind in self.lab.databases:
                        query(self.lab, self.lab.databases[kind].name, statement)
            except LabError as error:
                self.error = error
                return
            self.rounds += 1
            self.done.wait(self.pause)


@contextmanager
def busy(lab: Lab, pause: float = 0.02) -> Iterator[Traffic]:
    """Write and delete rows in audit_log and vm_samples_history for the time of the block."""
    traffic = Traffic(lab, pause)
    writer = threading.Thread(target=traffic.run)
    writer.start()
    try:
        yield traffic
    finally:
        traffic.done.set()
        writer.join()
    if traffic.error:
        raise traffic.error
