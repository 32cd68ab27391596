# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine itself: its world, its clock, its log; the resources work on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from . import images
from .faults import Faults
from .refusals import NotFound, refuse
from .schedule import Schedule
from .state import Disk, Event, Image, Job, Snapshot, User, Vm, World, new_id, now

VERSION = "4.5.8-0.0.master"
DELAYS = {
    "snapshot": 0.2,  # until a snapshot is ok
    "merge": 0.2,  # until a snapshot is gone
    "attach": 0.1,  # until the guest sees a disk
    "disk": 0.1,  # until a new disk is ok
    "remove": 0.05,  # until a removed disk is gone
    "freeze": 0.0,
}
EVERYONE = "eee00000-0000-0000-0000-123456789eee"  # the group that each user is in
Found = TypeVar("Found")


class Engine:
    """Everything happens under one lock."""

    def __init__(self, home: Path, world: World, delays: dict[str, float]) -> None:
        self.home = home
        self.world = world
        self.delays = {**DELAYS, **delays}
        self.faults = Faults(home / "faults")
        self.schedule = Schedule()
        self.lock = threading.RLock()
        self.correlation = ""
        self.user: User | None = None

    @property
    def disks(self) -> Path:
        """Where the layers of the disks are."""
        return self.home / "disks"

    def now(self) -> str:
        """The time as the API writes it."""
        return now()

    def create_layer(self, disk: Disk) -> None:
        """Make the file of a new disk."""
        images.create(self.disks, disk)

    def lay_over(self, disk: Disk) -> None:
        """Put a new active layer on top."""
        images.lay_over(self.disks, disk, Image(new_id(), "cow"))

    def merge(self, disk: Disk, image: str) -> str:
        """Merge the layer above into this one; return the id of the layer that is gone."""
        return images.merge(self.disks, disk, image)

    def later(self, delay: str, action: Callable[[], None], seconds: float | None = None) -> None:
        """Do something under the lock when a delay is over."""

        def locked() -> None:
            with self.lock:
                action()

        self.schedule.after(self.delays[delay] if seconds is None else seconds, locked)

    @contextmanager
    def asked_by(self, user: User | None, correlation: str) -> Iterator[None]:
        """Serve one request."""
        with self.lock:
            self.user, self.correlation = user, correlation
            try:
                yield
            finally:
                self.user, self.correlation = None, ""

    def vm(self, identity: str) -> Vm:
        """A virtual machine."""
        return found(self.world.vms.get(identity))

    def disk(self, identity: str) -> Disk:
        """A disk."""
        return found(self.world.disks.get(identity))

    def snapshot(self, vm: str, identity: str) -> Snapshot:
        """A snapshot of a virtual machine."""
        snapshot = self.world.snapshots.get(identity)
        if snapshot is None or snapshot.vm != vm:
            raise NotFound("Entity not found: GetSnapshotBySnapshotId: snapshot id=" + identity)
        return snapshot

    def log(self, code: int, severity: str, description: str, vm: str = "") -> None:
        """Write a line into the event log."""
        number = len(self.world.events) + 1
        user = self.user.id if self.user else ""
        name = self.world.vms[vm].name if vm in self.world.vms else ""
        self.world.events[str(number)] = Event(
            number, code, description, severity, self.now(), vm, user, correlation=self.correlation, vm_name=name
        )

    def begin_job(self, description: str) -> Job:
        """Note what is being done."""
        job = Job(new_id(), description, "started", self.correlation, self.now())
        self.world.jobs[job.id] = job
        return job

    def end_job(self, job: Job, status: str = "finished") -> None:
        """Note that it is done."""
        job.status, job.ended = status, self.now()

    def permits(self, kind: str, identity: str) -> set[str]:
        """What the user may do with an object."""
        if self.user is None:
            return set()
        owners, targets = {self.user.id, *self.user.groups, EVERYONE}, self.targets(kind, identity)
        return {
            permit for grant in self.world.grants.values()
            if (grant.user or grant.group) in owners and grant.target in targets for permit in grant.permits
        }  # fmt: skip

    def targets(self, kind: str, identity: str) -> set[str]:
        """What a permission may be on to hold for an object: it, what it is in, or everything."""
        targets = {"*", kind + "/" + identity}
        if kind == "vms" and identity in self.world.vms:
            targets.add("clusters/" + self.world.vms[identity].cluster)
        return targets

    def require(self, permit: str, kind: str, identity: str) -> None:
        """Refuse what the user may not do."""
        if permit not in self.permits(kind, identity):
            raise refuse("attach-disk", "not-authorized")

    def attached_elsewhere(self, vm: Vm) -> list[str]:
        """Where snapshots of a virtual machine are attached: disk, snapshot and virtual machine."""
        snapshots = {snapshot.id: snapshot for snapshot in self.world.snapshots_of(vm.id)}
        return [
            "{} ,{}, {}".format(self.disk(one.disk).alias, snapshots[one.snapshot].description, self.vm(one.vm).name)
            for one in self.world.attachments.values() if one.snapshot in snapshots
        ]  # fmt: skip

    def lock_disks(self, disks: list[Disk], vm: Vm) -> None:
        """An operation on the layers begins."""
        for disk in disks:
            disk.status = "locked"
        if vm.status == "down":
            vm.status = "image_locked"

    def unlock_disks(self, disks: list[Disk], vm: Vm) -> None:
        """It has ended; what became illegal meanwhile stays so."""
        for disk in disks:
            disk.status = "ok" if disk.status == "locked" else disk.status
        if vm.status == "image_locked":
            vm.status = "down"


def found(thing: Found | None) -> Found:
    """The thing, if there is one."""
    if thing is None:
        raise NotFound
    return thing
