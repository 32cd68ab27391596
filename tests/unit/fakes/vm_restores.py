# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores in the engine in memory: a backup of its virtual machine app, and a way to act."""

from __future__ import annotations

from typing import Any

from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import Attachment
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.current_state import RestoreContext
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.model import VmRestoreRequest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.run import (
    VmRestoreResult,
    preview_restore,
    restore_vm,
)

from .vm_engine import FakeEngine, FakeWaiter
from .vm_values import SavedVm
from .vm_world import APP, DATA

ALIVE: dict[str, bool | None] = {"alive": True, "dead": False}


def save_app(engine: FakeEngine) -> SavedVm:
    """Return what a backup of the virtual machine app holds; nothing is written down about it in the journal."""
    configuration = engine.read_vm(APP, True).configuration
    disks = [_describe(number, attachment) for number, attachment in enumerate(engine.list_attachments(APP))]
    engine.calls.clear()
    assert configuration is not None
    return SavedVm(configuration.data, disks)


def _describe(number: int, attachment: Attachment) -> dict[str, Any]:
    disk = attachment.disk
    assert disk is not None
    return {
        "id": disk.id,
        "image_id": disk.image_id,
        "alias": disk.alias,
        "provisioned_size": disk.provisioned_size,
        "actual_size": disk.actual_size,
        "format": disk.format,
        "sparse": disk.is_sparse,
        "backup": disk.backup,
        "wipe_after_delete": disk.wipe_after_delete,
        "storage_domain": {"id": DATA, "name": "data"},
        "interface": attachment.interface,
        "bootable": attachment.is_bootable,
        "active": attachment.is_active,
        "read_only": attachment.is_read_only,
        "pass_discard": attachment.pass_discard,
        "order": number,
    }


def mark_of(name: str, source_id: str = "", run: str = "") -> str:
    """Return the mark of a restore."""
    return "ovirt.backup restore: %s%s%s" % (
        name,
        " [%s]" % run if run else "",
        " disk=%s" % source_id if source_id else "",
    )


def tools(engine: FakeEngine, timeout: float = 3600) -> RestoreContext:
    return RestoreContext(engine, FakeWaiter(engine, timeout), ALIVE.get)


def act(engine: FakeEngine, wanted: VmRestoreRequest, state: str, timeout: float = 3600) -> VmRestoreResult:
    return restore_vm(wanted, state, tools(engine, timeout))


def preview(engine: FakeEngine, wanted: VmRestoreRequest, state: str) -> VmRestoreResult:
    return preview_restore(wanted, state, tools(engine))


def go_through(engine: FakeEngine, wanted: VmRestoreRequest) -> tuple[VmRestoreResult, VmRestoreResult]:
    """Prepare and restore."""
    return act(engine, wanted, "prepared"), act(engine, wanted, "restored")
