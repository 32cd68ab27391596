# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup, cleanup, restore and engine-setup one after the other, on the lab and on a development installation alike.

The engine is taken away and comes back. An inventory that names another installation than a lab has to allow that, with
`engine_may_be_destroyed: true` at its engine host.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .db_probe import PREFIXES, fingerprints
from .engine_tasks import facts
from .installation import INVENTORY, Site, read_site
from .otopi_tasks import cleanup, leftovers, setup
from .playbooks import Engine, backup, checked
from .restore_tasks import restore
from .side_effects import processes

# The records of backups, what a restore empties and resets, and what engine-setup writes in every engine database.
CHANGED_ON_THE_WAY = {
    f"engine.public.{name}" for name in (
        "audit_log", "engine_backup_log",
        "async_tasks", "async_tasks_entities", "business_entity_snapshot", "command_assoc_entities", "command_entities",
        "job", "job_subject_entity", "step", "step_subject_entity", "vm_dynamic", "dwh_history_timekeeping",
        "vdc_options", "sso_clients",
    )
}  # fmt: skip


@pytest.fixture
def expendable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine in use that may be destroyed."""
    given = os.environ.get(INVENTORY)
    if not given:
        lab_engine = request.getfixturevalue("lab_engine")
        lab_engine.in_use()
        with lab_engine.driven(tmp_path) as engine:
            yield engine
        return
    site = read_site(Path(given))
    if not site.is_expendable:
        pytest.skip("destroys the engine; the inventory does not allow that")
    before = processes(site)
    engine = Engine(site, tmp_path / "ansible")
    yield engine
    engine.assert_left_no_trace(tmp_path, before)


def content(site: Site) -> dict[str, str]:
    """A hash of each table of each database that is set up."""
    kinds = [kind for kind in PREFIXES if {"engine": "db"}.get(kind, kind + "db") in site.scopes]
    return {f"{kind}.{name}": rows for kind in kinds for name, rows in fingerprints(site, kind).items()}


def test_an_engine_that_was_taken_away_comes_back_as_it_was(expendable: Engine, tmp_path: Path) -> None:
    site, archive = expendable.site, tmp_path / "whole.backup"
    scopes, before = site.scopes, content(site)
    there = [
        backup(path=archive),
        checked(cleanup()), cleanup(), checked(cleanup()), checked(setup(archive=archive)),
    ]  # fmt: skip
    back = [
        checked(restore(archive)), restore(archive), checked(restore(archive)), restore(archive),
        checked(setup()), setup(), checked(setup()), setup(),
        facts(count_rows=True),
    ]  # fmt: skip
    results = expendable.play(*there, *back)
    assert [result.get("msg", "") for result in results] == [""] * len(results)
    foreseen = results.pop(len(there) - 1)
    four = [True, True, False, False]
    assert [result["changed"] for result in results] == [True, *four[:3], *four, *four, False]
    made, _planned, cleaned, _again, planned, restored = results[:6]
    assert made["archive"]["scopes"] == scopes
    assert cleaned["cleanup"]["state"] == "cleaned"
    assert planned["restore"]["databases"].keys() == restored["restore"]["databases"].keys()
    assert results[9]["setup"]["restored"] and results[9]["setup"]["stages"][-1] == "Termination"
    assert all(results[8]["setup"][key] == results[9]["setup"][key] for key in ("reasons", "answers", "version"))
    assert results[-1]["engine"]["is_set_up"] and not results[-1]["engine"]["just_restored"]
    known = {**results[9]["setup"]["answers"], **foreseen["setup"]["answers"]}
    known.pop("OVESETUP_DB/dumper", "")  # depends on the size of the restored database
    assert known.items() <= foreseen["setup"]["answers"].items() and foreseen["setup"]["restored"]
    assert known.items() <= results[9]["setup"]["answers"].items()
    after = content(site)
    assert (site.scopes, after.keys()) == (scopes, before.keys())
    assert {name for name, rows in after.items() if rows != before[name]} <= CHANGED_ON_THE_WAY
    assert leftovers(site) == []
