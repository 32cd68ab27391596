# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, stop and status of a stand-in engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import certificates
from .engine import DELAYS
from .inventory import write_inventory
from .layout import RestLab, RestLabError, lab_path, load
from .worlds import DEFAULT, VmPlan, plan_to_json

START_SECONDS = STOP_SECONDS = 30.0
PAUSE = 0.02
REALISTIC = {"snapshot": 5.0, "merge": 15.0, "attach": 3.0, "disk": 4.0, "remove": 3.0}


def start(home: Path | str, world: tuple[VmPlan, ...] | None = None, **delays: float) -> RestLab:
    """Start a stand-in engine below home: a new one, or the one that was stopped there, as it was."""
    home = Path(home).absolute()
    unknown = set(delays) - set(DELAYS)
    if unknown:
        raise RestLabError("unknown delay {}; known: {}".format(", ".join(unknown), ", ".join(DELAYS)))
    if is_running(home):
        return load(home)
    if not lab_path(home).exists():
        _prepare(home, DEFAULT if world is None else world, delays)
    (home / "ready").unlink(missing_ok=True)
    _spawn(home)
    lab = load(home)
    write_inventory(lab)
    return lab


def _prepare(home: Path, world: tuple[VmPlan, ...], delays: dict[str, float]) -> None:
    if home.exists() and any(home.iterdir()):
        raise RestLabError("{} holds files that are not a stand-in engine; name a new or empty directory".format(home))
    for name in ("faults", "disks", "hosts"):
        (home / name).mkdir(parents=True)
    home.chmod(0o700)
    (home / "requests.log").touch()
    certificates.make(home / "pki")
    settings = {"world": plan_to_json(world), "delays": delays}
    (home / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def _spawn(home: Path) -> None:
    tests = str(Path(__file__).resolve().parents[2])
    with open(home / "server.log", "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.rest_engine", "serve", str(home)],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "PYTHONPATH": tests},
            cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while not (home / "ready").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            log = (home / "server.log").read_text(encoding="utf-8", errors="replace")
            raise RestLabError("the stand-in engine did not start:\n" + log[-2000:])
        time.sleep(PAUSE)


def pid_of(home: Path) -> int:
    """The process that was started last; 0 if none was."""
    try:
        return int((home / "pid").read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0


def is_running(home: Path) -> bool:
    """Whether that process runs and is still ours: a number that was given to another program does not count."""
    pid = pid_of(home)
    try:
        words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0") if pid else []
    except OSError:
        return False
    return str(home).encode() in words and b"serve" in words


def stop(home: Path | str, remove: bool = False) -> None:
    """End the process and wait for it; with remove, delete all files too."""
    home = Path(home).absolute()
    pid = pid_of(home)
    if is_running(home):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while is_running(home):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            _reap(pid)
            time.sleep(PAUSE)
    (home / "pid").unlink(missing_ok=True)
    if remove:
        shutil.rmtree(home)


def _reap(pid: int) -> None:
    # Started by this very process, it would stay a zombie.
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def status(home: Path | str) -> str:
    """One line about it."""
    home = Path(home).absolute()
    lab = load(home)
    return "{}: {}, {}".format(home, "running" if is_running(home) else "stopped", lab.url)
