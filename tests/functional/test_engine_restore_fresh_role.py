# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_restore_fresh restores on a fresh host, says what it did, and takes up what was killed."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from lab.databases import create_database
from lab.installation import install_packages
from lab.postgres import query
from lab.processes import is_alive
from lab.systemctl import change

from . import restore_stages as at
from .lab_engine import LabEngine
from .restore_roles import ENDED, FENCE, HAS_MOVED_ON, MOVED_ON, RestoreRole, outcome, summary
from .restore_stages import Kill, run_chain
from .restore_tasks import DOWN
from .side_effects import photograph

pytest_plugins = ["functional.restore_roles"]
pytestmark = pytest.mark.faults

NAME = "engine_restore_fresh"
REPORTING = "engine_reporting"
# The scopes of these tests are text, as a survey of AWX gives it.
# Grafana's own database is left out, so engine-setup makes one and asks for its administrator's password.
PART: dict[str, Any] = {"setup_secret_answers": {"OVESETUP_GRAFANA_CONFIG/adminPassword": "str:another-grafana-1"}}
PASSWORD_OF = "SELECT rolpassword FROM pg_authid WHERE rolname = '{}'"


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


BEFORE_CLEANUP = [
    Kill("note/Make the directory of the journal"),
    Kill(at.NOTE, is_met=True),
    Kill(at.TAKE_UP, "in", at.LOADED, "module"),
]
UNTIL_SETUP = [
    Kill(at.CLEANUP, "in", at.CLEARING, "module"),
    Kill(at.RESTORE, "in", at.LOADED, "connection"),
    Kill(at.USERS),
    Kill(at.NOTE, times=2),  # of the old value of the guard, behind that of the run itself
    Kill(at.GUARD),
    Kill(at.SETUP, "in", at.SCHEMA),
]
AFTER_SETUP = [Kill("stop/Stop what uses the databases"), Kill(at.LIFT)]
REFUSED = [Kill("restore_once/Forget what a refusal left as it was")]
WAREHOUSE = [
    Kill(at.RESTORE, "in", at.LOADED, "tool"),
    Kill("empty_targets/Empty what the interrupted run had begun to fill"),
    Kill("write_receipt/Write the receipt"),
]
CHAIN = [*BEFORE_CLEANUP, *UNTIL_SETUP, *AFTER_SETUP, *REFUSED, *WAREHOUSE]


def test_readme_example_plans_restores_although_it_is_killed_in_every_stage_and_is_quiet_afterwards(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    lab_engine.fresh()
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(NAME, lab_engine, engine, archives)
        role.use_example(vault_reporting_password="another-reporting-1")
        before = photograph(lab_engine.site.prefix)
        planned = role.run("--check", "--diff").made()
        assert planned.changed > 0 and planned.statistics == {}
        assert photograph(lab_engine.site.prefix) == before
        assert summary(planned)[0] == f"Would restore {archives}/engine.backup"
        assert "Answer for engine-setup: OVESETUP_PKI/renew=bool:False" in summary(planned)
        run_chain(role, BEFORE_CLEANUP)
        assert role.noted()["stage"] == "restore"
        other = tmp_path / "other.backup"
        other.write_bytes((archives / "engine.backup").read_bytes() + b"\0")
        role.run("--check", archive=other).refused("Refused before anything was changed")
        assert "take up" in summary(role.run("--check").made())[0]
        run_chain(role, UNTIL_SETUP)
        assert (role.noted()["stage"], role.noted()["fence_before"], role.ask(FENCE)) == ("setup", "300", "86400")
        assert change(lab_engine.lab.home, "start", "ovirt-engine-dwhd") == 0  # somebody did not wait
        run_chain(role, AFTER_SETUP)
        ran = role.run().made()
        assert outcome(ran) == "restored"
        assert "Restored and proven" in summary(ran)[0]
        assert ran.statistics["engine_restore"]["users_without_password"] == []
        assert query(lab_engine.lab, "postgres", PASSWORD_OF.format(REPORTING)).startswith("SCRAM-SHA-256")
        role.assert_is_well()
        again = [role.run("--check").made(), role.run().made()]
        assert ([run.changed for run in again], outcome(again[1])) == ([0, 0], "already")
        assert not [play for play in engine.plays if "another-reporting-1" in play.output]


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


def test_warehouse_alone_is_restored_beside_its_engine_and_known_again(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    """The host and the Data Warehouse are lost, the other databases are not: a killed run leaves those alone."""
    warehouse = lab_engine.lab.databases["dwh"]
    lose_host_and_warehouse(lab_engine)
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
        again = role.run().made()
        assert (outcome(again), again.changed) == ("already", 0)
        assert role.ask(HAS_MOVED_ON) == "1"
        assert is_alive(lab_engine.lab.home, "ovirt-engine-dwhd")


def lose_host_and_warehouse(lab_engine: LabEngine) -> None:
    """Install the host anew, with its PostgreSQL as it was but for one database."""
    lab_engine.in_use()
    lab, warehouse = lab_engine.lab, lab_engine.lab.databases["dwh"]
    for name in DOWN:
        change(lab.home, "stop", name)
    shutil.rmtree(lab.prefix)
    install_packages(lab)
    query(lab, "postgres", f'DROP DATABASE "{warehouse.name}" WITH (FORCE)')
    query(lab, "postgres", f'DROP ROLE "{warehouse.owner}"')
