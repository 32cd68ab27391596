# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_setup where it must not run, or runs badly: refused before the first write, or named."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from lab import systemctl
from lab.databases import empty, row_counts
from lab.otopi.stages import STAGES
from lab.postgres import query

from .lab_engine import LabEngine
from .otopi_tasks import leftovers, setup, setup_logs, state_directory, state_file
from .playbooks import Result, Task, checked, codes, remove
from .side_effects import files_with, release, sleepers, wait_for

pytestmark = pytest.mark.faults

RESTORED = (
    "UPDATE vdc_options SET option_value = '1' WHERE option_name = 'DbJustRestored';"
    "TRUNCATE async_tasks, business_entity_snapshot CASCADE"
)
SECRET = "a-very-secret-answer"
STEPS = ("schema", "post")  # of Misc configuration, with something to roll back


def restored(lab_engine: LabEngine) -> None:
    """An engine in use whose database says that it was just restored."""
    lab_engine.in_use()
    query(lab_engine.lab, lab_engine.lab.databases["engine"].name, RESTORED)


def run(lab_engine: LabEngine, folder: Path, **options: object) -> Result:
    with lab_engine.driven(folder) as engine:
        return engine.play(setup(**options))[0]


def refused(lab_engine: LabEngine, folder: Path, **options: object) -> list[str]:
    """What check mode and a real run refuse alike."""
    logs = setup_logs(lab_engine.site)
    with lab_engine.driven(folder) as engine:
        planned, result = engine.play(checked(setup(**options)), setup(**options))
    assert result["failed"] and result["phase"] == "plan"
    assert codes(planned) == codes(result)
    assert leftovers(lab_engine.site) == [] and setup_logs(lab_engine.site) == logs
    return codes(result)


