# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server process: HTTPS on the loopback, one thread per connection."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import ssl
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

from . import worlds
from .disturbances import Disturbances
from .engine import Engine
from .handler import Handler
from .layout import RestLab, lab_path, load, save
from .request_log import RequestLog
from .sessions import Sessions
from .state import from_json, to_json

ADDRESS = "127.0.0.1"


class Service:
    """The engine with what answers for it; it survives restarts of the listener."""

    def __init__(self, home: Path, engine: Engine, password: str) -> None:
        self.home = home
        self.engine = engine
        self.password = password
        self.log = RequestLog(home / "requests.log")
        self.sessions = Sessions(engine)
        self.disturbances = Disturbances(engine, self.restart, self.sessions.expire)
        self.ended = threading.Event()
        self._down = 0.0
        self._listener: Listener | None = None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(home / "pki" / "server.pem", home / "pki" / "server.key")

    def listen(self, port: int) -> int:
        """Open the port; any free one if it is 0."""
        self._listener = Listener((ADDRESS, port), self, self._context)
        return int(self._listener.server_address[1])

    def serve(self, port: int) -> None:
        """Answer until the end, through all restarts."""
        while not self.ended.is_set():
            listener = self._listener
            assert listener is not None
            listener.serve_forever(poll_interval=0.05)
            listener.server_close()
            listener.hang_up()
            self.sessions.expire()
            if not self.ended.wait(self._down):
                self.listen(port)

    def restart(self, seconds: float) -> None:
        """Go down for that long; the operations that run go on, the sessions are lost."""
        self._down = seconds
        self._stop_listening()

    def end(self) -> None:
        """Stop for good."""
        self.ended.set()
        self._stop_listening()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            # At once: a client whose connection was cut comes back before the loop has ended.
            with contextlib.suppress(OSError):
                self._listener.socket.shutdown(socket.SHUT_RDWR)
            # From another thread: it waits for the loop that serves.
            threading.Thread(target=self._listener.shutdown, daemon=True).start()


class Listener(ThreadingHTTPServer):
    """One life of the listener."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service, context: ssl.SSLContext) -> None:
        self._context = context
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        self.service = service
        super().__init__(address, Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept; the handshake is made by the connection's own thread, at its first read."""
        plain, address = super().get_request()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._guard:
            self._connections.add(wrapped)
        return wrapped, address

    def shutdown_request(self, request: Any) -> None:
        """The connection has ended."""
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End all connections."""
        with self._guard:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to talk about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def run(home: Path) -> None:
    """The process: make or load the world, listen, serve until told to end."""
    settings = json.loads((home / "settings.json").read_text(encoding="utf-8"))
    engine, passwords = _make_engine(home, settings)
    service = Service(home, engine, passwords[0])

    def end(_number: int, _frame: FrameType | None) -> None:
        service.end()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    engine.schedule.start()
    port = service.listen(int(settings.get("port", 0)))
    (home / "settings.json").write_text(json.dumps({**settings, "port": port}), encoding="utf-8")
    save(describe(home, port, passwords))
    (home / "ready").write_text(str(time.time()), encoding="ascii")
    service.serve(port)
    engine.schedule.end()
    with engine.lock:
        (home / "world.json").write_text(json.dumps(to_json(engine.world)), encoding="utf-8")


def _make_engine(home: Path, settings: dict[str, Any]) -> tuple[Engine, tuple[str, str]]:
    kept = home / "world.json"
    if kept.exists():
        lab = load(home)
        world = from_json(json.loads(kept.read_text(encoding="utf-8")))
        return Engine(home, world, settings["delays"]), (lab.password, lab.operator_password)
    passwords = (secrets.token_urlsafe(16), secrets.token_urlsafe(16))
    engine = Engine(home, worlds.make_world(passwords), settings["delays"])
    worlds.populate(engine, worlds.plan_from_json(settings["world"]))
    return engine, passwords


def describe(home: Path, port: int, passwords: tuple[str, str]) -> RestLab:
    """How the lab is reached."""
    pid = int((home / "pid").read_text(encoding="ascii"))
    return RestLab(
        home=str(home), url="https://{}:{}/ovirt-engine/api".format(ADDRESS, port),
        ca_file=str(home / "pki" / "ca.pem"), other_ca_file=str(home / "pki" / "other-ca.pem"),
        username=worlds.ADMIN, password=passwords[0], operator=worlds.OPERATOR, operator_password=passwords[1],
        inventory=str(home / "inventory.yml"), faults=str(home / "faults"), requests=str(home / "requests.log"),
        disks=str(home / "disks"), hosts=str(home / "hosts"), pid=pid,
    )  # fmt: skip


def is_started(home: Path) -> bool:
    """Whether the server has got as far as serving."""
    return (home / "ready").exists() and lab_path(home).exists()
