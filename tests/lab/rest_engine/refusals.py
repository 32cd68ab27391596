# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine says no: its texts and status codes."""

from __future__ import annotations

FAILED = "Operation Failed"

# What a running operation elsewhere, or a state that a test cannot make otherwise, is answered with; the fault files
# name these by their keys. {alias} is the disk's, {vm} the virtual machine's name.
ATTACH = {
    "attached": (409, "Cannot attach Virtual Disk. The disk is already attached to VM."),
    "in-use": (409, "Cannot attach Virtual Disk. The disk is not shareable and is already attached to a VM."),
    "snapshot-locked": (409, "Cannot attach Virtual Disk. The snapshot is in LOCKED status."),
    "snapshot-missing": (400, "Cannot attach Virtual Disk. VM's Snapshot does not exist."),
    "snapshot-not-regular": (409, "Cannot attach Virtual Disk. The operation is only allowed for regular snapshots."),
    "disk-missing": (400, "Cannot attach Virtual Disk. The specified disk does not exist."),
    "disk-illegal": (
        400,
        "Cannot attach Virtual Disk. Disk is in an illegal state. Disks in an illegal state can only be deleted.",
    ),
    "disk-locked": (
        409,
        "Cannot attach Virtual Disk: The following disks are locked: {alias}. Please try again in a few minutes.",
    ),
    "related-operation": (
        409,
        "Cannot attach Virtual Disk. Related operation is currently in progress. Please try again later.",
    ),
    "other-data-center": (409, "Cannot attach Virtual Disk. The target Data Center does not contain the Virtual Disk."),
    "no-pci-slot": (409, "Cannot attach Virtual Disk. Maximum PCI devices exceeded."),
    "no-virtio-scsi": (409, "Cannot attach Virtual Disk. VirtIO-SCSI is disabled for the VM"),
    "boot-disk": (409, "Cannot attach Virtual Disk. Disk {other} in VM {vm} is already marked as boot."),
    "read-only-ide": (400, "Cannot attach Virtual Disk. IDE disks can't be read-only."),
    "vm-missing": (400, "Cannot attach Virtual Disk. VM is not found."),
    "vm-status": (409, "Cannot attach Virtual Disk because the VM is in {status} status."),
    "not-authorized": (403, "User is not authorized to perform this action."),
}
DETACH = {
    "vm-status": (409, "Cannot detach Virtual Disk because the VM is in {status} status."),
    "not-attached": (400, "Cannot detach Virtual Disk. The specified disk is not attached to the VM {vm}."),
    "in-snapshot": (
        409,
        "Cannot detach Virtual Disk. The disk is already configured in a snapshot. In order to detach it, remove the "
        "disk's snapshots.",
    ),
    "disk-locked": (
        409,
        "Cannot detach Virtual Disk: The following disks are locked: {alias}. Please try again in a few minutes.",
    ),
    "related-operation": (
        409,
        "Cannot detach Virtual Disk. Related operation is currently in progress. Please try again later.",
    ),
    "not-authorized": (403, "User is not authorized to perform this action."),
}
CREATE_SNAPSHOT = {
    "vm-locked": (409, "Cannot create Snapshot: VM is locked. Please try again in a few minutes."),
    "during-snapshot": (
        409,
        "Cannot create Snapshot. The VM is performing an operation on a Snapshot. Please wait for the operation to "
        "finish, and try again.",
    ),
    "preview": (409, "Cannot create Snapshot. VM is previewing a Snapshot."),
    "migrating": (409, "Cannot create Snapshot. VM migration is in progress"),
    "stateless": (
        409,
        "Cannot create Snapshot. The VM is running as Stateless. Please try again when VM is not running as Stateless.",
    ),
    "disks-locked": (
        409,
        "Cannot create Snapshot: The following disks are locked: {alias}. Please try again in a few minutes.",
    ),
    "being-created": (409, "Cannot create Snapshot. Snapshot is currently being created for VM {vm}."),
    "low-space": (409, "Cannot create Snapshot. Low disk space on Storage Domain {domain}."),
    "disks-illegal": (
        500,
        "Cannot create Snapshot. The following attached disks are in ILLEGAL status: {alias} - please remove them and "
        "try again.",
    ),
    "not-allowed": (400, "Cannot create Snapshot. Snapshot is not allowed for the following disk(s): {alias}."),
    "not-attached": (400, "Cannot create Snapshot. The following disk(s) are not attached to the VM {vm}: {alias}."),
    "not-authorized": (403, "User is not authorized to perform this action."),
}
REMOVE_SNAPSHOT = {
    "attached-elsewhere": (
        409,
        "Cannot remove Snapshot. The following VM's disks snapshots are attached to other VMs (Disk Alias/Snapshot "
        "Description/VM attached to):\n\n {where} \n\nPlease detach them from those VMs and try again.",
    ),
    "backup": (409, "Cannot remove Snapshot. The VM is during a backup operation."),
    "preview": (409, "Cannot remove Snapshot. VM is previewing a Snapshot."),
    "during-snapshot": (
        409,
        "Cannot remove Snapshot. The VM is performing an operation on a Snapshot. Please wait for the operation to "
        "finish, and try again.",
    ),
    "unplugged": (
        409,
        "Cannot remove Snapshot. The following disks are either unplugged or unattached: {alias}. Please attach and "
        "plug them, and try again.",
    ),
    "disks-locked": (
        409,
        "Cannot remove Snapshot: The following disks are locked: {alias}. Please try again in a few minutes.",
    ),
    "vm-status": (409, "Cannot remove Snapshot because the VM is in {status} status."),
    "not-regular": (409, "Cannot remove Snapshot. The operation is only allowed for regular snapshots."),
    "disks-illegal": (
        500,
        "Cannot remove Snapshot. The following attached disks are in ILLEGAL status: {alias} - please remove them and "
        "try again.",
    ),
    "low-space": (409, "Cannot remove Snapshot. Low disk space on Storage Domain {domain}."),
    "not-authorized": (403, "User is not authorized to perform this action."),
}
REMOVE_VM = {
    "attached-elsewhere": (
        409,
        "Cannot remove VM. The following VM's disks snapshots are attached to other VMs (Disk Alias/Snapshot "
        "Description/VM attached to):\n\n {where} \n\nPlease detach them from those VMs and try again.",
    )
}
TABLES = {
    "attach-disk": ATTACH,
    "detach-disk": DETACH,
    "create-snapshot": CREATE_SNAPSHOT,
    "remove-snapshot": REMOVE_SNAPSHOT,
    "remove-vm": REMOVE_VM,
}


class Refusal(Exception):
    """An answer that is a fault."""

    def __init__(self, status: int, detail: str, reason: str = FAILED) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason


class NotFound(Exception):
    """404; mostly with an empty body."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class Unreadable(Exception):
    """A body that is no XML of the API."""


def refuse(request: str, key: str, **values: str) -> Refusal:
    """The refusal of a request by its key."""
    status, detail = TABLES[request][key]
    return say(status, detail.format_map(_Blank(values)))


def say(status: int, *messages: str) -> Refusal:
    """A refusal with these messages."""
    return Refusal(status, "[{}]".format(", ".join(messages)))


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""
