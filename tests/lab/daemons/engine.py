# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's service: up mark, sessions to its databases, health page."""

from __future__ import annotations

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ..host import configured
from ..host.sql import Database, SqlError
from ..layout import Lab, load
from .service import Service
from .sessions import Session

APPLICATION = "PostgreSQL JDBC Driver"
HEALTH = "/ovirt-engine/services/health"
UP = "DB Up!Welcome to Health Status!"
DOWN = "DB Down!"
HANG_SECONDS = 600.0


class Health:
    """What the health page says at this moment."""

    def __init__(self, lab: Lab, engine: configured.Credentials) -> None:
        self.lab = lab
        self.engine = engine
        self.began = time.monotonic()

    def answer(self) -> tuple[int, str]:
        """Status and body."""
        seconds = self._fault("health-late")
        if self._fault("health-hangs") is not None:
            time.sleep(HANG_SECONDS)
        if self._fault("health-never") is not None or time.monotonic() - self.began < float(seconds or 0):
            return 404, "<html><head><title>Error</title></head><body>404 - Not Found</body></html>"
        lie = self._fault("health-lies")
        if lie is not None:
            return 200, lie or "Welcome to Health Status!"
        if self._fault("health-down") is not None or not self._has_database():
            return 500, DOWN
        return 200, UP

    def _has_database(self) -> bool:
        try:
            return Database(self.lab, self.engine).query("select 1") == "1"
        except SqlError:
            return False

    def _fault(self, name: str) -> str | None:
        try:
            return (self.lab.faults / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None


def make_server(port: int, health: Health) -> ThreadingHTTPServer:
    """Serves the health page and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            status, body = health.answer() if self.path == HEALTH else (404, "Not Found")
            self.send_response(status)
            self.send_header("Content-Type", "text/html;charset=UTF-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    ThreadingHTTPServer.daemon_threads = True
    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main(home: Path) -> int:
    """Live until told to stop."""
    service, lab = Service(home, "ovirt-engine"), load(home)
    variables = configured.read(lab.prefix)
    engine, keycloak = (configured.credentials(variables, kind) for kind in ("ENGINE", "KEYCLOAK"))
    server = make_server(int(variables.get("ENGINE_PROXY_HTTP_PORT") or "0"), Health(lab, engine))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    psql = lab.server_programs / "psql"
    sessions = [Session(psql, engine, APPLICATION)]
    if variables.get("KEYCLOAK_BUNDLED") == "true" and keycloak.password:
        sessions.append(Session(psql, keycloak, APPLICATION))
    mark = lab.prefix / "var/lib/ovirt-engine/engine.up"
    for session in sessions:
        session.keep()
    mark.write_text(str(os.getpid()), encoding="ascii")
    service.tell_ready()
    service.live(sessions)
    mark.unlink(missing_ok=True)
    return 0
