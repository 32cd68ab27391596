# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_restore_fresh restores on a fresh host, says what it did, and takes up what was killed."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from lab.databases import create_database, row_counts
from lab.installation import install_packages
from lab.postgres import query
from lab.processes import is_alive
from lab.systemctl import change

from .lab_engine import LabEngine
from .restore_roles import ENDED, HAS_MOVED_ON, MOVED_ON, RestoreRole, outcome, summary
from .restore_stages import EVERY_VICTIM, Kill, run_chain, victims, writing_stages
from .side_effects import photograph

pytest_plugins = ["functional.restore_roles"]
pytestmark = pytest.mark.faults

NAME = "engine_restore_fresh"
REPORTING = "engine_reporting"
# The scopes of these tests are text, as a survey of AWX gives it.
# Grafana's own database is left out, so engine-setup makes one and asks for its administrator's password.
PART: dict[str, Any] = {"setup_secret_answers": {"OVESETUP_GRAFANA_CONFIG/adminPassword": "str:another-grafana-1"}}
PASSWORD_OF = "SELECT rolpassword FROM pg_authid WHERE rolname = '{}'"


def test_readme_example_plans_restores_and_is_quiet_the_second_time(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    lab_engine.fresh()
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(NAME, lab_engine, engine, archives)
        role.use_example()
        secret = ["-e", "vault_reporting_password=another-reporting-1"]
        before = photograph(lab_engine.site.prefix)
        planned = role.run("--check", "--diff", *secret).made()
        assert planned.changed > 0 and planned.statistics == {}
        assert photograph(lab_engine.site.prefix) == before
        lines = summary(planned)
        assert lines[0] == f"Would restore {archives}/engine.backup"
        assert "Answer for engine-setup: OVESETUP_PKI/renew=bool:False" in lines
        ran = role.run(*secret).made()
        assert outcome(ran) == "restored"
        assert "Restored and proven" in summary(ran)[0]
        assert ran.statistics["engine_restore"]["users_without_password"] == []
        assert query(lab_engine.lab, "postgres", PASSWORD_OF.format(REPORTING)).startswith("SCRAM-SHA-256")
        role.assert_is_well()
        again = [role.run("--check", *secret).made(), role.run(*secret).made()]
        assert [run.changed for run in again] == [0, 0]
        assert outcome(again[1]) == "already"
        assert "another-reporting-1" not in planned.output + ran.output + again[1].output


def test_wrong_archive_and_an_engine_in_use_are_refused(lab_engine: LabEngine, archives: Path, tmp_path: Path) -> None:
    lab_engine.in_use()
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(NAME, lab_engine, engine, archives)
        before = role.rows()
        role.run(archive=archives / "engine.backup").refused("engine-setup has run", "engine_restore_overwrite")
        cut = tmp_path / "cut.backup"
        cut.write_bytes((archives / "engine.backup").read_bytes()[:200_000])
        role.run(archive=cut).refused("Refused before anything was changed", "can not be restored")
        role.run(archive="engine.backup").refused("full paths", "engine_restore_fresh_archive")
        assert role.noted() == {}
        assert role.rows() == before


# Of engine_restore_credentials only.
NOT_HERE = {"databases/Prepare the roles that have grants", "databases/Prepare the databases and their owners"}
BEFORE_CLEANUP = [
    Kill("note/Make the directory of the journal"),
    Kill("note/Write the journal", is_met=True),
    Kill("take_up/Restore, if nothing stands in the way", "in", "slow-at loaded-dwh 200"),
]
UNTIL_SETUP = [
    Kill("clean_up/Remove the set-up and prove the databases empty", "in", "cleanup-slow-at clear-dwh 200", "module"),
    Kill("restore/Restore and prove every row", "before"),
    Kill("take_up/Restore, if nothing stands in the way", "in", "slow-at loaded-dwh 200", "tool"),
    Kill("restore/Restore and prove every row", "in", "slow-at loaded-dwh 200", "connection"),
    Kill("users/Set the password of a role with grants"),
    Kill("guard/Keep the restored engine from fencing hosts"),
    Kill("set_up/Run engine-setup and prove that it took the restored database", "before"),
    Kill("set_up/Run engine-setup and prove that it took the restored database", "in", "setup-slow-at schema 200"),
]
AFTER_SETUP = [
    Kill("stop/Stop what uses the databases"),
    Kill("set_up/Run engine-setup and prove that it took the restored database"),
    Kill("lift_guard/Put the old value back for the next start of the engine"),
]
LAST = [Kill("finish/Remove the journal")]
REFUSED = [Kill("restore_once/Forget what a refusal left as it was")]
WAREHOUSE = [
    Kill("restore/Restore and prove every row", "in", "slow-at loaded-dwh 200"),
    Kill("empty_targets/Empty what the interrupted run had begun to fill"),
    Kill("set_up/Run engine-setup and prove that it took the restored database"),
    Kill("write_receipt/Write the receipt"),
]


def test_chain_of_kills_has_every_stage_of_the_role() -> None:
    named = {kill.stage for kill in BEFORE_CLEANUP + UNTIL_SETUP + AFTER_SETUP + LAST + REFUSED + WAREHOUSE}
    assert named == writing_stages(NAME) - NOT_HERE
    assert victims(BEFORE_CLEANUP, UNTIL_SETUP, AFTER_SETUP) == EVERY_VICTIM


def test_a_run_that_was_killed_in_every_stage_is_taken_up(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    lab_engine.fresh()
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(
            NAME, lab_engine, engine, archives, archive=archives / "engine.backup",
            user_passwords={REPORTING: "another-reporting-1"},
        )  # fmt: skip
        run_chain(role, BEFORE_CLEANUP)
        assert role.noted()["stage"] == "restore"
        other = tmp_path / "other.backup"
        shutil.copy2(archives / "engine.backup", other)
        with other.open("ab") as stream:
            stream.write(b"\0")
        role.run("--check", archive=other).refused("Refused before anything was changed")
        assert "take up" in summary(role.run("--check").made())[0]
        run_chain(role, UNTIL_SETUP)
        assert (role.noted()["stage"], role.noted()["fence_before"]) == ("setup", "300")
        assert change(lab_engine.lab.home, "start", "ovirt-engine-dwhd") == 0  # somebody did not wait
        run_chain(role, AFTER_SETUP)
        run_chain(role, LAST)
        role.assert_is_well()
        ran = role.run().made()
        assert (outcome(ran), ran.changed) == ("already", 0)


def test_another_password_is_refused_before_anything_is_written(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    """A login does not tell it from a role that is missing; engine-backup finds out when the files are overwritten."""
    lab_engine.fresh()
    database = lab_engine.lab.databases["engine"]
    create_database(lab_engine.lab, database._replace(password="another-password"))
    query(lab_engine.lab, database.name, "CREATE TABLE kept (id integer)")
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(NAME, lab_engine, engine, archives, archive=archives / "engine.backup")
        before = photograph(lab_engine.site.prefix / "etc")
        run_chain(role, REFUSED)
        role.run().refused("Refused before anything was changed", "provision_occupied", "'engine'", "1 tables")
        assert (photograph(lab_engine.site.prefix / "etc"), role.noted()) == (before, {})
        query(lab_engine.lab, database.name, "DROP TABLE kept")  # an empty pair is taken as it is
        assert role.run("--check").made().changed


def test_engine_alone_is_restored_beside_its_warehouse_and_known_again(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    """The host and the engine's database are lost, the other databases are not."""
    lose_host_and_database(lab_engine, "engine")
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(
            NAME, lab_engine, engine, archives, archive=archives / "engine.backup", **PART, scope="files,db"
        )  # fmt: skip
        before = row_counts(lab_engine.lab, "keycloak")
        ran = role.run().made()
        assert ran.statistics["engine_restore"]["scopes"] == ["files", "db"]
        assert ran.statistics["engine_restore"]["users_without_password"] == [REPORTING]
        ran.says("Got a password that nobody knows, set engine_restore_fresh_user_passwords: engine_reporting")
        role.assert_is_well()
        assert row_counts(lab_engine.lab, "keycloak") == before
        again = role.run().made()
        assert (outcome(again), again.changed) == ("already", 0)


def test_warehouse_alone_is_restored_beside_its_engine_and_known_again(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    """The host and the Data Warehouse are lost, the other databases are not: a killed run leaves those alone."""
    warehouse = lab_engine.lab.databases["dwh"]
    lose_host_and_database(lab_engine, "dwh")
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(
            NAME, lab_engine, engine, archives, archive=archives / "engine.backup", **PART, scope="files,dwhdb"
        )  # fmt: skip
        role.ask(MOVED_ON)
        role.ask(f"TRUNCATE {', '.join(ENDED)} CASCADE")  # engine-setup would wait for what the engine was doing
        run_chain(role, WAREHOUSE[:1])
        query(lab_engine.lab, warehouse.name, "DELETE FROM calendar")  # it was not killed at the very end
        run_chain(role, WAREHOUSE[1:])
        assert role.ask(HAS_MOVED_ON) == "1"
        assert outcome(role.run().made()) == "restored"
        query(lab_engine.lab, warehouse.name, "DELETE FROM calendar")  # rows come and go
        again = [role.run("--check").made(), role.run().made()]
        assert [run.changed for run in again] == [0, 0]
        assert outcome(again[1]) == "already"
        assert role.ask(HAS_MOVED_ON) == "1"
        assert is_alive(lab_engine.lab.home, "ovirt-engine-dwhd")


def lose_host_and_database(lab_engine: LabEngine, kind: str) -> None:
    """Install the host anew, with its PostgreSQL as it was but for one database."""
    lab_engine.in_use()
    lab = lab_engine.lab
    for name in ("ovirt-engine-dwhd", "ovirt-engine", "grafana-server", "ovirt-engine-notifier"):
        change(lab.home, "stop", name)
    shutil.rmtree(lab.prefix)
    install_packages(lab)
    query(lab, "postgres", f'DROP DATABASE "{lab.databases[kind].name}" WITH (FORCE)')
    query(lab, "postgres", f'DROP ROLE "{lab.databases[kind].owner}"')
