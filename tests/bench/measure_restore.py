# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time an overwrite restore beside the three stock commands, on one lab, in turns, and print the medians.

"stock" is engine-cleanup, engine-backup --mode=restore and engine-setup by hand, one after the other. "ours" is the
whole playbook engine_restore_overwrite with its proofs, less the seconds of the stage that makes the safety backup.
A second table times a preflight that refuses a large archive by its first check.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import lab
from lab.machines import checkpoint, rewind
from lab.postgres import query

from .measure import Case, Measure, PeakMemory, measure_in_turns

PORT = 5432
ANSWERS = """\
[environment:default]
OVESETUP_CORE/remove=bool:True
OVESETUP_CORE/engineStop=bool:True
OVESETUP_REMOVE/removeAll=bool:True
OVESETUP_REMOVE/removeChanged=bool:True
OVESETUP_PKI/renew=bool:False
OVESETUP_SYSTEM/memCheckEnabled=bool:False
"""
MAKE = """\
- name: Make the archive
  hosts: engine
  gather_facts: false
  tasks:
    - name: Make a proven backup
      ovirt.backup.engine_backup:
        prefix: "{{ ovirt_prefix }}"
        path: "{{ archive }}"
"""
RESTORE = "ovirt.backup.engine_restore_overwrite"
REFUSED = """\
- name: Refuse
  hosts: engine
  gather_facts: false
  tasks:
    - name: Restore an archive of another version
      ovirt.backup.engine_restore:
        prefix: "{{ ovirt_prefix }}"
        path: "{{ archive }}"
"""
SAFETY_STAGE = ("Make the safety backup]", "Overwrite, set up and prove]")  # ends of headings of tasks
GIGABYTE = 10**9
BLOCK = 1 << 20


