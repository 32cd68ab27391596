# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to pg_restore from outside: a worker killed, its sessions ended, the server restarted."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from ..layout import Lab, Server, load, load_server
from ..postgres import query
from ..postgres import start as start_server
from ..postgres import stop as stop_server
from .run import Connection, Run

PAUSE = 0.001
ANY_TABLE = "SELECT count(*) > 0 FROM pg_tables WHERE schemaname = 'public'"
END = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = '{}' AND application_name IN ('pg_restore', 'psql') AND usename <> 'postgres'"
)


def disturb(process: subprocess.Popen[bytes], run: Run, connection: Connection, fault: str) -> None:
    """Wait for the moment, then strike."""
    server = _server_of(load(run.home), connection)
    if fault == "kill-child" and run.sabotage.is_early:
        _kill_before_data(process, server, connection)
        return
    question = run.sabotage.progress_question(fault)
    while process.poll() is None:
        workers = _workers(process)
        # Without a worker it is still reading the table of contents.
        is_time = bool(workers) and (question is None or query(server, connection.database, question) == "1")
        if is_time and _strike(server, connection, fault, workers[0]):
            return
        time.sleep(PAUSE)


def _kill_before_data(process: subprocess.Popen[bytes], server: Lab | Server, connection: Connection) -> None:
    """Let it go on in small steps until the first table is there; then it has had its last one."""
    while process.poll() is None:
        time.sleep(PAUSE)
        process.send_signal(signal.SIGSTOP)
        if query(server, connection.database, ANY_TABLE) == "t":
            process.kill()
            return
        process.send_signal(signal.SIGCONT)


def _workers(process: subprocess.Popen[bytes]) -> list[str]:
    children = Path("/proc/{0}/task/{0}/children".format(process.pid)).read_text(encoding="ascii").split()
    alone = isinstance(process.args, list) and "psql" in process.args
    return children or ([str(process.pid)] if alone else [])


def _strike(server: Lab | Server, connection: Connection, fault: str, worker: str) -> bool:
    """Whether it hit: a worker that has not logged in yet has no session."""
    if fault == "kill-child":
        # A worker, as the system's memory killer would: the leader then says that it died unexpectedly.
        try:
            os.kill(int(worker), signal.SIGKILL)
        except ProcessLookupError:
            return False
    elif fault == "end-session":
        return query(server, "postgres", END.format(connection.database)) != "0"
    else:
        stop_server(server, forever=True)
        start_server(server)
    return True


def _server_of(lab: Lab, connection: Connection) -> Lab | Server:
    server = load_server(lab.home)
    return server if server and connection.host == server.address else lab
