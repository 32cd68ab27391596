# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run that left its identity in a mark still lives. This file is private to the collection.

Source: proc(5) (stat, field 22; sys/kernel/random/boot_id), pid_namespaces(7).
"""

import os
import re
import socket
import time
from typing import Callable, List, NamedTuple, Optional

from .command import start_time_of
from .errors import Interrupted


class ProcessIdentity(NamedTuple):
    """What tells a process from every other: machine, boot, namespace of process ids, id, start in clock ticks."""

    host: str
    boot: str
    namespace: str
    pid: int
    start: str


def render_identity(run: ProcessIdentity) -> str:
    """Return the identity of a run as one word."""
    return "/".join([re.sub(r"[^A-Za-z0-9._-]", "-", run.host), run.boot, run.namespace, str(run.pid), run.start])


def parse_identity(text: str) -> Optional[ProcessIdentity]:
    """Return the run behind an identity; None for one that somebody chose."""
    parts = text.split("/")
    if len(parts) != 5 or not parts[3].isdigit():
        return None
    return ProcessIdentity(parts[0], parts[1], parts[2], int(parts[3]), parts[4])


def identify_process(pid: int) -> str:
    """Return the identity of a process of this machine."""
    return render_identity(ProcessIdentity(socket.gethostname(), _boot(), _namespace(), pid, start_time_of(pid)))


def is_run_alive(identity: str) -> Optional[bool]:
    """Does the run live? None where that can not be told from here: another machine, or an identity somebody chose."""
    run = parse_identity(identity)
    if run is None or (run.host, run.namespace) != (socket.gethostname(), _namespace()):
        return None
    if run.boot != _boot():
        return False  # this machine was started anew since
    return start_time_of(run.pid) == run.start


def sleep_unless_orphaned(identity: str, sleep: Callable[[float], None] = time.sleep) -> Callable[[float], None]:
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
