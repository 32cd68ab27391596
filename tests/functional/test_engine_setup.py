# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_setup: on a restored engine it runs once and is proven, on an engine in use it has nothing to do."""

from pathlib import Path

from lab.databases import row_counts
from lab.postgres import query

from .lab_engine import LabEngine
from .otopi_tasks import leftovers, setup, setup_logs
from .playbooks import checked

RESTORED = (
    "UPDATE vdc_options SET option_value = '1' WHERE option_name = 'DbJustRestored';"
    "TRUNCATE async_tasks, business_entity_snapshot CASCADE"
)


def mark_restored(lab_engine: LabEngine) -> None:
    """What a restore leaves in the engine database."""
    query(lab_engine.lab, lab_engine.lab.databases["engine"].name, RESTORED)


def test_check_then_run_then_check_then_run(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    mark_restored(lab_engine)
    before = row_counts(lab_engine.lab, "engine")
    with lab_engine.driven(tmp_path) as engine:
        planned, done, planned_again, again = engine.play(checked(setup()), setup(), checked(setup()), setup())
    assert [planned.get("msg", ""), done.get("msg", "")] == ["", ""]
    assert (planned["changed"], done["changed"], done["rc"]) == (True, True, 0)
    assert done["setup"]["restored"] and done["setup"]["ran"]
    for key in ("version", "fqdn", "ran", "reasons", "restored", "answers"):
        assert planned["setup"][key] == done["setup"][key]
    assert done["setup"]["stages"][-1] == "Termination"
    assert done["diff"]["before"]["just_restored"] and not done["diff"]["after"]["just_restored"]
    for result in (planned_again, again):
        assert (result["changed"], result["setup"]["ran"], result["setup"]["reasons"]) == (False, False, [])
    assert row_counts(lab_engine.lab, "engine").keys() == before.keys()
    assert leftovers(lab_engine.site) == []
    assert str(setup_logs(lab_engine.site)[-1]) == done["log_path"]


def test_the_plan_changes_nothing(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    mark_restored(lab_engine)
    with lab_engine.driven(tmp_path) as engine:
        planned = engine.play(checked(setup()))[0]
    assert planned["cmd"][1:3] == ["--accept-defaults", "--offline"]
    assert planned["setup"]["answers"]["OVESETUP_PKI/renew"] == "bool:False"
    assert leftovers(lab_engine.site) == [] and setup_logs(lab_engine.site) == []
