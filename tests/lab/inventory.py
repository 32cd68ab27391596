# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory: the only thing that ties functional tests to a lab."""

from __future__ import annotations

import json

from .layout import Lab


def write_inventory(lab: Lab) -> None:
    """One group, one host, reached through a local connection."""
    lab.inventory.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        "---",
        "engine:",
        "  hosts:",
        "    {}:".format(lab.fqdn),
        "      ansible_connection: local",
        '      ansible_python_interpreter: "{{ ansible_playbook_python }}"',
        "      ovirt_prefix: " + json.dumps(str(lab.prefix)),
        "      lab_faults: " + json.dumps(str(lab.faults)),
        "      engine_fqdn: " + json.dumps(lab.fqdn),
    ]
    lab.inventory.write_text("\n".join(lines) + "\n", encoding="utf-8")