def test_an_empty_database_is_never_made_a_brand_new_engine(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    empty(lab_engine.lab, "engine")
    assert refused(lab_engine, tmp_path) == ["database_empty"]
    assert row_counts(lab_engine.lab, "engine") == {}


def test_a_database_that_can_not_be_reached_is_refused(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    query(lab_engine.lab, "postgres", f"ALTER ROLE \"{lab_engine.lab.databases['engine'].owner}\" PASSWORD 'another'")
    assert refused(lab_engine, tmp_path) == ["database_login_failed"]


def test_a_fresh_machine_is_refused(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.fresh()
    assert refused(lab_engine, tmp_path) == ["not_set_up", "database_unconfigured"]


def test_answers_that_would_be_misread_are_refused(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    answers = {"OVESETUP_DIALOG/confirmSettings": "bool:no", "QUESTION/1/OVESETUP_X": "str:No"}
    assert refused(lab_engine, tmp_path, answers=answers) == ["answer_invalid"] * 2


def failing(lab_engine: LabEngine, step: str) -> list[Task]:
    """Run it so that it fails there."""
    switch = {
        "dest": str(lab_engine.lab.faults / "setup-fails-at"),
        "content": f"{step} No {step} today",
        "mode": "0644",
    }
    return [{"ansible.builtin.copy": switch}, setup(again=True)]


def test_each_stage_that_fails_is_named_and_the_next_run_goes_on(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    stages = {stage.name: stage.title for stage in STAGES} | dict.fromkeys(STEPS, "Misc configuration")
    switch = lab_engine.lab.faults / "setup-fails-at"
    with lab_engine.driven(tmp_path) as engine:
        tasks = [task for step in stages for task in failing(lab_engine, step)]
        *results, _removed, done = engine.play(*tasks, remove(switch), setup(again=True))
    for (step, title), result in zip(stages.items(), results[1::2], strict=True):
        assert (result["code"], result["rc"], result["stage"]) == ("setup_failed", 1, title), (step, result["msg"])
        assert f"No {step} today" in result["msg"] and any(f"No {step} today" in text for text in result["errors"])
        assert any(f"No {step} today" in line for line in result["last_lines"])
        assert not any(" DEBUG " in line for line in result["last_lines"])
    assert done.get("msg", "") == "" and done["setup"]["ran"]
    assert leftovers(lab_engine.site) == []


def test_a_question_that_nobody_knows_ends_the_run_at_once(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    lab_engine.fault("setup-asks", "OVESETUP_NEW_THING Which one shall it be?")
    began = time.monotonic()
    result = run(lab_engine, tmp_path / "first")
    assert time.monotonic() - began < 30
    assert result["code"] == "question_unanswered"
    assert result["question"] == {
        "name": "OVESETUP_NEW_THING",
        "text": "Which one shall it be?:",
        "stage": "Environment customization",
    }
    answered = run(lab_engine, tmp_path / "second", answers={"QUESTION/1/OVESETUP_NEW_THING": "str:this"})
    assert answered.get("msg", "") == "" and answered["setup"]["restored"]


def test_a_question_that_is_asked_for_ever_ends_the_run(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    lab_engine.fault("setup-asks-forever", "OVESETUP_DB_HOST")
    began = time.monotonic()
    result = run(lab_engine, tmp_path, timeout=200)
    assert time.monotonic() - began < 30
    assert result["code"] == "question_repeated" and result["question"]["name"] == "OVESETUP_DB_HOST"
    assert result["rc"] is None and leftovers(lab_engine.site) == []


def test_a_run_that_does_not_notice_the_restore_is_a_failure(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    lab_engine.fault("setup-silent")
    result = run(lab_engine, tmp_path)
    assert codes(result) == ["restore_not_noticed"] and result["phase"] == "proving" and result["rc"] == 0


def test_an_answer_that_aborts_is_named(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    query(
        lab_engine.lab,
        lab_engine.lab.databases["engine"].name,
        "UPDATE dwh_history_timekeeping SET var_value = 'of-another' WHERE var_name = 'dwhUuid'",
    )
    result = run(lab_engine, tmp_path, answers={"OVESETUP_DWH_DB/disconnectExistingDwh": "bool:False"})
    assert result["code"] == "setup_failed" and "Setup cancelled by user" in result["msg"]
    assert result["stage"] == "Setup validation"


def test_the_data_warehouse_of_another_host_is_disconnected(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    query(
        lab_engine.lab,
        lab_engine.lab.databases["engine"].name,
        "UPDATE dwh_history_timekeeping SET var_value = 'of-another' WHERE var_name = 'dwhUuid'",
    )
    result = run(lab_engine, tmp_path)
    assert result.get("msg", "") == ""
    assert result["setup"]["answers"]["OVESETUP_DWH_DB/disconnectExistingDwh"] == "bool:True"


def test_secret_answers_reach_the_tool_and_nobody_else(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    lab_engine.fault("setup-asks", "OVESETUP_NEW_THING Which one shall it be?")
    with lab_engine.driven(tmp_path) as engine:
        options = {"secret_answers": {"OVESETUP_NEW/thing": "str:" + SECRET, "QUESTION/1/OVESETUP_NEW_THING": "str:x"}}
        planned, result = engine.play(checked(setup(**options)), setup(**options))
        output = "".join(play.output for play in engine.plays)
    assert planned.get("msg", "") == result.get("msg", "") == ""
    assert result["setup"]["answers"]["OVESETUP_NEW/thing"] == "********"
    found = files_with([SECRET], [state_directory(lab_engine.site), lab_engine.site.logs])
    assert not found and SECRET not in output


def test_a_tool_that_is_killed_is_named_and_the_next_run_goes_on(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    switch = lab_engine.fault("setup-kill-at", "schema")
    first = run(lab_engine, tmp_path / "first")
    assert first["code"] == "tool_killed"
    switch.unlink()
    second = run(lab_engine, tmp_path / "second")
    assert second.get("msg", "") == "" and second["setup"]["restored"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_module_that_is_killed_leaves_nothing_that_the_next_run_does_not_sweep(
    lab_engine: LabEngine, tmp_path: Path, number: int
) -> None:
    restored(lab_engine)
    switch = lab_engine.fault("setup-slow-at", "schema 120")
    with lab_engine.driven(tmp_path) as engine:
        running = engine.start(setup())
        wait_for("the tool to wait", lambda: state_file(lab_engine.site).exists() and sleepers(lab_engine.site))
        os.kill(json.loads(state_file(lab_engine.site).read_text(encoding="utf-8"))["pid"], number)
        first = engine.finish(running)[0]
        assert first["failed"]
        switch.unlink()
        if number == signal.SIGTERM:
            assert first["code"] == "interrupted" and leftovers(lab_engine.site) == []
        second = engine.play(setup())[0]
    assert second.get("msg", "") == "" and second["setup"]["restored"]
    assert bool(second["swept"]) is (number == signal.SIGKILL)
    assert leftovers(lab_engine.site) == [] and not sleepers(lab_engine.site)


def test_two_runs_at_once_exclude_each_other(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    lab_engine.fault("setup-slow-at", "schema 120")
    with lab_engine.driven(tmp_path) as engine:
        running = engine.start(setup())
        wait_for("the tool to wait", lambda: sleepers(lab_engine.site))
        second, planned = engine.play(setup(), checked(setup()))
        release(lab_engine.site)
        first = engine.finish(running)[0]
    assert second["code"] == "locked" and "locked" in codes(planned)
    assert first.get("msg", "") == ""


def test_a_development_installation_leaves_apache_alone(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    prefix, state = lab_engine.site.prefix, lab_engine.site.setup_state
    (prefix / "etc/unprivileged").touch()
    for service in ("ovirt-engine", "ovirt-engine-dwhd"):  # engine-setup stops nothing there
        assert systemctl.change(lab_engine.lab.home, "stop", service) == 0
    state.write_text(state.read_text().replace("OVESETUP_APACHE/configured=bool:True\n", ""))
    apache = {"OVESETUP_APACHE/configureRootRedirection": "bool:True"}
    with lab_engine.driven(tmp_path) as engine:
        told, untold = engine.play(setup(answers=apache), setup())
    assert told["code"] == "setup_failed" and "Permission denied: '/etc/httpd'" in told["msg"]
    assert untold.get("msg", "") == "" and untold["setup"]["ran"]
    assert not [key for key in untold["setup"]["answers"] if "APACHE" in key]
