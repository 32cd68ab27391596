# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves behind: files, processes, secrets."""

import hashlib
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .installation import Site

LOCK = ".engine_backup.lock"
STATE = ".engine_backup.state.json"
PATIENCE = 180.0
PAUSE = 0.1


class Photo(NamedTuple):
    """One file as it was: bytes, time of change, mode."""

    content: str
    mtime_ns: int
    mode: str


def photograph(directory: Path) -> dict[str, Photo]:
    """Everything in a directory but the lock, which stays on purpose."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.name != LOCK:
            status = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else ""
            mtime = status.st_mtime_ns if stat.S_ISREG(status.st_mode) else 0
            found[str(path.relative_to(directory))] = Photo(content, mtime, stat.filemode(status.st_mode))
    return found


class Process(NamedTuple):
    pid: int
    started: str
    command: str


def processes(site: Site, program: str = "") -> set[Process]:
    """The living processes of engine-backup: only they have the prefix's programs in their PATH."""
    mark = f"PATH={site.prefix}/bin".encode()
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if not command.startswith(program):
                continue
            variables = Path("/proc", pid, "environ").read_bytes().split(b"\0")
            started = Path("/proc", pid, "stat").read_text(errors="replace").rpartition(")")[2].split()[19]
        except OSError:
            continue
        if any(variable.startswith(mark) for variable in variables):
            found.add(Process(int(pid), started, command))
    return found


def sleepers(site: Site) -> list[int]:
    """The children that the fault slow-at makes the tool wait for."""
    return [process.pid for process in processes(site, "sleep ")]


def release(site: Site) -> None:
    """Let a slow tool go on."""
    for pid in sleepers(site):
        os.kill(pid, signal.SIGTERM)


def wait_for(what: str, condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for: {what}"
        time.sleep(PAUSE)


def files_with(secrets: Iterable[str], roots: Iterable[Path]) -> list[str]:
    """The files below some directories that hold a secret; archives hold them by nature and are left out."""
    wanted = [secret.encode() for secret in secrets]
    paths = (Path(folder, name) for root in roots for folder, _folders, names in os.walk(root) for name in names)
    contents = ((path, read_if_there(path)) for path in paths if path.suffix != ".backup")
    return [str(path) for path, content in contents if any(secret in content for secret in wanted)]


def read_if_there(path: Path) -> bytes:
    """The content of an ordinary file; a module that is about to end may remove it meanwhile."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


class Witness(threading.Thread):
    """Notes the command line and the environment of every process while something runs, as anybody on the host can."""

    def __init__(self, pause: float = 0.05) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._pause = pause
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(self._pause):
            self.seen |= set(read_each("cmdline")) | set(read_each("environ"))

    def __enter__(self) -> "Witness":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self.join()


def read_each(name: str) -> Iterator[bytes]:
    """One file of each process."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield Path("/proc", pid, name).read_bytes()
        except OSError:
            continue
