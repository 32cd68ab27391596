# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A busy engine never fails a good backup."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from .archive_steps import Meanwhile, in_turns
from .db_probe import connection
from .installation import Site
from .playbooks import Engine, backup
from .side_effects import release, sleepers, wait_for

pytestmark = pytest.mark.faults
ROUNDS = 2
SESSIONS = 5
PAUSE = 0.01

ENGINE_WORK = (
    "INSERT INTO audit_log (log_time, log_type, severity, message)"
    " SELECT now(), 1, 0, 'busy' FROM generate_series(1, 7)",
    "DELETE FROM audit_log WHERE ctid IN (SELECT ctid FROM audit_log WHERE message = 'busy' LIMIT 3)",
    "INSERT INTO job SELECT gen_random_uuid(), 'Busy', 'x', 'STARTED', now(), NULL FROM generate_series(1, 5)",
    "DELETE FROM job WHERE action_type = 'Busy'",
    "UPDATE vm_dynamic SET vm_ip = '10.0.0.1'",
    "INSERT INTO single_text SELECT 'busy' FROM generate_series(1, 20)",
    "TRUNCATE single_text",
    'INSERT INTO "Odd Schema.1"."two\nlines" VALUES (1, \'busy\')',
    "BEGIN; DELETE FROM no_columns; ROLLBACK",
)
DWH_WORK = (
    "INSERT INTO host_hourly_history SELECT * FROM host_hourly_history LIMIT 3",
    "DELETE FROM vm_samples_history WHERE ctid IN (SELECT ctid FROM vm_samples_history LIMIT 1)",
    "BEGIN; TRUNCATE vm_daily_history; ROLLBACK",
)
APPENDING = ('INSERT INTO "Odd Schema.1"."two\nlines" VALUES (2, \'busy\')',)


class Writer(threading.Thread):
    """Runs statements over and over, each its own transaction; the server hears of a session's work once a second."""

    def __init__(self, site: Site, kind: str, statements: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self.site, self.kind, self.statements = site, kind, statements
        self.done = threading.Event()
        self.written = 0
        self.problem = ""

    def run(self) -> None:
        with connection(self.site, self.kind) as session, session.cursor() as cursor:
            while not self.done.wait(PAUSE):
                self._write(cursor)

    def _write(self, cursor: Any) -> None:
        try:
            cursor.execute(self.statements[self.written % len(self.statements)])
            self.written += 1
        except psycopg2.Error as error:
            self.problem = str(error)
            self.done.set()


@pytest.fixture
def writers(site: Site) -> Iterator[list[Writer]]:
    """Writers of two databases, and a session that commits once in the middle of everything and then says nothing."""
    threads = [Writer(site, "engine", ENGINE_WORK), Writer(site, "dwh", DWH_WORK)]
    for thread in threads:
        thread.start()
    with connection(site, "engine") as idle, idle.cursor() as cursor:
        cursor.execute("INSERT INTO permissions SELECT gen_random_uuid(), role_id, ad_element_id, object_id, 1"
                       " FROM permissions LIMIT 11")  # fmt: skip
        yield threads
    for thread in threads:
        thread.done.set()
        thread.join()


def test_backups_of_busy_databases_are_proven_round_after_round_and_a_lost_row_is_found(
    engine: Engine, closed: Path, writers: list[Writer], fault: Callable[..., Path]
) -> None:
    *results, lost = in_turns(
        engine,
        *[backup(directory=closed, scope=["db", "dwhdb"], profile="fast")] * ROUNDS,
        lambda: fault("lost-rows", "engine users 1"),
        backup(directory=closed, scope=["db"]),
    )
    assert [result["changed"] for result in results] == [True] * ROUNDS, [result.get("msg") for result in results]
    assert [writer.problem for writer in writers] == ["", ""]
    assert all(writer.written > 50 * ROUNDS for writer in writers), "the databases were busy"
    tables = [result["archive"]["databases"]["engine"]["tables"] for result in results]
    assert len({table["public.audit_log"] for table in tables}) > 1, "what they held changed from round to round"
    assert lost["code"] == "rows_differ", lost.get("msg")
    assert "public.users" in lost["msg"] and "audit_log" not in lost["msg"]
    assert len(list(closed.glob("*.backup"))) == ROUNDS


def test_rows_that_keep_coming_after_the_dump_do_not_fail_it(
    engine: Engine, closed: Path, fault: Callable[..., Path]
) -> None:
    switch = fault("slow-at", "dwh 100")  # the dump of the engine is done then
    writers = [Writer(engine.site, "engine", APPENDING) for _session in range(SESSIONS)]

    def write() -> None:
        wait_for("the tool between two dumps", lambda: sleepers(engine.site))
        for writer in writers:
            writer.start()
        wait_for("many rows", lambda: all(writer.written > 20 for writer in writers))
        switch.unlink()
        release(engine.site)

    (result,) = in_turns(engine, backup(directory=closed, scope=["db", "dwhdb"], profile="fast"), Meanwhile(write))
    for writer in writers:
        writer.done.set()
        writer.join()
    assert [writer.problem for writer in writers] == [""] * SESSIONS
    assert result["changed"], result.get("msg")
