# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests about disk attachments. This file is private to the collection."""

from typing import Any, List

from ..api_errors import Conflict, NotFound
from ..backup.attachments import trace_of
from ..model import Attachment, AttachmentOrder
from .client import ApiClient
from .convert import read_attachment, read_disk
from .sdk_import import types

NOT_ATTACHED = "is not attached to the VM"


class AttachmentRequests(ApiClient):
    """Attach disks and snapshots of disks to virtual machines, and detach them. Nothing here removes a disk."""

    def list_attachments(self, vm_id: str) -> List[Attachment]:
        """Return the disk attachments of a virtual machine, with their disks."""
        what = "list the disk attachments of the virtual machine %s" % vm_id
        found = self._following(what, "disk", self._vm(vm_id).disk_attachments_service().list)
        return [self._with_disk(read_attachment(one, vm_id)) for one in found]

    def _with_disk(self, attachment: Attachment) -> Attachment:
        """Read the disk of an attachment where the engine did not send it along; one that is gone stays away."""
        if attachment.disk is not None:
            return attachment
        try:
            with self._request("read the disk %s" % attachment.disk_id):
                disk = self._services.disks_service().disk_service(attachment.disk_id).get()
        except NotFound:
            return attachment
        return attachment._replace(disk=read_disk(disk))

    def read_attachment(self, vm_id: str, disk_id: str) -> Attachment:
        """Return one disk attachment, without its disk."""
        with self._request("read the attachment of the disk %s to the virtual machine %s" % (disk_id, vm_id)):
            return read_attachment(self._attachment(vm_id, disk_id).get(), vm_id)

    def attach_disk(self, vm_id: str, order: AttachmentOrder) -> Attachment:
        """Attach a disk or a snapshot of one. The engine notes for the latter by which request of ours it did that."""
        snapshot = types.Snapshot(id=order.snapshot_id) if order.snapshot_id else None
        attachment = types.DiskAttachment(
            active=order.is_active,
            bootable=order.is_bootable,
            interface=types.DiskInterface(order.interface),
            disk=types.Disk(id=order.disk_id, snapshot=snapshot),
            # A field that is not given is the engine's to choose; some interfaces take no explicit false.
            read_only=order.is_read_only or None,
            pass_discard=order.pass_discard or None,
        )
        source = (
            "the snapshot %s of the disk %s" % (order.snapshot_id, order.disk_id)
            if snapshot
            else ("the disk %s" % order.disk_id)
        )
        headers = {"Correlation-Id": trace_of(vm_id, order.disk_id, order.snapshot_id)} if snapshot else {}
        with self._request("attach %s to the virtual machine %s" % (source, vm_id)):
            made = self._vm(vm_id).disk_attachments_service().add(attachment, headers=headers)
        return read_attachment(made, vm_id)

    def detach_disk(self, vm_id: str, disk_id: str) -> None:
        """Detach a disk; always with detach_only=true: without it the engine would remove the disk for good."""
        try:
            with self._request("detach the disk %s from the virtual machine %s" % (disk_id, vm_id)):
                self._attachment(vm_id, disk_id).remove(detach_only=True)
        except Conflict as error:
            if NOT_ATTACHED in error.detail:
                raise NotFound(error.message, status=error.status, reason=error.reason, detail=error.detail) from None
            raise

    def _attachment(self, vm_id: str, disk_id: str) -> Any:
        return self._vm(vm_id).disk_attachments_service().attachment_service(disk_id)
