# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server that is there and lets nobody in: it starts up, or it is full."""

from __future__ import annotations

import threading

import pytest
from lab import server_states
from lab.driver import Machine
from lab.layout import LabError

STARTING = "the database system is starting up"
FULL = 'too many connections for database "engine"'


def backup_log(machine: Machine) -> tuple[int, str]:
    """Status and log of a backup."""
    path = machine.directory / "x.backup"
    run = machine.run("engine-backup", "--mode=backup", "--file={}".format(path), "--log={}.log".format(path))
    return run.rc, (machine.directory / "x.backup.log").read_text(encoding="utf-8")


def test_server_that_starts_up_refuses_everybody_and_is_itself_afterwards(machine: Machine) -> None:
    before = machine.rows("engine")
    with server_states.starting_up(machine.lab):
        with pytest.raises(LabError, match=STARTING):
            machine.ask("engine", "SELECT 1")
        status, log = backup_log(machine)
        assert (status, STARTING in log) == (1, True)
        # engine-cleanup takes it for a database that is not there, and its work for done.
        run = machine.cleanup()
        assert run.rc == 0
        assert "[WARNING] Cannot connect to Engine database using existing credentials: engine@localhost:" in run.text
    # As after a crash.
    changed = {name for name, rows in machine.rows("engine").items() if rows != before[name]}
    assert changed <= {"public.unlogged_cache"}


def test_waiting_for_a_server_that_starts_up_is_rewarded(machine: Machine) -> None:
    with server_states.starting_up(machine.lab) as state:
        timer = threading.Timer(1, state.end)
        timer.start()
        states = []
        while not states or states[-1] != "1":
            try:
                states.append(machine.ask("engine", "SELECT 1"))
            except LabError as error:
                states.append(STARTING if "not yet accepting" in str(error) or STARTING in str(error) else str(error))
        timer.join()
    # It goes straight from one state to the other.
    assert (set(states), states[0]) == ({STARTING, "1"}, STARTING)


def test_full_server_refuses_all_but_the_superuser(machine: Machine) -> None:
    with server_states.full(machine.lab):
        assert machine.ask("engine", "SELECT 1") == "1"
        status, log = backup_log(machine)
        assert (status, FULL in log) == (1, True)
        run = machine.setup()
        assert run.rc == 1
        assert "Cannot connect to Engine database using existing credentials: engine@localhost:" in run.text
    assert backup_log(machine)[0] == 0
