# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run host programs: the only place of this collection that starts a process.

A program runs in its own session, without a terminal and without input; when its time is up or the module is told to
stop, every process of that session is ended. This file is private to the collection.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from .errors import CommandError


class CommandResult(NamedTuple):
    """How a command ended; ``returncode`` is None when its time ran out."""

    returncode: Optional[int]
    stdout: str
    stderr: str


OUTPUT_LIMIT = 1024 * 1024
SHORT = 60
PATIENCE = 10.0  # seconds that a process gets to end after SIGTERM
PAUSE = 0.02
# What becomes the program. The parent may have ended before the kernel was asked. Source: prctl(2), PR_SET_PDEATHSIG.
END_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the run has ended")
os.execvp(sys.argv[2], sys.argv[2:])
"""
LOOK_PAUSE = 0.5  # seconds between two looks at a program that is watched


def run_command(argv: Sequence[str], env: Dict[str, str], timeout: float = SHORT) -> CommandResult:
    """Run a program that ends soon and prints little. A return code of None means that its time was up."""
    try:
        process = subprocess.Popen(
            list(argv),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError("Could not start %s: %s" % (argv[0], error.strerror), argv=list(argv)) from error
    try:
        stdout, stderr = process.communicate(timeout=timeout)
        returncode: Optional[int] = process.returncode
    except subprocess.TimeoutExpired:
        stdout, stderr, returncode = b"", b"", None
    finally:
        end_session(process.pid, process)
    return CommandResult(returncode, _text(stdout), _text(stderr))


def run_long_command(
    argv: Sequence[str],
    env: Dict[str, str],
    timeout: float,
    output_stem: str,
    started: Callable[[int], None],
    is_hopeless: Optional[Callable[[], bool]] = None,
) -> CommandResult:
    """Run a program that takes long; its output goes to files named after ``output_stem``.

    ``started`` is told the process id, which is also the id of the session, before the program is waited for.
    ``is_hopeless`` is asked while the program runs; when it says so, the program is ended as if its time were up.
    """
    names = [output_stem + ".stdout", output_stem + ".stderr"]
    with open(names[0], "wb") as stdout, open(names[1], "wb") as stderr:
        try:
            process = subprocess.Popen(
                list(argv), env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
            )
        except OSError as error:
            raise CommandError("Could not start %s: %s" % (argv[0], error.strerror), argv=list(argv)) from error
        try:
            started(process.pid)
            returncode = _wait(process, timeout, is_hopeless)
        finally:
            end_session(process.pid, process)
    return CommandResult(returncode, read_tail(names[0]), read_tail(names[1]))


def die_with_parent(argv: Sequence[str]) -> List[str]:
    """Return the command of a program that gets SIGTERM when this process ends, though it be killed."""
    return [sys.executable, "-c", END_WITH_PARENT, str(os.getpid())] + list(argv)


def _wait(
    process: "subprocess.Popen[bytes]", timeout: float, is_hopeless: Optional[Callable[[], bool]]
) -> Optional[int]:
    """Return the exit status, None where the time was up or the rest of it would be wasted."""
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=left if is_hopeless is None else min(left, LOOK_PAUSE))
        if time.monotonic() >= deadline or (is_hopeless is not None and is_hopeless()):
            return None


def read_tail(path: str, limit: int = OUTPUT_LIMIT) -> str:
    """Return the last ``limit`` bytes of a text file, an empty string where it does not exist."""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - limit))
            return _text(stream.read(limit))
    except OSError:
        return ""


def _text(data: bytes) -> str:
    return data[-OUTPUT_LIMIT:].decode("utf-8", "replace")


def end_session(session: int, process: Optional["subprocess.Popen[bytes]"] = None) -> List[int]:
    """End every process of a session: SIGTERM, and SIGKILL for what is left. Return the ids that had to be ended."""
    ended = remaining = session_members(session)
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_all(remaining, number)
        deadline = time.monotonic() + PATIENCE
        while remaining and time.monotonic() < deadline:
            if process is not None:
                process.poll()
            time.sleep(PAUSE)
            remaining = session_members(session)
    if process is not None:
        process.wait()
    return ended


def _signal_all(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def session_members(session: int) -> List[int]:
    """Return the ids of the processes of a session that are alive, zombies left out."""
    return [pid for pid, state, sid, _start in read_processes() if sid == session and state != "Z"]


def start_time_of(pid: int) -> str:
    """Return when a process started, in clock ticks since boot; empty where there is none."""
    return next((start for found, _state, _sid, start in read_processes() if found == pid), "")


def read_processes() -> Iterator[Any]:
    """Yield (pid, state, session id, start time) of each process; source: proc(5), /proc/PID/stat."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as stream:
                    fields = stream.read().rpartition(b")")[2].split()
            except OSError:
                continue
            yield int(name), fields[0].decode(), int(fields[3]), fields[19].decode()


class Filter:
    """A program that reads a file and writes its transformed bytes to a pipe, such as a decompressor."""

    def __init__(self, argv: Sequence[str], source: BinaryIO) -> None:
        self.name = argv[0]
        try:
            self._process = subprocess.Popen(
                list(argv), stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            text = "Could not start %s: %s" % (argv[0], error.strerror)
            raise CommandError(text, "decompressor_missing") from error
        self._stdout: Any = self._process.stdout
        self._stderr: Any = self._process.stderr

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; raise OSError at the end where the program failed."""
        data = bytes(self._stdout.read(size))
        if not data:
            message = self._stderr.read(OUTPUT_LIMIT)
            if self._process.wait() != 0:
                raise OSError("%s: %s" % (self.name, _text(message).strip()))
        return data

    def close(self) -> None:
        """End the program, whether it is done or not."""
        self._stdout.close()
        self._stderr.close()
        end_session(self._process.pid, self._process)


def tool_environment(prefix: str) -> Dict[str, str]:
    """Return the environment of the tools: nothing of the caller's but PATH, with the directories they need."""
    own = [os.path.join(prefix, "bin"), os.path.join(prefix, "sbin")] if prefix else []
    path = [part for part in os.environ.get("PATH", "").split(":") if part]
    system = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    return {"PATH": ":".join(own + path + [part for part in system if part not in path]), "LC_ALL": "C.UTF-8"}


def find_program(name: str, env: Dict[str, str]) -> str:
    """Return the path of a program, an empty string where there is none."""
    for directory in env["PATH"].split(":"):
        path = os.path.join(directory, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""
