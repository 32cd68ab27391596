# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Empty means for engine_cleanup what it means for engine-backup: nothing that pg_dump would create."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab.postgres import query
from tooling.places import link_checkout

from .lab_engine import LabEngine
from .otopi_tasks import cleanup
from .playbooks import codes

sys.path.insert(0, str(link_checkout()))

from ansible_collections.ovirt.backup.plugins.module_utils._postgres.clearing import clear_database, read_holdings  # noqa: E402
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings  # noqa: E402

pytestmark = pytest.mark.faults

# One of everything that an owner may make, with names that want to be quoted.
OBJECTS = {
    "table": 'CREATE TABLE "odd ""name" (id int PRIMARY KEY, of_type text)',
    "partitions": "CREATE TABLE parts (x int) PARTITION BY LIST (x);"
    "CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)",
    "child": 'CREATE TABLE parent (x int); CREATE TABLE "Child" () INHERITS (parent)',
    "view": "CREATE VIEW seen AS SELECT 1 AS x; CREATE VIEW seen_again AS SELECT * FROM seen",
    "materialized view": "CREATE MATERIALIZED VIEW kept AS SELECT 1 AS x",
    "sequence": "CREATE SEQUENCE lonely",
    "function": "CREATE FUNCTION uuid_like(a int, b text DEFAULT '%s {}') RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "procedure": "CREATE PROCEDURE work() LANGUAGE sql AS 'SELECT 1'",
    "aggregate": "CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int, initcond = '0')",
    "type": "CREATE TYPE pair AS (a int, b int); CREATE TYPE mood AS ENUM ('a');"
    "CREATE TYPE span AS RANGE (subtype = int)",
    "domain": "CREATE DOMAIN small AS int CHECK (VALUE < 9)",
    "operator": "CREATE FUNCTION couple(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1';"
    "CREATE OPERATOR ### (leftarg = int, rightarg = int, function = couple)",
    "collation": 'CREATE COLLATION "mine" FROM "C"',
    "text search": "CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);"
    "CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple)",
    "schema": 'CREATE SCHEMA "More of"; CREATE TABLE "More of".t (x int); CREATE SCHEMA hollow',
    "publication": "CREATE PUBLICATION told",
    "statistics": "CREATE TABLE measured (a int, b int); CREATE STATISTICS known ON a, b FROM measured",
}


def schema_dump(lab_engine: LabEngine) -> list[str]:
    """The lines that make engine-backup say that a database is not empty."""
    database, program = lab_engine.lab.databases["dwh"], lab_engine.lab.server_programs / "pg_dump"
    where = ["-h", "localhost", "-p", str(lab_engine.lab.port), "-U", database.owner, database.name]
    command = [str(program), "-w", "-s", *where]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PGPASSWORD": database.password}
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("CREATE")]
    return [line for line in lines if not line.startswith("CREATE EXTENSION")]


def settings_of(lab_engine: LabEngine) -> Settings:
    name, owner, password = lab_engine.lab.databases["dwh"]
    return Settings("localhost", lab_engine.lab.port, owner, password, name, False, False, password)


def as_owner(lab_engine: LabEngine, statements: str) -> None:
    database = lab_engine.lab.databases["dwh"]
    query(lab_engine.lab, database.name, f'SET SESSION AUTHORIZATION "{database.owner}";\n{statements}')


def test_everything_that_an_owner_can_make_is_seen_and_dropped(lab_engine: LabEngine, tmp_path: Path) -> None:
    """One by one they are seen in a database that is empty but for them; then all of them are dropped at once."""
    lab_engine.in_use()
    lab_engine.site.setup_state.unlink()
    with lab_engine.driven(tmp_path) as engine:
        assert engine.play(cleanup(clear_databases=True))[0].get("msg", "") == ""
        assert schema_dump(lab_engine) == []
        settings = settings_of(lab_engine)
        assert not read_holdings(settings).objects
        for kind, statements in OBJECTS.items():
            as_owner(lab_engine, statements)
            assert schema_dump(lab_engine) and read_holdings(settings).objects, kind
            clear_database(settings)
            assert schema_dump(lab_engine) == [] and not read_holdings(settings).objects, kind
        as_owner(lab_engine, ";\n".join(OBJECTS.values()))
        refused, cleared = engine.play(cleanup(), cleanup(clear_databases=True))
    assert codes(refused) == ["database_not_empty"]
    assert cleared["cleanup"]["databases"]["dwh"]["cleared_by"] == "module"
    assert sorted(cleared["cleanup"]["databases"]["dwh"]["schemas"]) == ['"More of"', "hollow"]
    assert schema_dump(lab_engine) == []
    # What belongs to somebody else stands, and is named.
    query(lab_engine.lab, lab_engine.lab.databases["dwh"].name, "CREATE SCHEMA foreign_schema CREATE TABLE t (x int)")
    with lab_engine.driven(tmp_path / "foreign") as engine:
        (stands,) = engine.play(cleanup(clear_databases=True))
    assert stands["failed"] and [(item["kind"], item["tables"]) for item in stands["standing"]] == [("dwh", 1)]