class Bench:
    """A lab in use, an archive of it, and a checkpoint to which every run goes back."""

    def __init__(self, home: Path, scale: int, verbose: bool = False) -> None:
        self.home = home
        self.verbose = verbose
        self.archive = home / "archives" / "engine.backup"
        self.lab = lab.start(home / "lab", scale=scale, port=PORT, services=True)
        self.inventory = home / "lab" / "inventory" / "hosts.yml"
        self.archive.parent.mkdir(mode=0o700)
        self.play(self.written(MAKE), archive=str(self.archive))
        checkpoint(self.lab, "in_use")

    def written(self, text: str) -> str:
        """Write a playbook and return its path."""
        playbook = self.home / "measure.yml"
        playbook.write_text(text)
        return str(playbook)

    def play(self, playbook: str, may_fail: bool = False, **values: object) -> tuple[float, int, str]:
        """Run a playbook; return its seconds, the peak memory of a module, and what it said."""
        command = ["ansible-playbook", "-i", str(self.inventory), playbook, "-e", json.dumps(values)]
        watch = PeakMemory()
        began = time.monotonic()
        said: list[tuple[float, str]] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            watch.start()
            assert process.stdout is not None
            said += [(time.monotonic(), line) for line in process.stdout]
            process.wait()
            seconds = time.monotonic() - began
            watch.stop()
        output = "".join(line for _when, line in said)
        if process.returncode != 0 and not may_fail:
            sys.exit(output)
        if self.verbose:
            print(output)
        return seconds - seconds_of_stage(said, *SAFETY_STAGE), watch.peak, output

    def stock(self) -> Measure:
        """Run the three stock commands by hand."""
        rewind(self.lab, "in_use")
        answers = self.home / "answers.conf"
        answers.write_text(ANSWERS)
        prefix = self.lab.prefix
        log = self.home / "stock.log"
        log.unlink(missing_ok=True)
        commands = [
            ["engine-cleanup", f"--config-append={answers}"],
            ["engine-backup", "--mode=restore", f"--file={self.archive}", f"--log={log}", "--restore-permissions",
             f"--tmpdir={self.home}"],
            ["engine-setup", "--accept-defaults", "--offline", f"--config-append={answers}"],
        ]  # fmt: skip
        path = os.pathsep.join([str(prefix / "bin"), os.environ["PATH"]])
        began = time.monotonic()
        for name, *arguments in commands:
            done = subprocess.run(
                [str(prefix / "bin" / name), *arguments], env={**os.environ, "PATH": path}, check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            if done.returncode != 0:
                sys.exit(done.stdout)
            print(f"    {name}: {time.monotonic() - began:.1f} s", flush=True)
        seconds = time.monotonic() - began
        return Measure(seconds, seconds, self.archive.stat().st_size, 0)

    def ours(self, jobs: int) -> Measure:
        """Run the playbook, proofs included."""
        rewind(self.lab, "in_use")
        seconds, memory, _output = self.play(
            RESTORE, engine_restore_overwrite_archive=str(self.archive), engine_restore_overwrite_restore_jobs=jobs,
            engine_restore_overwrite_safety_directory=str(self.archive.parent), engine_restore_overwrite_again=True,
        )  # fmt: skip
        return Measure(seconds, seconds, self.archive.stat().st_size, memory)

    def refusal(self) -> float:
        """Return the seconds of a preflight that refuses an archive of a gigabyte by its version."""
        rewind(self.lab, "in_use")
        large = self.archive.with_name("large.backup")
        write_large(self.archive, large)
        seconds, _memory, output = self.play(self.written(REFUSED), may_fail=True, archive=str(large))
        if "version_refused" not in output:
            sys.exit(output)
        return seconds


def seconds_of_stage(said: list[tuple[float, str]], first: str, behind: str) -> float:
    """Return the seconds between two headings, 0 where there are none."""
    start = next((when for when, line in said if first in line), 0.0)
    end = next((when for when, line in said if behind in line), 0.0)
    return end - start if start and end else 0.0


def write_large(source: Path, target: Path) -> None:
    """Copy an archive with another version, and with random bytes, a gigabyte of them, in place of its largest dump."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for info in old:
            stream = old.extractfile(info) if info.isfile() else None
            if info.name == "./version":
                info.size = len(b"4.9.0\n")
                stream = io.BytesIO(b"4.9.0\n")
            elif info.name == "./db/dwh_backup.db":
                info.size = GIGABYTE
                stream = RandomBytes(GIGABYTE)
            new.addfile(info, stream)


class RandomBytes(io.RawIOBase):
    """So many bytes that no compressor makes smaller."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size
        self._block = os.urandom(BLOCK)

    def read(self, size: int = -1) -> bytes:
        data = self._block[: min(self._left, size if size >= 0 else BLOCK, BLOCK)]
        self._left -= len(data)
        return data


def report(bench: Bench, runs: int) -> None:
    size = query(bench.lab, "postgres", "SELECT sum(pg_database_size(datname)) FROM pg_database")
    cores = os.cpu_count() or 1
    print(f"databases: {int(size) / 1e6:.0f} MB, {cores} cores, median of {runs}", flush=True)
    cases = [
        Case("overwrite", "(a) stock, three commands by hand", bench.stock, "reference"),
        Case("overwrite", "(b) ours, with proofs", lambda: bench.ours(0), "time 1.15, memory 150 MiB"),
        Case("overwrite", "(c) ours, restore_jobs = cores", lambda: bench.ours(cores), "time 0.90, memory 150 MiB"),
    ]
    found = measure_in_turns(runs, cases)
    print(f"\n  {'':<36}{'time':>8}{'of ref':>8}{'memory':>10}   limit")
    for case, measure in zip(cases, found, strict=True):
        memory = f"{measure.memory / 2**20:.0f} MiB" if measure.memory else "-"
        ratio = measure.seconds / found[0].seconds
        times = f"{measure.seconds:>6.1f} s{ratio:>8.2f}"
        print(f"  {case.name:<36}{times}{memory:>10}   {case.limit}")
    print(f"\n  a refusal of an archive of 1 GB by its version: {bench.refusal():.1f} s   limit 5.0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=int, default=100)
    parser.add_argument("--verbose", action="store_true", help="show what the playbooks say")
    options = parser.parse_args()
    home = options.build / "bench"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        bench = Bench(home, options.scale, options.verbose)
        report(bench, options.runs)
    finally:
        if (home / "lab" / "lab.json").exists():
            lab.stop(home / "lab", remove=True)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
