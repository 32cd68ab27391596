# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests about virtual machines, their network interfaces and clusters. This file is private to the collection."""

import functools
from typing import Any, Dict, List, Sequence

from ..api_errors import NotFound
from ..model import Cluster, Nic, Vm, VmOrder
from .client import ApiClient
from .convert import read_cluster, read_nic, read_vm
from .sdk_import import types
from .search_query import any_equals, equals, is_id

# One search for so many addresses: they stand in the address of the request.
MACS_AT_A_TIME = 20


class VmRequests(ApiClient):
    """Read, make, change and remove virtual machines."""

    def find_vms(self, name: str) -> List[Vm]:
        """Return the virtual machines of exactly this name or id."""
        if is_id(name):
            try:
                return [self.read_vm(name)]
            except NotFound:
                return []
        with self._request("search for the virtual machine '%s'" % name):
            found = self._services.vms_service().list(search=equals("name", name))
        return [read_vm(vm) for vm in found if vm.name == name]

    def read_vm(self, vm_id: str, with_configuration: bool = False) -> Vm:
        """Return one virtual machine."""
        with self._request("read the virtual machine %s" % vm_id):
            return read_vm(self._vm(vm_id).get(all_content=with_configuration or None))

    def create_vm(self, order: VmOrder) -> Vm:
        """Make a virtual machine from a configuration."""
        vm = types.Vm(
            name=order.name,
            description=order.description,
            comment=order.comment,
            cluster=types.Cluster(id=order.cluster_id),
            initialization=types.Initialization(
                configuration=types.Configuration(
                    type=types.ConfigurationType(order.configuration.kind), data=order.configuration.data
                ),
                regenerate_ids=order.regenerate_ids,
            ),
        )
        with self._request("make the virtual machine '%s' from its configuration" % order.name):
            return read_vm(self._services.vms_service().add(vm))

    def update_vm(self, vm_id: str, changes: Dict[str, str]) -> Vm:
        """Change name, description or comment."""
        with self._request("change the %s of the virtual machine %s" % (" and ".join(sorted(changes)), vm_id)):
            return read_vm(self._vm(vm_id).update(types.Vm(**changes)))

    def remove_vm(self, vm_id: str) -> None:
        """Remove a virtual machine and keep its disks."""
        with self._request("remove the virtual machine %s, without its disks" % vm_id):
            self._vm(vm_id).remove(detach_only=True)

    def freeze_filesystems(self, vm_id: str) -> None:
        """Freeze the file systems of the guest."""
        with self._request("freeze the file systems of the virtual machine %s" % vm_id):
            self._vm(vm_id).freeze_filesystems()

    def thaw_filesystems(self, vm_id: str) -> None:
        """Thaw them."""
        with self._request("thaw the file systems of the virtual machine %s" % vm_id):
            self._vm(vm_id).thaw_filesystems()

    def list_nics(self, vm_id: str) -> List[Nic]:
        """Return the network interfaces of a virtual machine."""
        with self._request("list the network interfaces of the virtual machine %s" % vm_id):
            return [read_nic(nic) for nic in self._vm(vm_id).nics_service().list()]

    def _read_nics(self, vm: Any) -> List[Nic]:
        """Return the network interfaces of a virtual machine, from the engine where they did not come along."""
        if vm.nics:
            return [read_nic(nic) for nic in vm.nics]
        try:
            return self.list_nics(vm.id)
        except NotFound:  # gone meanwhile
            return []

    def update_nic(self, vm_id: str, nic: Nic) -> None:
        """Give a network interface this profile (empty: none) and plug or unplug it."""
        profile = types.VnicProfile(id=nic.profile_id or None)
        nics = self._vm(vm_id).nics_service()
        with self._request("change the network interface %s of the virtual machine %s" % (nic.name or nic.id, vm_id)):
            nics.nic_service(nic.id).update(types.Nic(plugged=nic.is_plugged, vnic_profile=profile))

    def find_macs(self, macs: Sequence[str]) -> Dict[str, str]:
        """Return those of the MAC addresses (lower case) that a virtual machine has, with its name."""
        found: Dict[str, str] = {}
        for start in range(0, len(macs), MACS_AT_A_TIME):
            search = any_equals("vnic.mac", macs[start : start + MACS_AT_A_TIME])
            what = "search for the virtual machines with the MAC addresses %s" % ", ".join(macs)
            vms = self._following(what, "nics", functools.partial(self._services.vms_service().list, search=search))
            for vm in vms:
                found.update((nic.mac, vm.name) for nic in self._read_nics(vm))
        return {mac: found[mac] for mac in macs if mac in found}

    def list_clusters(self) -> List[Cluster]:
        """Return the clusters that this user sees."""
        with self._request("list the clusters"):
            return [read_cluster(cluster) for cluster in self._services.clusters_service().list()]
