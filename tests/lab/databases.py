# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of the lab: roles, schemas and rows."""

from __future__ import annotations

import secrets
import sqlite3
import string
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .layout import Database, Lab
from .postgres import query

SQL = Path(__file__).parent / "sql"
LETTERS = string.ascii_letters + string.digits

NAMES = {
    "engine": ("engine", "engine"),
    "dwh": ("ovirt_engine_history", "ovirt_engine_history"),
    "cinderlib": ("ovirt_cinderlib", "ovirt_cinderlib"),
    "managedblock": ("ovirt_managedblock", "ovirt_managedblock"),
    "keycloak": ("ovirt_engine_keycloak", "ovirt_engine_keycloak"),
}
SCRIPTS = {
    "engine": ("engine.sql", "engine_rows.sql"),
    "dwh": ("dwh.sql",),
    "cinderlib": ("block.sql",),
    "managedblock": ("block.sql",),
    "keycloak": ("keycloak.sql",),
}
ODD = "engine_odd.sql"
# Roles that own nothing and hold grants: a restore has to bring them back.
GRANTEES = ("engine_reporting", "ovirt_engine_history_grafana")


HOSTED = """
UPDATE vm_static SET origin = 6, vm_name = 'HostedEngine'
    WHERE vm_guid = (SELECT min(vm_guid::text)::uuid FROM vm_static);
INSERT INTO vdc_options (option_name, option_value) VALUES ('HostedEngineVmName', 'HostedEngine');
INSERT INTO storage_domain_static VALUES (md5('hosted')::uuid, md5('hosted'), 'hosted_storage', 1, 1, 0);
CREATE TABLE vds_statistics (
    vds_id uuid PRIMARY KEY REFERENCES vds_static (vds_id) ON DELETE CASCADE, ha_score integer,
    ha_configured boolean NOT NULL DEFAULT false, ha_global_maintenance boolean NOT NULL DEFAULT true);
INSERT INTO vds_statistics SELECT vds_id, 3400, vds_name IN ('host-1', 'host-2') FROM vds_static;
UPDATE vm_dynamic SET run_on_vds = (SELECT vds_id FROM vds_static WHERE vds_name = 'host-1')
    WHERE vm_guid = (SELECT vm_guid FROM vm_static WHERE origin = 6);
ALTER TABLE vds_statistics OWNER TO {owner};
"""


def make_password() -> str:
    """A password like those engine-setup generates: 22 letters and digits."""
    return "".join(secrets.choice(LETTERS) for _number in range(22))


def plan_databases(kinds: tuple[str, ...]) -> dict[str, Database]:
    """The databases of these kinds with new passwords."""
    return {kind: Database(*NAMES[kind], make_password()) for kind in kinds}


def populate(lab: Lab, grantee_password: str) -> None:
    """Create roles and databases and fill them, side by side."""
    for grantee in GRANTEES:
        query(lab, "postgres", "CREATE ROLE \"{}\" LOGIN PASSWORD '{}'".format(grantee, grantee_password))
    for database in lab.databases.values():
        create_database(lab, database)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda kind: fill(lab, kind), lab.databases))


def make_hosted(lab: Lab) -> None:
    """Make the engine one that runs in a virtual machine which two hosts keep running; they are in maintenance."""
    engine = lab.databases["engine"]
    query(lab, engine.name, HOSTED.format(owner=engine.owner))


def create_database(lab: Lab, database: Database) -> None:
    """An empty database as engine-setup makes it, extension included, and the role that owns it."""
    name, owner, password = database
    if query(lab, "postgres", "SELECT 1 FROM pg_roles WHERE rolname = '{}'".format(owner)) != "1":
        query(lab, "postgres", "CREATE ROLE \"{}\" LOGIN PASSWORD '{}'".format(owner, password))
    query(
        lab,
        "postgres",
        'CREATE DATABASE "{}" OWNER "{}" TEMPLATE template0 ENCODING \'UTF8\' '
        "LC_COLLATE 'en_US.UTF-8' LC_CTYPE 'en_US.UTF-8'".format(name, owner),
    )
    query(lab, name, 'GRANT ALL ON SCHEMA public TO "{}"'.format(owner))
    query(lab, name, 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"')


def empty(lab: Lab, kind: str) -> None:
    """Drop a database with all in it and create it anew without a table, as a restore wants it."""
    query(lab, "postgres", 'DROP DATABASE IF EXISTS "{}" WITH (FORCE)'.format(lab.databases[kind].name))
    create_database(lab, lab.databases[kind])


def fill(lab: Lab, kind: str) -> None:
    """Run the SQL of one kind as the owner of its database, and bring the statistics up to date."""
    database = lab.databases[kind]
    variables = {"scale": str(lab.scale), "display_version": "{}-1.el9".format(lab.version)}
    names = (*SCRIPTS[kind], ODD) if lab.odd and kind == "engine" else SCRIPTS[kind]
    script = "".join((SQL / name).read_text(encoding="utf-8") for name in names)
    query(lab, database.name, 'SET SESSION AUTHORIZATION "{}";\n{}'.format(database.owner, script), variables)
    if kind == "dwh":
        query(
            lab,
            database.name,
            "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public "
            "GRANT SELECT ON TABLES TO ovirt_engine_history_grafana",
        )
    query(lab, database.name, "ANALYZE")


def row_counts(lab: Lab, kind: str) -> dict[str, int]:
    """Rows of every table, counted one by one; children of a parent are not counted with it."""
    name = lab.databases[kind].name
    statement = (
        "SELECT replace(n.nspname || '.' || c.relname, E'\\n', '\\n') || E'\\t' ||"
        " (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM ONLY %I.%I', n.nspname, c.relname),"
        " false, true, '')))[1]::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    pairs = (line.rsplit("\t", 1) for line in query(lab, name, statement).splitlines())
    return {table.replace("\\n", "\n"): int(rows) for table, rows in pairs}


def make_grafana(path: Path) -> None:
    """A Grafana database: an SQLite file with a few tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE org (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
            "CREATE TABLE user (id INTEGER PRIMARY KEY, login TEXT NOT NULL, email TEXT, is_admin INTEGER);"
            "CREATE TABLE dashboard (id INTEGER PRIMARY KEY, slug TEXT NOT NULL, title TEXT, data TEXT NOT NULL);"
            "CREATE TABLE empty_table (id INTEGER PRIMARY KEY);"
        )
        connection.execute("INSERT INTO org VALUES (1, 'Main Org.')")
        connection.executemany(
            "INSERT INTO user VALUES (?, ?, ?, ?)",
            [(n, "user{}".format(n), "u{}@lab.test".format(n), n == 1) for n in range(1, 6)],
        )
        connection.executemany(
            "INSERT INTO dashboard VALUES (?, ?, ?, ?)",
            [(n, "slug-{}".format(n), "Panel {}".format(n), '{"panels": []}' * n) for n in range(1, 31)],
        )
    connection.close()
