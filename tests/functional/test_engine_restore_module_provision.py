# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_restore on a machine that was installed a moment ago: engine-backup makes roles and databases."""

from pathlib import Path

import psycopg2
import pytest
from lab.databases import create_database
from lab.postgres import query

from .playbooks import checked, codes, remove
from .restore_tasks import KINDS, Yard, restore, said
from .test_engine_restore_module_runs import assert_holds_archive

pytest_plugins = ["functional.restore_tasks"]
pytestmark = pytest.mark.faults

ROLES = "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'"


def test_roles_and_databases_are_made_on_a_reinstalled_machine(yard: Yard, tmp_path: Path) -> None:
    yard.lab_engine.fresh()
    task = restore(yard.archives["stock"])
    with yard.driven(tmp_path) as engine:
        planned, done, again = engine.play(checked(task), task, task)
    assert [said(result) for result in (planned, done, again)] == [""] * 3
    assert [result["changed"] for result in (planned, done, again)] == [True, True, False]
    assert planned["restore"]["provisioned"] == done["restore"]["provisioned"] == sorted(KINDS)
    assert_holds_archive(yard, yard.archives["stock"])
    assert yard.site.setup_state.exists()
    assert done["restore"]["permissions"] is True
    users = {user["name"]: user["password"] for user in done["restore"]["extra_users"]}
    assert users == {"engine_reporting": "random", "ovirt_engine_history_grafana": "configured"}
    assert planned["restore"]["extra_users"] == done["restore"]["extra_users"]
    assert query(yard.lab, "postgres", ROLES).split() == sorted([*users, *(
        yard.lab.databases[kind].owner for kind in KINDS)])  # fmt: skip
    known = yard.site.configuration()
    names = {"dbname": "DATABASE", "user": "USER", "password": "PASSWORD"}
    login = {name: known["GRAFANA_DB_" + key] for name, key in names.items()}
    with psycopg2.connect(host="localhost", port=yard.lab.port, **login) as session, session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM calendar")
        assert cursor.fetchone()


def test_what_stands_in_the_way_of_provisioning_is_named(yard: Yard, tmp_path: Path) -> None:
    yard.lab_engine.fresh()
    unsupported = yard.lab_engine.fault("provision-unsupported")
    engine_database = yard.lab.databases["engine"]
    create_database(yard.lab, engine_database._replace(password="another-password"))
    query(yard.lab, "engine", "CREATE TABLE stray (id integer)")
    dwh = yard.lab.databases["dwh"]
    query(yard.lab, "postgres", f"CREATE ROLE {dwh.owner} LOGIN PASSWORD '{dwh.password}'")
    task = restore(yard.archives["stock"], scope=["files", "db"], provision=["engine"])
    with yard.driven(tmp_path) as engine:
        alone, not_here, _removed, beside = engine.play(
            restore(yard.archives["stock"]), task, remove(unsupported), task
        )
    assert (alone["phase"], codes(alone)) == ("plan", ["provision_leftovers"]), said(alone)
    assert (not_here["phase"], not_here["code"]) == ("engine-backup", "provision_unsupported"), said(not_here)
    assert (beside["phase"], beside["code"]) == ("engine-backup", "provision_leftovers"), said(beside)
    made = [name for name in query(yard.lab, "postgres", ROLES).split() if name.startswith("engine_2")]
    assert len(made) == 1 and made[0] in beside["msg"], "what the tool left is named"
    assert "authentication failed" in beside["standing"]["engine"], beside["standing"]
