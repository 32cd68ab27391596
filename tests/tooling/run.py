# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/run: the parts in their order, a table of what they took, and one closing line that CI reads."""

import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from . import pythons
from .collection import build, install
from .lint import lint, types
from .places import BUILD, COLLECTIONS, ROOT
from .sanity import sanity
from .steps import PYTHON, Tally, pytest, pytest_side_by_side, skip, start, stop

CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*\Z", re.MULTILINE)
TARGET_PYTHONS = ("3.6", "3.13")
# They share a lab that is destroyed and rewound; the longest come first, and the other suite begins at the end.
RESTORES = ("test_engine_restore_*role*.py", "test_engine_database_migration*.py", "test_engine_restore_*.py")


class Took(NamedTuple):
    part: str
    tally: Tally
    seconds: float


def unit() -> Tally:
    total = pytest("unit", ["tests/unit"])
    for version in TARGET_PYTHONS:
        total = total.plus(unit_of_pure_layers(version))
    return total


def unit_of_pure_layers(version: str) -> Tally:
    """The managed hosts' Pythons: the layers that need no Ansible and no PostgreSQL are tested on them as well."""
    python = pythons.find(version)
    if python is None:
        return skip(f"unit tests of the pure layers on Python {version}", "no such interpreter here")
    own = pythons.environment(f"unit-{version}", python, ["pytest"])
    print(f"unit tests of the pure layers on Python {version}", flush=True)
    options = ["-q", "-m", "not ansible and not postgresql"]
    return pytest(f"unit-{version}", [*options, "tests/unit"], own)


def contract() -> Tally:
    return pytest_side_by_side("contract", in_order(ROOT / "tests" / "contract", ()), {})


def functional() -> Tally:
    install(build())
    shutil.rmtree(BUILD / "cache" / "compiled", ignore_errors=True)  # of modules, only to be used in one run
    files = in_order(ROOT / "tests" / "functional", RESTORES)
    return pytest_side_by_side("functional", files, {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)})


def in_order(folder: Path, first: Sequence[str]) -> list[str]:
    """The files with tests, those that match a pattern before the others."""
    found = [path for pattern in first for path in sorted(folder.glob(pattern))]
    found += sorted(folder.rglob("test_*.py"))
    return [str(path.relative_to(ROOT)) for path in dict.fromkeys(found)]


PARTS: dict[str, Callable[[], Tally]] = {
    "lint": lint,
    "types": types,
    "unit": unit,
    "contract": contract,
    "functional": functional,
    "sanity": sanity,
}


def run_part(part: str) -> Took:
    print(f"\n=== {part} ===", flush=True)
    began = time.monotonic()
    try:
        tally = PARTS[part]()
    except (Exception, SystemExit) as error:  # the other parts still run; this one counts as failed
        print(f"FAIL  {part} broke: {type(error).__name__}: {error}", flush=True)
        tally = Tally(failed=1)
    return Took(part, tally, time.monotonic() - began)


class Beside:
    """A part of a single process that runs beside others; what it said is shown when it has ended."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.began = time.monotonic()
        self.said = BUILD / "reports" / f"{part}.txt"
        self.said.parent.mkdir(parents=True, exist_ok=True)
        with open(self.said, "w", encoding="utf-8") as output:
            command = [PYTHON, "-m", "tooling.run", part]
            self.process = start(command, ROOT, {"PYTHONPATH": str(ROOT / "tests")}, output)

    def finish(self) -> Took:
        status = self.process.wait()
        text = self.said.read_text(encoding="utf-8", errors="replace")
        print(text, flush=True)
        return Took(self.part, tally_of_run(text, status), time.monotonic() - self.began)


def tally_of_run(text: str, status: int) -> Tally:
    """Return what the closing line of a run says; one that did not get so far is a failure."""
    found = CLOSING.search(text)
    if not found or (status == 0) != (found[2] == "0"):
        return Tally(failed=1)
    return Tally(int(found[1]), int(found[2]), int(found[3] or 0))


def run_parts(wanted: Sequence[str]) -> list[Took]:
    """The parts in their order; sanity begins beside the unit tests, and goes on beside what follows them."""
    results: list[Took] = []
    sanity_run = None
    try:
        for part in wanted:
            if part == "unit" and "sanity" in wanted:
                sanity_run = Beside("sanity")
            results.append(sanity_run.finish() if part == "sanity" and sanity_run else run_part(part))
    except BaseException:
        if sanity_run:
            stop(sanity_run.process)
        raise
    return results


def summarise(results: Sequence[Took]) -> int:
    total = Tally()
    print(f"\n{'part':<12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>9}")
    for part, tally, seconds in results:
        print(f"{part:<12} {tally.passed:>7} {tally.failed:>7} {tally.skipped:>8} {seconds:>9.1f}")
        total = total.plus(tally)
    print(f"{'':<36} {sum(took.seconds for took in results):>9.1f}\n\n{total}", flush=True)
    return 1 if total.failed else 0


def main(arguments: Sequence[str]) -> int:
    unknown = [part for part in arguments if part not in PARTS]
    if unknown:
        print(f"unknown part: {' '.join(unknown)}; there are: {' '.join(PARTS)}", file=sys.stderr)
        return 2
    BUILD.mkdir(parents=True, exist_ok=True)
    # A terminated run cleans up as an interrupted one does; a run in the background may have inherited a deaf ear.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    wanted = [part for part in PARTS if not arguments or part in arguments]
    try:
        return summarise(run_parts(wanted))
    except KeyboardInterrupt:
        print("interrupted; what was started is stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
