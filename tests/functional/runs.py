# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook, which start in a fifth of the time: forked from a server that has imported Ansible."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tooling.places import BUILD

from .installation import QUICK_START, environment

# What may differ from run to run; everything else was settled when the server imported Ansible.
PER_RUN = {
    "ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP", "ANSIBLE_PIPELINING", "ANSIBLE_SHOW_CUSTOM_STATS",
    "ANSIBLE_ASYNC_DIR",
}  # fmt: skip


class Run:
    """A run that was started: what there is to do with a Popen, as far as tests do it."""

    def __init__(self, command: Sequence[str], output: int, told: socket.socket) -> None:
        self.args = command
        self.returncode: int | None = None
        self._output, self._told = output, told.makefile("r")
        self._socket = told
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """Its exit status, None as long as it runs."""
        if self.returncode is None and select.select([self._socket], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit status."""
        if self.returncode is None:
            if not select.select([self._socket], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def _end(self) -> None:
        self.returncode = os.waitstatus_to_exitcode(int(self._told.readline()))
        self._told.close()
        self._socket.close()

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Read its output until all who could write have ended, then wait for it."""
        deadline = None if timeout is None else time.monotonic() + timeout
        read = b""
        while True:
            left = None if deadline is None else max(0, deadline - time.monotonic())
            if not select.select([self._output], [], [], left)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            part = os.read(self._output, 1 << 16)
            if not part:
                break
            read += part
        self.wait(timeout)
        os.close(self._output)
        return read.decode(errors="replace"), None

    def kill(self) -> None:
        """Kill it, where it still runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


AnyRun = Run | subprocess.Popen[str]


def start(command: Sequence[str], settings: Mapping[str, str], folder: Path, session: bool = False) -> AnyRun:
    """Start ansible-playbook with settings of its own, in a session of its own if so wished; it has no input."""
    if {name for name in settings if name.startswith("ANSIBLE_")} <= PER_RUN:
        return fork(command, settings, folder, session)
    return subprocess.Popen(
        command, env=environment(settings), cwd=folder, start_new_session=session, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def fork(command: Sequence[str], settings: Mapping[str, str], folder: Path, session: bool) -> Run:
    """The same from the server."""
    output, written = os.pipe()
    mine, told = socket.socketpair()
    wanted = {
        "command": list(command), "environment": environment(settings), "folder": str(folder), "session": session,
    }  # fmt: skip
    socket.send_fds(server().control, [json.dumps(wanted).encode()], [written, told.fileno()])
    os.close(written)
    told.close()
    return Run(command, output, mine)


class Server(NamedTuple):
    control: socket.socket
    process: "subprocess.Popen[bytes]"


@cache
def server() -> Server:
    """The server of this test session, which ends with it."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    temporary = BUILD / "tmp" / "ansible"
    temporary.mkdir(parents=True, exist_ok=True)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, str(QUICK_START / "fork_server.py"), str(theirs.fileno())], pass_fds=[theirs.fileno()],
            env=environment({"ANSIBLE_LOCAL_TEMP": str(temporary)}), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return Server(mine, process)
