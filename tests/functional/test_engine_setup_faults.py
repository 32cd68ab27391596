# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_setup where it must not run, or runs badly: refused before the first write, or named."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import systemctl
from lab.databases import empty, row_counts
from lab.postgres import query

from .lab_engine import LabEngine
from .otopi_tasks import leftovers, mark_restored, play_faults, setup, setup_logs, state_directory, state_file
from .playbooks import Engine, Running, checked, codes
from .side_effects import files_with, sleepers, wait_for

pytestmark = pytest.mark.faults

SECRET = "a-very-secret-answer"
OTHER_WAREHOUSE = "UPDATE dwh_history_timekeeping SET var_value = 'of-another' WHERE var_name = 'dwhUuid'"
ASKS = "setup-asks OVESETUP_NEW_THING Which one shall it be?"
QUESTION = {"name": "OVESETUP_NEW_THING", "text": "Which one shall it be?:", "stage": "Environment customization"}
# One stage before the transaction, one in it with something to roll back, one behind it.
STAGES = {"validation": "Setup validation", "schema": "Misc configuration", "closeup": "Closing up"}


def restored(lab_engine: LabEngine) -> None:
    """An engine in use whose database says that it was just restored."""
    lab_engine.in_use()
    mark_restored(lab_engine)


def refused(lab_engine: LabEngine, folder: Path, **options: object) -> list[str]:
    """What check mode and a real run refuse alike."""
    logs = setup_logs(lab_engine.site)
    with lab_engine.driven(folder) as engine:
        planned, result = engine.play(checked(setup(**options)), setup(**options))
    assert result["failed"] and result["phase"] == "plan"
    assert codes(planned) == codes(result)
    assert leftovers(lab_engine.site) == [] and setup_logs(lab_engine.site) == logs
    return codes(result)


def test_what_would_end_badly_is_refused(lab_engine: LabEngine, tmp_path: Path) -> None:
    """Above all, an empty database is never made a brand-new engine."""
    restored(lab_engine)
    answers = {"OVESETUP_DIALOG/confirmSettings": "bool:no", "QUESTION/1/OVESETUP_X": "str:No"}
    assert refused(lab_engine, tmp_path / "answers", answers=answers) == ["answer_invalid"] * 2
    empty(lab_engine.lab, "engine")
    assert refused(lab_engine, tmp_path / "empty") == ["database_empty"]
    assert row_counts(lab_engine.lab, "engine") == {}
    query(lab_engine.lab, "postgres", f"ALTER ROLE \"{lab_engine.lab.databases['engine'].owner}\" PASSWORD 'another'")
    assert refused(lab_engine, tmp_path / "password") == ["database_login_failed"]
    lab_engine.fresh()
    assert refused(lab_engine, tmp_path / "fresh") == ["not_set_up", "database_unconfigured"]


def test_run_that_ends_badly_is_named_and_the_next_one_goes_on(lab_engine: LabEngine, tmp_path: Path) -> None:
    restored(lab_engine)
    query(lab_engine.lab, lab_engine.lab.databases["engine"].name, OTHER_WAREHOUSE)
    again, stays = setup(again=True), setup(answers={"OVESETUP_DWH_DB/disconnectExistingDwh": "bool:False"})
    failing = [(f"setup-fails-at {step} No {step} today", again) for step in STAGES]
    with lab_engine.driven(tmp_path) as engine:
        forever, cancelled, killed, *failed, done = play_faults(
            lab_engine, engine, ("setup-asks-forever OVESETUP_DB_HOST", setup(timeout=200)), ("", stays),
            ("setup-kill-at schema", setup()), *failing, ("", again),
        )  # fmt: skip
        assert (done.get("msg", ""), done["setup"]["ran"]) == ("", True)
        mark_restored(lab_engine)
        (silent,) = play_faults(lab_engine, engine, ("setup-silent", setup()))
    assert (forever["code"], forever["question"]["name"]) == ("question_repeated", "OVESETUP_DB_HOST")
    assert forever["rc"] is None
    assert (cancelled["code"], cancelled["stage"]) == ("setup_failed", "Setup validation")
    assert "Setup cancelled by user" in cancelled["msg"]
    assert killed["code"] == "tool_killed"
    for (step, title), result in zip(STAGES.items(), failed, strict=True):
        assert (result["code"], result["rc"], result["stage"]) == ("setup_failed", 1, title), (step, result["msg"])
        assert f"No {step} today" in result["msg"] and any(f"No {step} today" in text for text in result["errors"])
        assert any(f"No {step} today" in line for line in result["last_lines"])
        assert not any(" DEBUG " in line for line in result["last_lines"])
    assert (codes(silent), silent["phase"], silent["rc"]) == (["restore_not_noticed"], "proving", 0)
    assert leftovers(lab_engine.site) == []


