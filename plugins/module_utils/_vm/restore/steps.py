# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The single steps of a restore: each sent until it is known to be carried out, and what several of them make awaited
together.

Every object that is made has an id or a mark that is known before, so a request whose answer was lost is looked for
before it is sent again, and could not be carried out twice. This file is private to the collection.
"""

from typing import Callable, Dict, List, Optional, Sequence, TypeVar

from ..._common.errors import BackupError
from ..event_log import write_event
from ..idempotent import IdempotentRequest, deliver_removal
from ..model import Attachment, AttachmentOrder, Disk, DiskOrder, Vm, VmAround, VmOrder
from .current_state import RestoreContext, attachments_of, read_or_none
from .report import tell_disk, tell_vm

Made = TypeVar("Made")
Found = TypeVar("Found")
# A request whose answer was lost may be sent again at once: its ids let nothing be made twice.
SETTLE = 0.0


class RestoreSteps:
    """What a run does to the engine, and what became of it."""

    def __init__(self, tools: RestoreContext) -> None:
        self.tools = tools
        self.phase = "plan"
        self.changed = False
        self.removed: List[str] = []
        self.warnings: List[str] = []

    # --- disks ---

    def make_disk(self, order: DiskOrder) -> Disk:
        """Begin to make a disk; return it as it is then."""

        def find() -> Optional[Disk]:
            disk = read_or_none("disk %s" % order.id, lambda: self.tools.api.read_disk(order.id), self.tools)
            return disk if disk is not None and disk.description == order.description else None

        return self._make("disk %s to be begun" % order.alias, lambda: self.tools.api.create_disk(order), find)

    def await_disks(self, disks: Sequence[Disk], are_seen: bool) -> Dict[str, Disk]:
        """Wait until all of these disks can be used; return them by id.

        ``are_seen``: they are as the engine showed them just now, so that the first look is spared.
        """
        ids = [disk.id for disk in disks]
        seen = [disks] if are_seen else []

        def look() -> Dict[str, Disk]:
            return {disk.id: disk for disk in (seen.pop() if seen else self.tools.api.find_disks("", ids))}

        def are_ready(found: Dict[str, Disk]) -> bool:
            for disk in disks:
                _check_made(disk, found.get(disk.id))
            return all(disk.status == "ok" for disk in found.values())

        if not disks:
            return {}
        what = "%s to be ok" % ", ".join(map(tell_disk, disks))
        return self.tools.waiter.until(what, look, are_ready, _describe_disks)

    def remove_disks(self, disks: Sequence[Disk]) -> None:
        """Remove disks for good, and wait until they are gone."""
        api, ids = self.tools.api, [disk.id for disk in disks]

        def find() -> List[str]:
            there = {disk.id for disk in api.find_disks("", ids)}
            self.removed += [
                tell_disk(disk) for disk in disks if disk.id not in there and tell_disk(disk) not in self.removed
            ]
            return [tell_disk(disk) for disk in disks if disk.id in there]

        for disk in disks:
            self._remove_disk(disk)
        if disks:
            self._await_none("the disks to be removed", find)

    def _remove_disk(self, disk: Disk) -> None:
        api = self.tools.api
        self._take_away(
            "%s to be removed" % tell_disk(disk), lambda: api.remove_disk(disk.id), lambda: api.read_disk(disk.id)
        )

    # --- attachments ---

    def attach(self, vm: Vm, orders: Sequence[AttachmentOrder]) -> VmAround:
        """Attach disks, and wait until each is active that is to be; return what there is then."""
        for order in orders:
            self._attach(vm, order)

        def list_lacking(around: VmAround) -> List[str]:
            found = attachments_of(around)
            return [text for text in (_check_attached(order, found.get(order.disk_id)) for order in orders) if text]

        return self.tools.waiter.until(
            "the disks to be attached to %s" % vm.name,
            lambda: self.look_at(vm),
            lambda around: not list_lacking(around),
            lambda around: "; ".join(list_lacking(around)),
        )

    def _attach(self, vm: Vm, order: AttachmentOrder) -> None:
        api = self.tools.api

        def find() -> Optional[Attachment]:
            return read_or_none("an attachment", lambda: api.read_attachment(vm.id, order.disk_id), self.tools)

        what = "disk %s to be attached to %s" % (order.disk_id, vm.name)
        self._make(what, lambda: api.attach_disk(vm.id, order), find)

    def detach(self, vm: Vm, disk_ids: Sequence[str]) -> None:
        """Detach disks, and wait until they are."""
        api = self.tools.api
        for disk_id in disk_ids:
            self._detach(vm, disk_id)
        if disk_ids:
            self._await_none(
                "%s to be detached from %s" % (_join_disks(disk_ids), vm.name),
                lambda: [one.disk_id for one in api.list_attachments(vm.id) if one.disk_id in disk_ids],
            )

    def _detach(self, vm: Vm, disk_id: str) -> None:
        api = self.tools.api
        self._take_away(
            "%s to be detached from %s" % (_join_disks([disk_id]), vm.name),
            lambda: api.detach_disk(vm.id, disk_id),
            lambda: api.read_attachment(vm.id, disk_id),
        )

    # --- virtual machines ---

    def make_vm(self, order: VmOrder, vm_id: str) -> Vm:
        """Begin to make a virtual machine; return it as it is then."""
        api = self.tools.api

        def find() -> Optional[Vm]:
            vm = self.find_vm(vm_id)
            return vm if vm is not None and (vm.name, vm.comment) == (order.name, order.comment) else None

        return self._make("virtual machine %s to be begun" % order.name, lambda: api.create_vm(order), find)

    def find_vm(self, vm_id: str) -> Optional[Vm]:
        """Return a virtual machine; None where there is none."""
        return read_or_none("virtual machine %s" % vm_id, lambda: self.tools.api.read_vm(vm_id), self.tools)

    def await_vm(self, vm: Vm) -> Vm:
        """Wait until a virtual machine is made, that is to say down; ``vm`` is what was seen of it just now."""
        seen: List[Vm] = [vm]

        def look() -> Vm:
            return _still_there(vm, seen.pop() if seen else self.find_vm(vm.id))

        return self.tools.waiter.until(
            "virtual machine %s to be made" % vm.name,
            look,
            lambda found: found.status == "down",
            lambda found: "its status is %s" % found.status,
        )

    def look_at(self, vm: Vm) -> VmAround:
        """Return a virtual machine with its disks and network interfaces."""
        found = self.tools.waiter.retry_read(tell_vm(vm), lambda: self.tools.api.fetch_vms([vm.id], with_nics=True))
        return _still_there(vm, found[0] if found else None)

    def remove_vm(self, vm: Vm) -> None:
        """Remove a virtual machine without its disks, and wait until it is gone."""
        api, what = self.tools.api, "%s to be removed" % tell_vm(vm)
        if vm.status == "image_locked":
            self.await_vm(vm)
        self._take_away(what, lambda: api.remove_vm(vm.id), lambda: api.read_vm(vm.id))
        self._await_none(what, lambda: [vm.name] if self.find_vm(vm.id) is not None else [])
        self.removed.append(tell_vm(vm))

    # --- all of them ---

    def change(self, what: str, send: Callable[[], object]) -> None:
        """Send a request that may be sent twice."""

        def attempt() -> bool:
            send()
            return True

        self.changed = True
        IdempotentRequest(what, attempt, lambda: None, SETTLE, self.tools.waiter).send_once()

    def tell(self, severity: str, description: str, vm_id: str, now: float) -> None:
        """Write a line into the engine's log. A restore does not fail because that can not be."""
        self.warnings += write_event(severity, description, vm_id, now, self.tools.api, self.tools.waiter)

    def _make(self, what: str, send: Callable[[], Made], find: Callable[[], Optional[Made]]) -> Made:
        self.changed = True
        return IdempotentRequest(what, send, find, SETTLE, self.tools.waiter, is_ours=True).send_once()

    def _take_away(self, what: str, send: Callable[[], None], read: Callable[[], object]) -> None:
        self.changed = True
        deliver_removal(what, send, read, SETTLE, self.tools.waiter)

    def _await_none(self, what: str, find: Callable[[], List[str]]) -> None:
        self.tools.waiter.until(what, find, lambda left: not left, lambda left: "still there: " + ", ".join(left))


