# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health page is asked for by the engine's name on this machine: real servers on the loopback address."""

import socket
import threading
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.health import PAUSE, await_health
from ansible_collections.ovirt.backup.plugins.module_utils._engine.health_rules import HEALTHY, PAGE, HealthTarget
from unit.fakes.machine import Clock, make_certificate
from unit.fakes.web_server import Answer, WebServer

FQDN = "engine.lab.test"  # resolves nowhere
Serve = Callable[..., WebServer]


def reply(status: int, body: str, location: str = "") -> Answer:
    return Answer(status, "text/html", body, "", location)


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = []

    def start(*answers: Answer, certificate: Optional[Path] = None) -> WebServer:
        servers.append(WebServer(certificate))
        servers[-1].answers = list(answers)
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def ask(port: int, timeout: float = 0) -> Any:
    clock = Clock()
    return await_health(HealthTarget("http", FQDN, port), timeout, clock, clock.sleep)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        yield plug


def test_a_well_engine_is_asked_once_by_its_name(serve: Serve) -> None:
    server = serve(reply(200, HEALTHY))
    found = ask(server.port, timeout=60)
    assert (found["is_healthy"], found["status"], found["body"], found["waited"]) == (True, 200, HEALTHY, 0)
    assert [(seen.headers["Host"], seen.path) for seen in server.seen] == [("%s:%d" % (FQDN, server.port), PAGE)]


def test_an_engine_that_gets_well_late_is_waited_for(serve: Serve) -> None:
    found = ask(serve(reply(404, ""), reply(503, ""), reply(500, "DB Down!"), reply(200, HEALTHY)).port, timeout=60)
    assert (found["is_healthy"], found["waited"]) == (True, 3 * PAUSE)


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (reply(500, "DB Down!"), "status 500, 'DB Down!'"),
        (reply(302, "", "https://other.lab.test" + PAGE), "redirect to https://other.lab.test"),
    ],
)
def test_an_engine_that_does_not_get_well_in_time_is_a_fact(serve: Serve, answer: Answer, part: str) -> None:
    server = serve(answer)
    found = ask(server.port, timeout=9)
    assert (found["is_healthy"], found["status"], found["waited"]) == (False, answer.status, 9)
    assert part in found["problem"] and "Waited 9 seconds" in found["problem"]
    assert len(server.seen) == 6, "at once, every two seconds, and when the time is up"


def test_nobody_there_and_nothing_sensible_are_facts_too(listener: socket.socket) -> None:
    port = int(listener.getsockname()[1])
    found = ask(port)
    assert (found["is_healthy"], found["status"]) == (False, None)
    assert found["problem"].endswith("connection refused")

    def talk() -> None:
        connection, _address = listener.accept()
        connection.recv(4096)
        connection.sendall(b"220 mail.lab.test ESMTP\r\n")
        connection.close()

    listener.listen(1)
    threading.Thread(target=talk, daemon=True).start()
    found = ask(port)
    assert (found["is_healthy"], found["status"]) == (False, None) and "no answer" in found["problem"]


def test_a_server_that_hangs_does_not_hang_the_module(listener: socket.socket) -> None:
    listener.listen(1)
    found = await_health(HealthTarget("http", FQDN, int(listener.getsockname()[1])), 1.0)
    assert not found["is_healthy"] and found["problem"].endswith("no answer in time")
    assert found["waited"] < 5


def test_the_same_page_over_https_is_read_on_this_machine(serve: Serve, tmp_path: Path) -> None:
    secure = serve(reply(200, HEALTHY), certificate=make_certificate(tmp_path, "/CN=somebody.else"))
    place = "https://%s:%d%s" % (FQDN, secure.port, PAGE)
    found = ask(serve(reply(301, "moved", place)).port)
    assert (found["is_healthy"], found["url"]) == (True, place)
    assert [(seen.headers["Host"], seen.path) for seen in secure.seen] == [("%s:%d" % (FQDN, secure.port), PAGE)]
