# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests about snapshots and checkpoints. This file is private to the collection."""

from typing import Any, List, Sequence, Set

from ..api_errors import NotFound
from ..model import Snapshot, SnapshotDisk
from .client import ApiClient
from .convert import id_of, read_snapshot, read_snapshot_disk
from .sdk_import import types


class SnapshotRequests(ApiClient):
    """Make, read and remove snapshots of virtual machines."""

    def list_snapshots(self, vm_id: str) -> List[Snapshot]:
        """Return all snapshots, the active one included."""
        with self._request("list the snapshots of the virtual machine %s" % vm_id):
            return [read_snapshot(one, vm_id) for one in self._vm(vm_id).snapshots_service().list()]

    def read_snapshot(self, vm_id: str, snapshot_id: str, with_disks: bool = False) -> Snapshot:
        """Return one snapshot."""
        service = self._snapshot(vm_id, snapshot_id)
        what = "read the snapshot %s of the virtual machine %s" % (snapshot_id, vm_id)
        if with_disks:
            return self._with_held(read_snapshot(self._following(what, "disks", service.get), vm_id))
        with self._request(what):
            return read_snapshot(service.get(), vm_id)

    def _with_held(self, snapshot: Snapshot) -> Snapshot:
        """Read the disks of a snapshot where the engine did not send them along.

        The active one has none of its own, and one that is still being made may have none yet.
        """
        if snapshot.disks is not None or snapshot.kind == "active" or snapshot.status == "locked":
            return snapshot
        try:
            return snapshot._replace(disks=tuple(self.list_snapshot_disks(snapshot.vm_id, snapshot.id)))
        except NotFound:
            return snapshot

    def list_snapshot_disks(self, vm_id: str, snapshot_id: str) -> List[SnapshotDisk]:
        """Return the disks of a snapshot."""
        with self._request("list the disks of the snapshot %s of the virtual machine %s" % (snapshot_id, vm_id)):
            return [read_snapshot_disk(disk) for disk in self._snapshot(vm_id, snapshot_id).disks_service().list()]

    def create_snapshot(self, vm_id: str, description: str, disk_ids: Sequence[str]) -> Snapshot:
        """Begin a snapshot of these disks, without memory."""
        snapshot = types.Snapshot(
            description=description,
            persist_memorystate=False,
            disk_attachments=[types.DiskAttachment(disk=types.Disk(id=disk_id)) for disk_id in disk_ids],
        )
        with self._request("make the snapshot '%s' of the virtual machine %s" % (description, vm_id)):
            return read_snapshot(self._vm(vm_id).snapshots_service().add(snapshot), vm_id)

    def remove_snapshot(self, vm_id: str, snapshot_id: str) -> None:
        """Begin to remove a snapshot."""
        with self._request("remove the snapshot %s of the virtual machine %s" % (snapshot_id, vm_id)):
            self._snapshot(vm_id, snapshot_id).remove()

    def list_checkpointed_disks(self, vm_id: str) -> Set[str]:
        """Return the ids of the disks that a changed-block checkpoint holds; none where the engine knows none."""
        checkpoints = self._vm(vm_id).checkpoints_service()
        try:
            found = self._following("list the checkpoints of the virtual machine %s" % vm_id, "disks", checkpoints.list)
        except NotFound:
            return set()
        return {id_of(disk) for one in found for disk in self._list_checkpoint_disks(checkpoints, one)}

    def _list_checkpoint_disks(self, checkpoints: Any, checkpoint: Any) -> Sequence[Any]:
        """Return the disks of a checkpoint, from the engine where they did not come along."""
        disks: Sequence[Any] = checkpoint.disks
        if disks:
            return disks
        try:
            with self._request("list the disks of the checkpoint %s" % checkpoint.id):
                disks = checkpoints.checkpoint_service(checkpoint.id).disks_service().list()
        except NotFound:  # gone meanwhile
            return []
        return disks

    def _snapshot(self, vm_id: str, snapshot_id: str) -> Any:
        return self._vm(vm_id).snapshots_service().snapshot_service(snapshot_id)
