# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of a machine: a clock, programs, a certificate."""

import shutil
import subprocess
from pathlib import Path

import pytest


class Clock:
    """A clock that moves when somebody sleeps, and waits for nobody."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def make_certificate(folder: Path, subject: str) -> Path:
    """Return a file with a certificate and its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    key, pair = folder / "key.pem", folder / "pair.pem"
    kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30".split()
    command = ["openssl", *kind, "-subj", subject, "-keyout", str(key), "-out", str(pair)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    pair.write_text(pair.read_text() + key.read_text())
    return pair
