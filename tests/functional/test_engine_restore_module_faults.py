# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_restore when something dies in the middle: the stock tool says Done, the module says what is missing."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import postgres

from .otopi_tasks import leftovers, play_faults, state_file
from .playbooks import Engine, Running, Task, checked, codes
from .restore_tasks import Yard, copied, restore, said
from .side_effects import files_with, processes, release, sleepers, wait_for
from .test_engine_restore_module_credentials import assert_only_credentials_changed, configuration

pytest_plugins = ["functional.restore_tasks"]
pytestmark = pytest.mark.faults

PLACEHOLDER = "etc/ovirt-engine/engine.conf.d/10-setup-cinderlib-database.conf"


def test_load_that_was_cut_off_is_found(yard: Yard, tmp_path: Path) -> None:
    """A worker of pg_restore is killed, the sessions are ended, PostgreSQL is restarted.

    In the middle of a long table that happens in test_engine_database_migration_role.
    """
    yard.emptied()
    stock = yard.archives["stock"]
    with yard.driven(tmp_path) as engine:
        results = play_faults(
            yard.lab_engine, engine,
            ("kill-child pg_restore engine", restore(stock, scope=["files", "db"])),
            ("end-session dwh", restore(stock, scope=["dwhdb"])),
            ("restart-server keycloak", restore(stock, scope=["keycloakdb"])),
        )  # fmt: skip
        postgres.stop(yard.lab, forever=False)  # the one that runs is a child of the tool that restarted it
        postgres.start(yard.lab)
    for broken, ended in zip(("engine", "dwh", "keycloak"), results, strict=True):
        log = Path(ended["log_path"]).read_text(encoding="utf-8", errors="replace")
        assert log.splitlines()[-1].endswith("OUTPUT: Done."), "the stock tool reports success"
        assert (ended["phase"], ended["code"], ended["changed"]) == ("proving", "load_error", False), ended
        assert "Do not start this engine" in ended["msg"]
        assert f"loading the database '{yard.lab.databases[broken].name}'" in ended["msg"]
        assert {"rows_differ", "table_missing"} & set(codes(ended))
        assert "(the archive holds" in ended["standing"][broken]
        assert len(ended["last_lines"]) > 3


@contextmanager
def working(yard: Yard, engine: Engine, task: Task) -> Iterator[tuple[Running, int]]:
    """Start a restore with credentials and wait until its tool has loaded the engine database; it waits then."""
    switch = yard.lab_engine.fault("slow-at", "dwh 200")
    running = engine.start(task)
    try:
        wait_for("the tool at work", lambda: sleepers(engine.site) or running.process.poll() is not None)
        assert (yard.site.prefix / PLACEHOLDER).exists()
        assert files_with(yard.secrets, [yard.site.prefix / "var/lib/ovirt-engine-backup"])
        yield running, json.loads(state_file(engine.site).read_text(encoding="utf-8"))["pid"]
    finally:
        switch.unlink(missing_ok=True)
        release(engine.site)
        if running.process.poll() is None:
            running.process.wait(60)


def test_what_a_run_that_was_ended_leaves_is_swept_up_and_as_long_as_it_lives_it_is_alone(
    yard: Yard, tmp_path: Path
) -> None:
    """A terminated one cleans up itself, a killed one leaves it to the next, which may be a refused one."""
    yard.emptied()
    before = configuration(yard.site.prefix)
    given = {"engine": yard.make_target(yard.lab, "engine")}
    archive = copied(yard.archives["stock"], tmp_path)  # the tool touches it, and nobody is left to put its time back
    task = restore(archive, credentials=yard.hidden(given))
    with yard.driven(tmp_path) as engine:
        with working(yard, engine, task) as (running, module):
            locked, planned = engine.play(task, checked(task))
            assert locked["code"] == "locked" and "locked" in codes(planned), (locked, planned)
            os.kill(module, signal.SIGTERM)
            assert engine.finish(running)[0]["code"] == "interrupted"
        assert_nothing_is_left(yard)
        yard.emptied()
        yard.make_target(yard.lab, "engine")
        with working(yard, engine, task) as (running, module):
            os.kill(module, signal.SIGKILL)
            (ended,) = engine.finish(running)
            assert ended["failed"] and "code" not in ended and leftovers(yard.site)
            assert processes(yard.site) - yard.lab_engine.services(), "the tool outlives the module"
            (yard.lab.faults / "slow-at").unlink()
            refused, cleaned_up = engine.play(checked(task), task)
        assert "target_not_empty" in codes(refused) and codes(cleaned_up) == ["target_not_empty"], (refused, cleaned_up)
        assert leftovers(yard.site) == [] and not processes(yard.site) - yard.lab_engine.services()
        yard.empty_databases()
        yard.make_target(yard.lab, "engine")
        (done,) = engine.play(task)
    assert (said(done), done["changed"], done["swept"]) == ("", True, [])
    assert_only_credentials_changed(yard, before, given)
    assert_nothing_is_left(yard)


def assert_nothing_is_left(yard: Yard) -> None:
    """No process, no file and no secret of a run, and no placeholder that it made for the tool."""
    assert not processes(yard.site) - yard.lab_engine.services()
    assert leftovers(yard.site) == []
    assert not (yard.site.prefix / PLACEHOLDER).exists()
    assert files_with(yard.secrets, [yard.site.prefix / "var"]) == []


def test_tool_that_ends_early_leaves_no_secret_and_no_placeholder(yard: Yard, tmp_path: Path) -> None:
    yard.empty_databases()
    stock, names = yard.archives["stock"], ("engine_new", "engine_late")
    killed, late = (yard.hidden({"engine": yard.make_target(yard.lab, "engine", name=name)}) for name in names)
    with yard.driven(tmp_path) as engine:
        results = play_faults(
            yard.lab_engine, engine,
            ("kill-at dwh", restore(stock, scope=["db", "dwhdb"], credentials=killed)),
            ("slow-at dwh 200", restore(stock, scope=["db", "dwhdb"], credentials=late, timeout=8)),
        )  # fmt: skip
    assert [result["code"] for result in results] == ["tool_killed", "tool_timeout"]
    for name, ended in zip(names, results, strict=True):
        assert ended["phase"] == "engine-backup", said(ended)
        assert f"{name} on localhost" in ended["standing"]["engine"]
    assert_nothing_is_left(yard)
