# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else attaches another snapshot of the same disk to the same backup VM: theirs stays, and ours goes.

An engine attaches a disk to a virtual machine once, and an attachment does not tell of which snapshot it is.
"""

import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from .snapshots import Doomed, Machine

BEFORE: Doomed = ("attach_disk", 1, "before")
AFTER: Doomed = ("attach_disk", 1, "after")


def intrude(machine: Machine, disk: str) -> None:
    """Attach a disk of the snapshot that somebody else has made."""
    machine.shared.attach(machine, SimpleNamespace(id=machine.foreign_snapshots[0]), disk)


def foreign_work(machine: Machine) -> Any:
    """Return all that somebody else has of this machine, as the engine shows it."""
    world = machine.world()
    snapshots = [one for one in machine.snapshots(world) if one.id in machine.foreign_snapshots]
    return snapshots, [one for one in world.attachments.values() if one.snapshot in machine.foreign_snapshots]


def kept(machine: Machine, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Act, and find what is somebody else's as it was, and nothing of ours attached."""
    before = foreign_work(machine)
    result = act()
    assert foreign_work(machine) == before
    assert machine.on_backup_vm() == []
    return result


@pytest.mark.parametrize(
    ("moment", "state", "code"),
    [(BEFORE, "absent", "attached_by_others"), (AFTER, "detached", "attachment_unproven")],
)
def test_a_clean_up_after_a_kill_takes_only_what_is_ours(
    machine: Machine, moment: Doomed, state: str, code: str
) -> None:
    machine.doom("attached", moment, signal.SIGKILL)
    disk = machine.disks[0 if moment is BEFORE else 1]
    intrude(machine, disk)
    result = kept(machine, lambda: machine.fails(code, state))
    assert machine.marks()[0] in result["msg"] and "left alone" in result["msg"]
    assert "before the upgrade" in result["msg"] if state == "absent" else disk in result["msg"]
    kept(machine, lambda: machine.fails(code, state))
    machine.shared.detach(machine.foreign_disks.pop())
    machine.removed()


def test_a_call_after_a_kill_does_not_take_the_others_attachment_for_its_own(machine: Machine) -> None:
    machine.doom("attached", BEFORE, signal.SIGKILL)
    intrude(machine, machine.disks[0])
    result = kept(machine, lambda: machine.fails("disk_attached"))
    assert result["phase"] == "plan" and machine.disks[0] in result["msg"]
    machine.shared.detach(machine.foreign_disks.pop())
    assert [disk["id"] for disk in machine.attached()["disks"]] == machine.disks
    machine.removed()


def test_a_sweep_takes_only_what_the_dead_run_attached(machine: Machine) -> None:
    machine.doom("attached", AFTER, signal.SIGKILL, run="elsewhere")
    intrude(machine, machine.disks[1])
    result = kept(machine, lambda: machine.fails("attached_by_others", stale_after=0))
    assert result["phase"] == "sweeping" and "[elsewhere]" in result["msg"]
    assert "[elsewhere]" in machine.marks()[0] and len(machine.marks()) == 1
    machine.shared.detach(machine.foreign_disks.pop())
    assert "[elsewhere]" in str(machine.attached(stale_after=0)["swept"])
    machine.removed()


def test_a_backup_beside_foreign_snapshots_is_detached_attached_again_and_removed(machine: Machine) -> None:
    machine.shared.snapshot(machine, "of another tool")
    machine.attached()
    assert not machine.attached()["changed"]
    assert machine.call("detached")["detached"] == machine.disks
    assert machine.attached()["changed"]
    assert machine.removed()["detached"] == machine.disks
