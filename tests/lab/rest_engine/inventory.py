# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a stand-in engine: the only thing that ties functional tests to it."""

from __future__ import annotations

import json
from pathlib import Path

from .layout import RestLab
from .state import identify


def devices_of(lab: RestLab, vm: str = "backup") -> Path:
    """Where the guest of a virtual machine of the default world sees its disks by id."""
    return Path(lab.hosts) / identify("vm", vm) / "dev" / "disk" / "by-id"


def write_inventory(lab: RestLab) -> None:
    """The backup machine, reached through a local connection."""
    auth = {"url": lab.url, "username": lab.username, "password": lab.password, "ca_file": lab.ca_file}
    values = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "ovirt_auth": auth,
        "vm_devices": str(devices_of(lab)),
        "lab_faults": lab.faults,
    }
    lines = ["---", "backup_vm:", "  hosts:", "    backup.lab.test:"]
    lines += ["      {}: {}".format(name, json.dumps(value)) for name, value in values.items()]
    path = Path(lab.inventory)
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
