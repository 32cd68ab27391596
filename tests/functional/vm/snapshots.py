# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run vm_snapshot_backup on a stand-in engine that many tests share: each has a virtual machine of its own."""

import contextlib
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.common import warnings as shown
from lab import rest_engine
from lab.rest_engine import DiskPlan, RestLab, VmPlan
from tooling.places import link_checkout

from .. import runs

sys.path.insert(0, str(link_checkout()))
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.connect import open_api  # noqa: E402
from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import AttachmentOrder  # noqa: E402
from ansible_collections.ovirt.backup.plugins.modules import vm_snapshot_backup  # noqa: E402

NAME = "nightly"
DISKS = ("Disk1", "Disk2")
# What can happen to a request, and how long the engine is away then. It meets the first of each kind of request; only
# the last one is spared, for a test looks at the engine then.
DISTURBANCES = {
    "restart-at": "each 0.1 logout", "restart-after": "each 0.1 logout", "expire-at": "each", "lost-request": "each",
    "lost-reply": "each", "proxy-503": "each", "reply-503": "each",
}  # fmt: skip
Doomed = tuple[str, int, str]  # at which call of which function of the API, before or after its work


class SharedEngine:
    """A stand-in engine, and a place for what the runs save."""

    def __init__(self, lab: RestLab, scratch: Path) -> None:
        self.lab = lab
        self.scratch = scratch
        self.said: list[str] = []
        self._count = 0

    def machine(self, disks: tuple[str, ...] = DISKS, status: str = "up", filled: bool = False) -> "Machine":
        """Add a virtual machine that only the caller knows."""
        self._count += 1
        name = f"vm-{self._count}"
        plans = [DiskPlan(f"{name}_{disk}", bootable=not number, filled=filled) for number, disk in enumerate(disks)]
        vm_id, disk_ids = rest_engine.add_vm(self.lab.home, VmPlan(name, status, tuple(plans)))
        return Machine(self, name, vm_id, disk_ids)

    def known(self, name: str) -> "Machine":
        """Return a virtual machine of the default world."""
        world = rest_engine.world(self.lab.home)
        vm_id = rest_engine.identify("vm", name)
        return Machine(self, name, vm_id, [one.disk for one in world.attached_to(vm_id)])

    def fault(self, name: str, parameter: str = "") -> None:
        rest_engine.set_fault(self.lab.faults, name, parameter)

    def disturb(self, name: str) -> None:
        """Let a disturbance meet each kind of request, once."""
        self.fault(name, DISTURBANCES[name])

    def calm(self, name: str) -> set[str]:
        """End a disturbance; return the kinds of requests that it has met."""
        met = (Path(self.lab.faults) / name).read_text().split()
        rest_engine.clear(self.lab.faults)
        return set(met) - set(DISTURBANCES[name].split())

    def snapshot(self, machine: "Machine", description: str) -> Any:
        """Make a snapshot as somebody else does; it must never be touched."""
        with open_api(self.auth()) as api:
            made = api.create_snapshot(machine.id, description, machine.disks)
            while api.read_snapshot(machine.id, made.id).status != "ok":
                time.sleep(0.05)
        machine.foreign_snapshots.append(made.id)
        return made

    def attach(self, machine: "Machine", snapshot: Any, disk: str) -> None:
        """Attach a disk of a snapshot to the backup VM as somebody else does."""
        order = AttachmentOrder(disk, snapshot.id, "virtio_scsi", False, True, False, False)
        backup = rest_engine.identify("vm", "backup")
        with open_api(self.auth()) as api:
            api.attach_disk(backup, order)
        while not all(one.device for one in rest_engine.world(self.lab.home).attached_to(backup)):
            time.sleep(0.05)
        machine.foreign_disks.append(disk)

    def detach(self, disk: str) -> None:
        """Detach a disk from the backup VM behind the back of the backup."""
        with open_api(self.auth()) as api:
            api.detach_disk(rest_engine.identify("vm", "backup"), disk)

    def run(self, command: list[str]) -> str:
        """Run ansible-playbook and return what it said."""
        process = runs.start(command, {"TMPDIR": str(self.scratch)}, self.scratch, session=True)
        output = process.communicate(timeout=120)[0]
        self.said.append(output)
        return output

    def auth(self, **changes: Any) -> dict[str, Any]:
        lab = self.lab
        login = {"url": lab.url, "username": lab.username, "password": lab.password, "ca_file": str(lab.ca_file)}
        return {**login, **changes}


