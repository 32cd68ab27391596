# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_cleanup where it can not do its work: each case has a name, and what still stands is said."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from lab.databases import row_counts
from lab.postgres import query

from .lab_engine import LabEngine
from .otopi_tasks import cleanup, leftovers, setup_logs, state_file
from .playbooks import Result, checked, codes
from .side_effects import sleepers, wait_for

pytestmark = pytest.mark.faults


def run(lab_engine: LabEngine, folder: Path, **options: object) -> Result:
    with lab_engine.driven(folder) as engine:
        return engine.play(cleanup(**options))[0]


def change_version(lab_engine: LabEngine, version: str) -> None:
    text = lab_engine.site.setup_state.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "generatedByVersion" not in line]
    lines.insert(1, "OVESETUP_CORE/generatedByVersion=str:" + version)
    lab_engine.site.setup_state.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("fault", ["cleanup-cannot-connect", "cleanup-cannot-clear"])
def test_a_database_that_was_only_warned_about_is_a_failure(lab_engine: LabEngine, tmp_path: Path, fault: str) -> None:
    lab_engine.in_use()
    lab_engine.fault(fault, "dwh")
    rows = sum(row_counts(lab_engine.lab, "dwh").values())
    result = run(lab_engine, tmp_path)
    assert (result["failed"], result["code"], result["phase"]) == (True, "database_not_empty", "proving")
    assert [item["kind"] for item in result["standing"]] == ["dwh"]
    assert result["standing"][0]["rows"] == rows
    assert f"{rows} rows" in result["msg"] and result["rc"] == 0
    assert row_counts(lab_engine.lab, "engine") == {}