def _still_there(vm: Vm, found: Optional[Found]) -> Found:
    """Raise where a virtual machine that was begun is not there any more."""
    if found is None:
        text = (
            "Virtual machine %s (%s) was begun and vanished: its import failed, or somebody removed it. Look into the "
            "engine's log."
        )
        raise BackupError(text % (vm.name, vm.id), "vm_vanished")
    return found


def _check_made(disk: Disk, found: Optional[Disk]) -> None:
    """Raise where a disk that was begun will never be one."""
    if found is None:
        text = "Disk %s (%s) was there and vanished."
        raise BackupError(text % (disk.alias, disk.id), "disk_vanished")
    if found.status == "illegal":
        text = "Disk %s (%s) became illegal: the engine could not make it. Look into the engine's log."
        raise BackupError(text % (disk.alias, disk.id), "disk_illegal")


def _describe_disks(found: Dict[str, Disk]) -> str:
    return "; ".join(
        "%s: its status is %s" % (tell_disk(disk), disk.status) for disk in found.values() if disk.status != "ok"
    )


def _check_attached(order: AttachmentOrder, found: Optional[Attachment]) -> str:
    """Return why a disk is not attached as it is to be; empty where it is."""
    if found is None:
        return "disk %s is not attached" % order.disk_id
    if found.is_active == order.is_active:
        return ""
    return "disk %s is attached and %s" % (order.disk_id, "active" if found.is_active else "not active")


def _join_disks(disk_ids: Sequence[str]) -> str:
    return ("disk %s" if len(disk_ids) == 1 else "disks %s") % ", ".join(disk_ids)
