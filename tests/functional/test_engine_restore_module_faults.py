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
from typing import Any, NamedTuple

import pytest
from lab import postgres
from lab.postgres import query

from .otopi_tasks import leftovers, state_file
from .playbooks import Engine, Running, Task, backup, checked, codes
from .restore_tasks import KINDS, Yard, copied, restore, said
from .side_effects import files_with, processes, release, sleepers, wait_for
from .test_engine_restore_module_credentials import assert_only_credentials_changed, configuration
from .test_engine_restore_module_runs import assert_holds_archive

pytest_plugins = ["functional.restore_tasks"]
pytestmark = pytest.mark.faults

PLACEHOLDER = "etc/ovirt-engine/engine.conf.d/10-setup-cinderlib-database.conf"


MANY_ROWS = (
    "INSERT INTO audit_log (log_time, log_type, severity, message)"
    " SELECT now(), 30, 0, 'row ' || g FROM generate_series(1, 100000) g"
)


@pytest.fixture(scope="module")
def long_archive(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a table whose COPY takes long enough to die in the middle of."""
    folder = tmp_path_factory.mktemp("long")
    yard.lab_engine.in_use()
    query(yard.lab, "engine", MANY_ROWS)
    with yard.lab_engine.driven(folder) as engine:
        (made,) = engine.play(backup(path=folder / "long.backup"))
    assert not made.get("failed"), made
    yard.emptied()
    return folder / "long.backup"


@pytest.mark.parametrize(
    ("fault", "parameter", "broken"),
    [
        ("kill-child", "pg_restore engine public.audit_log 10000", "engine"),
        ("end-session", "dwh", "dwh"),
        ("restart-server", "keycloak", "keycloak"),
    ],
    ids=["a worker of pg_restore killed in mid-COPY", "its sessions ended", "PostgreSQL restarted"],
)
def test_load_that_was_cut_off_is_found(
    fault: str, parameter: str, broken: str, yard: Yard, long_archive: Path, tmp_path: Path
) -> None:
    yard.empty_databases()
    switch = yard.lab_engine.fault(fault, parameter)
    task = restore(long_archive if fault == "kill-child" else yard.archives["stock"])
    with yard.driven(tmp_path) as engine:
        (ended,) = engine.play(task)
        switch.unlink()
        log = Path(ended["log_path"]).read_text(encoding="utf-8", errors="replace")
        assert log.splitlines()[-1].endswith("OUTPUT: Done."), "the stock tool reports success"
        assert (ended["phase"], ended["code"], ended["changed"]) == ("proving", "load_error", False), ended
        assert "Do not start this engine" in ended["msg"]
        assert f"loading the database '{yard.lab.databases[broken].name}'" in ended["msg"]
        assert {"rows_differ", "table_missing"} & set(codes(ended))
        assert set(ended["standing"]) == set(KINDS)
        assert "(the archive holds" in ended["standing"][broken]
        assert len(ended["last_lines"]) > 3
        if fault == "restart-server":
            postgres.stop(yard.lab, forever=False)  # the one that runs is a child of the tool that restarted it
            postgres.start(yard.lab)


class Work(NamedTuple):
    running: Running
    state: dict[str, Any]

    @property
    def module(self) -> int:
        return int(self.state["pid"])


@contextmanager
def working(yard: Yard, engine: Engine, task: Task) -> Iterator[Work]:
    """Start a restore and wait until its tool has loaded the engine database; it is slow from then on."""
    switch = yard.lab_engine.fault("slow-at", "dwh 200")
    running = engine.start(task)
    try:
        wait_for("the tool at work", lambda: sleepers(engine.site) or running.process.poll() is not None)
        yield Work(running, json.loads(state_file(engine.site).read_text(encoding="utf-8")))
    finally:
        switch.unlink(missing_ok=True)
        release(engine.site)
        if running.process.poll() is None:
            running.process.wait(60)


def test_of_two_restores_at_once_the_second_is_refused_and_the_first_is_fine(yard: Yard, tmp_path: Path) -> None:
    yard.emptied()
    task = restore(yard.archives["stock"])
    with yard.driven(tmp_path) as engine, working(yard, engine, task) as work:
        refused = engine.play(task, checked(task))
        assert refused[0]["code"] == "locked", refused
        assert "locked" in codes(refused[1]), refused
        release(engine.site)
        (done,) = engine.finish(work.running)
    assert (said(done), done["changed"]) == ("", True)
    assert_holds_archive(yard, yard.archives["stock"])


def test_terminated_run_leaves_no_secret_and_no_placeholder_and_the_next_one_mends(yard: Yard, tmp_path: Path) -> None:
    yard.emptied()
    before = configuration(yard.site.prefix)
    given = {"engine": yard.make_target(yard.lab, "engine")}
    task = restore(yard.archives["stock"], credentials=yard.hidden(given))
    with yard.driven(tmp_path) as engine:
        with working(yard, engine, task) as work:
            assert (yard.site.prefix / PLACEHOLDER).exists()
            assert files_with(yard.secrets, [yard.site.prefix / "var/lib/ovirt-engine-backup"])
            os.kill(work.module, signal.SIGTERM)
            (ended,) = engine.finish(work.running)
        assert ended["code"] == "interrupted", ended
        assert not processes(engine.site) - yard.lab_engine.services()
        assert leftovers(yard.site) == []
        assert not (yard.site.prefix / PLACEHOLDER).exists()
        assert files_with(yard.secrets, [yard.site.prefix / "var"]) == []
        yard.empty_databases()
        yard.make_target(yard.lab, "engine")
        (done,) = engine.play(task)
    assert (said(done), done["changed"], done["swept"]) == ("", True, [])
    assert_only_credentials_changed(yard, before, given)


def test_what_a_killed_run_leaves_is_shown_and_swept_up_by_the_next_one(yard: Yard, tmp_path: Path) -> None:
    yard.emptied()
    before = configuration(yard.site.prefix)
    given = {"engine": yard.make_target(yard.lab, "engine")}
    archive = copied(yard.archives["stock"], tmp_path)  # the tool touches it, and nobody is left to put its time back
    task = restore(archive, credentials=yard.hidden(given))
    with yard.driven(tmp_path) as engine:
        with working(yard, engine, task) as work:
            os.kill(work.module, signal.SIGKILL)
            (ended,) = engine.finish(work.running)
            assert ended["failed"] and "code" not in ended
            assert processes(engine.site) - yard.lab_engine.services(), "the tool outlives the module"
            assert leftovers(yard.site)
            (yard.lab.faults / "slow-at").unlink()
            refused, cleaned_up = engine.play(checked(task), task)
            assert "target_not_empty" in codes(refused) and codes(cleaned_up) == ["target_not_empty"], (
                refused,
                cleaned_up,
            )
            assert leftovers(yard.site) == [], "the refused run swept up"
            assert not processes(engine.site) - yard.lab_engine.services()
        yard.empty_databases()
        yard.make_target(yard.lab, "engine")
        (done,) = engine.play(task)
    assert (said(done), done["changed"]) == ("", True)
    assert_only_credentials_changed(yard, before, given)
    assert not (yard.site.prefix / PLACEHOLDER).exists()


@pytest.mark.parametrize(
    ("fault", "parameter", "options", "code"),
    [("kill-at", "dwh", {}, "tool_killed"), ("slow-at", "dwh 200", {"timeout": 8}, "tool_timeout")],
)
def test_tool_that_ends_early_leaves_no_secret_and_no_placeholder(
    fault: str, parameter: str, options: dict[str, Any], code: str, yard: Yard, tmp_path: Path
) -> None:
    yard.empty_databases()
    given = {"engine": yard.make_target(yard.lab, "engine")}
    switch = yard.lab_engine.fault(fault, parameter)
    with yard.driven(tmp_path) as engine:
        hidden = yard.hidden(given)
        (ended,) = engine.play(
            restore(yard.archives["stock"], scope=["db", "dwhdb", "keycloakdb"], credentials=hidden, **options)
        )
    switch.unlink()
    assert (ended["code"], ended["phase"]) == (code, "engine-backup"), said(ended)
    assert "engine_new on localhost" in ended["standing"]["engine"]
    assert not (yard.site.prefix / PLACEHOLDER).exists()
    assert files_with(yard.secrets, [yard.site.prefix / "var"]) == []
