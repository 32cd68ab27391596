# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup, cleanup, restore and engine-setup one after the other, on the lab and on a development installation alike.

The engine is taken away and comes back. An inventory that names another installation than a lab has to allow that, with
`engine_may_be_destroyed: true` at its engine host.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.host import uninstall

from .db_probe import PREFIXES, fingerprints
from .engine_tasks import facts
from .installation import INVENTORY, Site, read_site
from .otopi_tasks import cleanup, leftovers, setup, setup_logs
from .playbooks import Engine, Result, backup, checked
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
    """Each module on the way is checked, run, checked and run; what check mode took away, the next look would miss."""
    site, archive = expendable.site, tmp_path / "whole.backup"
    scopes, before, logs = site.scopes, content(site), setup_logs(site)
    registered = Counter(str(path.parent) for path in uninstall.registered(site.prefix) if path.is_file())
    results = expendable.play(
        backup(path=archive), checked(cleanup()), facts(), cleanup(),
        checked(cleanup(archive=archive)), cleanup(archive=archive), checked(setup(archive=archive)),
        checked(restore(archive)), restore(archive), checked(restore(archive)), restore(archive),
        checked(setup()), setup(), checked(setup()), setup(), facts(count_rows=True),
    )  # fmt: skip
    assert [result.get("msg", "") for result in results] == [""] * len(results)
    made, seen, foreseen, last = (results[number] for number in (0, 2, 6, 15))
    cleanups, restores, setups = [results[1], *results[3:6]], results[7:11], results[11:15]
    for steps in (cleanups, restores, setups):
        assert [result["changed"] for result in steps] == [True, True, False, False]
    assert made["archive"]["scopes"] == scopes
    assert_cleaned(cleanups, seen["engine"], registered)
    assert restores[0]["restore"]["databases"].keys() == restores[1]["restore"]["databases"].keys()
    assert_set_up(setups, foreseen)
    assert last["engine"]["is_set_up"] and not last["engine"]["just_restored"]
    ran = [str(path) for path in setup_logs(site) if path not in logs]
    assert ran == [cleanups[1]["log_path"], setups[1]["log_path"]], "a plan runs no tool"
    after = content(site)
    assert (site.scopes, after.keys()) == (scopes, before.keys())
    assert {name for name, rows in after.items() if rows != before[name]} <= CHANGED_ON_THE_WAY
    assert leftovers(site) == []


def assert_cleaned(steps: list[Result], seen: dict[str, Any], registered: Counter[str]) -> None:
    """The tool emptied what stood until then, and removed what it had registered, as foretold."""
    planned, done, *again = (step["cleanup"] for step in steps)
    assert seen["is_set_up"] and seen["services"]["ovirt-engine"] == planned["services"]["ovirt-engine"] == "active"
    assert {seen["databases"][kind]["state"] for kind in done["databases"]} == {"filled"}
    assert (done["state"], steps[1]["rc"]) == ("cleaned", 0)
    for key in ("state", "ran", "databases", "services", "files", "answers"):
        assert planned[key] == done[key]
    assert steps[0]["diff"] == steps[1]["diff"] and steps[0]["cmd"][0].endswith("/bin/engine-cleanup")
    assert {(item["cleared_by"], item["tables"] > 0) for item in done["databases"].values()} == {
        ("engine-cleanup", True)
    }
    assert planned["answers"]["OVESETUP_CORE/remove"] == "bool:True"
    assert planned["files"] == registered and sum(registered.values()) > 20
    assert [Path(path).stat().st_mode & 0o777 for path in done["dumps"]] == [0o600] * len(done["databases"])
    for step in again:
        assert (step["ran"], step["state"]) == (False, "already_clean")
        assert step["databases"].keys() == done["databases"].keys()


def assert_set_up(steps: list[Result], foreseen: Result) -> None:
    """engine-setup ran once and took the restored database, as foretold, also from the archive before the restore."""
    planned, done, *again = (step["setup"] for step in steps)
    assert (done["restored"], done["ran"], steps[1]["rc"], done["stages"][-1]) == (True, True, 0, "Termination")
    for key in ("version", "fqdn", "ran", "reasons", "restored", "answers"):
        assert planned[key] == done[key]
    assert steps[0]["cmd"][1:3] == ["--accept-defaults", "--offline"]
    assert steps[1]["diff"]["before"]["just_restored"] and not steps[1]["diff"]["after"]["just_restored"]
    assert [(step["ran"], step["reasons"]) for step in again] == [(False, [])] * 2
    known = {**done["answers"], **foreseen["setup"]["answers"]}
    known.pop("OVESETUP_DB/dumper", "")  # depends on the size of the restored database
    assert known.items() <= foreseen["setup"]["answers"].items() and foreseen["setup"]["restored"]
    assert known.items() <= done["answers"].items()
    assert done["answers"]["OVESETUP_PKI/renew"] == "bool:False"