class Machine:
    """One virtual machine and its backup."""

    def __init__(self, shared: SharedEngine, name: str, vm_id: str, disk_ids: list[str]) -> None:
        self.shared = shared
        self.name = name
        self.id = vm_id
        self.disks = disk_ids
        self.saved = shared.scratch / f"{name}.ovf"
        self.foreign_snapshots: list[str] = []
        self.foreign_disks: list[str] = []

    def options(self, state: str, **changes: Any) -> dict[str, Any]:
        return {
            "auth": self.shared.auth(), "vm": self.name, "backup_vm": "backup", "name": NAME, "state": state,
            "configuration_path": str(self.saved), "timeout": 20, "poll_interval": 0.05, **changes,
        }  # fmt: skip

    def call(self, state: str, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        """Run the module in this process and return its result, whatever it is."""
        given = {**self.options(state, **changes), "_ansible_check_mode": check_mode}
        said = io.StringIO()
        shown._global_warnings.clear()  # each run of a module is a process of its own elsewhere
        with arguments(given), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            vm_snapshot_backup.main()
        self.shared.said.append(said.getvalue())
        result: dict[str, Any] = json.loads(said.getvalue().strip().splitlines()[-1])
        assert "exception" not in result, result
        return result

    def attached(self, **changes: Any) -> dict[str, Any]:
        """Attach, and find it done."""
        result = self.call("attached", **changes)
        assert not result.get("failed"), result
        world = self.world()
        assert self.marks(world) == [result["snapshot"]["description"]]
        assert self.on_backup_vm(world) == [disk["id"] for disk in result["disks"]]
        return result

    def fails(self, code: str, state: str = "attached", **changes: Any) -> dict[str, Any]:
        """Fail with this code, among others."""
        result = self.call(state, **changes)
        assert result.get("failed"), result
        assert code in {result["code"], *(item["code"] for item in result["problems"])}, result
        return result

    def removed(self, **changes: Any) -> dict[str, Any]:
        """Take all away, and find nothing left."""
        result = self.call("absent", **changes)
        assert not result.get("failed"), result
        self.is_clean()
        return result

    def is_clean(self) -> None:
        """Nothing of a backup is in the engine, what belongs to others is, and the disks are whole."""
        world = self.world()
        assert self.marks(world) == []
        assert self.on_backup_vm(world) == []
        assert [one.id for one in self.snapshots(world)] == self.foreign_snapshots
        here = {one.disk for one in world.attached_to(rest_engine.identify("vm", "backup"))}
        assert here >= set(self.foreign_disks)
        assert not world.vms[self.id].frozen
        assert {world.disks[disk_id].status for disk_id in self.disks} <= {"ok"}

    def fork(self, state: str, moment: "Doomed | None" = None, number: int = signal.SIGKILL, **changes: Any) -> "Child":
        """Run the module in a process of its own, which gets a signal at that moment."""
        said = self.shared.scratch / f"{self.name}.said"
        return fork(vm_snapshot_backup, lambda: self.call(state, **changes), said, Fate(moment, number))

    def doom(self, state: str, moment: "Doomed", number: int, **changes: Any) -> dict[str, Any]:
        """Run the module, and let it get a signal; return what it said all the same."""
        return self.fork(state, moment, number, **changes).met(number)

    def world(self) -> Any:
        return rest_engine.world(self.shared.lab.home)

    def snapshots(self, world: Any = None) -> list[Any]:
        """Return the snapshots that somebody made of it."""
        found = (world or self.world()).snapshots.values()
        return [one for one in found if one.vm == self.id and one.kind != "active"]

    def marks(self, world: Any = None) -> list[str]:
        return [one.description for one in self.snapshots(world) if one.description.startswith("ovirt.backup")]

    def told(self) -> list[str]:
        """Return what this collection wrote of it into the engine's event log, oldest first."""
        events = sorted(self.world().events.values(), key=lambda one: one.id)
        return [one.description for one in events if one.vm == self.id and one.origin == "ovirt.backup"]

    def on_backup_vm(self, world: Any = None) -> list[str]:
        """Return those of its disks that are attached to the backup VM, and not by somebody else."""
        here = rest_engine.identify("vm", "backup")
        ours = [disk for disk in self.disks if disk not in self.foreign_disks]
        return [one.disk for one in (world or self.world()).attached_to(here) if one.disk in ours]

    def change(self, kind: str, name: str, **changes: Any) -> None:
        rest_engine.change(self.shared.lab.home, kind, name, **changes)


class Fate(NamedTuple):
    """The signal that a run gets, and when; None: never."""

    moment: Doomed | None
    number: int


def fork(module: Any, call: Callable[[], dict[str, Any]], said: Path, fate: Fate) -> "Child":
    """Run a module in a process of its own, which meets its fate."""
    said.unlink(missing_ok=True)
    pid = os.fork()
    if pid:
        return Child(pid, said)
    status = 1
    try:
        with mock.patch.object(module, "open_api", lambda auth: Fated(open_api(auth), fate)):
            said.write_text(json.dumps(call()))
        status = 0
    finally:
        os._exit(status)


class Child(NamedTuple):
    """A run of a module in a process of its own."""

    pid: int
    said: Path

    def wait(self) -> dict[str, Any]:
        """Wait for its end; return its result, empty where it was killed."""
        _pid, status = os.waitpid(self.pid, 0)
        assert status in (0, signal.SIGKILL), status
        return json.loads(self.said.read_text()) if status == 0 else {}

    def met(self, number: int) -> dict[str, Any]:
        """Wait for its end by the signal; return what it said all the same."""
        found = self.wait()
        assert bool(found) == (number != signal.SIGKILL), found
        return found


class Fated:
    """An API under which the process gets a signal at one call."""

    def __init__(self, api: Any, fate: Fate) -> None:
        self._api = api
        self._moment, self._number = fate
        self._calls: list[str] = []

    def __enter__(self) -> "Fated":
        return self

    def __exit__(self, *raised: object) -> None:
        self._api.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            self._calls.append(name)
            self._strike(name, "before")
            try:
                return getattr(self._api, name)(*given, **named)
            finally:
                self._strike(name, "after")

        return call

    def _strike(self, name: str, when: str) -> None:
        if (name, self._calls.count(name), when) == self._moment:
            self._moment = None
            os.kill(os.getpid(), self._number)


@contextlib.contextmanager
def arguments(given: dict[str, Any]) -> Iterator[None]:
    """Let AnsibleModule find its arguments, in each version of Ansible."""
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:
        with mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()):
            yield
    else:
        with patch_module_args(given):
            yield
