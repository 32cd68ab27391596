# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_restore_fresh restores on a fresh host, says what it did, and takes up what was killed."""

import shutil
from pathlib import Path

import pytest
from lab.postgres import query

from .evidence import photograph
from .restore_ground import Ground
from .restore_roles import RestoreRole, outcome, summary

pytest_plugins = ["functional.restore_roles"]
pytestmark = pytest.mark.faults

NAME = "engine_restore_fresh"
REPORTING = "engine_reporting"
PASSWORD_OF = "SELECT rolpassword FROM pg_authid WHERE rolname = '{}'"


def test_readme_example_plans_restores_and_is_quiet_the_second_time(
    ground: Ground, archives: Path, tmp_path: Path
) -> None:
    ground.fresh()
    with ground.driven(tmp_path) as engine:
        role = RestoreRole(NAME, ground, engine, archives)
        role.use_example()
        secret = ["-e", "vault_reporting_password=another-reporting-1"]
        before = photograph(ground.site.prefix)
        planned = role.run("--check", "--diff", *secret).made()
        assert planned.changed > 0 and planned.statistics == {}
        assert photograph(ground.site.prefix) == before
        assert summary(planned)[0] == f"Would restore {archives}/engine.backup"
        ran = role.run(*secret).made()
        assert outcome(ran) == "restored"
        assert "Restored and proven" in summary(ran)[0]
        assert ran.statistics["engine_restore"]["users_without_password"] == []
        assert query(ground.lab, "postgres", PASSWORD_OF.format(REPORTING)).startswith("SCRAM-SHA-256")
        role.assert_is_well()
        again = [role.run("--check", *secret).made(), role.run(*secret).made()]
        assert [run.changed for run in again] == [0, 0]
        assert outcome(again[1]) == "already"
        assert "another-reporting-1" not in planned.output + ran.output + again[1].output


def test_wrong_archive_and_an_engine_in_use_are_refused(ground: Ground, archives: Path, tmp_path: Path) -> None:
    ground.in_use()
    with ground.driven(tmp_path) as engine:
        role = RestoreRole(NAME, ground, engine, archives)
        before = role.rows()
        role.run(archive=archives / "engine.backup").refused("engine-setup has run", "engine_restore_overwrite")
        cut = tmp_path / "cut.backup"
        cut.write_bytes((archives / "engine.backup").read_bytes()[:200_000])
        role.run(archive=cut).refused("Refused before anything was changed", "can not be restored")
        role.run(archive="engine.backup").refused("full paths", "engine_restore_fresh_archive")
        assert role.noted() == {}
        assert role.rows() == before


def test_a_run_that_was_killed_twice_is_taken_up(ground: Ground, archives: Path, tmp_path: Path) -> None:
    ground.fresh()
    with ground.driven(tmp_path) as engine:
        role = RestoreRole(NAME, ground, engine, archives, archive=archives / "engine.backup")
        assert role.kill_in("slow-at", "dwh 200")["stage"] == "restore"
        other = tmp_path / "other.backup"
        shutil.copy2(archives / "engine.backup", other)
        with other.open("ab") as stream:
            stream.write(b"\0")
        role.run("--check", archive=other).refused("Refused before anything was changed")
        assert "take up" in summary(role.run("--check").made())[0]
        noted = role.kill_in("setup-slow-at", "schema 200")
        assert (noted["stage"], noted["fence_before"]) == ("setup", "300")
        ran = role.run().made()
        assert outcome(ran) == "restored"
        assert ran.statistics["engine_restore"]["users_without_password"] == [REPORTING]
        role.assert_is_well()
        assert role.run().made().changed == 0
