# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flows of virtual machines need of the engine: one function per request.

Every function raises a child of _vm.api_errors.ApiError: NotFound apart from everything else, Unavailable where
nobody knows whether the request was carried out. This file is private to the collection.
"""

from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Sequence, Set, TypeVar

from .model import (
    Attachment,
    AttachmentOrder,
    Cluster,
    Disk,
    DiskOrder,
    Event,
    Nic,
    Snapshot,
    StorageDomain,
    Vm,
    VmAround,
    VmOrder,
    VnicProfile,
)

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

Seen = TypeVar("Seen")


class Waiter(Protocol):
    """The only loop that sleeps: _vm.api.wait.Waiter, and the fake of the unit tests."""

    def monotonic(self) -> float:
        """Seconds that no clock change moves."""

    def raise_if_caller_exited(self) -> None:
        """Raise Interrupted where the run for which this works has ended, and nobody waits for it any more."""

    def retry_read(self, what: str, request: Callable[[], Seen]) -> Seen:
        """Send a request that changes nothing; while the engine is unavailable, again, up to the time-out."""

    def until(
        self,
        what: str,
        look: Callable[[], Seen],
        is_done: Callable[[Seen], bool],
        describe: Callable[[Seen], str],
        timeout: Optional[float] = None,
        head_start: float = 0.0,
    ) -> Seen:
        """Look again and again until it is done, first after so many poll intervals; return what was seen last.

        An engine that is unavailable meanwhile is waited for. ``is_done`` raises where waiting is hopeless. At the
        deadline raise ApiError (timed_out) that says what was awaited and what was seen last.
        """


class VmApi(Protocol):
    """The requests of a VM backup: _vm.api.engine.EngineApi, and the fake of the unit tests."""

    def read_version(self) -> str:
        """The engine's full version."""

    def fetch_vms(
        self,
        names: Sequence[str],
        with_snapshots: bool = False,
        with_nics: bool = False,
        with_clusters: bool = False,
        with_configuration: bool = False,
    ) -> List[VmAround]:
        """Virtual machines of exactly these names or ids, with what belongs to them, in one request."""

    def read_vm(self, vm_id: str, with_configuration: bool = False) -> Vm:
        """One virtual machine."""

    def list_permits(self, kind: str, object_id: str, needed: Set[str]) -> Optional[Set[str]]:
        """The permits (lower case, such as manipulate_vm_snapshots) of the user on an object; ``needed`` all are there.

        ``kind`` is vms, disks, storagedomains or clusters; ``object_id`` its id. Where those that are needed are among
        what the user may do everywhere the answer is that, without a request of its own. None where nobody can tell.
        """

    def list_attachments(self, vm_id: str) -> List[Attachment]:
        """The disk attachments of a virtual machine, with their disks."""

    def read_attachment(self, vm_id: str, disk_id: str) -> Attachment:
        """One disk attachment, without its disk."""

    def attach_disk(self, vm_id: str, order: AttachmentOrder) -> Attachment:
        """Attach a disk or a snapshot of one."""

    def detach_disk(self, vm_id: str, disk_id: str) -> None:
        """Detach a disk; always with detach_only=true."""

    def list_snapshots(self, vm_id: str) -> List[Snapshot]:
        """All snapshots, the active one included."""

    def read_snapshot(self, vm_id: str, snapshot_id: str, with_disks: bool = False) -> Snapshot:
        """One snapshot."""

    def create_snapshot(self, vm_id: str, description: str, disk_ids: Sequence[str]) -> Snapshot:
        """Begin a snapshot of these disks, without memory."""

    def remove_snapshot(self, vm_id: str, snapshot_id: str) -> None:
        """Begin to remove a snapshot."""

    def freeze_filesystems(self, vm_id: str) -> None:
        """Freeze the file systems of the guest."""

    def thaw_filesystems(self, vm_id: str) -> None:
        """Thaw them."""

    def list_checkpointed_disks(self, vm_id: str) -> Set[str]:
        """Ids of the disks that a changed-block checkpoint holds; empty where the engine has no checkpoints."""

    def read_disk(self, disk_id: str) -> Disk:
        """One disk."""

    def find_disks(self, mark: str, ids: Sequence[str] = ()) -> List[Disk]:
        """Disks whose description begins with a mark (empty: none of them), or whose id is one of these."""

    def create_disk(self, order: DiskOrder) -> Disk:
        """Begin to make a floating disk."""

    def describe_disk(self, disk_id: str, description: str) -> None:
        """Change the description of a disk."""

    def remove_disk(self, disk_id: str) -> None:
        """Remove a disk for good."""

    def list_storage_domains(self) -> List[StorageDomain]:
        """The storage domains that this user sees."""

    def list_clusters(self) -> List[Cluster]:
        """The clusters that this user sees."""

    def create_vm(self, order: VmOrder) -> Vm:
        """Make a virtual machine from a configuration."""

    def update_vm(self, vm_id: str, changes: Dict[str, str]) -> Vm:
        """Change name, description or comment."""

    def remove_vm(self, vm_id: str) -> None:
        """Remove a virtual machine and keep its disks."""

    def update_nic(self, vm_id: str, nic: Nic) -> None:
        """Give a network interface this profile (empty: none) and plug or unplug it."""

    def list_vnic_profiles(self, data_center_id: str) -> List[VnicProfile]:
        """The vNIC profiles of a data center."""

    def find_macs(self, macs: Sequence[str]) -> Dict[str, str]:
        """Those of the MAC addresses (lower case) that a virtual machine has, with its name."""

    def add_event(self, origin: str, custom_id: int, severity: str, description: str, vm_id: str) -> None:
        """Write a line into the engine's event log; severity is normal, warning or error."""

    def find_events(self, text: str, most: int) -> List[Event]:
        """The newest events that a search for a text finds."""

    def find_events_of_requests(self, traces: Sequence[str]) -> List[Event]:
        """What the requests of these names did; attach_disk names those that attach a snapshot, by trace_of."""

    def find_events_since(self, event_id: int, event_code: int, vm_name: str) -> List[Event]:
        """The events of a kind that a virtual machine met after another event."""
