# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check for an engine in a virtual machine of its own, that engine-setup and engine-cleanup share."""

from __future__ import annotations

from ..otopi.program import Program
from .sql import Database

NAME = "SELECT option_value FROM vdc_options WHERE option_name = 'HostedEngineVmName' AND version = 'general'"
MACHINE = "SELECT coalesce(run_on_vds::text, '-') FROM vms WHERE vm_name = '{}'"
MAINTENANCE = "SELECT ha_global_maintenance FROM vds_statistics WHERE vds_id = '{}'"
ADVICE = (
    'It seems that this engine runs in the hosted-engine VM and that "Global Maintenance" mode is not set.\n'
    "Set it before you run this program: the hosted-engine HA agent might kill the machine meanwhile.\n"
)


def check(program: Program, database: Database) -> None:
    """Such an engine must be in global maintenance; who says so in the answers is not asked for it."""
    if not program.environment.get("OVESETUP_ENGINE_CORE/enable"):
        return
    if program.environment.get("OVESETUP_CONFIG/continueSetupOnHEVM"):
        return
    name = database.query(NAME) or "HostedEngine"
    runs_on = database.query(MACHINE.format(name.replace("'", "''")))
    if not runs_on:
        return
    if runs_on != "-" and database.query(MAINTENANCE.format(runs_on)) == "t":
        program.dialog.info("Hosted Engine HA is in Global Maintenance mode.")
        return
    program.dialog.error(ADVICE)
    raise RuntimeError("Hosted Engine setup detected, but Global Maintenance is not set.")
