# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detach disks from the backup VM and remove snapshots, each waited for until it is gone.

This file is private to the collection.
"""

import functools
from typing import List, Optional, Sequence

from ..._common.errors import BackupError
from ..api_errors import Conflict, NotFound
from ..idempotent import IdempotentRequest, deliver_removal
from ..model import Snapshot, Vm
from ..protocols import Waiter
from .attachments import find_named, is_attached_elsewhere
from .plan import BackupContext, BackupSnapshot
from .result import name_snapshot
from .rules import describe_snapshot
from .snapshot import tell_events

# A merge that failed is often taken at the next try, but not for ever.
ATTEMPTS = 3
# An engine merges in several rounds of its own, so before so many poll intervals a look is not worth its request.
MERGING = 5


class Remover:
    """Takes away what a backup made in the engine. ``waiter`` is the time that it has for that."""

    def __init__(self, vm: Vm, backup_vm: Optional[Vm], settle: float, waiter: Waiter, tools: BackupContext) -> None:
        self._vm = vm
        self._backup_vm = backup_vm
        self._settle = settle
        self._waiter = waiter
        self._tools = tools

    def take_away(self, held: BackupSnapshot) -> BackupSnapshot:
        """Detach the disks of a snapshot, and remove it; return it with what was detached.

        The engine removes no snapshot while one of its virtual machine is attached anywhere, and its refusal names
        each: that it begins is the proof that nothing is, and what it does not name as ours is somebody else's.
        """
        for disk_id in held.attached:
            self._order_detachment(disk_id)
        try:
            is_proof = self.remove(held.snapshot)
        except Conflict as error:
            named = self._find_named(held, error)
            if not (held.attached or named) or not is_attached_elsewhere(error.detail):
                raise self._explain(held, error) from None
            return self._take_away_named(held, named)
        if held.attached and not is_proof:
            self._wait_detached(held.attached)
        return held

    def _take_away_named(self, held: BackupSnapshot, named: List[str]) -> BackupSnapshot:
        """Detach what the engine named as ours, too, and remove the snapshot once all of it is detached."""
        held = held._replace(
            attached=held.attached + named, unproven=[one for one in held.unproven if one not in named]
        )
        for disk_id in named:
            self._order_detachment(disk_id)
        self._wait_detached(held.attached)
        try:
            self.remove(held.snapshot)
        except Conflict as error:
            raise self._explain(held, error) from None
        return held

    def _find_named(self, held: BackupSnapshot, error: Conflict) -> List[str]:
        if self._backup_vm is None:
            return []
        aliases = {one.disk_id: one.alias for one in held.disks}
        named = find_named(error.detail, aliases, held.snapshot.description, self._backup_vm.name)
        return [disk_id for disk_id in held.unproven if disk_id in named]

    def _explain(self, held: BackupSnapshot, error: Conflict) -> BackupError:
        """Return the error that says what stands in the way, where that is what somebody else attached."""
        if not held.unproven or not is_attached_elsewhere(error.detail):
            return error
        text = (
            "%s can not be removed while a disk of its virtual machine is attached from another snapshot: %s. What "
            "this backup had attached is detached; the rest is not of this backup and was left alone. Run again when "
            "the other work has ended"
        )
        said = " ".join(error.detail.strip("[]").split()).rstrip(".")
        message = text % (name_snapshot(held.snapshot, self._vm), said)
        return BackupError(message, "attached_by_others")

    def detach_all(self, held: BackupSnapshot) -> BackupSnapshot:
        """Detach those disks of a snapshot that are attached; return it with what was detached."""
        for disk_id in held.attached:
            self._order_detachment(disk_id)
        if held.attached:
            self._wait_detached(held.attached)
        if held.unproven:
            text = (
                "%s is there, and the engine's log does not show that this backup attached %s to the backup VM: other "
                "snapshots hold the same disk, so it may be of somebody else and was left alone. Detach it by hand if "
                "nobody needs it; state=absent asks the engine whose it is"
            )
            disks = ", ".join("disk %s" % disk_id for disk_id in held.unproven)
            raise BackupError(text % (name_snapshot(held.snapshot, self._vm), disks), "attachment_unproven")
        return held

    def detach(self, disk_id: str) -> None:
        """Detach a disk, never remove it; nothing where it is not attached."""
        self._order_detachment(disk_id)
        self._wait_detached([disk_id])

    def _order_detachment(self, disk_id: str) -> None:
        backup_vm, api = self._backup_vm, self._tools.api
        if backup_vm is None:
            return
        vm_id = backup_vm.id
        deliver_removal(
            "disk %s to be detached from the backup VM %s" % (disk_id, backup_vm.name),
            lambda: api.detach_disk(vm_id, disk_id),
            lambda: api.read_attachment(vm_id, disk_id),
            self._settle,
            self._waiter,
        )

    def _wait_detached(self, disk_ids: Sequence[str]) -> None:
        backup_vm = self._backup_vm
        if backup_vm is None:
            return
        vm_id = backup_vm.id

        def look() -> List[str]:
            try:
                found = self._tools.api.list_attachments(vm_id)
            except NotFound:
                return []
            return [item.disk_id for item in found if item.disk_id in disk_ids]

        what = "the disks %s to be detached from the backup VM %s" % (", ".join(disk_ids), backup_vm.name)
        self._waiter.until(what, look, lambda left: not left, lambda left: "still attached: " + ", ".join(left))

    def remove(self, snapshot: Snapshot) -> bool:
        """Remove a snapshot; one that the engine still works on is waited for first.

        Return whether the engine took the request; where not, the snapshot was gone already.
        """
        name = name_snapshot(snapshot, self._vm)
        for attempt in range(ATTEMPTS):
            is_moving = attempt > 0 or snapshot.status == "locked"
            if is_moving and self.wait_at_rest(snapshot) is None:
                return attempt > 0
            if self._order_removal(snapshot, name):
                return False
            if self._is_removed(snapshot, name):
                return True
        text = "The removal of %s failed %d times%s. It is still there: run state=absent again later"
        raise BackupError(text % (name, ATTEMPTS, tell_events(self._vm, self._tools)), "snapshot_not_removed")

    def _look(self, snapshot: Snapshot) -> Optional[Snapshot]:
        """Return the snapshot as it is; None where it, or its virtual machine, is gone.

        An id that went back to the active snapshot means that ours is gone.
        """
        try:
            seen = self._tools.api.read_snapshot(self._vm.id, snapshot.id)
        except NotFound:
            return None
        return seen if seen.kind != "active" and seen.description == snapshot.description else None

    def wait_at_rest(self, snapshot: Snapshot) -> Optional[Snapshot]:
        """Wait until the engine has ended what it does with a snapshot; None where it is gone then."""
        return self._waiter.until(
            "the engine to end its work on snapshot '%s' (%s)" % (snapshot.description, snapshot.id),
            lambda: self._look(snapshot),
            lambda seen: seen is None or seen.status != "locked",
            describe_snapshot,
        )

    def _order_removal(self, snapshot: Snapshot, name: str) -> bool:
        """Let the engine begin to remove it; return whether it was gone before."""

        def send() -> Optional[bool]:
            try:
                self._tools.api.remove_snapshot(self._vm.id, snapshot.id)
            except NotFound:
                return True
            return False

        def is_begun() -> Optional[bool]:
            seen = self._look(snapshot)
            return False if seen is None or seen.status == "locked" else None

        delivery = IdempotentRequest("the removal of %s to begin" % name, send, is_begun, self._settle, self._waiter)
        return bool(delivery.send_once())

    def _is_removed(self, snapshot: Snapshot, name: str) -> bool:
        """Wait for the end of the removal; return whether the snapshot is gone then, or came back."""
        began = self._waiter.monotonic()
        was_locked: List[bool] = []

        def is_over(seen: Optional[Snapshot]) -> bool:
            if seen is None:
                return True
            was_locked.append(seen.status == "locked")
            # Back at once, or after it was locked: the engine gave up. Before that it may not even have begun.
            is_late = self._waiter.monotonic() > began + self._settle
            return seen.status != "locked" and (any(was_locked) or is_late)

        look = functools.partial(self._look, snapshot)
        return self._waiter.until("%s to be gone" % name, look, is_over, describe_snapshot, head_start=MERGING) is None
