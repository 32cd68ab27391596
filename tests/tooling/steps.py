# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands: each timed, shown when it fails, counted, and stopped with all that it started."""

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple
from xml.etree import ElementTree

from . import private_network
from .places import BUILD, ROOT, VENV

PYTHON = str(VENV / "bin" / "python")
MOST_LINES = 60
SUITES = min((os.cpu_count() or 1) + 1, 4)  # at a time: each waits for others a good part of its time


class Tally(NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: "Tally") -> "Tally":
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        text = f"{self.passed} passed, {self.failed} failed"
        return f"{text}, {self.skipped} skipped" if self.skipped else text


class Check(NamedTuple):
    """A command that proves one thing by its exit status."""

    name: str
    command: Sequence[str]
    cwd: Path = ROOT
    environment: Mapping[str, str] = {}


def tool(name: str) -> str:
    return str(VENV / "bin" / name)


def run(
    command: Sequence[str], cwd: Path = ROOT, environment: Mapping[str, str] | None = None, quiet: bool = False
) -> tuple[int, str]:
    """Run a command in a process group of its own; return its exit status and, when quiet, what it said."""
    process = start(command, cwd, environment, subprocess.PIPE if quiet else None)
    try:
        said = process.communicate()[0]
    except BaseException:
        stop(process)
        raise
    return process.returncode, said or ""


def start(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None, output: int | IO[str] | None
) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own."""
    path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", os.defpath)])
    # Nothing of a user's own settings of Ansible and Python takes part.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={**inherited, "NO_COLOR": "1", "PATH": path, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def stop(process: "subprocess.Popen[str]") -> None:
    """Ask first: pytest stops the lab in its own clean-up when it is interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number, patience in ((signal.SIGINT, 60), (signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def check(one: Check) -> Tally:
    began = time.monotonic()
    status, said = run(one.command, one.cwd, one.environment, quiet=True)
    report(one.name, status == 0, time.monotonic() - began)
    if status == 0:
        return Tally(passed=1)
    print(f"--- {shlex.join(one.command)} (exit status {status})\n{shorten(said)}\n---", flush=True)
    return Tally(failed=1)


def shorten(said: str) -> str:
    lines = said.rstrip().splitlines()
    left_out = len(lines) - MOST_LINES
    return "\n".join([*lines[:MOST_LINES], *([f"... and {left_out} more lines"] if left_out > 0 else [])])


def check_all(checks: Sequence[Check]) -> Tally:
    total = Tally()
    for one in checks:
        total = total.plus(check(one))
    return total


def report(name: str, good: bool, seconds: float) -> None:
    print(f"{'ok  ' if good else 'FAIL'}  {name:<58} {seconds:6.1f} s", flush=True)


def skip(name: str, why: str) -> Tally:
    print(f"skip  {name}: {why}", flush=True)
    return Tally(skipped=1)


def pytest(
    name: str, arguments: Sequence[str], python: str = PYTHON, environment: Mapping[str, str] | None = None
) -> Tally:
    command = pytest_command(name, arguments, python)
    try:
        status = run(command, environment=environment)[0]
    finally:
        stop_labs(BUILD / "tmp" / name)
    return tally_of(name, status)


def pytest_side_by_side(part: str, files: Sequence[str], environment: Mapping[str, str]) -> Tally:
    """Run files with tests in some suites at a time, each on labs and a network of its own.

    Each takes the next file that is left, one of them from the end of the list; what it said is shown when it has
    ended. Where this user may not make networks, one after the other: they want the same port.
    """
    queue = BUILD / "tmp" / f"{part}-queue"
    shutil.rmtree(queue, ignore_errors=True)
    queue.mkdir(parents=True)
    shared = ["-p", "tooling.work_queue", f"--queue={queue}", *files]
    suites = {f"{part}-{number + 1}": shared for number in range(SUITES)}
    suites[f"{part}-2"] = [*shared, "--from-the-end"]
    environment = {"PYTHONPATH": str(ROOT / "tests"), **environment}
    running: dict[str, subprocess.Popen[str]] = {}
    total = Tally()
    apart = [PYTHON, private_network.__file__] if private_network.is_available() else []
    try:
        for name, arguments in suites.items():
            command = apart + pytest_command(name, arguments, PYTHON)
            with open(BUILD / "reports" / f"{name}.txt", "w", encoding="utf-8") as output:
                running[name] = start(command, ROOT, environment, output)
            if not apart:
                running[name].wait()
        for name, process in running.items():
            status = process.wait()
            print((BUILD / "reports" / f"{name}.txt").read_text(encoding="utf-8", errors="replace"), flush=True)
            total = total.plus(tally_of(name, status))
    except BaseException:
        for process in running.values():
            stop(process)
        raise
    finally:
        for name in running:
            stop_labs(BUILD / "tmp" / name)
    return total


def pytest_command(name: str, arguments: Sequence[str], python: str) -> list[str]:
    """Make room for a run of pytest and return its command."""
    record = BUILD / "reports" / f"{name}.xml"
    folder = BUILD / "tmp" / name
    record.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(exist_ok=True)
    record.unlink(missing_ok=True)
    return [python, "-m", "pytest", f"--junitxml={record}", f"--basetemp={folder}", *arguments]


def tally_of(name: str, status: int) -> Tally:
    """Return what a run of pytest counted.

    One that broke before or beside its tests (usage, collection, nothing collected) is a failure of its own.
    """
    record = BUILD / "reports" / f"{name}.xml"
    tally = count(read_junit(record)) if record.exists() else Tally()
    return tally if (status == 0) == (tally.failed == 0) else tally.plus(Tally(failed=1))


def stop_labs(folder: Path) -> None:
    """Stop the labs of a pytest that was killed before it could do so."""
    for state in list(folder.rglob("lab.json")):
        run(
            [PYTHON, "-m", "lab", "stop", str(state.parent), "--remove"],
            environment={"PYTHONPATH": str(ROOT / "tests")},
        )


class Case(NamedTuple):
    name: str
    verdict: str
    text: str


def read_junit(record: Path) -> Iterator[Case]:
    for case in ElementTree.parse(record).iter("testcase"):
        found = {child.tag: child for child in case}
        bad = found.get("failure", found.get("error"))
        verdict = "FAIL" if bad is not None else "skip" if "skipped" in found else "ok"
        yield Case(case.get("name", ""), verdict, (bad.text or "") if bad is not None else "")


def count(cases: Iterable[Case]) -> Tally:
    verdicts = [case.verdict for case in cases]
    return Tally(verdicts.count("ok"), verdicts.count("FAIL"), verdicts.count("skip"))
