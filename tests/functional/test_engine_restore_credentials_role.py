# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_restore_credentials restores into other databases, or leaves the engine as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import machines
from lab.databases import create_database
from lab.layout import Database, Server
from lab.postgres import query

from . import restore_stages as at
from .lab_engine import PORT, LabEngine
from .restore_roles import HAS_MOVED_ON, MOVED_ON, RestoreRole, outcome, summary
from .restore_stages import Kill, run_chain
from .side_effects import files_with, photograph

pytest_plugins = ["functional.restore_roles"]
pytestmark = pytest.mark.faults

NAME = "engine_restore_credentials"
REPORTING = "engine_reporting"
PASSWORDS = {kind: f"another-password-of-{kind}" for kind in ("engine", "dwh", "keycloak")}


@pytest.fixture
def server(lab_engine: LabEngine) -> Iterator[Server]:
    """A second PostgreSQL server, on 127.0.0.2."""
    lab_engine.in_use()
    yield machines.start_database_server(lab_engine.lab, port=PORT)
    machines.stop_database_server(lab_engine.lab)


def credentials(lab_engine: LabEngine, host: str, suffix: str = "") -> dict[str, Any]:
    """The databases of the lab with other passwords, and other names where there is a suffix."""
    return {
        kind: {"host": host, "name": database.name + suffix, "user": database.owner + suffix,
               "password": PASSWORDS[kind]}
        for kind, database in lab_engine.lab.databases.items()
    }  # fmt: skip


def assert_kept_secret(tmp_path: Path, role: RestoreRole) -> None:
    assert not [secret for play in role.engine.plays for secret in PASSWORDS.values() if secret in play.output]
    kept = [name for name in files_with(PASSWORDS.values(), [role.engine.site.prefix]) if "/etc/" not in name]
    assert kept == []
    assert files_with(PASSWORDS.values(), [tmp_path]) == []


STAYS: dict[str, object] = {"rollback": "false"}  # as a survey gives it: what is told as a failure is left as it is
# What is prepared is planned first, which comes by as well.
REMOTE = [
    Kill(at.BACKUP, "in", "slow-at engine 200", "tool"),
    Kill("databases/Prepare the roles that have grants", times=2),
    Kill("databases/Prepare the databases and their owners", times=2),
    Kill(at.TAKE_UP, "in", at.LOADED, "tool", variables=STAYS),
    Kill(at.SETUP, "in", at.SCHEMA, "module", variables=STAYS),
]
UNPREPARED = [Kill(at.RESTORE, "in", "slow-at loaded-engine 200", "module", variables=STAYS)]
CHAIN = [*REMOTE, *UNPREPARED]


def test_readme_example_restores_into_a_remote_server_also_when_it_is_killed(
    lab_engine: LabEngine, archives: Path, tmp_path: Path, server: Server
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(
            NAME, lab_engine, engine, archives, databases=credentials(lab_engine, server.address, "_new"),
            postgresql_via="{{ groups['database'][0] }}", postgresql_host=server.address,
            postgresql_socket=server.server_home / "run", client_addresses="127.0.0.1",
            user_passwords={REPORTING: "another-reporting-1"},
        )  # fmt: skip
        role.use_example()
        planned = role.run("--check", "--diff").made()
        assert [line for line in summary(planned) if line.startswith("Not there yet, is made first")]
        run_chain(role, REMOTE)
        assert outcome(role.run().made()) == "restored"
        configured = engine.site.configuration()
        assert configured["ENGINE_DB_HOST"] == server.address
        assert configured["DWH_DB_DATABASE"] == f"{lab_engine.lab.databases['dwh'].name}_new"
        again = role.run().made()
        assert (outcome(again), again.changed) == ("already", 0)
        wanted = role.variables["databases"]
        few = {kind: given for kind, given in wanted.items() if kind != "dwh"}
        role.run(databases=few, again=True).refused("says nothing of dwh")
        other = {**wanted, "dwh": {**wanted["dwh"], "password": PASSWORDS["engine"]}}
        role.run(databases=other).refused("Refused before anything was changed", "gives for dwh", f"{NAME}_again")
        assert_kept_secret(tmp_path, role)


def test_databases_that_nobody_prepares_are_tried_first_and_emptied_after_a_kill(
    lab_engine: LabEngine, archives: Path, tmp_path: Path, server: Server
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        wanted = credentials(lab_engine, server.address, "_new")
        for given in wanted.values():
            create_database(server, Database(given["name"], given["user"], given["password"]))
        role = RestoreRole(
            NAME, lab_engine, engine, archives, archive=archives / "engine.backup", safety_directory=archives,
            databases=wanted,
        )  # fmt: skip
        role.ask(MOVED_ON)
        before, kept = role.rows(), photograph(archives)
        query(server, wanted["dwh"]["name"], "CREATE TABLE precious (id integer)")
        role.run().refused("Refused before anything was changed", "target_not_empty", wanted["dwh"]["name"])
        assert (role.rows(), photograph(archives), role.noted()) == (before, kept, {})
        query(server, wanted["dwh"]["name"], "DROP TABLE precious")
        run_chain(role, UNPREPARED)
        assert {place["name"] for place in role.noted()["found_empty"]} == {given["name"] for given in wanted.values()}
        assert int(query(server, wanted["engine"]["name"], "SELECT count(*) FROM vdc_options")) > 0
        # One that is named only now is somebody else's, also for a run that is taken up.
        create_database(server, Database("others", wanted["dwh"]["user"], PASSWORDS["dwh"]))
        query(server, "others", "CREATE TABLE precious (id integer)")
        beside = {**wanted, "dwh": {**wanted["dwh"], "name": "others"}}
        role.run(databases=beside).refused("Refused before anything was changed", "target_not_empty", "others")
        assert query(server, "others", "SELECT count(*) FROM precious") == "0"
        assert outcome(role.run().made()) == "restored"
        assert role.noted() == {}
        replaced = [lab_engine.lab.databases[kind].password for kind in wanted]
        assert files_with(replaced, [engine.site.prefix / "etc"]) == []


def test_a_failure_with_new_passwords_is_rolled_back_with_them(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    lab_engine.in_use()
    survey = {f"{kind}_password": password for kind, password in PASSWORDS.items()}
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(
            NAME, lab_engine, engine, archives, archive=archives / "engine.backup", safety_directory=archives,
            prepare="true", postgresql_host="localhost", health_timeout=5, **survey,
        )  # fmt: skip
        role.ask(MOVED_ON)
        before = role.rows()
        ran = role.run_with_fault("health-lies", "")
        ran.refused("Insist that the engine is well", "did not get well", "rolled back", "it is what it was before")
        assert role.rows() == before
        assert role.ask(HAS_MOVED_ON) == "1"
        assert engine.site.configuration()["ENGINE_DB_PASSWORD"] == PASSWORDS["engine"]
        role.assert_is_well()
