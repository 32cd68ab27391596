# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two engines that the contract is about: the one in memory, and the SDK on the stand-in of the lab."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.connect import open_api
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.wait import Waiter
from ansible_collections.ovirt.backup.plugins.module_utils._vm.protocols import VmApi
from lab import rest_engine
from lab.rest_engine import DiskPlan, VmPlan, worlds
from unit.fakes.vm_engine import FakeEngine, FakeWaiter

NAMES = ("app", "backup", "cold", "shared", "HostedEngine")


def plan_vm(number: int) -> VmPlan:
    """A running virtual machine with two disks."""
    name = f"own-{number}"
    return VmPlan(name, "up", (DiskPlan(f"{name}_Disk1", bootable=True), DiskPlan(f"{name}_Disk2")))


class EngineBackend(Protocol):
    """An engine, and the knobs that both have."""

    api: VmApi
    waiter: Waiter

    def change_vm(self, name: str, **changes: Any) -> None: ...

    def add_vm(self) -> str: ...

    def lose_reply(self, method: str) -> None: ...

    def restart(self) -> None: ...

    def permit(self, kind: str, object_id: str, permits: set[str], through_group: bool = False) -> None: ...

    def add_checkpoint(self, vm_id: str, disk_ids: list[str]) -> None: ...

    def heal(self) -> None: ...

    def stop(self) -> None: ...


class FakeGround:
    """The engine in memory; it knows no groups."""

    def __init__(self, home: Path) -> None:
        self.engine = FakeEngine()
        self.api: VmApi = self.engine
        self.waiter: Waiter = FakeWaiter(self.engine)

    def change_vm(self, name: str, **changes: Any) -> None:
        [vm_id] = [vm.id for vm in self.engine.vms.values() if vm.name == name]
        self.engine.change_vm(vm_id, **changes)

    def add_vm(self) -> str:
        plan = plan_vm(len(self.engine.vms))
        vm = worlds.add_vm(self.engine.lab, plan)
        for disk in plan.disks:
            worlds.add_disk(self.engine.lab, vm, disk)
        return plan.name

    def lose_reply(self, method: str) -> None:
        self.engine.lose_reply(method, self.engine.calls.count(method) + 1)

    def restart(self) -> None:
        self.engine.restart(5)

    def permit(self, kind: str, object_id: str, permits: set[str], through_group: bool = False) -> None:
        self.engine.permits[(kind, object_id)] = frozenset(permits)

    def add_checkpoint(self, vm_id: str, disk_ids: list[str]) -> None:
        self.engine.checkpointed[vm_id] = set(disk_ids)

    def heal(self) -> None:
        self.engine.permits.clear()

    def stop(self) -> None:
        pass


class LabGround:
    """The SDK on the stand-in."""

    def __init__(self, home: Path) -> None:
        plans = tuple(plan for plan in rest_engine.DEFAULT if plan.name in NAMES)
        self.home = home
        self.lab = rest_engine.start(home, plans)
        self.waiter = Waiter(time.monotonic, time.sleep, 20, 0.05)
        self._log_in(self.lab.username, self.lab.password)

    def _log_in(self, username: str, password: str) -> None:
        login = {"url": self.lab.url, "username": username, "password": password, "ca_file": self.lab.ca_file}
        self.session = open_api(login, "contract")
        self.is_operator = username == self.lab.operator
        self.api: VmApi = self.session

    def change_vm(self, name: str, **changes: Any) -> None:
        rest_engine.change(self.home, "vms", name, **changes)

    def add_vm(self) -> str:
        plan = plan_vm(len(rest_engine.world(self.home).vms))
        rest_engine.add_vm(self.home, plan)
        return plan.name

    def lose_reply(self, method: str) -> None:
        rest_engine.set_fault(self.lab.faults, "lost-reply", method.replace("_", "-"))

    def restart(self) -> None:
        rest_engine.set_fault(self.lab.faults, "restart-at", "any 2 1")

    def permit(self, kind: str, object_id: str, permits: set[str], through_group: bool = False) -> None:
        self.session.close()
        rest_engine.grant(self.home, {kind + "/" + object_id: sorted(permits)}, through_group)
        self._log_in(self.lab.operator, self.lab.operator_password)

    def add_checkpoint(self, vm_id: str, disk_ids: list[str]) -> None:
        rest_engine.add_checkpoint(self.home, vm_id, disk_ids)

    def heal(self) -> None:
        rest_engine.clear(self.lab.faults)
        if self.is_operator:
            self.session.close()
            self._log_in(self.lab.username, self.lab.password)

    def stop(self) -> None:
        self.session.close()
        rest_engine.stop(self.home, remove=True)


ENGINE_BACKENDS: dict[str, Callable[[Path], EngineBackend]] = {"fake": FakeGround, "lab": LabGround}
