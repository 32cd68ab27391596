# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time engine_backup beside the stock command, on one lab, in turns, and print the medians.

"module" is what the module itself takes (its return value C(elapsed)): planning, counting, the tool, the proof, the
manifest. "playbook" is the whole ansible-playbook run around it. The limits are for the module.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import lab
from lab.postgres import query

PLAYBOOK = """\
- name: Measure
  hosts: engine
  gather_facts: false
  tasks:
    - name: Make a proven backup
      ovirt.backup.engine_backup:
        prefix: "{{ ovirt_prefix }}"
        directory: "{{ directory }}"
        profile: "{{ profile }}"
      register: made

    - name: Write down how long the module took
      ansible.builtin.copy:
        content: "{{ made.elapsed }}"
        dest: "{{ directory }}/elapsed"
        mode: "0600"
"""
MODULE_MARK = b"AnsiballZ_engine_"
SAMPLE_SECONDS = 0.5  # often enough for a high-water mark, seldom enough not to disturb


class Measure(NamedTuple):
    """One run: seconds of the module or the stock tool, of the playbook; bytes of the archive, peak memory in bytes."""

    seconds: float
    playbook: float
    size: int
    memory: int


class Bench:
    """A lab and a scratch directory."""

    def __init__(self, home: Path, scale: int) -> None:
        self.home = home
        self.archives = home / "archives"
        self.lab = lab.start(home / "lab", scale=scale)
        self.playbook = home / "measure.yml"
        self.playbook.write_text(PLAYBOOK)

    def empty(self) -> None:
        shutil.rmtree(self.archives, ignore_errors=True)
        self.archives.mkdir(mode=0o700)
        os.sync()

    def stock(self, *options: str) -> Measure:
        """Run the stock command by hand."""
        self.empty()
        prefix = self.lab.prefix
        archive = self.archives / "stock.backup"
        command = [str(prefix / "bin" / "engine-backup"), "--mode=backup", "--file=" + str(archive), *options]
        command += ["--log=" + str(self.archives / "stock.log"), "--tmpdir=" + str(self.archives)]
        path = os.pathsep.join([str(prefix / "bin"), os.environ["PATH"]])
        began = time.monotonic()
        subprocess.run(command, env={**os.environ, "PATH": path}, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - began
        return Measure(seconds, seconds, archive.stat().st_size, 0)

    def ours(self, profile: str) -> Measure:
        """Run the module, proof included."""
        self.empty()
        values = json.dumps({"directory": str(self.archives), "profile": profile})
        command = ["ansible-playbook", "-i", str(self.home / "lab" / "inventory" / "hosts.yml"), str(self.playbook)]
        began = time.monotonic()
        with subprocess.Popen([*command, "-e", values], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            watch = PeakMemory()
            watch.start()
            output, _nothing = process.communicate()
            seconds = time.monotonic() - began
            watch.stop()
        if process.returncode != 0:
            sys.exit(output.decode())
        (archive,) = self.archives.glob("*.backup")
        elapsed = float((self.archives / "elapsed").read_text())
        return Measure(elapsed, seconds, archive.stat().st_size, watch.peak)


class PeakMemory(threading.Thread):
    """Follows the high-water mark of the module's process; source: proc(5), VmHWM."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._ends = threading.Event()

    def run(self) -> None:
        while not self._ends.wait(SAMPLE_SECONDS):
            for name in os.listdir("/proc"):
                if name.isdigit() and is_module(name):
                    self.peak = max(self.peak, high_water_mark(name))

    def stop(self) -> None:
        self._ends.set()
        self.join()


def is_module(pid: str) -> bool:
    """Is this the Python process that runs the module on the engine host?"""
    try:
        arguments = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return len(arguments) > 1 and b"python" in arguments[0] and MODULE_MARK in arguments[1]


def high_water_mark(pid: str) -> int:
    """Return the peak resident memory of a process, in bytes."""
    try:
        lines = Path("/proc", pid, "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


class Case(NamedTuple):
    """A row of the table; the first row of a letter is what the others of its group are held against."""

    group: str
    name: str
    run: Callable[[], Measure]
    limit: str


def list_cases(bench: Bench) -> list[Case]:
    memory = "memory 150 MiB"
    return [
        Case("fast", "(a) stock, default options", bench.stock, "reference"),
        Case("fast", "(b) ours, stock, with proof", lambda: bench.ours("stock"), f"time 1.25, {memory}"),
        Case("fast", "(c) ours, fast, with proof", lambda: bench.ours("fast"), f"time 1.00, {memory}"),
        Case("small", "(d) stock, --small-size", lambda: bench.stock("--small-size"), "reference"),
        Case("small", "(d) ours, small, with proof", lambda: bench.ours("small"), f"time 0.125, size 1.35, {memory}"),
    ]


def measure_in_turns(runs: int, cases: Sequence[Case]) -> list[Measure]:
    """Run the cases in turns, so that a slow minute of the machine hits them all; return the medians."""
    found: list[list[Measure]] = [[] for _case in cases]
    for number in range(1, runs + 1):
        for case, measures in zip(cases, found, strict=True):
            measures.append(case.run())
            print(f"  run {number} of {runs}, {case.name}: {measures[-1].seconds:.1f} s", flush=True)
    return [Measure(*(statistics.median(values) for values in zip(*measures, strict=True))) for measures in found]


def print_row(case: Case, measure: Measure, reference: Measure) -> None:
    seconds = measure.seconds / reference.seconds
    size = measure.size / reference.size
    memory = f"{measure.memory / 2**20:.0f} MiB" if measure.memory else "-"
    wall = f"{measure.seconds:>8.1f} s{seconds:>8.3f}{measure.playbook:>9.1f} s"
    print(f"  {case.name:<32}{wall}{measure.size / 1e6:>9.1f} MB{size:>7.2f}{memory:>9}   {case.limit}")


def report(bench: Bench, runs: int, groups: Sequence[str]) -> None:
    size = query(bench.lab, "postgres", "SELECT sum(pg_database_size(datname)) FROM pg_database")
    print(f"databases: {int(size) / 1e6:.0f} MB, {os.cpu_count()} cores, median of {runs}", flush=True)
    cases = [case for case in list_cases(bench) if case.group in groups]
    found = measure_in_turns(runs, cases)
    references: dict[str, Measure] = {}
    print(f"\n  {'':<32}{'module':>10}{'of ref':>8}{'playbook':>11}{'archive':>12}{'of ref':>7}{'memory':>9}   limit")
    for case, measure in zip(cases, found, strict=True):
        print_row(case, measure, references.setdefault(case.group, measure))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=int, default=100)
    parser.add_argument("--group", choices=["fast", "small"], action="append", help="only these rows; small is slow")
    options = parser.parse_args()
    home = options.build / "bench"
    bench = Bench(home, options.scale)
    try:
        report(bench, options.runs, options.group or ["fast", "small"])
    finally:
        lab.stop(home / "lab", remove=True)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
