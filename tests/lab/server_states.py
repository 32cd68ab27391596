# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server that is there and lets nobody in: one that starts up (57P03), one that is full (53300)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from . import postgres
from .layout import Lab, LabError, PostgresServer

DEADLINE = 60.0
PAUSE = 0.05
# As long as the mark is there, the server waits for the first file of its recovery.
WAITING = """
wal_level = replica
restore_command = 'while [ -e "{mark}" ]; do sleep 0.1; done; false'
"""
STARTING = "the database system is starting up"


class Starting(NamedTuple):
    """A server that starts up until end() lets it go on."""

    server: PostgresServer
    mark: Path

    def end(self) -> None:
        """Let it finish its recovery."""
        self.mark.unlink(missing_ok=True)


@contextmanager
def starting_up(server: PostgresServer) -> Iterator[Starting]:
    """Restart it into a real recovery that has to wait.

    Then it goes on by itself. Unlogged tables are empty afterwards, as after a crash.
    """
    data, mark = server.server_home / "data", server.server_home / "starting"
    settings = data / "postgresql.conf"
    before = settings.read_text(encoding="utf-8")
    try:
        # Once with the level that a recovery wants, then into the recovery.
        settings.write_text(before + WAITING.format(mark=mark), encoding="utf-8")
        postgres.stop(server, forever=False)
        postgres.start(server)
        postgres.stop(server, forever=False)
        mark.touch()
        (data / "recovery.signal").touch()
        postgres.give_to_server(server, data / "recovery.signal")
        postgres.start(server, wait=False)
        _wait(lambda: STARTING in _refusal(server), "{} does not start up".format(server.server_home))
        yield Starting(server, mark)
    finally:
        mark.unlink(missing_ok=True)
        _wait(lambda: not _refusal(server), "{} does not end its recovery".format(server.server_home))
        settings.write_text(before, encoding="utf-8")


@contextmanager
def full(lab: Lab) -> Iterator[None]:
    """Its databases accept no more connections; those that are open go on, and the superuser enters."""
    try:
        _limit(lab, 0)
        yield
    finally:
        _limit(lab, -1)


def _limit(lab: Lab, number: int) -> None:
    for database in lab.databases.values():
        statement = 'ALTER DATABASE "{}" CONNECTION LIMIT {}'.format(database.name, number)
        postgres.query(lab, "postgres", statement)


def _refusal(server: PostgresServer) -> str:
    words = [*postgres.superuser_command(server, "postgres"), "-c", "SELECT 1"]
    done = subprocess.run(words, env=os.environ, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def _wait(is_so: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > deadline:
            raise LabError(failure)
        time.sleep(PAUSE)
