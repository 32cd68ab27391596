# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a snapshot and prove that it is one. This file is private to the collection."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..._common.errors import BackupError, NotProven
from ..api_errors import ApiError, NotFound
from ..idempotent import IdempotentRequest
from ..model import Snapshot, SnapshotDisk, Vm
from .freeze import FileSystems
from .plan import BackupContext, VmBackupPlan
from .rules import (
    Selected,
    check_held,
    check_held_states,
    consistency_without_freezing,
    describe_consistency,
    describe_snapshot,
    failure_of,
    is_whole,
)

NOT_GOOD = "The snapshot was made and is not good"
# The codes of the events that tell why a snapshot could not be made, or not be removed.
FAILED_EVENTS = (69, 117, 357, 359)
EVENTS_READ = 20
# The answer to the order is a look already, so the next one comes after so many poll intervals.
MAKING = 1


class Creation:
    """The snapshot of one plan: ordered once, looked for by its mark, waited for until it is proven."""

    def __init__(self, plan: VmBackupPlan, vm: Vm, tools: BackupContext) -> None:
        self._plan = plan
        self._vm = vm
        self._tools = tools
        self._ordered: Optional[Snapshot] = None
        disk_ids = [item.disk.id for item in plan.selection.selected]
        self._delivery = IdempotentRequest(
            "the engine to begin snapshot '%s' of virtual machine %s" % (plan.mark, vm.name),
            lambda: tools.api.create_snapshot(vm.id, plan.mark, disk_ids),
            self.find,
            plan.request.settle,
            tools.waiter,
        )

    def may_exist(self) -> bool:
        """Was the snapshot ordered, or may it have been?"""
        return self._delivery.may_be_done()

    def is_known(self) -> bool:
        """Did the engine say which snapshot it is?"""
        return self._ordered is not None

    def find(self) -> Optional[Snapshot]:
        """Return the snapshot that has our mark; None where there is none, or no virtual machine any more."""
        try:
            found = self._tools.api.list_snapshots(self._vm.id)
        except NotFound:
            return None
        return next((one for one in found if one.description == self._plan.mark and one.kind != "active"), None)

    def send_once(self, timeout: Optional[float] = None) -> Snapshot:
        """Return the snapshot once it is whole; to be called again after a time-out."""
        began = self._tools.waiter.monotonic()
        if self._ordered is None:
            self._ordered = self._delivery.send_once(timeout)
        left = None if timeout is None else began + timeout - self._tools.waiter.monotonic()
        return wait_whole(self._ordered, self._plan.mark, self._vm, self._tools, left, MAKING)


def make_snapshot(
    plan: VmBackupPlan, vm: Vm, creation: Creation, systems: FileSystems
) -> Tuple[Snapshot, Dict[str, Any]]:
    """Make the snapshot, with frozen file systems where that is asked for and works; return the truth of it, too."""
    requested = plan.request.consistency
    consistency = consistency_without_freezing(requested, vm)
    if consistency is not None:
        return creation.send_once(), consistency
    note = systems.freeze()
    if note and requested == "require":
        text = "The file systems of virtual machine %s could not be frozen, as consistency=require asks: %s"
        raise BackupError(text % (vm.name, note), "not_frozen")
    if note:
        return creation.send_once(), describe_consistency(requested, False, note=note)
    try:
        snapshot = creation.send_once(max(0.0, systems.seconds_left()))
    except ApiError as error:
        seconds = systems.thaw()
        if error.code != "timed_out" or requested == "require":
            raise
        note = "thawed after %.0f seconds (freeze_timeout), before the snapshot was whole" % seconds
        return creation.send_once(), describe_consistency(requested, False, seconds, note)
    return snapshot, describe_consistency(requested, True, systems.thaw())


def wait_whole(
    snapshot: Snapshot,
    mark: str,
    vm: Vm,
    tools: BackupContext,
    timeout: Optional[float] = None,
    head_start: float = 0.0,
) -> Snapshot:
    """Wait until a snapshot is made, and return it with its disks; raise where it never will be."""

    def look() -> Snapshot:
        try:
            seen = tools.api.read_snapshot(vm.id, snapshot.id, with_disks=True)
        except NotFound:
            raise _failed(snapshot, "it is gone", vm, tools) from None
        reason = failure_of(seen, mark)
        if reason:
            raise _failed(snapshot, reason, vm, tools)
        return seen

    what = "snapshot '%s' (%s) of virtual machine %s to be whole" % (mark, snapshot.id, vm.name)
    return tools.waiter.until(what, look, lambda seen: is_whole(seen, mark), describe_snapshot, timeout, head_start)


def wait_disks(snapshot: Snapshot, selected: Sequence[Selected], vm: Vm, tools: BackupContext) -> List[SnapshotDisk]:
    """Return the disks of a whole snapshot once nothing works on them any more; raise where one broke or is missing."""
    seen = [snapshot]  # the first look is the one that found it whole

    def look() -> Optional[List[SnapshotDisk]]:
        found = seen.pop() if seen else tools.api.read_snapshot(vm.id, snapshot.id, with_disks=True)
        if found.disks is None:  # they did not come along, so it is in motion
            return None
        held = list(found.disks)
        problems = check_held_states(held) + check_held(snapshot, held, selected)
        if problems:
            raise NotProven(problems, NOT_GOOD)
        return held

    held = tools.waiter.until(
        "the disks of snapshot %s to be unlocked" % snapshot.id,
        look,
        lambda held: held is not None and all(one.status in ("ok", "") for one in held),
        lambda held: ", ".join("%s is %s" % (one.alias, one.status) for one in held or ()) or "none was told",
    )
    return held or []


def _failed(snapshot: Snapshot, reason: str, vm: Vm, tools: BackupContext) -> BackupError:
    text = "The snapshot '%s' (%s) of virtual machine %s failed: %s%s. The engine's log has more; then run again"
    message = text % (snapshot.description, snapshot.id, vm.name, reason, tell_events(vm, tools))
    return BackupError(message, "snapshot_failed")


def tell_events(vm: Vm, tools: BackupContext) -> str:
    """Return what the engine's own log says of the newest failure of a snapshot; empty where it says nothing."""
    try:
        events = tools.api.find_events(vm.name, EVENTS_READ)
    except ApiError:  # only a hint
        return ""
    found = [event.description for event in events if event.event_code in FAILED_EVENTS]
    return ". Event: %s" % found[0].rstrip(".") if found else ""
