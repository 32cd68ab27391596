# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run vm_snapshot_restore on a stand-in engine that many tests share: each restores a virtual machine of its own."""

import contextlib
import io
import json
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.common import warnings as shown
from ansible_collections.ovirt.backup.plugins.modules import vm_snapshot_restore
from lab import rest_engine

from .snapshots import Doomed, Fate, Machine, SharedEngine, arguments, fork

BACKUP = rest_engine.identify("vm", "backup")


class Restore:
    """A saved virtual machine and what becomes of it."""

    def __init__(self, site: SharedEngine, machine: Machine) -> None:
        self.site = site
        self.name = machine.name
        self.id = machine.id
        attached = machine.attached()
        machine.removed()
        self.disks: list[dict[str, Any]] = attached["disks"]
        self.saved = machine.saved
        self.contents = {disk["id"]: self.content(disk["id"]) for disk in self.disks}
        self.shape = self.shape_of(self.id)

    def options(self, state: str, **changes: Any) -> dict[str, Any]:
        given = {
            "auth": self.site.auth(), "backup_vm": "backup", "vm_name": self.name, "state": state, "timeout": 20,
            "configuration_path": str(self.saved), "disks": self.disks, "poll_interval": 0.05, **changes,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value is not None}

    def call(self, state: str, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
        """Run the module in this process and return its result, whatever it is."""
        given = {**self.options(state, **changes), "_ansible_check_mode": check_mode, "_ansible_diff": True}
        said = io.StringIO()
        shown._global_warnings.clear()  # each run of a module is a process of its own elsewhere
        with arguments(given), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            vm_snapshot_restore.main()
        self.site.said.append(said.getvalue())
        result: dict[str, Any] = json.loads(said.getvalue().strip().splitlines()[-1])
        assert "exception" not in result, result
        return result

    def succeeds(self, state: str, **changes: Any) -> dict[str, Any]:
        result = self.call(state, **changes)
        assert not result.get("failed"), result
        return result

    def fails(self, code: str, state: str, **changes: Any) -> dict[str, Any]:
        """Fail with this code, among others."""
        result = self.call(state, **changes)
        assert result.get("failed"), result
        assert code in {result["code"], *(item["code"] for item in result["problems"])}, result
        return result

    def refused(self, *codes: str, state: str = "prepared", **changes: Any) -> dict[str, Any]:
        """Be refused for exactly these reasons, in a preview too, with nothing written."""
        before = self.count_writes()
        planned = self.call(state, check_mode=True, **changes)
        result = self.call(state, **changes)
        for one in (planned, result):
            assert sorted(item["code"] for item in one["problems"]) == sorted(codes), one
            assert one["phase"] == "plan"
        assert self.count_writes() == before
        return result

    def restored(self, **changes: Any) -> dict[str, Any]:
        """Prepare, fill the disks, and restore."""
        self.fill(self.succeeds("prepared", **changes))
        return self.succeeds("restored", **changes)

    def doom(self, state: str, moment: Doomed, number: int, **changes: Any) -> dict[str, Any]:
        """Run the module, and let it get a signal; return what it said all the same."""
        said = self.site.scratch / f"{self.name}.said"
        call = partial(self.call, state, **changes)
        return fork(vm_snapshot_restore, call, said, Fate(moment, number)).met(number)

    def fill(self, prepared: dict[str, Any]) -> None:
        """Do what backup software does: write what was saved into the devices of the backup VM."""
        for disk in prepared["disks"]:
            device = self.device(disk)
            with device.open("r+b") as stream:
                stream.write(self.contents[disk["source_id"]])
                os.fsync(stream.fileno())

    def device(self, disk: dict[str, Any]) -> Path:
        """The device of a disk on the backup VM, by the first of the names that is there."""
        directory = rest_engine.devices_of(self.site.lab)
        for _attempt in range(200):
            for name in disk["devices"]:
                if (directory / name).exists():
                    return directory / name
            time.sleep(0.02)
        raise AssertionError(f"no device of {disk['id']}")

    def content(self, disk_id: str) -> bytes:
        target = self.site.scratch / "exported"
        rest_engine.export(self.site.lab.home, disk_id, target)
        return target.read_bytes()

    def world(self) -> Any:
        return rest_engine.world(self.site.lab.home)

    @contextlib.contextmanager
    def keeps_the_rest(self) -> Iterator[None]:
        """Insist that what is there now is there afterwards, as it is; faults end with it."""
        before = self.world()
        yield
        rest_engine.clear(self.site.lab.faults)
        after = self.world()
        for kind in ("vms", "disks", "snapshots", "attachments"):
            now = getattr(after, kind)
            assert {key: now.get(key) for key in getattr(before, kind)} == getattr(before, kind)

    def shape_of(self, vm_id: str) -> list[tuple[Any, ...]]:
        """Attachments in their order and network interfaces, as somebody who uses the machine would see them."""
        world = self.world()
        disks = [(one.interface, one.bootable, one.active, one.read_only) for one in world.attached_to(vm_id)]
        return [*disks, *((one.name, one.mac, one.profile, one.plugged) for one in world.vms[vm_id].nics)]

    def is_whole(self, result: dict[str, Any]) -> None:
        """The virtual machine has the bytes, and nothing of the restore is left."""
        here = {disk["id"]: disk["source_id"] for disk in result["disks"]}
        attached = [one.disk for one in self.world().attached_to(result["vm"]["id"])]
        assert attached == list(here)
        for disk_id, source_id in here.items():
            assert self.content(disk_id) == self.contents[source_id]
        assert self.made() == []

    def made(self) -> list[str]:
        """What carries the mark of a restore, under whatever name."""
        world, mark = self.world(), "ovirt.backup restore: "
        return [one.name for one in world.vms.values() if one.comment.startswith(mark)] + [
            one.alias for one in world.disks.values() if one.description.startswith(mark)
        ]

    def count_writes(self) -> int:
        return len([one for one in self.requests() if one.method != "GET" and "sso" not in one.path])

    def requests(self) -> list[Any]:
        return list(rest_engine.requests(self.site.lab.requests))

    def fault(self, name: str, parameter: str = "") -> None:
        self.site.fault(name, parameter)

    def heal(self) -> None:
        rest_engine.clear(self.site.lab.faults)
