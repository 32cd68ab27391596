# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of engine_database share: a server of their own, and the search for traces."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import start, stop

from ..installation import read_site
from ..playbooks import Engine
from .postgresql import OTHER_PASSWORD, PASSWORD, Server, assert_no_secret


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of our own that writes every statement into its log."""
    home = tmp_path_factory.mktemp("postgresql") / "lab"
    lab = start(home, components="engine")
    try:
        made = Server(lab)
        made.ask("ALTER SYSTEM SET log_statement = 'all'")
        made.ask("ALTER SYSTEM SET log_min_duration_statement = 0")
        made.ask("SELECT pg_reload_conf()")
        yield made
    finally:
        stop(home, remove=True)


@pytest.fixture
def engine(server: Server, tmp_path: Path) -> Iterator[Engine]:
    """Where the module runs; no password may be left by it anywhere."""
    host = Engine(read_site(server.lab.inventory), tmp_path / "ansible")
    yield host
    for playbook in tmp_path.rglob("play*.json"):
        playbook.unlink()  # of the tests themselves; the passwords stand in it
    assert_no_secret(host, server, tmp_path, PASSWORD, OTHER_PASSWORD)
