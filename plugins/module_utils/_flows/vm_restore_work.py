# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The single steps of a restore: each sent until it is known to be carried out, each waited for.

Every object that is made has an id or a mark that is known before, so a request whose answer was lost is looked for
before it is sent again, and could not be carried out twice. This file is private to the collection.
"""
from typing import Callable, List, Optional

from .._core.api_errors import ApiError, Conflict, NotFound
from .._core.errors import BackupError
from .._core.vm_backup_rules import event_id, is_passing
from .._core.vm_model import Attachment, AttachmentOrder, Disk, DiskOrder, Vm, VmOrder
from .vm_restore_world import Tools, read_or_none

ORIGIN = "ovirt.backup"


class Work:
    """What a run does to the engine, and what became of it."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.phase = "plan"
        self.changed = False
        self.removed: List[str] = []
        self.warnings: List[str] = []

    def make_disk(self, order: DiskOrder) -> None:
        """Begin to make a disk."""

        def is_made() -> bool:
            disk = self.find_disk(order.id)
            return disk is not None and disk.description == order.description

        self._carry_out("disk %s to be begun" % order.alias, lambda: self.tools.api.create_disk(order), is_made)

    def find_disk(self, disk_id: str) -> Optional[Disk]:
        """Return a disk, None where there is none."""
        return read_or_none("disk %s" % disk_id, lambda: self.tools.api.read_disk(disk_id), self.tools)

    def await_disk(self, disk_id: str, alias: str) -> Disk:
        """Wait until a disk can be used."""

        def is_ready(disk: Optional[Disk]) -> bool:
            if disk is None:
                raise BackupError("Disk %s (%s) was there and vanished." % (alias, disk_id), "disk_vanished")
            if disk.status == "illegal":
                text = "Disk %s (%s) became illegal: the engine could not make it. Look into the engine's log."
                raise BackupError(text % (alias, disk_id), "disk_illegal")
            return disk.status == "ok"

        found = self.tools.waiter.until(
            "disk %s (%s) to be ok" % (alias, disk_id), lambda: self.find_disk(disk_id), is_ready,
            lambda disk: "its status is %s" % disk.status if disk is not None else "it is not there",
        )
        if found is None:
            raise AssertionError("is_ready lets no missing disk through")
        return found

    def remove_disk(self, disk_id: str, alias: str) -> None:
        """Remove a disk for good, and wait until it is gone."""
        api = self.tools.api

        def is_gone() -> bool:
            return self.find_disk(disk_id) is None

        what = "disk %s (%s) to be removed" % (alias, disk_id)
        self._carry_out(what, lambda: api.remove_disk(disk_id), is_gone)
        self._await_gone(what, is_gone)
        self.removed.append("disk %s (%s)" % (alias, disk_id))

    def find_attachment(self, vm_id: str, disk_id: str) -> Optional[Attachment]:
        """Return an attachment, None where there is none."""
        what = "the attachment of disk %s" % disk_id
        return read_or_none(what, lambda: self.tools.api.read_attachment(vm_id, disk_id), self.tools)

    def attach(self, vm: Vm, order: AttachmentOrder) -> None:
        """Attach a disk, and wait until it is active if it is to be."""
        api = self.tools.api

        def find() -> Optional[Attachment]:
            return self.find_attachment(vm.id, order.disk_id)

        what = "disk %s to be attached to %s" % (order.disk_id, vm.name)
        self._carry_out(what, lambda: api.attach_disk(vm.id, order), lambda: find() is not None)
        self.tools.waiter.until(
            what, find, lambda found: found is not None and found.is_active == order.is_active,
            lambda found: "it is not attached" if found is None else "it is attached and not active",
        )

    def detach(self, vm: Vm, disk_id: str) -> None:
        """Detach a disk, and wait until it is."""
        api = self.tools.api

        def is_gone() -> bool:
            return self.find_attachment(vm.id, disk_id) is None

        what = "disk %s to be detached from %s" % (disk_id, vm.name)
        self._carry_out(what, lambda: api.detach_disk(vm.id, disk_id), is_gone)
        self._await_gone(what, is_gone)

    def make_vm(self, order: VmOrder, vm_id: str) -> None:
        """Begin to make a virtual machine."""

        def is_made() -> bool:
            vm = self.find_vm(vm_id)
            return vm is not None and (vm.name, vm.comment) == (order.name, order.comment)

        what = "virtual machine %s to be begun" % order.name
        self._carry_out(what, lambda: self.tools.api.create_vm(order), is_made)

    def find_vm(self, vm_id: str) -> Optional[Vm]:
        """Return a virtual machine, None where there is none."""
        return read_or_none("virtual machine %s" % vm_id, lambda: self.tools.api.read_vm(vm_id), self.tools)

    def await_vm(self, vm_id: str, name: str) -> Vm:
        """Wait until a virtual machine is made, that is to say down."""

        def is_down(vm: Optional[Vm]) -> bool:
            if vm is None:
                text = "Virtual machine %s (%s) was begun and vanished: its import failed. Look into the engine's log."
                raise BackupError(text % (name, vm_id), "vm_vanished")
            return vm.status == "down"

        found = self.tools.waiter.until(
            "virtual machine %s to be made" % name, lambda: self.find_vm(vm_id), is_down,
            lambda vm: "its status is %s" % vm.status if vm is not None else "it is not there",
        )
        if found is None:
            raise AssertionError("is_down lets no missing virtual machine through")
        return found

    def remove_vm(self, vm: Vm) -> None:
        """Remove a virtual machine without its disks, and wait until it is gone."""
        api = self.tools.api
        what = "virtual machine %s (%s) to be removed" % (vm.name, vm.id)

        def is_gone() -> bool:
            return self.find_vm(vm.id) is None

        if vm.status == "image_locked":
            self.await_vm(vm.id, vm.name)
        self._carry_out(what, lambda: api.remove_vm(vm.id), is_gone)
        self._await_gone(what, is_gone)
        self.removed.append("virtual machine %s (%s)" % (vm.name, vm.id))

    def change(self, what: str, send: Callable[[], object]) -> None:
        """Send a request that may be sent twice."""
        self._carry_out(what, send, lambda: False)

    def tell(self, severity: str, description: str, vm_id: str, now: float) -> None:
        """Write a line into the engine's log. A restore does not fail because that can not be."""
        number = event_id(description, str(int(now)))
        try:
            self.tools.api.add_event(ORIGIN, number, severity, description, vm_id)
        except ApiError as error:
            self.warnings.append("The event '%s' was not written: %s" % (description, error.message))

    def _await_gone(self, what: str, is_gone: Callable[[], bool]) -> None:
        self.tools.waiter.until(what, is_gone, bool, lambda _gone: "it is still there")

    def _carry_out(self, what: str, send: Callable[[], object], is_done: Callable[[], bool]) -> None:
        """Send a request until it is known to be carried out.

        After a lost answer the engine is asked first. A refusal that passes by itself is waited out.
        """
        refusals: List[str] = []  # one per attempt

        def attempt() -> bool:
            if refusals and is_done():
                return True
            refusals.append("nothing")
            try:
                send()
            except (Conflict, NotFound) as error:
                if is_done():
                    return True
                if not is_passing(error.detail):
                    raise
                refusals.append(error.detail)
                return False
            return True

        self.changed = True
        self.tools.waiter.until(what, attempt, bool, lambda _done: "the engine refused: %s" % refusals[-1])
