# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of _vm that need no engine. Python 3.6 syntax: decisions are tested on the Pythons of the managed hosts."""

import hashlib
from typing import Any, Dict, List, NamedTuple

from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import Attachment, Disk
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.model import VmRestoreRequest

MIB = 1024**2
GIB = 1024**3
NOW = 1767355200.0 + 2000  # 2026-01-02T12:33:20Z

SavedVm = NamedTuple("SavedVm", [("configuration", str), ("disks", List[Dict[str, Any]])])


def make_disk(number: str, alias: str, size: int = 64 * MIB, **changes: Any) -> Disk:
    image = "1" + number[1:]
    disk = Disk(
        number, alias, "", image, "ok", "image", "data", False, size, MIB, "cow", True, "none", False, ("data",)
    )
    return disk._replace(**changes)


def make_attachment(vm_id: str, disk_id: str, **changes: Any) -> Attachment:
    return Attachment(disk_id, vm_id, "virtio_scsi", False, True, False, False, "", None)._replace(**changes)


def restore_request(saved: SavedVm, **changes: Any) -> VmRestoreRequest:
    """Return a restore of the virtual machine app under its own name."""
    digest = hashlib.sha256(saved.configuration.encode()).hexdigest()
    return VmRestoreRequest(
        backup_vm="backup", name="app", run="", stale_after=86400, vm_name="app", cluster="",
        configuration_path="/backup/app.ovf", configuration=saved.configuration, configuration_sha256=digest,
        disks=saved.disks, storage_domain="", storage_domain_map={}, keep_ids=True, macs="fail_if_used", nics="keep",
        network_map={}, interface="virtio_scsi", events=True, now=NOW,
    )._replace(**changes)  # fmt: skip
