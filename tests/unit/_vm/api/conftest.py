# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server in the place of an engine, and a session on it."""

from typing import Any, Callable, Dict, Iterator

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.connect import open_api
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.engine import EngineApi
from unit.fakes.web_server import PASSWORD, WebServer

Open = Callable[..., EngineApi]


@pytest.fixture
def server() -> Iterator[WebServer]:
    found = WebServer()
    yield found
    found.stop()


@pytest.fixture
def open_to() -> Open:
    def open_to(url: str, **auth: Any) -> EngineApi:
        given: Dict[str, Any] = {"url": url, "username": "backup@internal", "password": PASSWORD, "timeout": 2}
        given.update(auth)
        return open_api(given, "run-1")

    return open_to


@pytest.fixture
def api(server: WebServer, open_to: Open) -> Iterator[EngineApi]:
    with open_to(server.url()) as found:
        yield found
