# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore is told as: the values of a module's result. This file is private to the collection."""

from typing import Any, Dict, List

from ..backup.rules import device_names
from ..model import Disk, Vm
from .model import PREPARED, DiskPlan, NicPlan, VmRestorePlan


def describe_disk(plan: DiskPlan, interface: str) -> Dict[str, Any]:
    """Return a disk that is made, or going to be; ``interface`` is that of its attachment to the backup VM."""
    disk_spec, domain = plan.disk_spec, plan.domain
    return {
        "id": plan.disk_id,
        "source_id": disk_spec.id,
        "alias": disk_spec.alias,
        "provisioned_size": disk_spec.provisioned_size,
        "format": plan.format,
        "sparse": plan.is_sparse,
        "storage_domain": {"id": domain.id if domain else "", "name": domain.name if domain else ""},
        "interface": disk_spec.interface,
        "attached_interface": interface,
        "bootable": disk_spec.is_bootable,
        "active": disk_spec.is_active,
        "read_only": disk_spec.is_read_only,
        "pass_discard": disk_spec.pass_discard,
        "order": disk_spec.order,
        "devices": device_names(plan.disk_id, interface),
        "note": plan.note,
    }


def describe_nic(plan: NicPlan) -> Dict[str, Any]:
    """Return a network interface as it is, or is going to be; an empty MAC address is one from the engine's pool."""
    return {
        "name": plan.name,
        "mac": plan.mac,
        "saved_mac": plan.saved_mac,
        "network": plan.network,
        "profile": plan.profile,
        "plugged": plan.is_plugged,
        "note": plan.note,
    }


def describe_vm(plan: VmRestorePlan, status: str) -> Dict[str, str]:
    """Return the virtual machine that is made, or going to be."""
    cluster = plan.cluster.name if plan.cluster is not None else ""
    return {"id": plan.vm_id, "name": plan.request.vm_name, "status": status, "cluster": cluster}


def describe_before(plan: VmRestorePlan) -> Dict[str, Any]:
    """Return what there is of a restore, for the diff."""
    vm = plan.vm or plan.leftover_vm or plan.finished
    disks = [
        {"id": one.disk_id, "alias": one.disk_spec.alias, "attached_to": one.attached}
        for one in plan.disks
        if one.existing is not None
    ]
    return {
        "vm": {"name": vm.name, "status": vm.status} if vm is not None else {},
        "disks": disks,
        "leftovers": [tell_disk(disk) for disk in plan.leftovers],
    }


def describe_after(plan: VmRestorePlan) -> Dict[str, Any]:
    """Return what there is going to be, for the diff: everything that the whole restore makes."""
    where = "backup_vm" if plan.state == PREPARED else "vm"
    return {
        "vm": describe_vm(plan, "none yet" if plan.state == PREPARED else "down"),
        "disks": [dict(describe_disk(one, plan.request.interface), attached_to=where) for one in plan.disks],
        "nics": [describe_nic(one) for one in plan.nics],
        "warnings": list(plan.warnings),
        "leftovers": [],
    }


def tell_disk(disk: Disk) -> str:
    """Return the name of a disk for a person."""
    return "disk %s (%s)" % (disk.alias, disk.id)


def tell_vm(vm: Vm) -> str:
    """Return the name of a virtual machine for a person."""
    return "virtual machine %s (%s)" % (vm.name, vm.id)


def list_removed(plan: VmRestorePlan) -> List[str]:
    """Return what goes away before anything is made."""
    vms = [plan.leftover_vm] + ([plan.vm] if plan.state == PREPARED else [])
    return [tell_vm(vm) for vm in vms if vm is not None] + [tell_disk(disk) for disk in plan.leftovers]
