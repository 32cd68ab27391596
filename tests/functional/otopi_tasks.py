# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks for engine-cleanup and engine-setup, and what is left of a run on the host."""

from pathlib import Path
from typing import Any

from lab.faults import FAULTS
from lab.postgres import query

from .installation import Site
from .lab_engine import LabEngine
from .playbooks import Engine, Result, Task, plain, remove
from .side_effects import LOCK, STATE

PREFIX = {"prefix": "{{ ovirt_prefix }}"}
RESTORED = (
    "UPDATE vdc_options SET option_value = '1' WHERE option_name = 'DbJustRestored';"
    "TRUNCATE async_tasks, business_entity_snapshot CASCADE"
)


def cleanup(**options: Any) -> Task:
    """Remove the set-up."""
    return {"ovirt.backup.engine_cleanup": {**PREFIX, **plain(options)}}


def setup(**options: Any) -> Task:
    """Set the engine up."""
    return {"ovirt.backup.engine_setup": {**PREFIX, **plain(options)}}


def state_directory(site: Site) -> Path:
    """Where a run keeps its lock, its state and its work directory."""
    return site.prefix / "var/lib/ovirt-engine-backup"


def leftovers(site: Site) -> list[str]:
    """What runs left beside their lock."""
    names = (path.name for path in state_directory(site).iterdir())
    return sorted(name for name in names if name.startswith(".") and name != LOCK)


def state_file(site: Site) -> Path:
    """What says that a run is under way."""
    return state_directory(site) / STATE


def setup_logs(site: Site) -> list[Path]:
    """The logs that engine-setup and engine-cleanup left."""
    return sorted((site.prefix / "var/log/ovirt-engine/setup").glob("*.log"))


def mark_restored(lab_engine: LabEngine) -> None:
    """What a restore leaves in the engine database."""
    query(lab_engine.lab, lab_engine.lab.databases["engine"].name, RESTORED)


def with_fault(lab_engine: LabEngine, fault: str, task: Task) -> list[Task]:
    """A task with a fault, written "NAME PARAMETER", that is there for it alone."""
    name, _space, parameter = fault.partition(" ")
    assert name in FAULTS, name
    path = lab_engine.lab.faults / name
    switch_on = {"ansible.builtin.copy": {"dest": str(path), "content": parameter, "mode": "0644"}}
    return [switch_on, task, remove(path)]


def play_faults(lab_engine: LabEngine, engine: Engine, *cases: tuple[str, Task]) -> list[Result]:
    """Run tasks in one play, each with its own fault, or without one where none is named; return their results."""
    runs = [with_fault(lab_engine, fault, task) if fault else [task] for fault, task in cases]
    results = iter(engine.play(*(task for run in runs for task in run)))
    return [[next(results) for _task in run][len(run) // 2] for run in runs]
