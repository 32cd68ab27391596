# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/run: nox twice at a time, and one closing line that CI reads.

The labs wait a good part of their time, which is when the linters and ansible-test compute.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from .places import BUILD, ROOT, VENV

REPORTS = BUILD / "reports"
# Two lines of sessions, each in its order; the second one is shown when it has ended.
FIRST = ("unit", "contract", "functional")
BESIDE = (
    "lint",
    "types",
    "docs",
    "pure-3.6",
    "pure-3.13",
    "license-check",
    "extra-checks",
    "build-import-check",
    "sanity",
)


class Tally(NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: "Tally") -> "Tally":
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        text = f"{self.passed} passed, {self.failed} failed"
        return f"{text}, {self.skipped} skipped" if self.skipped else text


class Line:
    """One nox with its sessions, in a process group of its own."""

    def __init__(self, name: str, sessions: Sequence[str], is_shown: bool) -> None:
        self.sessions = sessions
        self.report = REPORTS / f"{name}.json"
        self.said = REPORTS / f"{name}.txt"
        self.report.unlink(missing_ok=True)
        nox = [str(VENV / "bin" / "nox"), "--report", str(self.report), "-s", *sessions]
        # Nothing of a user's own settings of Ansible takes part.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        with open(self.said, "w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                nox,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=None if is_shown else output,
                stderr=subprocess.STDOUT if not is_shown else None,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ask first: pytest stops the labs in its own clean-up when it is interrupted."""
        for number, patience in ((signal.SIGINT, 60), (signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                return

    def results(self) -> Iterator[tuple[str, Tally]]:
        """Yield what each session counted; one that left no word has failed."""
        verdicts = read_verdicts(self.report) if self.report.exists() else {}
        for session in self.sessions:
            verdict = verdicts.get(session, "none")
            yield session, tally_of(verdict, REPORTS / f"{session}.xml")


def read_verdicts(report: Path) -> dict[str, str]:
    """Return what nox says of each of its sessions: success, failed, aborted, skipped."""
    return {found["name"]: found["result"] for found in json.loads(report.read_text(encoding="utf-8"))["sessions"]}


def tally_of(verdict: str, record: Path) -> Tally:
    """Return what a session counted: its tests, or itself where it has none. A failure is never lost."""
    if verdict == "skipped":
        return Tally(skipped=1)
    tally = count(record) if record.exists() else Tally(passed=int(verdict == "success"))
    return tally if (verdict == "success") == (tally.failed == 0) else tally.plus(Tally(failed=1))


def count(record: Path) -> Tally:
    """Return the tests of a JUnit report."""
    verdicts = []
    for case in ElementTree.parse(record).iter("testcase"):
        tags = {child.tag for child in case}
        verdicts.append("failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed")
    return Tally(*(verdicts.count(field) for field in Tally._fields))


def run(lines: Sequence[Line]) -> list[tuple[str, Tally]]:
    """Wait for every line, and show what those said that were not shown."""
    try:
        for line in lines:
            line.process.wait()
    except BaseException:
        for line in lines:
            line.stop()
        raise
    for line in lines:
        print(line.said.read_text(encoding="utf-8", errors="replace"), flush=True)
    return [result for line in lines for result in line.results()]


def summarise(results: Sequence[tuple[str, Tally]], seconds: float) -> int:
    total = Tally()
    print(f"\n{'session':<20} {'passed':>7} {'failed':>7} {'skipped':>8}")
    for session, tally in results:
        print(f"{session:<20} {tally.passed:>7} {tally.failed:>7} {tally.skipped:>8}")
        total = total.plus(tally)
    print(f"\n{seconds:.0f} seconds\n{total}", flush=True)
    return 1 if total.failed or not total.passed else 0


def main(arguments: Sequence[str]) -> int:
    REPORTS.mkdir(parents=True, exist_ok=True)
    for record in REPORTS.glob("*.xml"):
        record.unlink()
    # A terminated run cleans up as an interrupted one does; a run in the background may have inherited a deaf ear.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    lines = (
        [Line("named", arguments, True)] if arguments else [Line("first", FIRST, True), Line("beside", BESIDE, False)]
    )
    try:
        return summarise(run(lines), time.monotonic() - began)
    except KeyboardInterrupt:
        print("interrupted; what was started is stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