def test_what_the_tool_left_is_dropped_where_asked_for(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    lab_engine.fault("cleanup-cannot-clear", "dwh keycloak")
    name = lab_engine.lab.databases["dwh"].name
    owner = lab_engine.lab.databases["dwh"].owner
    query(
        lab_engine.lab,
        name,
        f"CREATE SCHEMA more AUTHORIZATION {owner}; CREATE TABLE more.rows (x int);"
        f"ALTER TABLE more.rows OWNER TO {owner}",
    )
    result = run(lab_engine, tmp_path, clear_databases=True)
    assert result.get("msg", "") == ""
    cleared = {kind: item["cleared_by"] for kind, item in result["cleanup"]["databases"].items()}
    assert cleared == {"dwh": "module", "engine": "engine-cleanup", "keycloak": "module"}
    assert [row_counts(lab_engine.lab, kind) for kind in ("engine", "dwh", "keycloak")] == [{}, {}, {}]
    assert query(lab_engine.lab, name, "SELECT count(*) FROM pg_extension WHERE extname = 'uuid-ossp'") == "1"
    assert query(lab_engine.lab, name, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('public', 'more')") == "1"


def test_what_belongs_to_somebody_else_stands_and_is_named(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    query(
        lab_engine.lab,
        lab_engine.lab.databases["engine"].name,
        "CREATE SCHEMA foreign_schema; CREATE TABLE foreign_schema.t AS SELECT 1 AS x",
    )
    result = run(lab_engine, tmp_path, clear_databases=True)
    assert result["failed"]
    assert result["standing"][0]["kind"] == "engine" and result["standing"][0]["tables"] == 1


def test_a_database_that_can_not_be_reached_is_refused_before_anything_is_done(
    lab_engine: LabEngine, tmp_path: Path
) -> None:
    lab_engine.in_use()
    owner = lab_engine.lab.databases["dwh"].owner
    query(lab_engine.lab, "postgres", f'ALTER ROLE "{owner}" NOLOGIN')
    with lab_engine.driven(tmp_path) as engine:
        planned, result = engine.play(checked(cleanup()), cleanup())
    assert planned["failed"] and codes(planned) == codes(result)
    assert result["phase"] == "plan" and len(codes(result)) == 1 and codes(result)[0].startswith("database_")
    assert lab_engine.site.setup_state.exists() and row_counts(lab_engine.lab, "engine")
    assert setup_logs(lab_engine.site) == []


@pytest.mark.parametrize("version", ["4.4.10-1.el8", "4.5.9-1.el9"])
def test_another_version_is_refused_and_can_be_cleared(lab_engine: LabEngine, tmp_path: Path, version: str) -> None:
    lab_engine.in_use()
    change_version(lab_engine, version)
    with lab_engine.driven(tmp_path) as engine:
        refused, cleared = engine.play(cleanup(), cleanup(clear_databases=True))
    assert (refused["code"], refused["phase"]) == ("cleanup_version_mismatch", "plan")
    assert cleared.get("msg", "") == "" and not cleared["cleanup"]["ran"]
    assert {item["cleared_by"] for item in cleared["cleanup"]["databases"].values()} == {"module"}
    assert row_counts(lab_engine.lab, "engine") == {}


def test_a_half_restored_host_is_named_and_can_be_cleared(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    lab_engine.site.setup_state.unlink()
    with lab_engine.driven(tmp_path) as engine:
        refused, cleared, again = engine.play(cleanup(), cleanup(clear_databases=True), cleanup())
    assert set(codes(refused)) == {"database_not_empty"} and refused["phase"] == "plan"
    assert cleared["changed"] and not cleared["cleanup"]["ran"]
    assert (again["changed"], again["cleanup"]["state"]) == (False, "already_clean")


def test_a_fresh_machine_is_a_state(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.fresh()
    result = run(lab_engine, tmp_path)
    assert (result["changed"], result["cleanup"]["state"], result["cleanup"]["ran"]) == (False, "not_set_up", False)


def test_a_question_that_nobody_knows_ends_the_run_at_once(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    lab_engine.fault("cleanup-asks", "OVESETUP_NEW_THING What shall become of it?")
    began = time.monotonic()
    result = run(lab_engine, tmp_path)
    assert time.monotonic() - began < 30
    assert result["code"] == "question_unanswered"
    assert result["question"]["name"] == "OVESETUP_NEW_THING"
    assert result["question"]["text"] == "What shall become of it?:"
    assert result["question"]["stage"] == "Environment customization"
    assert row_counts(lab_engine.lab, "engine") and leftovers(lab_engine.site) == []


def test_that_question_can_be_answered(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    lab_engine.fault("cleanup-asks", "OVESETUP_NEW_THING What shall become of it?")
    result = run(lab_engine, tmp_path, answers={"QUESTION/1/OVESETUP_NEW_THING": "str:nothing"})
    assert result.get("msg", "") == "" and result["cleanup"]["state"] == "cleaned"


def test_a_question_that_is_asked_for_ever_is_ended(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    lab_engine.fault("cleanup-asks-forever", "OVESETUP_AGAIN")
    answers = {f"QUESTION/{number}/OVESETUP_AGAIN": "str:x" for number in range(1, 2000)}
    result = run(lab_engine, tmp_path, timeout=200, answers=answers)
    assert result["code"] == "question_repeated"
    assert result["question"]["name"] == "OVESETUP_AGAIN"
    assert row_counts(lab_engine.lab, "engine") and leftovers(lab_engine.site) == []


def test_a_tool_that_is_killed_is_named_and_the_next_run_goes_on(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    switch = lab_engine.fault("cleanup-kill-at", "clear-dwh")
    first = run(lab_engine, tmp_path / "first")
    assert first["code"] == "tool_killed" and first["stage"] == "Misc configuration"
    switch.unlink()
    second = run(lab_engine, tmp_path / "second")
    assert second.get("msg", "") == "" and second["cleanup"]["state"] == "cleaned"
    assert second["cleanup"]["databases"]["engine"]["cleared_by"] == ""
    assert second["cleanup"]["databases"]["dwh"]["cleared_by"] == "engine-cleanup"


def test_a_tool_that_takes_too_long_is_ended(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    lab_engine.fault("cleanup-slow-at", "dump-engine 300")
    result = run(lab_engine, tmp_path, timeout=10)
    assert result["code"] == "tool_timeout" and result["rc"] is None
    assert row_counts(lab_engine.lab, "engine") and leftovers(lab_engine.site) == []


def test_a_module_that_is_killed_is_swept_up_and_its_work_is_finished_by_the_next_run(
    lab_engine: LabEngine, tmp_path: Path
) -> None:
    lab_engine.in_use()
    switch = lab_engine.fault("cleanup-slow-at", "clear-dwh 120")
    with lab_engine.driven(tmp_path) as engine:
        running = engine.start(cleanup())
        wait_for("the tool to wait", lambda: state_file(lab_engine.site).exists() and sleepers(lab_engine.site))
        os.kill(json.loads(state_file(lab_engine.site).read_text(encoding="utf-8"))["pid"], signal.SIGKILL)
        assert engine.finish(running)[0]["failed"]
        switch.unlink()
        planned, done, again = engine.play(checked(cleanup()), cleanup(), cleanup())
    assert planned["swept"] == done["swept"] and len(done["swept"]) == 1
    assert done.get("msg", "") == "" and done["cleanup"]["state"] == "cleaned"
    assert not again["changed"]
    assert leftovers(lab_engine.site) == [] and not sleepers(lab_engine.site)
