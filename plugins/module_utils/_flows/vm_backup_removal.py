# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detach disks from the backup VM and remove snapshots, each waited for until it is gone.

This file is private to the collection.
"""
import functools
from typing import List, Optional

from .._core.api_errors import Conflict, NotFound
from .._core.errors import BackupError
from .._core.vm_backup_rules import describe_snapshot
from .._core.vm_model import Snapshot, Vm
from .vm_backup_plan import Held, Tools
from .vm_backup_snapshot import tell_events
from .vm_delivery import Delivery
from .vm_protocols import Waiter

# A merge that failed is often taken at the next try, but not for ever.
ATTEMPTS = 3


class Remover:
    """Takes away what a backup made in the engine. ``waiter`` is the time that it has for that."""

    def __init__(self, vm: Vm, backup_vm: Optional[Vm], settle: float, waiter: Waiter, tools: Tools) -> None:
        self._vm = vm
        self._backup_vm = backup_vm
        self._settle = settle
        self._waiter = waiter
        self._tools = tools

    def take_away(self, held: Held) -> None:
        """Detach the disks of a snapshot, and remove it."""
        self.detach_all(held)
        self.remove(held.snapshot)

    def detach_all(self, held: Held) -> None:
        """Detach those disks of a snapshot that are attached."""
        for disk_id in held.attached:
            self.detach(disk_id)

    def detach(self, disk_id: str) -> None:
        """Detach a disk, never remove it; nothing where it is not attached."""
        backup_vm = self._backup_vm
        if backup_vm is None:
            return
        vm_id = backup_vm.id

        def is_gone() -> bool:
            try:
                self._tools.api.read_attachment(vm_id, disk_id)
            except NotFound:
                return True
            return False

        def send() -> bool:
            try:
                self._tools.api.detach_disk(vm_id, disk_id)
            except NotFound:
                return True
            except Conflict:
                if is_gone():
                    return True
                raise
            return True

        what = "disk %s to be detached from the backup VM %s" % (disk_id, backup_vm.name)
        Delivery(what, send, lambda: True if is_gone() else None, self._settle, self._waiter).carry_out()
        self._waiter.until(what, is_gone, bool, lambda gone: "detached" if gone else "still attached")

    def remove(self, snapshot: Snapshot) -> None:
        """Remove a snapshot; one that the engine still works on is waited for first."""
        name = "snapshot '%s' (%s) of virtual machine %s" % (snapshot.description, snapshot.id, self._vm.name)
        for _attempt in range(ATTEMPTS):
            if self.wait_at_rest(snapshot) is None or self._is_removed(snapshot, name):
                return
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
            lambda: self._look(snapshot), lambda seen: seen is None or seen.status != "locked", describe_snapshot,
        )  # fmt: skip

    def _is_removed(self, snapshot: Snapshot, name: str) -> bool:
        """Remove it once; return whether it is gone in the end, or came back."""

        def send() -> bool:
            try:
                self._tools.api.remove_snapshot(self._vm.id, snapshot.id)
            except NotFound:
                return True
            return True

        def is_begun() -> Optional[bool]:
            seen = self._look(snapshot)
            return True if seen is None or seen.status == "locked" else None

        Delivery("the removal of %s to begin" % name, send, is_begun, self._settle, self._waiter).carry_out()
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
        return self._waiter.until("%s to be gone" % name, look, is_over, describe_snapshot) is None
