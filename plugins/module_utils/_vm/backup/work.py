# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call of a backup makes, step by step, and how it is taken back. This file is private to the collection."""

import functools
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from ..._common.errors import BackupError, Interrupted
from ..api_errors import ApiError, NotFound
from ..event_log import write_event
from ..idempotent import IdempotentRequest
from ..model import Attachment, AttachmentOrder, Configuration, Snapshot, SnapshotDisk, Vm
from ..protocols import Waiter
from .attachments import Claim, may_hold
from .freeze import FileSystems
from .ownership import prove
from .plan import BackupContext, BackupSnapshot, VmBackupPlan
from .removal import Remover
from .result import RESUMED_NOTE, VmBackupResult, name_snapshot, unknown_consistency
from .rules import Selected, describe_snapshot, is_same_configuration, is_whole
from .snapshot import Creation, make_snapshot, wait_disks, wait_whole

# How long the engine may go on leaving the configuration out after the snapshot is whole, in seconds.
CONFIGURATION_PATIENCE = 300.0
# How long a hot plug may take until the engine says that the disk is active, in seconds.
PLUG_PATIENCE = 120.0


class AttachOperation:
    """What one call makes, step by step, and how it is taken back."""

    def __init__(self, plan: VmBackupPlan, vm: Vm, backup_vm: Vm, tools: BackupContext) -> None:
        self._plan = plan
        self._vm = vm
        self._backup_vm = backup_vm
        self._tools = tools
        self._systems = FileSystems(vm, plan.request.freeze_timeout, tools)
        self._creation = Creation(plan, vm, tools)
        self._attached: Dict[Claim, bool] = {}  # what was attached, or (False) may have been though nobody saw it
        self._phase = "snapshot"
        self._is_told = False
        self._warnings: List[str] = []

    def run(self) -> VmBackupResult:
        """Make what is missing."""
        plan = self._plan
        snapshot, consistency = self._have_snapshot()
        held = wait_disks(snapshot, plan.selection.selected, self._vm, self._tools)
        self._phase = "attaching"
        missing = list_missing(plan)
        for item in missing:
            self._attach(item, snapshot)
        configuration, active = self._look_at_both()
        lacking = [item.disk.id for item in plan.selection.selected if item.disk.id not in active]
        if lacking:
            self._wait_active(lacking)
        self._phase = "configuration"
        configuration, is_saved = self._save(configuration or read_configuration(self._vm, self._tools))
        warnings = self._warnings + self._systems.warnings
        return VmBackupResult(
            snapshot,
            consistency,
            held,
            configuration,
            is_saved,
            [],
            warnings,
            plan.own is None or is_saved or bool(missing),
        )

    def _save(self, configuration: Configuration) -> Tuple[Configuration, bool]:
        """Have a configuration in the file; return what is in it, and whether it had to be written."""
        if differs(configuration, self._tools):
            self._tools.configuration.save(configuration.data)
            return configuration, True
        return configuration._replace(data=self._tools.configuration.read() or ""), False

    def _look_at_both(self) -> Tuple[Optional[Configuration], Set[str]]:
        """Return the configuration of the one machine, and the ids of the active disks of the other, in one look."""
        ids = [self._vm.id, self._backup_vm.id]
        what = "the configuration of virtual machine %s, and the disks of the backup VM %s" % (
            self._vm.name,
            self._backup_vm.name,
        )
        seen = self._tools.waiter.retry_read(what, lambda: self._tools.api.fetch_vms(ids, with_configuration=True))
        configurations = [one.vm.configuration for one in seen if one.vm.id == self._vm.id]
        active = {
            item.disk_id
            for one in seen
            if one.vm.id == self._backup_vm.id
            for item in one.attachments
            if item.is_active
        }
        return configurations[0] if configurations else None, active

    def _have_snapshot(self) -> Tuple[Snapshot, Dict[str, Any]]:
        plan = self._plan
        if plan.own is not None:
            own = plan.own.snapshot
            if own.disks is None or not is_whole(own, plan.mark):
                own = wait_whole(own, plan.mark, self._vm, self._tools)
            return own, unknown_consistency(plan.request.consistency, RESUMED_NOTE)
        count = len(plan.selection.selected)
        text = "the backup of virtual machine %s begins (%d disks, to the backup VM %s)"
        self._is_told = True
        self._tell("normal", text % (self._vm.name, count, self._backup_vm.name), self._tools.waiter)
        return make_snapshot(plan, self._vm, self._creation, self._systems)

    def _attach(self, item: Selected, snapshot: Snapshot) -> None:
        disk_id, api, vm_id = item.disk.id, self._tools.api, self._backup_vm.id
        request = self._plan.request
        if self._plan.own is not None and disk_id in self._plan.own.attached:  # but it is not active
            self._remover(self._tools.waiter).detach(disk_id)
        claim = Claim(snapshot.id, disk_id, item.disk.alias)
        order = AttachmentOrder(disk_id, snapshot.id, request.interface, False, True, False, False)
        what = "disk %s (%s) of %s to be attached to the backup VM %s" % (
            item.disk.alias,
            disk_id,
            name_snapshot(snapshot, self._vm),
            self._backup_vm.name,
        )
        delivery = IdempotentRequest(
            what,
            lambda: api.attach_disk(vm_id, order),
            lambda: self._find_own(claim, self._tools.waiter),
            request.settle,
            self._tools.waiter,
        )
        self._attached[claim] = False
        try:
            delivery.send_once()
        except BackupError as error:
            if not delivery.may_be_done():  # refused: what is attached there is somebody else's
                del self._attached[claim]
            error.message = "Could not attach %s. %s" % (what.replace(" to be attached", ""), error.message)
            raise
        self._attached[claim] = True

    def _find_own(self, claim: Claim, waiter: Waiter) -> Optional[Attachment]:
        """Return the attachment that a lost answer may have left; None where it may be somebody else's."""
        try:
            found = self._tools.api.read_attachment(self._backup_vm.id, claim.disk_id)
        except NotFound:
            return None
        snapshots = self._tools.api.list_snapshots(self._vm.id)
        others = [one for one in snapshots if one.id != claim.snapshot_id]
        is_own = not may_hold(others, claim.disk_id) or prove([claim], self._backup_vm, self._tools.api, waiter)
        return found if is_own else None

    def _wait_active(self, disk_ids: List[str]) -> None:
        """Wait until the engine shows every disk as attached and active."""

        def look() -> List[str]:
            found = self._tools.api.list_attachments(self._backup_vm.id)
            active = {item.disk_id for item in found if item.is_active}
            return [disk_id for disk_id in disk_ids if disk_id not in active]

        what = "the disks to be active on the backup VM %s" % self._backup_vm.name
        self._tools.waiter.until(
            what, look, lambda lacking: not lacking, lambda lacking: "not active: " + ", ".join(lacking), PLUG_PATIENCE
        )

    def _tell(self, severity: str, text: str, waiter: Waiter) -> None:
        self._warnings += tell(self._plan, self._vm, severity, text, waiter, self._tools)

    def _remover(self, waiter: Waiter) -> Remover:
        return Remover(self._vm, self._backup_vm, self._plan.request.settle, waiter, self._tools)

    def rollback(self, error: BaseException) -> None:
        """Take back what this call made, and let the error say what became of it. Raises nothing of its own."""
        waiter = self._tools.new_waiter(self._plan.request.timeout)
        self._systems.thaw()
        undone: List[str] = []
        standing: List[str] = []
        for claim, is_seen in reversed(list(self._attached.items())):
            name = "attachment of disk %s to the backup VM %s" % (claim.disk_id, self._backup_vm.name)
            self._attempt(name, functools.partial(self._detach, claim, is_seen, name, waiter), undone, standing)
        self._remove_snapshot(waiter, undone, standing)
        explain(error, self._phase, undone, standing)
        if self._is_told:
            self._tell("error", "the backup of virtual machine %s failed: %s" % (self._vm.name, error), waiter)
        if self._warnings + self._systems.warnings and isinstance(error, BackupError):
            error.facts["warnings"] = self._warnings + self._systems.warnings

    def _detach(self, claim: Claim, is_seen: bool, name: str, waiter: Waiter) -> bool:
        """Return whether there was something of ours to detach. What nobody saw made may be somebody else's."""
        if not is_seen and waiter.retry_read(name, lambda: self._find_own(claim, waiter)) is None:
            return False
        self._remover(waiter).detach(claim.disk_id)
        return True

    def _remove_snapshot(self, waiter: Waiter, undone: List[str], standing: List[str]) -> None:
        """Remove the snapshot that this call made; one of an earlier call stays."""
        if self._plan.own is not None:
            standing.append(name_snapshot(self._plan.own.snapshot, self._vm) + " of an earlier call")
        elif self._creation.may_exist():
            name = "snapshot '%s' of virtual machine %s" % (self._plan.mark, self._vm.name)
            self._attempt(name, lambda: self._find_and_remove(waiter), undone, standing)

    def _find_and_remove(self, waiter: Waiter) -> bool:
        """Return whether the snapshot was there. After a lost answer it may show up late."""
        patience = 0.0 if self._creation.is_known() else self._plan.request.settle
        try:
            what = "a trace of snapshot '%s'" % self._plan.mark
            found = waiter.until(what, self._creation.find, lambda seen: seen is not None, describe_snapshot, patience)
        except ApiError as error:
            if error.code != "timed_out":
                raise
            return False
        if found is not None:
            disks = [SnapshotDisk(item.disk.id, "", item.disk.alias, "") for item in self._plan.selection.selected]
            unseen = [claim.disk_id for claim, is_seen in self._attached.items() if not is_seen]
            self._remover(waiter).take_away(BackupSnapshot(found, disks, [], unseen))
        return True

    @staticmethod
    def _attempt(name: str, act: Callable[[], Any], undone: List[str], standing: List[str]) -> None:
        try:
            if act() is not False:
                undone.append(name)
        except BackupError as trouble:
            standing.append("%s (%s)" % (name, trouble.message.rstrip(".")))


