# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A brand-new engine: its databases, schemas with hardly a row, keys."""

from __future__ import annotations

from ..databases import NAMES, SQL, create_database, make_password
from ..host.configured import Credentials
from ..layout import Database
from ..pki import make_pki
from ..postgres import query
from .state import State

ROWS = """
INSERT INTO schema_version (version, script, checksum, installed_by, ended_at, state, current)
    VALUES ('04050330', 'upgrade/04_05_0330_change.sql', md5('330'), current_user, now(), 'INSTALLED', true);
INSERT INTO vdc_options (option_name, option_value, default_value) VALUES
    ('DbJustRestored', '0', '0'), ('ProductRPMVersion', '', ''), ('BackupCheckPeriodInHours', '6', '6'),
    ('BackupAlertPeriodInDays', '1', '1'), ('DisableFenceAtStartupInSec', '300', '300');
INSERT INTO storage_pool (id, name, description, status)
    VALUES (md5('new')::uuid, 'Default', 'The default Data Center', 0);
INSERT INTO cluster (cluster_id, name, description) VALUES (md5('new')::uuid, 'Default', 'The default server cluster');
INSERT INTO aaa_jdbc.users (uuid, name, password) VALUES (md5('admin')::uuid, 'admin', '');
INSERT INTO dwh_history_timekeeping (var_name) VALUES
    ('DwhCurrentlyRunning'), ('dwhHostname'), ('dwhUuid'), ('lastSync'), ('heartBeat');
"""
DWH_ROWS = """
INSERT INTO schema_version (version, script, checksum, installed_by, state, current)
    VALUES ('04050090', 'create_schema', md5('90'), current_user, 'INSTALLED', true);
INSERT INTO history_configuration VALUES ('firstSync', 'true', now()), ('lastHourAggr', NULL, now());
"""


def provision(state: State, kind: str) -> None:
    """A role and a database on the local server; where something of that name stands, others beside it."""
    name, owner = NAMES[kind]
    if query(state.lab, "postgres", "SELECT 1 FROM pg_database WHERE datname = '{}'".format(name)) == "1":
        stamp = state.program.log.path.stem.split("-")[-2]
        name, owner = "{}_{}".format(name, stamp), "{}_{}".format(owner, stamp)
    password = make_password()
    create_database(state.lab, Database(name, owner, password))
    state.credentials[kind] = Credentials("localhost", str(state.lab.port), owner, password, name)


def create_engine_schema(state: State) -> None:
    """All tables, hardly a row."""
    state.database("engine").query((SQL / "engine.sql").read_text(encoding="utf-8") + ROWS)


def create_dwh_schema(state: State) -> None:
    """All tables, hardly a row."""
    text = (SQL / "dwh.sql").read_text(encoding="utf-8")
    state.database("dwh").query(text.partition("\nINSERT INTO")[0] + DWH_ROWS)


def make_keys(state: State) -> None:
    """A new authority and new certificates."""
    directory = state.prefix / "etc/pki/ovirt-engine"
    make_pki(directory, state.lab.fqdn)
