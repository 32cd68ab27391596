# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_restore_overwrite restores over an engine in use, or leaves the engine as it was."""

from pathlib import Path

import pytest
from lab.systemctl import change

from .lab_engine import LabEngine
from .playbooks import Engine
from .restore_roles import HAS_MOVED_ON, MOVED_ON, RestoreRole, outcome, summary
from .restore_stages import EVERY_VICTIM, Kill, run_chain, victims, writing_stages
from .side_effects import photograph

pytest_plugins = ["functional.restore_roles"]
pytestmark = pytest.mark.faults

NAME = "engine_restore_overwrite"
STAYS: dict[str, object] = {"rollback": "false"}  # as a survey gives it: what is told as a failure is left as it is


def restoring(lab_engine: LabEngine, engine: Engine, archives: Path) -> RestoreRole:
    return RestoreRole(
        NAME, lab_engine, engine, archives, archive=archives / "engine.backup", safety_directory=archives
    )  # fmt: skip


def moved_on(lab_engine: LabEngine, role: RestoreRole) -> dict[str, dict[str, int]]:
    """An engine in use that has changed since the backup; the rows of its tables."""
    lab_engine.in_use()
    role.ask(MOVED_ON)
    return role.rows()


def test_readme_example_plans_overwrites_and_is_quiet_the_second_time(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = RestoreRole(NAME, lab_engine, engine, archives)
        role.use_example()
        before = moved_on(lab_engine, role)
        kept = photograph(archives)
        planned = role.run("--check", "--diff").made()
        assert planned.changed > 0
        assert (role.rows(), photograph(archives)) == (before, kept)
        lines = summary(planned)
        assert f"Would restore {archives}/engine.backup" in lines
        assert "Cleanup: stops ovirt-engine" in lines
        assert [line for line in lines if line.startswith("Cleanup: removes from /") and "engine.conf.d" in line]
        assert [line for line in lines if line.startswith("files: below /etc/pki/ovirt-engine ")]
        assert [line for line in lines if "engine database engine" in line and "loses" in line]
        assert "Answer for engine-setup: OVESETUP_PKI/renew=bool:False" in lines
        ran = role.run().made()
        assert outcome(ran) == "restored"
        assert role.ask(HAS_MOVED_ON) == "0"
        assert Path(ran.statistics["engine_restore"]["safety_archive"]).parent == archives
        role.assert_is_well()
        again = [role.run("--check").made(), role.run().made()]
        assert [run.changed for run in again] == [0, 0]
        assert outcome(again[1]) == "already"
        go_back(role, ran.statistics["engine_restore"]["safety_archive"], before)


def go_back(role: RestoreRole, safety: str, before: dict[str, dict[str, int]]) -> None:
    """It was a mistake: back to what was there before."""
    planned = role.run("--check", action="rollback", safety_archive=safety).made()
    assert f"Would go back to {safety}" in summary(planned)
    assert planned.changed > 0 and role.ask(HAS_MOVED_ON) == "0"
    back = role.run(action="rollback", safety_archive=safety).made()
    assert outcome(back) == "rolled_back"
    assert role.ask(HAS_MOVED_ON) == "1"
    assert role.rows() == before
    role.assert_is_well()
    assert role.run(action="rollback", safety_archive=safety).made().changed == 0


def test_a_failed_restore_is_rolled_back_and_that_is_proven(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = restoring(lab_engine, engine, archives)
        before = moved_on(lab_engine, role)
        away = tmp_path / "away"
        away.mkdir(mode=0o700)
        ran = role.run_with_fault("end-session", "dwh", safety_fetch_dest=away)
        ran.refused("Restore and prove every row", "rolled back", "it is what it was before this run")
        assert outcome(ran) == "rolled_back"
        safety = Path(ran.statistics["engine_restore"]["safety_archive"])
        assert (away / safety.name).read_bytes() == safety.read_bytes()
        assert role.rows() == before
        role.assert_is_well()


def test_without_rollback_everything_stays_and_can_be_undone_later(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = restoring(lab_engine, engine, archives)
        before = moved_on(lab_engine, role)
        full = lab_engine.fault("cleanup-cannot-connect", "dwh")
        ran = role.run(**STAYS)
        name = lab_engine.lab.databases["dwh"].name
        ran.refused(f"the dwh database '{name}' on localhost:5432 is not empty", "What stands where",
                    f"- dwh when it failed: {name} on localhost:5432: 14 tables", "engine-setup: not set up",
                    "before: dwh in ", "a dump that engine-cleanup made: ", f"{NAME}_action=rollback")  # fmt: skip
        assert outcome(ran) == "failed"
        noted = role.noted()
        assert (noted["stage"], noted["rollback"]) == ("cleanup", False)
        full.unlink()
        switch = lab_engine.fault("setup-fails-at", "schema No schema today")
        failed = role.run()  # it goes on, and back, and neither comes to its end
        failed.refused("No schema today", "The rollback to", "failed, too", "What stands where", "engine: filled",
                       noted["safety_archive"], f"{NAME}_action=rollback")  # fmt: skip
        assert role.noted()["rollback"] is True
        switch.unlink()
        assert outcome(role.run(action="rollback").made()) == "rolled_back"
        assert role.rows() == before
        role.assert_is_well()


# Roles and databases are prepared by engine_restore_credentials only; an engine in use has the directory.
NOT_HERE = {"databases/Prepare the roles that have grants", "databases/Prepare the databases and their owners",
            "empty_targets/Empty what the interrupted run had begun to fill",
            "note/Make the directory of the journal", "write_receipt/Write the receipt"}  # fmt: skip
BACKUP = "make_safety/Make a proven backup of the present state"
NOTE = "note/Write the journal"
CLEANUP = "clean_up/Remove the set-up and prove the databases empty"
TAKE_UP = "take_up/Restore, if nothing stands in the way"
RESTORE = "restore/Restore and prove every row"
USERS = "users/Set the password of a role with grants"
GUARD = "guard/Keep the restored engine from fencing hosts"
SETUP = "set_up/Run engine-setup and prove that it took the restored database"
LIFT = "lift_guard/Put the old value back for the next start of the engine"
STOP = "stop/Stop what uses the databases"
END = "finish/Remove the journal"
BACKING_UP = [Kill(BACKUP, "in", "slow-at dwh 200", "module")]
REMOVING = [
    Kill(NOTE),
    Kill(CLEANUP, "in", "cleanup-slow-at clear-dwh 200", "tool", variables=STAYS),
    Kill(CLEANUP),
    Kill(TAKE_UP, "in", "slow-at loaded-dwh 200"),
]
RESTORING = [
    Kill(STOP),
    Kill(CLEANUP, "in", "cleanup-slow-at clear-dwh 200", "connection"),
    Kill(TAKE_UP, "in", "slow-at loaded-engine 200"),
    Kill(RESTORE, "in", "slow-at loaded-dwh 200", "tool", variables=STAYS),
    Kill(RESTORE),
    Kill(USERS),
    Kill(NOTE, times=2),  # of the old value of the guard, behind that of the run itself
    Kill(GUARD),
    Kill(SETUP, "in", "setup-slow-at schema 200", "connection"),
    Kill(LIFT),
    Kill(END),
]
ROLLBACK: dict[str, object] = {"action": "rollback"}
ROLLING_BACK = [
    Kill(TAKE_UP, "in", "slow-at loaded-dwh 200", "module", variables=ROLLBACK),
    Kill(CLEANUP, "in", "cleanup-slow-at clear-dwh 200", variables=ROLLBACK),
    Kill(RESTORE, variables=ROLLBACK),
    Kill(GUARD, variables=ROLLBACK),
    Kill(SETUP, "in", "setup-slow-at schema 200", "module", variables=ROLLBACK),
    Kill(SETUP, variables=ROLLBACK),
    Kill(LIFT, variables=ROLLBACK),
]


def test_chain_of_kills_has_every_stage_of_the_role() -> None:
    named = {kill.stage for kill in BACKING_UP + REMOVING + RESTORING}
    assert named == writing_stages(NAME) - NOT_HERE
    assert victims(BACKING_UP, REMOVING, RESTORING) == EVERY_VICTIM


def test_a_run_that_was_killed_in_every_stage_is_taken_up(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = restoring(lab_engine, engine, archives)
        role.variables["user_passwords"] = {"engine_reporting": "another-reporting-1"}
        moved_on(lab_engine, role)
        run_chain(role, BACKING_UP)
        assert role.noted() == {}
        role.assert_is_well()
        run_chain(role, REMOVING)
        safety = role.noted()["safety_archive"]
        assert change(lab_engine.lab.home, "start", "ovirt-engine-dwhd") == 0  # somebody did not wait
        run_chain(role, RESTORING[:-1])
        assert role.noted()["safety_archive"] == safety
        run_chain(role, RESTORING[-1:])
        assert role.ask(HAS_MOVED_ON) == "0"
        role.assert_is_well()
        ran = role.run().made()
        assert (outcome(ran), ran.changed) == ("already", 0)


def test_a_rollback_that_was_killed_in_every_stage_is_taken_up(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = restoring(lab_engine, engine, archives)
        before = moved_on(lab_engine, role)
        # Killed when the run that fails has just begun to roll back, and takes up what it has done itself.
        switch = lab_engine.fault("setup-fails-at", "schema")
        run_chain(role, [Kill(TAKE_UP, "before")])
        switch.unlink()
        assert role.noted()["rollback"] is True
        run_chain(role, ROLLING_BACK[:2])
        run_chain(role, [Kill(NOTE)])  # the restore again, and not for long
        assert role.noted()["rollback"] is False
        run_chain(role, ROLLING_BACK[2:])
        assert role.noted()["rollback"] is True
        assert outcome(role.run(**ROLLBACK).made()) == "rolled_back"
        assert role.ask(HAS_MOVED_ON) == "1"
        assert role.rows() == before
        role.assert_is_well()


def test_what_can_be_known_is_refused_before_the_safety_backup(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = restoring(lab_engine, engine, archives)
        before = moved_on(lab_engine, role)
        kept = photograph(archives)
        role.run(scope=["files", "cinderlibdb"]).refused("Refused", "cinderlib")
        role.run(setup_answers={"OVESETUP_PKI/renew": "bool:no"}).refused("bool:no and bool:0 count as true")
        role.run(action="rollback").refused("No journal names a safety archive")
        switch = lab_engine.fault("engine-config-fails")
        role.run().refused("Could not read the option DisableFenceAtStartupInSec")
        switch.unlink()
        role.ask("UPDATE vdc_options SET option_value = '300' WHERE option_name = 'DisableFenceAtStartupInSec'")
        assert (role.rows(), photograph(archives), role.noted()) == (before, kept, {})
        lab_engine.fresh()
        role.run().refused("No engine is set up", "engine_restore_fresh")
