# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health page is asked for by the engine's name on this machine: real servers on the loopback address."""

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.health import PAUSE, await_health
from ansible_collections.ovirt.backup.plugins.module_utils._engine.health_rules import HEALTHY, PAGE, HealthTarget

FQDN = "engine.lab.test"  # resolves nowhere
Reply = Tuple[int, str, str]


class Server(http.server.HTTPServer):
    """Gives each request the next of its replies; the last one stays."""

    replies: List[Reply]
    seen: List[Tuple[str, str]]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.headers.get("Host") or "", self.path))
        status, body, location = self.server.replies.pop(0) if self.server.replies[1:] else self.server.replies[0]
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


class Clock:
    """A clock that moves when somebody sleeps, and does not wait."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = []

    def start(*replies: Reply, certificate: str = "") -> Server:
        server = Server(("127.0.0.1", 0), Handler)
        server.replies, server.seen = list(replies), []
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(port: int, timeout: float = 0) -> Any:
    clock = Clock()
    return await_health(HealthTarget("http", FQDN, port), timeout, clock, clock.sleep)


def port_of(server: Server) -> int:
    return int(server.server_address[1])


def unused_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])


def test_a_well_engine_is_asked_once_by_its_name(serve: Serve) -> None:
    server = serve((200, HEALTHY, ""))
    found = ask(port_of(server), timeout=60)
    assert (found["is_healthy"], found["status"], found["body"], found["waited"]) == (True, 200, HEALTHY, 0)
    assert server.seen == [("%s:%d" % (FQDN, port_of(server)), PAGE)]


def test_an_engine_that_gets_well_late_is_waited_for(serve: Serve) -> None:
    found = ask(port_of(serve((404, "", ""), (503, "", ""), (500, "DB Down!", ""), (200, HEALTHY, ""))), timeout=60)
    assert (found["is_healthy"], found["waited"]) == (True, 3 * PAUSE)


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        ((200, "It works!", ""), "status 200, 'It works!'"),
        ((200, HEALTHY + "\n", ""), "status 200"),
        ((500, "DB Down!", ""), "status 500, 'DB Down!'"),
        ((302, "", "https://other.lab.test" + PAGE), "redirect to https://other.lab.test"),
    ],
)
def test_an_engine_that_does_not_get_well_in_time_is_a_fact(serve: Serve, reply: Reply, part: str) -> None:
    server = serve(reply)
    found = ask(port_of(server), timeout=9)
    assert (found["is_healthy"], found["status"], found["waited"]) == (False, reply[0], 9)
    assert part in found["problem"] and "Waited 9 seconds" in found["problem"]
    assert len(server.seen) == 6, "at once, every two seconds, and when the time is up"


def test_nobody_there_is_a_fact_too() -> None:
    found = ask(unused_port())
    assert (found["is_healthy"], found["status"]) == (False, None)
    assert found["problem"].endswith("connection refused")


def test_a_server_that_says_nothing_sensible_is_a_fact_too() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def talk() -> None:
            connection, _address = listener.accept()
            connection.recv(4096)
            connection.sendall(b"220 mail.lab.test ESMTP\r\n")
            connection.close()

        threading.Thread(target=talk, daemon=True).start()
        found = ask(int(listener.getsockname()[1]))
    assert (found["is_healthy"], found["status"]) == (False, None) and "no answer" in found["problem"]


def test_a_server_that_hangs_does_not_hang_the_module() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        found = await_health(HealthTarget("http", FQDN, int(listener.getsockname()[1])), 1.0)
    assert not found["is_healthy"] and found["problem"].endswith("no answer in time")
    assert found["waited"] < 5


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_the_same_page_over_https_is_read_on_this_machine(serve: Serve, tmp_path: Path) -> None:
    pair = tmp_path / "pair.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=somebody.else",
         "-keyout", str(pair), "-out", str(tmp_path / "certificate.pem")],
        check=True, stderr=subprocess.DEVNULL)  # fmt: skip
    pair.write_text(pair.read_text() + (tmp_path / "certificate.pem").read_text())
    secure = serve((200, HEALTHY, ""), certificate=str(pair))
    place = "https://%s:%d%s" % (FQDN, port_of(secure), PAGE)
    found = ask(port_of(serve((301, "moved", place))))
    assert (found["is_healthy"], found["url"]) == (True, place)
    assert secure.seen == [("%s:%d" % (FQDN, port_of(secure)), PAGE)]
