# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program of the lab and keep everything it says."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from .layout import Lab


class Result(NamedTuple):
    """What one run left."""

    rc: int
    stdout: str
    stderr: str
    log: str
    archive: Path

    @property
    def members(self) -> list[str]:
        """Names in the archive, as tar prints them."""
        done = subprocess.run(["tar", "-tf", str(self.archive)], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    def read(self, member: str) -> bytes:
        """Content of one member."""
        with tarfile.open(self.archive) as archive:
            stream = archive.extractfile("./" + member)
            assert stream is not None
            return stream.read()


class Tool:
    """engine-backup of one lab, or another program in its place (ENGINE_BACKUP_PROGRAM)."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.directory = directory
        self.program = os.environ.get("ENGINE_BACKUP_PROGRAM") or str(lab.prefix / "bin/engine-backup")
        self.runs = 0

    def environment(self, path: str | None = None) -> dict[str, str]:
        """The lab's PATH, and a directory of this test for temporary files."""
        temporary = self.directory / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = {**self.lab.environment(), "TMPDIR": str(temporary)}
        return {**environment, "PATH": path} if path else environment

    @property
    def leftovers(self) -> list[str]:
        """What runs left in their temporary directory."""
        return sorted(os.listdir(self.directory / "tmp"))

    def paths(self, mode: str, file: Path | None) -> tuple[Path, Path]:
        """Archive and log of the next run."""
        self.runs += 1
        stem = "{}-{}".format(mode, self.runs)
        return file or self.directory / (stem + ".backup"), self.directory / (stem + ".log")

    def __call__(self, mode: str, *arguments: str, file: Path | None = None, path: str | None = None) -> Result:
        """Run it in a mode with its own log."""
        archive, log = self.paths(mode, file)
        words = [self.program, "--mode=" + mode, "--file={}".format(archive), "--log={}".format(log), *arguments]
        done = subprocess.run(
            words, env=self.environment(path), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        written = log.read_text(encoding="utf-8") if log.exists() else ""
        return Result(done.returncode, done.stdout, done.stderr, written, archive)