def test_a_question_that_nobody_knows_ends_the_run_and_can_be_answered_in_secret(
    lab_engine: LabEngine, tmp_path: Path
) -> None:
    """The Data Warehouse of another host is disconnected, unless somebody answers otherwise."""
    restored(lab_engine)
    query(lab_engine.lab, lab_engine.lab.databases["engine"].name, OTHER_WAREHOUSE)
    secrets = {"OVESETUP_NEW/thing": "str:" + SECRET, "QUESTION/1/OVESETUP_NEW_THING": "str:x"}
    told = setup(secret_answers=secrets)
    with lab_engine.driven(tmp_path) as engine:
        asked, planned, done = play_faults(lab_engine, engine, (ASKS, setup()), ("", checked(told)), (ASKS, told))
        output = "".join(play.output for play in engine.plays)
    assert (asked["code"], asked["question"]) == ("question_unanswered", QUESTION)
    assert planned.get("msg", "") == done.get("msg", "") == "" and done["setup"]["restored"]
    assert done["setup"]["answers"]["OVESETUP_DWH_DB/disconnectExistingDwh"] == "bool:True"
    assert done["setup"]["answers"]["OVESETUP_NEW/thing"] == "********"
    found = files_with([SECRET], [state_directory(lab_engine.site), lab_engine.site.logs])
    assert not found and SECRET not in output


@contextmanager
def at_work(lab_engine: LabEngine, engine: Engine) -> Iterator[tuple[Running, Any]]:
    """A run whose tool waits in the middle of its work, and what its state file says."""
    switch = lab_engine.fault("setup-slow-at", "schema 120")
    running = engine.start(setup())
    wait_for("the tool to wait", lambda: state_file(lab_engine.site).exists() and sleepers(lab_engine.site))
    switch.unlink()
    yield running, json.loads(state_file(lab_engine.site).read_text(encoding="utf-8"))


def test_a_module_that_is_killed_leaves_nothing_that_the_next_run_does_not_sweep(
    lab_engine: LabEngine, tmp_path: Path
) -> None:
    """And as long as it lives, it is alone."""
    restored(lab_engine)
    with lab_engine.driven(tmp_path) as engine:
        with at_work(lab_engine, engine) as (running, state):
            second, planned = engine.play(setup(), checked(setup()))
            assert second["code"] == "locked" and "locked" in codes(planned)
            os.kill(state["pid"], signal.SIGTERM)
        assert engine.finish(running)[0]["code"] == "interrupted"
        assert leftovers(lab_engine.site) == []
        with at_work(lab_engine, engine) as (running, state):
            os.kill(state["pid"], signal.SIGKILL)
        assert engine.finish(running)[0]["failed"]
        done, again = engine.play(setup(), setup())
    assert done.get("msg", "") == "" and done["setup"]["restored"]
    assert [bool(result["diff"]["before"]["leftovers"]) for result in (done, again)] == [True, False]
    assert leftovers(lab_engine.site) == [] and not sleepers(lab_engine.site)


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
