# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the restore of a virtual machine is told, and what it is going to do. This file is private to the collection."""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..._common.errors import Problem
from ..model import Attachment, Cluster, Disk, StorageDomain, Vm
from ..ovf import Ovf

PREPARED, RESTORED, ABSENT = "prepared", "restored", "absent"
KEEP, NEW, FAIL_IF_USED = "keep", "new", "fail_if_used"
UNPLUGGED = "unplugged"


class VmRestoreRequest(NamedTuple):
    """What a restore is asked to do: the options of vm_snapshot_restore."""

    backup_vm: str  # name or id
    name: str  # of the restore: its mark
    run: str
    stale_after: float
    vm_name: str
    cluster: str  # name or id; empty: the one of the configuration
    configuration_path: str
    configuration: str  # the OVF in it; empty where there is none
    configuration_sha256: str  # what it must be; empty: anything
    disks: Optional[Sequence[Mapping[str, Any]]]  # None: not told, for absent
    storage_domain: str
    storage_domain_map: Mapping[str, str]
    keep_ids: bool
    macs: str
    nics: str
    network_map: Mapping[str, str]
    interface: str
    events: bool
    now: float  # seconds since the epoch


class DiskSpec(NamedTuple):
    """A disk as it was saved."""

    id: str
    alias: str
    provisioned_size: int
    actual_size: int
    format: str
    is_sparse: bool
    backup: str
    wipe_after_delete: bool
    domain_id: str
    domain_name: str
    interface: str
    is_bootable: bool
    is_active: bool
    is_read_only: bool
    pass_discard: bool
    order: int


class DiskPlan(NamedTuple):
    """How one disk is restored."""

    disk_spec: DiskSpec
    disk_id: str
    domain: Optional[StorageDomain]
    format: str
    is_sparse: bool
    existing: Optional[Disk]  # made by this restore before
    attached: str  # what it is attached to now: backup_vm, vm, or empty
    note: str


class NicPlan(NamedTuple):
    """How one network interface is restored."""

    id: str  # in the saved configuration
    new_id: str
    name: str
    saved_mac: str
    mac: str  # empty: one from the engine's pool
    network: str
    profile: str
    profile_id: str
    is_plugged: bool
    note: str


class BackedUpVm(NamedTuple):
    """What the backup holds."""

    ovf: Optional[Ovf]
    disk_specs: List[DiskSpec]
    problems: List[Problem]


class EngineState(NamedTuple):
    """What the engine says before anything is done."""

    backup_vm: Optional[Vm]
    attached: Dict[str, Attachment]  # to the backup VM, by disk
    marked: List[Disk]  # with the mark of this restore, whoever runs it
    vms: List[Vm]  # of the wanted name
    own: Dict[str, Attachment]  # to the only one of them, by disk
    vm_ids: Dict[str, bool]  # ids that were looked for: whether a virtual machine has them
    disk_ids: Dict[str, bool]  # ids that were looked for: whether a disk has them
    domains: List[StorageDomain]
    clusters: List[Cluster]
    problems: List[Problem]


class InProgress(NamedTuple):
    """What carries the mark of this restore."""

    disks: Dict[str, Disk]  # made by this restore, by the disk that each of them restores
    leftovers: List[Disk]  # of runs that no longer live, or broken
    vm: Optional[Vm]  # made by this restore, unfinished
    leftover_vm: Optional[Vm]
    problems: List[Problem]


class VmRestorePlan(NamedTuple):
    """What a restore will do, and every problem that forbids it."""

    request: VmRestoreRequest
    state: str
    ovf: Optional[Ovf]
    backup_vm: Optional[Vm]
    cluster: Optional[Cluster]
    vm: Optional[Vm]  # the unfinished one that this restore made
    vm_id: str  # the one that it has or is going to have
    disks: Tuple[DiskPlan, ...]  # in the order in which they are attached
    nics: Tuple[NicPlan, ...]
    leftovers: Tuple[Disk, ...]  # disks that are removed
    leftover_vm: Optional[Vm]  # a virtual machine that is removed
    attached: Dict[str, Attachment]
    own: Dict[str, Attachment]
    finished: Optional[Vm]  # nothing is left to do
    warnings: Tuple[str, ...]
    problems: Tuple[Problem, ...]
