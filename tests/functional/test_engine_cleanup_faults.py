# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_cleanup where it cannot do its work: each case has a name, and the next run goes on.

That a database which the tool left full is a failure is seen in test_engine_restore_overwrite_role.
"""

import json
import os
import signal
from pathlib import Path

import pytest
from lab.databases import row_counts
from lab.postgres import query

from .engine_tasks import facts
from .lab_engine import LabEngine
from .otopi_tasks import cleanup, leftovers, play_faults, setup_logs, state_file
from .playbooks import checked, codes, remove
from .side_effects import sleepers, wait_for

pytestmark = pytest.mark.faults

KINDS = ("engine", "dwh", "keycloak")
QUESTION = {"name": "OVESETUP_NEW_THING", "text": "What shall become of it?:", "stage": "Environment customization"}


def change_version(lab_engine: LabEngine, version: str) -> None:
    text = lab_engine.site.setup_state.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "generatedByVersion" not in line]
    lines.insert(1, "OVESETUP_CORE/generatedByVersion=str:" + version)
    lab_engine.site.setup_state.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_what_the_tool_left_is_dropped_where_asked_for(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    lab_engine.fault("cleanup-cannot-clear", "dwh keycloak")
    name, owner, _password = lab_engine.lab.databases["dwh"]
    query(
        lab_engine.lab,
        name,
        f"CREATE SCHEMA more AUTHORIZATION {owner}; CREATE TABLE more.rows (x int);"
        f"ALTER TABLE more.rows OWNER TO {owner}",
    )
    with lab_engine.driven(tmp_path) as engine:
        (result,) = engine.play(cleanup(clear_databases=True))
    assert result.get("msg", "") == ""
    cleared = {kind: item["cleared_by"] for kind, item in result["cleanup"]["databases"].items()}
    assert cleared == {"dwh": "module", "engine": "engine-cleanup", "keycloak": "module"}
    assert [row_counts(lab_engine.lab, kind) for kind in KINDS] == [{}, {}, {}]
    assert query(lab_engine.lab, name, "SELECT count(*) FROM pg_extension WHERE extname = 'uuid-ossp'") == "1"
    assert query(lab_engine.lab, name, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('public', 'more')") == "1"


def test_what_can_be_known_is_refused_and_a_half_restored_host_can_be_cleared(
    lab_engine: LabEngine, tmp_path: Path
) -> None:
    lab_engine.in_use()
    state, login = lab_engine.site.setup_state, f'ALTER ROLE "{lab_engine.lab.databases["dwh"].owner}" '
    query(lab_engine.lab, "postgres", login + "NOLOGIN")
    with lab_engine.driven(tmp_path) as engine:
        planned, unreachable = engine.play(checked(cleanup()), cleanup())
        query(lab_engine.lab, "postgres", login + "LOGIN")
        change_version(lab_engine, "4.5.9-1.el9")
        other, _removed, half, cleared, again = engine.play(
            cleanup(), remove(state), cleanup(), cleanup(clear_databases=True), cleanup()
        )
    assert planned["failed"] and codes(planned) == codes(unreachable) == ["database_login_failed"]
    assert [result["phase"] for result in (unreachable, other, half)] == ["plan"] * 3
    assert other["code"] == "cleanup_version_mismatch"
    assert set(codes(half)) == {"database_not_empty"}
    assert cleared["changed"] and not cleared["cleanup"]["ran"]
    assert {item["cleared_by"] for item in cleared["cleanup"]["databases"].values()} == {"module"}
    assert (again["changed"], again["cleanup"]["state"]) == (False, "already_clean")
    assert setup_logs(lab_engine.site) == []


def test_a_fresh_machine_is_a_state(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.fresh()
    with lab_engine.driven(tmp_path) as engine:
        (never,) = engine.play(cleanup())
    assert (never["changed"], never["cleanup"]["state"], never["cleanup"]["ran"]) == (False, "not_set_up", False)


def test_run_that_ends_badly_is_named_and_the_next_one_goes_on(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    asks = "cleanup-asks OVESETUP_NEW_THING What shall become of it?"
    always = {f"QUESTION/{number}/OVESETUP_AGAIN": "str:x" for number in range(1, 2000)}
    with lab_engine.driven(tmp_path) as engine:
        asked, forever, late, seen, killed, done = play_faults(
            lab_engine, engine, (asks, cleanup()),
            ("cleanup-asks-forever OVESETUP_AGAIN", cleanup(timeout=200, answers=always)),
            ("cleanup-slow-at dump-engine 300", cleanup(timeout=5)), ("", facts()),
            ("cleanup-kill-at clear-dwh", cleanup()),
            (asks, cleanup(answers={"QUESTION/1/OVESETUP_NEW_THING": "str:nothing"})),
        )  # fmt: skip
    assert (asked["code"], asked["question"]) == ("question_unanswered", QUESTION)
    assert (forever["code"], forever["question"]["name"]) == ("question_repeated", "OVESETUP_AGAIN")
    assert (late["code"], late["rc"]) == ("tool_timeout", None)
    assert {seen["engine"]["databases"][kind]["state"] for kind in KINDS} == {"filled"}
    assert (killed["code"], killed["stage"]) == ("tool_killed", "Misc configuration")
    assert (done.get("msg", ""), done["cleanup"]["state"]) == ("", "cleaned")
    cleared = {kind: item["cleared_by"] for kind, item in done["cleanup"]["databases"].items()}
    assert cleared == {"engine": "", "dwh": "engine-cleanup", "keycloak": "engine-cleanup"}
    assert leftovers(lab_engine.site) == []


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
