# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the faults strike. Nothing here happens unless a file in the fault directory asks for it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .options import Death, die

if TYPE_CHECKING:
    from .run import Run

NOISE = "<string>:1: DeprecationWarning: The distutils package is deprecated and slated for removal in Python 3.12."
WARNING = 'WARNING:  database "{}" has a collation version mismatch\nHINT:  Rebuild all objects in this database.'
FULL_STEPS = {"temporary": "engine", "target": "pack"}
NEWER_FORMAT = b"\x01\x63\x00"


class Sabotage:
    """Reads the fault directory; each question is asked at the moment it matters."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def parameter(self, name: str) -> str | None:
        """Content of a fault's file; None when the fault is off."""
        try:
            return (self.directory / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def words(self, name: str) -> list[str]:
        """The words of the parameter."""
        return (self.parameter(name) or "").split()

    def strikes(self, name: str, word: str) -> bool:
        """Whether the fault is on for this step or kind."""
        return word in self.words(name)

    def strike(self, run: Run, step: str) -> None:
        """Faults that can happen at any step."""
        slow = self.words("slow-at")
        if slow[:1] == [step]:
            subprocess.run(["sleep", slow[1]], check=False)
        if self.strikes("kill-at", step):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.strikes("silent-death-at", step):
            run.notified_failure = True
            raise Death(1)
        if self.strikes("fatal-unreported-at", step):
            die("step {} failed".format(step))
        if self.strikes("fatal-at", step):
            run.fatal("step {} failed".format(step))

    def make_noise(self) -> None:
        """Harmless stderr output."""
        noise = self.parameter("stderr-noise")
        if noise is not None:
            print(noise or NOISE, file=sys.stderr, flush=True)

    def dump_warning(self, database: str) -> str:
        """What pg_dump adds to its stderr."""
        warning = self.parameter("pg-dump-warning")
        return "" if warning is None else (warning or WARNING.format(database)) + "\n"

    def is_full(self, step: str) -> bool:
        """Whether the disk is full for what this step writes."""
        return step in [FULL_STEPS.get(word, word) for word in self.words("disk-full")]

    def kills(self, program: str, step: str) -> bool:
        """Whether this child is to be killed at work."""
        words = self.words("kill-child")
        return words[:1] == [program] and words[1:2] in ([], [step])

    def disturbance(self, kind: str) -> str | None:
        """The fault that strikes while this database is restored."""
        named = [name for name in ("end-session", "restart-server") if self.words(name)[:1] == [kind]]
        if self.kills("pg_restore", kind):
            return "kill-child"
        return named[0] if named else None

    @property
    def is_early(self) -> bool:
        """Whether pg_restore is killed as soon as one table is there, before it loads any data."""
        return self.words("kill-child")[2:] == ["pre-data"]

    def progress_question(self, fault: str) -> str | None:
        """What to ask the server before the fault strikes: whether so many rows of a table are in. None: at once."""
        words = self.words(fault)[2 if fault == "kill-child" else 1 :]
        if not words:
            return None
        return (
            "SELECT count(*) FROM pg_stat_progress_copy WHERE relid = to_regclass('{}') AND tuples_processed >= {}"
        ).format(*words)

    def delay(self, step: str) -> list[str]:
        """What to put before a child's command to make it slow."""
        slow = self.words("slow-child-at")
        return ["/bin/sh", "-c", 'sleep "$0"; exec "$@"', slow[1]] if slow[:1] == [step] else []

    @contextmanager
    def changing_file(self, prefix: Path) -> Iterator[None]:
        """Really change a file below the backed-up paths for as long as tar runs."""
        times = int((self.words("file-changes") or ["0"])[0])
        if times <= 0:
            yield
            return
        path, done = prefix / "var/lib/ovirt-engine/content/growing.log", threading.Event()
        # Incompressible and large: tar is still reading it when the next write comes.
        path.write_bytes(os.urandom(4 << 20))
        writer = threading.Thread(target=_keep_growing, args=(path, done))
        writer.start()
        try:
            yield
        finally:
            done.set()
            writer.join()
            path.unlink()
            self._count_down(times)

    def _count_down(self, times: int) -> None:
        if times > 1:
            (self.directory / "file-changes").write_text(str(times - 1), encoding="utf-8")
        else:
            (self.directory / "file-changes").unlink(missing_ok=True)

    def spoil_dump(self, kind: str, path: Path) -> None:
        """Damage a finished dump; its hash is made afterwards and is right."""
        if self.strikes("empty-dump", kind):
            os.truncate(path, 0)
        if self.strikes("cut-dump", kind):
            os.truncate(path, path.stat().st_size // 2)
        if self.strikes("newer-format", kind):
            with open(path, "r+b") as stream:
                stream.seek(len(b"PGDMP"))
                stream.write(NEWER_FORMAT)
        if self.strikes("missing-dump", kind):
            path.unlink()

    def plant(self, config: Path) -> None:
        """Add a line to the config member."""
        line = self.parameter("planted-line")
        if line is not None:
            with open(config, "a", encoding="utf-8") as stream:
                stream.write(line + "\n")

    def replaces_archive(self, path: Path) -> bool:
        """Leave something else, or nothing, where the archive should be."""
        stale = self.parameter("stale-output")
        if stale is None:
            return False
        if stale == "absent":
            path.unlink(missing_ok=True)
        elif stale == "empty":
            os.truncate(path, 0)
        else:
            shutil.copyfile(stale, path)
        return True


def _keep_growing(path: Path, done: threading.Event) -> None:
    while not done.is_set():
        with open(path, "ab") as stream:
            stream.write(b"x")
        time.sleep(0.002)


def feed_and_kill(process: subprocess.Popen[bytes], target: Path) -> None:
    """Take the first part of a child's output, then kill the child, which still had more to say."""
    assert process.stdout is not None
    with open(target, "wb") as stream:
        stream.write(process.stdout.read(4096))
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait()
