# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles vm_backup and vm_restore killed while software works and while the engine ends the work.

The run after that succeeds, though the engine restarts meanwhile. The tests of the modules kill at every step.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from lab import rest_engine

from .. import runs
from ..side_effects import photograph
from .bad_tool import break_tool, end_hanging, hanging
from .machines import Machines, wait_until
from .test_vm_backup_role import leftovers
from .test_vm_restore_role import made


def kill(machines: Machines, running: runs.AnyRun, when: Callable[[], bool]) -> None:
    """Kill a run at a moment, with all processes of its session; what works for it in another one is left alone."""
    wait_until(lambda: when() or running.poll() is not None)
    assert running.poll() is None, machines.said(running)
    os.killpg(running.pid, signal.SIGKILL)
    machines.said(running)
    rest_engine.clear(machines.lab.faults)


def disturb(machines: Machines, **faults: str) -> None:
    """Let each of these meet a request of a kind, once; the tests of the modules meet every kind with every fault."""
    for name, parameter in faults.items():
        rest_engine.set_fault(machines.lab.faults, name.replace("_", "-"), parameter)


def test_a_backup_that_is_killed_again_and_again_ends_well(machines: Machines) -> None:
    break_tool(machines, **{"app-": "hangs"})
    running = machines.start_backup("app")
    wait_until(lambda: bool(hanging()))
    machines.back_up("app").refused("still at work")
    kill(machines, running, lambda: bool(hanging()))
    assert len(leftovers(machines)) == 3 and machines.finished("app") == []

    break_tool(machines)
    rest_engine.set_fault(machines.lab.faults, "merge-slow", "3")
    kill(machines, machines.start_backup("app"), lambda: len(machines.finished("app")) == 1 and removes(machines))
    assert len(machines.finished("app")) == 1

    disturb(machines, restart_at="create-snapshot 0.5 1", expire_at="attach-disk 1", restart_after="detach-disk 0.5 1")
    machines.back_up("app").made()
    assert len(machines.finished("app")) == 2 and os.listdir(machines.lab.faults) == []
    before = photograph(machines.backups)
    end_hanging()
    wait_until(lambda: not outlived(machines))
    assert photograph(machines.backups) == before and leftovers(machines) == []


def outlived(machines: Machines) -> list[str]:
    """The processes of the runs that are still there."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            found += [pid] if str(machines.scratch).encode() in Path("/proc", pid, "environ").read_bytes() else []
    return found


def removes(machines: Machines) -> bool:
    """Is a snapshot being removed?"""
    world = rest_engine.world(machines.lab.home)
    return any(one.status == "locked" for one in world.snapshots.values())


def test_a_restore_that_is_killed_again_and_again_ends_well(machines: Machines, saved: Path) -> None:
    contents = machines.contents("app")
    rest_engine.remove_vm(machines.lab.home, "app")
    met = Path(machines.lab.faults, "slow-request")
    break_tool(machines, **{"app-": "hangs"})
    kill(machines, machines.start_restore(saved), lambda: bool(hanging()))
    end_hanging()

    break_tool(machines)
    disturb(machines, slow_request="create-vm 2 1")
    kill(machines, machines.start_restore(saved), lambda: not met.exists())

    disturb(machines, restart_at="create-disk 0.5 1", expire_at="detach-disk 1", restart_after="create-vm 0.5 1")
    machines.restore(saved).made()
    assert machines.contents("app") == contents and os.listdir(machines.lab.faults) == []
    assert made(machines) == []
