# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_restore_overwrite restores over an engine in use, or leaves the engine as it was."""

import json
from pathlib import Path

import pytest

from . import restore_stages as at
from .lab_engine import LabEngine
from .playbooks import Engine
from .restore_roles import HAS_MOVED_ON, MOVED_ON, RestoreRole, outcome, summary
from .restore_stages import Kill, run_chain
from .side_effects import photograph

pytest_plugins = ["functional.restore_roles"]
pytestmark = pytest.mark.faults

NAME = "engine_restore_overwrite"
STAYS: dict[str, object] = {"rollback": "false"}  # as a survey gives it: what is told as a failure is left as it is
ROLLBACK: dict[str, object] = {"action": "rollback"}
BACKING_UP = [Kill(at.BACKUP, "in", "slow-at dwh 200", "module")]
OVERWRITING = [
    Kill("set_aside/Set the files of the present engine aside"),
    Kill("set_aside/Set the present databases aside"),
    Kill(at.CLEANUP, "in", at.CLEARING, "connection", is_met=True),
    Kill(at.SETUP, "in", at.SCHEMA, "connection"),
    Kill("drop_aside/Drop the databases that were set aside"),
    Kill("drop_aside/Remove the copy of the files"),
    Kill("finish/Remove the journal"),
]
PUTTING_BACK = [
    Kill("put_back/Stop what uses the new databases", variables=ROLLBACK),
    Kill("put_back/Put the databases back", variables=ROLLBACK),
]
GOING_ON = [Kill(at.CLEANUP, "in", at.CLEARING)]
BACK = [
    Kill("put_back/Put the files back", variables=ROLLBACK),
    Kill("put_back/Start what was running", variables=ROLLBACK),
    Kill("prove_back/Remove the copy of the files", variables=ROLLBACK),
    Kill("prove_back/Remove the journal", variables=ROLLBACK),
]
LOADING = [Kill(at.RESTORE, "in", at.LOADED, variables=ROLLBACK), Kill(at.SETUP, variables=ROLLBACK)]
CHAIN = [*BACKING_UP, *OVERWRITING, *PUTTING_BACK, *GOING_ON, *BACK, *LOADING]


def restoring(lab_engine: LabEngine, engine: Engine, archives: Path) -> RestoreRole:
    places = {"archive": archives / "engine.backup", "safety_directory": archives}
    return RestoreRole(NAME, lab_engine, engine, archives, **places)


def moved_on(lab_engine: LabEngine, role: RestoreRole) -> dict[str, dict[str, int]]:
    """An engine in use that has changed since the backup; the rows of its tables."""
    lab_engine.in_use()
    role.ask(MOVED_ON)
    return role.rows()


def test_readme_example_plans_overwrites_although_it_is_killed_is_quiet_the_second_time_and_goes_back(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        away = tmp_path / "away"
        away.mkdir(mode=0o700)
        role = RestoreRole(NAME, lab_engine, engine, archives, safety_fetch_dest=away)
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
        run_chain(role, BACKING_UP)
        assert role.noted() == {}
        role.assert_is_well()
        run_chain(role, OVERWRITING[:1])
        safety = Path(role.noted()["safety_archive"])
        assert safety.parent == archives and (away / safety.name).read_bytes() == safety.read_bytes()
        run_chain(role, OVERWRITING[1:])
        assert role.ask(HAS_MOVED_ON) == "0"
        role.assert_is_well()
        again = [role.run("--check").made(), role.run().made()]
        assert [run.changed for run in again] == [0, 0]
        assert outcome(again[1]) == "already"
        go_back(role, str(safety), before)


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


def is_set_aside(role: RestoreRole) -> bool:
    """Do the databases wait under another name?"""
    suffix = role.noted()["aside"]["suffix"]
    return role.ask(f"SELECT count(*) FROM pg_database WHERE datname LIKE '%{suffix}'") == "3"


def test_failed_restore_goes_back_without_a_tool_also_by_runs_that_are_killed(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = restoring(lab_engine, engine, archives)
        before = moved_on(lab_engine, role)
        configured = photograph(lab_engine.site.prefix / "etc")
        switch = lab_engine.fault("setup-fails-at", "schema No schema today")
        ran = role.run(**STAYS)
        ran.refused("No schema today", "State now", "engine: filled", "set aside: ", f"{NAME}_action=rollback")
        assert outcome(ran) == "failed"
        assert (role.noted()["stage"], is_set_aside(role)) == ("setup", True)
        # No tool of oVirt could help now: engine-setup fails, and so does every load.
        ended = lab_engine.fault("end-session", "engine")
        run_chain(role, PUTTING_BACK)
        ended.unlink()
        switch.unlink()
        run_chain(role, GOING_ON)  # the restore once more, and not for long
        assert (role.noted()["rollback"], is_set_aside(role)) == (False, True)
        Path(role.noted()["safety_archive"]).write_bytes(b"damaged")
        run_chain(role, BACK[:-1])
        assert role.noted()["stage"] == "back"
        run_chain(role, BACK[-1:])
        assert role.noted() == {}
        assert role.rows() == before
        assert photograph(lab_engine.site.prefix / "etc") == configured
        role.assert_is_well()
        switch = lab_engine.fault("setup-fails-at", "schema No schema today")
        ran = role.run()
        ran.refused("No schema today", "rolled back by what was set aside", "it is what it was before this run")
        assert outcome(ran) == "rolled_back"
        switch.unlink()
        assert role.rows() == before
        role.assert_is_well()


def test_set_aside_databases_that_somebody_dropped_are_loaded_from_the_safety_archive(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    with lab_engine.driven(tmp_path) as engine:
        role = restoring(lab_engine, engine, archives)
        before = moved_on(lab_engine, role)
        switch = lab_engine.fault("setup-fails-at", "schema No schema today")
        assert outcome(role.run(**STAYS)) == "failed"
        noted = role.noted()
        role.ask(f"DROP DATABASE engine_{noted['aside']['suffix']}")
        run_chain(role, LOADING[:1])
        failed = role.run()  # it goes on, and back, and neither comes to its end
        failed.refused("No schema today", "The rollback to", "failed, too", "State now", "engine: filled",
                       noted["safety_archive"], f"{NAME}_action=rollback")  # fmt: skip
        assert role.noted()["rollback"] is True
        switch.unlink()
        run_chain(role, LOADING[1:])
        assert role.noted()["rollback"] is True
        assert outcome(role.run(**ROLLBACK).made()) == "rolled_back"
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
        migrated = {"role": "engine_database_migration", "archive": "/var/moved.backup", "stage": "migrated"}
        role.journal.parent.mkdir(parents=True, exist_ok=True)
        role.journal.write_text(json.dumps(migrated), encoding="utf-8")
        role.run().refused("the old ones are kept. Accept that first", "engine_database_migration_action=accept")
        role.journal.unlink()
        assert (role.rows(), photograph(archives), role.noted()) == (before, kept, {})
        lab_engine.fresh()
        role.run().refused("No engine is set up", "engine_restore_fresh")
