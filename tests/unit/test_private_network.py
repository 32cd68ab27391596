# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A suite in a network of its own sees nothing of the others' ports."""

import socket
import subprocess
import sys

import pytest
from tooling import private_network

LISTEN = "import socket, sys; socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('listens')"


@pytest.mark.skipif(not private_network.is_available(), reason="this user may not make networks")
def test_port_that_is_taken_outside_is_free_inside() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        inside = [sys.executable, private_network.__file__, sys.executable, "-c", LISTEN, port]
        assert subprocess.run(inside, capture_output=True, text=True, check=True).stdout == "listens\n"
        outside = subprocess.run(inside[2:], capture_output=True, text=True, check=False)
        assert "Address already in use" in outside.stderr
