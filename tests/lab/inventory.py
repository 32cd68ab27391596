# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory: the only thing that ties functional tests to a lab."""

from __future__ import annotations

import json

from .layout import Lab, Server

PYTHON = '      ansible_python_interpreter: "{{ ansible_playbook_python }}"'


def write_inventory(lab: Lab, database: Server | None = None) -> None:
    """The engine host, reached through a local connection, and the database server where there is one."""
    lab.inventory.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        "---",
        "engine:",
        "  hosts:",
        "    {}:".format(lab.fqdn),
        "      ansible_connection: local",
        PYTHON,
        "      ovirt_prefix: " + json.dumps(str(lab.prefix)),
        "      lab_faults: " + json.dumps(str(lab.faults)),
        "      engine_fqdn: " + json.dumps(lab.fqdn),
        "      postgresql_socket: " + json.dumps(str(lab.socket)),
        "      postgresql_port: {}".format(lab.port),
    ]
    if database is not None:
        lines += [
            "database:",
            "  hosts:",
            "    db.lab.test:",
            "      ansible_connection: local",
            PYTHON,
            "      postgresql_socket: " + json.dumps(str(database.socket)),
            "      postgresql_host: " + json.dumps(database.address),
            "      postgresql_port: {}".format(database.port),
        ]
    lab.inventory.write_text("\n".join(lines) + "\n", encoding="utf-8")
