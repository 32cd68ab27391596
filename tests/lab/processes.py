# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and stopping the background programs of services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = {
    "ovirt-engine": ("share/ovirt-engine/services/ovirt-engine/ovirt-engine.py", "engine"),
    "ovirt-engine-dwhd": ("share/ovirt-engine-dwh/services/ovirt-engine-dwhd/ovirt_engine_dwhd.py", "dwhd"),
}
SCRIPT = """import sys
from pathlib import Path

sys.path.insert(0, {tests!r})
from lab.daemons.{module} import main

sys.exit(main(Path({home!r})))
"""
START_SECONDS = STOP_SECONDS = 15.0
PAUSE = 0.01


def write_scripts(home: Path) -> None:
    """The programs as files, so that a process listing shows their names."""
    for path, module in PROGRAMS.values():
        script = home / "prefix" / path
        script.parent.mkdir(parents=True, exist_ok=True)
        tests = str(Path(__file__).resolve().parents[1])
        script.write_text(SCRIPT.format(tests=tests, module=module, home=str(home)), encoding="utf-8")


def is_installed(home: Path, service: str) -> bool:
    """Whether the service is more than a state in a file."""
    return service in PROGRAMS and (home / "prefix" / PROGRAMS[service][0]).is_file()


def start(home: Path, service: str) -> bool:
    """Start its program and wait until it is ready; whether it got that far."""
    run, script = home / "run", home / "prefix" / PROGRAMS[service][0]
    run.mkdir(exist_ok=True)
    ready = run / (service + ".ready")
    ready.unlink(missing_ok=True)
    with open(run / (service + ".log"), "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), "--redirect-output", "--systemd=notify", "start"],
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (run / (service + ".pid")).write_text(str(process.pid), encoding="ascii")
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True


def pid_of(home: Path, service: str) -> int | None:
    """The process that was started for the service; None where none was. It may have died since."""
    try:
        return int((home / "run" / (service + ".pid")).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def is_alive(home: Path, service: str) -> bool:
    """Whether that process runs, and is still the same program."""
    pid = pid_of(home, service)
    if pid is None:
        return False
    try:
        # Empty of a process that has ended and nobody has taken leave of.
        command = Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return False
    return str(home / "prefix" / PROGRAMS[service][0]).encode() in command


def stop(home: Path, service: str, force: bool = False) -> None:
    """End the program and wait until it is gone."""
    pid = pid_of(home, service)
    if pid is not None and is_alive(home, service):
        os.kill(pid, signal.SIGKILL if force else signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while is_alive(home, service):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            _reap(pid)
            time.sleep(PAUSE)
    for suffix in (".pid", ".ready"):
        (home / "run" / (service + suffix)).unlink(missing_ok=True)


def _reap(pid: int) -> None:
    # Started by this very process, it would stay a zombie.
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def stop_all(home: Path) -> None:
    """End the programs of all services."""
    for service in PROGRAMS:
        stop(home, service)
