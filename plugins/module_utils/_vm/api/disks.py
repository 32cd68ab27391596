# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests about disks and storage domains. This file is private to the collection."""

from typing import Any, Dict, List, Sequence

from ..model import Disk, DiskOrder, StorageDomain
from .client import ApiClient
from .convert import read_disk, read_storage_domain
from .sdk_import import types
from .search_query import begins, equals, is_id

# One search for so many of them: they stand in the address of the request.
AT_A_TIME = 50


class DiskRequests(ApiClient):
    """Read, make and remove disks."""

    def read_disk(self, disk_id: str) -> Disk:
        """Return one disk."""
        with self._request("read the disk %s" % disk_id):
            return read_disk(self._disk(disk_id).get())

    def find_disks(self, mark: str, ids: Sequence[str] = ()) -> List[Disk]:
        """Return the disks whose description begins with a mark (empty: none), or whose id is one of these."""
        wanted = [begins("description", mark)] if mark else []
        wanted += [equals("id", number) for number in ids if is_id(number)]
        found: Dict[str, Disk] = {}
        for start in range(0, len(wanted), AT_A_TIME):
            search = " or ".join(wanted[start : start + AT_A_TIME])
            with self._request("search for the disks with %s" % search):
                disks = map(read_disk, self._services.disks_service().list(search=search))
                found.update((disk.id, disk) for disk in disks)
        return [disk for disk in found.values() if disk.id in ids or (mark and disk.description.startswith(mark))]

    def create_disk(self, order: DiskOrder) -> Disk:
        """Begin to make a floating disk."""
        disk = types.Disk(
            id=order.id or None,
            name=order.alias,
            description=order.description,
            provisioned_size=order.provisioned_size,
            initial_size=order.initial_size or None,
            format=types.DiskFormat(order.format),
            sparse=order.is_sparse,
            backup=types.DiskBackup(order.backup),
            content_type=types.DiskContentType.DATA,
            wipe_after_delete=order.wipe_after_delete,
            storage_domains=[types.StorageDomain(id=order.storage_domain_id)],
        )
        with self._request("make the disk '%s' in the storage domain %s" % (order.alias, order.storage_domain_id)):
            return read_disk(self._services.disks_service().add(disk))

    def describe_disk(self, disk_id: str, description: str) -> None:
        """Change the description of a disk."""
        with self._request("change the description of the disk %s" % disk_id):
            self._disk(disk_id).update(types.Disk(description=description))

    def remove_disk(self, disk_id: str) -> None:
        """Remove a disk for good."""
        with self._request("remove the disk %s" % disk_id):
            self._disk(disk_id).remove()

    def list_storage_domains(self) -> List[StorageDomain]:
        """Return the storage domains that this user sees."""
        with self._request("list the storage domains"):
            return [read_storage_domain(domain) for domain in self._services.storage_domains_service().list()]

    def _disk(self, disk_id: str) -> Any:
        return self._services.disks_service().disk_service(disk_id)