def list_missing(plan: VmBackupPlan) -> List[Selected]:
    """Return the disks that are not attached, or not active."""
    there = plan.own.attached if plan.own is not None else []
    return [
        item
        for item in plan.selection.selected
        if item.disk.id not in there or not plan.present[item.disk.id].is_active
    ]


def read_configuration(vm: Vm, tools: BackupContext) -> Configuration:
    """Return the configuration of a virtual machine as soon as the engine tells it."""
    what = "the configuration of virtual machine %s, which the engine leaves out while something is locked" % vm.name
    found = tools.waiter.until(
        what,
        lambda: tools.api.read_vm(vm.id, with_configuration=True),
        lambda seen: seen.configuration is not None,
        lambda seen: "status %s, no configuration" % seen.status,
        CONFIGURATION_PATIENCE,
    ).configuration
    if found is None:  # until returns only what is done
        raise ApiError("%s: there is none" % what)
    return found


def differs(configuration: Optional[Configuration], tools: BackupContext) -> bool:
    """Does the saved file not hold this configuration?"""
    saved = tools.configuration.read()
    return configuration is None or saved is None or not is_same_configuration(saved, configuration.data)


def tell(plan: VmBackupPlan, vm: Vm, severity: str, text: str, waiter: Waiter, tools: BackupContext) -> List[str]:
    """Write a line into the engine's event log; return a warning where that does not work: it fails no backup."""
    if not plan.request.events:
        return []
    return write_event(severity, "%s: %s" % (plan.mark, text), vm.id, tools.now(), tools.api, waiter)


def explain(error: BaseException, phase: str, undone: List[str], standing: List[str]) -> None:
    """Let an error say what became of the work: what was taken back, and what stands where."""
    said = []
    if undone:
        said.append("Taken back: %s." % "; ".join(undone))
    if standing:
        said.append("Still there: %s. Run this module with state=absent to take it away." % "; ".join(standing))
    text = " ".join(said) or "Nothing of it is left in the engine."
    if isinstance(error, (BackupError, Interrupted)):
        error.message = "%s. %s" % (error.message.rstrip("."), text)
        error.facts.setdefault("phase", phase)
        error.facts.update(undone=undone, standing=standing)
