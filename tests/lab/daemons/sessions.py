# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database sessions that stay open: one psql each, started again when the server ends it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ..host.configured import Credentials

CONNECT_SECONDS = 5.0
PAUSE = 0.02


class Session:
    """One connection of a service to one database."""

    def __init__(self, psql: Path, credentials: Credentials, application: str) -> None:
        self.psql = psql
        self.credentials = credentials
        self.application = application
        self.process: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        """Connect where there is no connection; say something over an old one so that its end is noticed."""
        if self.process is not None and self.process.poll() is None:
            self._say("SELECT 1;")
        else:
            self.close()
            self._connect()

    def _connect(self) -> None:
        descriptor, passwords = tempfile.mkstemp()
        _descriptor, ready = tempfile.mkstemp()
        os.close(_descriptor)
        os.unlink(ready)
        try:
            escaped = self.credentials.password.replace("\\", "\\\\").replace(":", "\\:")
            os.write(descriptor, "*:*:*:*:{}\n".format(escaped).encode())
            os.close(descriptor)
            self.process = self._start(passwords)
            # Only a client that is in gets as far as making the file.
            self._say("\\! touch {}".format(ready))
            self._wait(Path(ready))
        finally:
            os.unlink(passwords)
            Path(ready).unlink(missing_ok=True)

    def _start(self, passwords: str) -> subprocess.Popen[bytes]:
        host, port, user, _password, database = self.credentials
        environment = {
            "PATH": os.defpath,
            "PGPASSFILE": passwords,
            "PGAPPNAME": self.application,
            "PGCONNECT_TIMEOUT": str(int(CONNECT_SECONDS)),
        }
        words = [str(self.psql), "--no-psqlrc", "--quiet", "-w", "-h", host, "-p", port, "-U", user, "-d", database]
        null = subprocess.DEVNULL
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=null, stderr=null, env=environment)

    def _wait(self, ready: Path) -> None:
        assert self.process is not None
        deadline = time.monotonic() + CONNECT_SECONDS
        while self.process.poll() is None and not ready.exists() and time.monotonic() < deadline:
            time.sleep(PAUSE)

    def _say(self, line: str) -> None:
        assert self.process is not None and self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return

    def close(self) -> None:
        """End the connection."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process = None
