# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run that left its identity in a mark still lives. This file is private to the collection.

Source: proc(5) (stat, field 22; sys/kernel/random/boot_id), pid_namespaces(7).
"""
import os
import socket
import time
from typing import Callable, List, Optional

from .._core.backup_mark import Run, parse_run, render_run
from .._core.errors import Interrupted
from .command import start_time_of


def identify_process(pid: int) -> str:
    """Return the identity of a process of this machine."""
    return render_run(Run(socket.gethostname(), _boot(), _namespace(), pid, start_time_of(pid)))


def is_run_alive(identity: str) -> Optional[bool]:
    """Does the run live? None where that can not be told from here: another machine, or an identity somebody chose."""
    run = parse_run(identity)
    if run is None or (run.host, run.namespace) != (socket.gethostname(), _namespace()):
        return None
    if run.boot != _boot():
        return False  # this machine was started anew since
    return start_time_of(run.pid) == run.start


def sleep_while_alive(identity: str, sleep: Callable[[float], None] = time.sleep) -> Callable[[float], None]:
    """Return a way to wait that raises Interrupted, once, when the run has ended for which somebody waits.

    A task that Ansible runs asynchronously outlives a run that was killed.
    """
    told: List[str] = []

    def wait(seconds: float) -> None:
        if not told and is_run_alive(identity) is False:
            told.append(identity)
            raise Interrupted("The run %s has ended, and nobody waits for this any more" % identity)
        sleep(seconds)

    return wait


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()[:8]


def _namespace() -> str:
    return os.readlink("/proc/self/ns/pid").strip("pid:[]")
