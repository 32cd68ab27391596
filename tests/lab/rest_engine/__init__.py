# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the oVirt engine's REST API, with real disks.

HTTPS on the loopback with the single sign-on, XML as the SDK and real engines exchange it, states that change by
themselves after delays, and the engine's own refusals. Disks are qcow2 chains below home/disks/DISK/IMAGE: a
snapshot lays a new layer on top, removing it merges. What is attached to a running virtual machine appears below
home/hosts/VM/dev/disk/by-id as udev would name it, a raw file instead of a block device: of a snapshot a copy that is
thrown away, of a disk one that is written back when it is detached. It imports nothing of the collection.

    python3 -m lab.rest_engine start DIR [--vms N] [--realistic]
    python3 -m lab.rest_engine status DIR [--json]
    python3 -m lab.rest_engine stop DIR [--remove]
    python3 -m lab.rest_engine write DIR VM DISK OFFSET TEXT
    python3 -m lab.rest_engine faults|requests

From Python:

    from lab import rest_engine
    lab = rest_engine.start(home, snapshot=5.0)         # delays in seconds; see DELAYS and REALISTIC
    rest_engine.set_fault(lab.faults, "merge-fails", "1")
    rest_engine.write(home, "app", "app_Disk1", 4096, b"...")
    rest_engine.change(home, "vms", "app", status="paused")
    rest_engine.world(home).snapshots
    rest_engine.grant(home, {"vms/app": ["manipulate_vm_snapshots"]})
    rest_engine.add_vm(home, rest_engine.VmPlan("mine", "up", (rest_engine.DiskPlan("mine_Disk1"),)))
    rest_engine.requests(lab.requests)                  # every request that came
    rest_engine.start(home, rest_engine.many_vms(100))  # for measurements
"""

from .engine import DELAYS
from .faults import FAULTS, clear, set_fault
from .inventory import devices_of
from .layout import RestLab, RestLabError, load
from .lifecycle import REALISTIC, start, status, stop
from .remote import add_checkpoint, add_vm, change, export, grant, remove_vm, set_delays, world, write
from .request_log import Logged
from .request_log import read as requests
from .state import identify
from .worlds import DEFAULT, DiskPlan, VmPlan, many_vms

__all__ = [
    "DEFAULT", "DELAYS", "FAULTS", "REALISTIC", "DiskPlan", "Logged", "RestLab", "RestLabError", "VmPlan",
    "add_checkpoint", "add_vm", "change", "clear", "devices_of", "export", "grant", "identify", "load", "many_vms",
    "remove_vm", "requests", "set_delays", "set_fault", "start", "status", "stop", "world", "write",
]  # fmt: skip
