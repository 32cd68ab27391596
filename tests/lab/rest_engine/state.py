# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine knows: plain records in memory."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass, field, fields
from typing import Any

GIB = 1024**3
MIB = 1024**2
NAMESPACE = uuid.UUID("6f764972-7421-4c61-b362-656e67696e65")
BLANK = "00000000-0000-0000-0000-000000000000"


def identify(kind: str, name: str) -> str:
    """The same id for the same thing in every lab."""
    return str(uuid.uuid5(NAMESPACE, kind + " " + name))


def new_id() -> str:
    """An id that nothing has."""
    return str(uuid.uuid4())


@dataclass
class Image:
    """One layer of a disk: a file of the same name."""

    id: str
    format: str  # cow, raw


@dataclass
class Disk:
    """A disk; images are its layers, the oldest first, the last one active. A direct LUN has none."""

    id: str
    alias: str
    size: int
    domain: str
    images: list[Image] = field(default_factory=list)
    description: str = ""
    sparse: bool = True
    status: str = "ok"
    storage_type: str = "image"
    content_type: str = "data"
    shareable: bool = False
    backup: str = "none"
    wipe_after_delete: bool = False


@dataclass
class Nic:
    """A network interface."""

    id: str
    name: str
    mac: str
    profile: str
    plugged: bool = True
    linked: bool = True


@dataclass
class Vm:
    """A virtual machine."""

    id: str
    name: str
    cluster: str
    status: str = "down"
    description: str = ""
    comment: str = ""
    origin: str = "ovirt"
    memory: int = GIB
    stateless: bool = False
    next_run: bool = False
    agent: bool = True
    frozen: bool = False
    virtio_scsi: bool = True
    delete_protected: bool = False
    created: str = "2026-01-01T00:00:00.000Z"
    nics: list[Nic] = field(default_factory=list)

    @property
    def spoken_status(self) -> str:
        """Its status as messages say it."""
        return "MigratingFrom" if self.status == "migrating" else self.status.title().replace("_", "")

    @property
    def macs(self) -> list[str]:
        """The addresses of its network interfaces."""
        return [nic.mac for nic in self.nics]


@dataclass
class Attachment:
    """A disk, or a snapshot of one, on a virtual machine. device is its file in the guest, once the guest sees it."""

    vm: str
    disk: str
    snapshot: str = ""
    image: str = ""
    interface: str = "virtio_scsi"
    bootable: bool = False
    active: bool = True
    read_only: bool = False
    pass_discard: bool = False
    device: str = ""


@dataclass
class Snapshot:
    """A snapshot; images says which layer of each disk it keeps."""

    id: str
    vm: str
    description: str
    kind: str = "regular"
    status: str = "ok"
    date: str = ""
    memory: bool = False
    images: dict[str, str] = field(default_factory=dict)
    configuration: str = ""


@dataclass
class Domain:
    """A storage domain; sizes in GiB, as the engine keeps them."""

    id: str
    name: str
    data_center: str
    storage_type: str = "nfs"
    kind: str = "data"
    status: str = "active"
    available: int = 500
    used: int = 100
    critical: int = 5


@dataclass
class Named:
    """A data center."""

    id: str
    name: str


@dataclass
class Cluster:
    """A cluster."""

    id: str
    name: str
    data_center: str


@dataclass
class Network:
    """A network of a data center."""

    id: str
    name: str
    data_center: str


@dataclass
class Profile:
    """A vNIC profile."""

    id: str
    name: str
    network: str


@dataclass
class User:
    """Somebody who can log in; groups only matter to permissions."""

    id: str
    name: str
    password: str
    groups: list[str] = field(default_factory=list)


@dataclass
class Grant:
    """A role of a user or group on an object such as vms/ID, or on everything (*)."""

    id: str
    role: str
    permits: list[str]
    target: str = "*"
    user: str = ""
    group: str = ""


@dataclass
class Event:
    """A line of the event log."""

    id: int
    code: int
    description: str
    severity: str
    time: str
    vm: str = ""
    user: str = ""
    origin: str = "oVirt"
    custom_id: int = -1
    correlation: str = ""
    vm_name: str = ""  # as it was then


@dataclass
class Job:
    """What the engine has to do."""

    id: str
    description: str
    status: str
    correlation: str
    started: str
    ended: str = ""


@dataclass
class Checkpoint:
    """A changed-block checkpoint."""

    id: str
    vm: str
    disks: list[str]
    parent: str = ""
    state: str = "created"
    date: str = "2026-01-01T00:00:00.000Z"


COLLECTIONS: dict[str, type] = {
    "data_centers": Named, "clusters": Cluster, "domains": Domain, "networks": Network, "profiles": Profile,
    "users": User, "grants": Grant, "vms": Vm, "disks": Disk, "attachments": Attachment, "snapshots": Snapshot,
    "events": Event, "jobs": Job, "checkpoints": Checkpoint,
}  # fmt: skip
NESTED: dict[str, tuple[str, type]] = {"vms": ("nics", Nic), "disks": ("images", Image)}


@dataclass
class World:
    """Everything, by id; attachments by VM and disk."""

    data_centers: dict[str, Named] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)

    def attached_to(self, vm: str) -> list[Attachment]:
        """The attachments of a virtual machine."""
        return [attachment for attachment in self.attachments.values() if attachment.vm == vm]

    def attachments_of(self, disk: str) -> list[Attachment]:
        """Where a disk is attached."""
        return [attachment for attachment in self.attachments.values() if attachment.disk == disk]

    def snapshots_of(self, vm: str) -> list[Snapshot]:
        """The snapshots of a virtual machine, the active one included."""
        return [snapshot for snapshot in self.snapshots.values() if snapshot.vm == vm]

    def active_snapshot(self, vm: str) -> Snapshot:
        """The one that is no snapshot but the virtual machine."""
        return next(snapshot for snapshot in self.snapshots_of(vm) if snapshot.kind == "active")

    def data_center_of(self, vm: Vm) -> str:
        """The id of its data center."""
        return self.clusters[vm.cluster].data_center


def attachment_key(vm: str, disk: str) -> str:
    """What an attachment is filed under."""
    return vm + "/" + disk


def to_json(world: World) -> dict[str, Any]:
    """The world as JSON has it."""
    return asdict(world)


def from_json(data: dict[str, Any]) -> World:
    """The world that was kept."""
    return World(**{name: {key: _record(name, row) for key, row in rows.items()} for name, rows in data.items()})


def _record(collection: str, row: dict[str, Any]) -> Any:
    values = dict(row)
    if collection in NESTED:
        name, kind = NESTED[collection]
        values[name] = [kind(**inner) for inner in values.get(name, [])]
    kind = COLLECTIONS[collection]
    known = {item.name for item in fields(kind)}
    unknown = set(values) - known
    if unknown:
        raise ValueError("{} has no {}".format(kind.__name__, ", ".join(sorted(unknown))))
    return kind(**values)


def now() -> str:
    """The time as the API writes it."""
    moment = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + ".{:03d}Z".format(int(moment * 1000) % 1000)
