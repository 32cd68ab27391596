# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at virtual machines and what belongs to them, in one request. This file is private to the collection.

The engine follows links in lists, nested ones too. Where it can not follow one of them, because something vanished in
that moment or this user may not see it, the whole request fails; then everything is asked for by itself.
"""

from typing import Any, List, NamedTuple, Sequence

from ..api_errors import ApiError, NotFound
from ..model import Attachment, Snapshot, VmAround
from .attachments import AttachmentRequests
from .convert import read_attachment, read_cluster, read_snapshot, read_vm
from .errors import could_not_follow
from .search_query import named
from .snapshots import SnapshotRequests
from .vms import VmRequests


class QueryParts(NamedTuple):
    """What is to come along with each virtual machine."""

    snapshots: bool
    nics: bool
    clusters: bool
    configuration: bool


class VmQueries(VmRequests, AttachmentRequests, SnapshotRequests):
    """All requests about virtual machines, and those that join several of them."""

    def fetch_vms(
        self,
        names: Sequence[str],
        with_snapshots: bool = False,
        with_nics: bool = False,
        with_clusters: bool = False,
        with_configuration: bool = False,
    ) -> List[VmAround]:
        """Return the virtual machines of exactly these names or ids, with what belongs to them."""
        if not names:
            return []
        parts = QueryParts(with_snapshots, with_nics, with_clusters, with_configuration)
        ids = {name.lower() for name in names}
        try:
            with self._request("look at the virtual machines %s" % ", ".join(names)):
                found = self._services.vms_service().list(
                    search=named(names), follow=list_links(parts), all_content=with_configuration or None
                )
        except ApiError as error:
            if not could_not_follow(error):
                raise
            return self._look_piece_by_piece(names, parts)
        return [self._complete(vm, parts) for vm in found if vm.name in names or vm.id in ids]

    def _look_piece_by_piece(self, names: Sequence[str], parts: QueryParts) -> List[VmAround]:
        found = {vm.id: vm for name in names for vm in self.find_vms(name)}
        clusters = {one.id: one for one in (self.list_clusters() if parts.clusters else [])}
        around = []
        for vm in found.values():
            try:
                around.append(
                    VmAround(
                        self.read_vm(vm.id, with_configuration=True) if parts.configuration else vm,
                        self.list_attachments(vm.id),
                        self._list_whole_snapshots(vm.id) if parts.snapshots else [],
                        self.list_nics(vm.id) if parts.nics else [],
                        clusters.get(vm.cluster_id),
                    )
                )
            except NotFound:  # gone meanwhile
                continue
        return around

    def _complete(self, vm: Any, parts: QueryParts) -> VmAround:
        """Return what came along, and what did not from requests of its own: an empty list may be either."""
        return VmAround(
            read_vm(vm),
            self._read_attachments(vm),
            self._read_snapshots(vm) if parts.snapshots else [],
            self._read_nics(vm) if parts.nics else [],
            read_cluster(vm.cluster) if parts.clusters else None,
        )

    def _read_attachments(self, vm: Any) -> List[Attachment]:
        if not vm.disk_attachments:
            return self.list_attachments(vm.id)
        return [self._with_disk(read_attachment(one, vm.id)) for one in vm.disk_attachments]

    def _read_snapshots(self, vm: Any) -> List[Snapshot]:
        if not vm.snapshots:  # there is always one, the active
            return self._list_whole_snapshots(vm.id)
        return [self._with_held(read_snapshot(one, vm.id)) for one in vm.snapshots]

    def _list_whole_snapshots(self, vm_id: str) -> List[Snapshot]:
        return [self._with_held(one) for one in self.list_snapshots(vm_id)]


def list_links(parts: QueryParts) -> str:
    """Return the links that are to be followed from each virtual machine."""
    links = ["disk_attachments.disk"]
    links += ["snapshots.disks"] if parts.snapshots else []
    links += ["nics"] if parts.nics else []
    links += ["cluster"] if parts.clusters else []
    return ",".join(links)
