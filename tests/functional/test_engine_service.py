# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_service and engine_config steer a real engine of the lab, once, and prove that they did."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import faults, machines
from lab import processes as lab_processes
from lab.postgres import query

from .engine_tasks import facts, option, services
from .installation import Site
from .lab_engine import LabEngine
from .playbooks import Engine, Result, Task, checked, codes

ENGINE, WAREHOUSE, MISSING = "ovirt-engine", "ovirt-engine-dwhd", "ovirt-provider-ovn"
FENCE = "DisableFenceAtStartupInSec"

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def running(lab_engine: LabEngine) -> Site:
    """A running engine whose services a test may stop."""
    lab_engine.in_use()
    return lab_engine.site


@pytest.fixture
def steered(lab_engine: LabEngine, running: Site, tmp_path: Path) -> Iterator[Engine]:
    """The host of that engine, with everything up."""
    machines.start_services(running.lab)
    with lab_engine.driven(tmp_path) as host:
        yield host
        faults.clear(running.lab.faults)


def steer(host: Engine, task: Task, look: Task) -> list[Result]:
    """Check, look, run, check, run: only the real first run changes anything, and each result is as planned."""
    results = host.play(checked(task), look, task, checked(task), task)
    planned, _seen, made, *again = results
    assert [result.get("msg", "") for result in results] == [""] * 5
    assert [planned["changed"], made["changed"], *(result["changed"] for result in again)] == [True, True, False, False]
    assert planned["diff"] == made["diff"] and made["diff"]["before"] != made["diff"]["after"]
    return results


def test_services_are_stopped_and_started_in_order_once(steered: Engine, running: Site) -> None:
    task = services("stopped", WAREHOUSE, MISSING, ENGINE + ".service")
    planned, seen, made, _checked, again = steer(steered, task, facts(health=True))
    assert seen["engine"]["is_running"] and seen["engine"]["health"]["is_healthy"], "check mode stopped nothing"
    ended = {"before": "active", "after": "inactive"}
    missing = {"before": "missing", "after": "missing"}
    assert planned["services"] == made["services"] == {WAREHOUSE: ended, MISSING: missing, ENGINE: ended}
    assert list(made["services"]) == [WAREHOUSE, MISSING, ENGINE]
    assert {item["before"] for item in again["services"].values()} == {"inactive", "missing"}
    assert not lab_processes.is_alive(running.lab.home, ENGINE)
    assert not lab_processes.is_alive(running.lab.home, WAREHOUSE)

    start = services("started", ENGINE, WAREHOUSE)
    down, made, again, up = steered.play(facts(), start, start, facts(health=True, health_timeout=30))
    assert (made["changed"], again["changed"]) == (True, False)
    assert not down["engine"]["is_running"] and down["engine"]["up_mark"]["state"] == "missing"
    assert down["engine"]["dwh_currently_running"] is False
    assert {session["application"] for session in down["engine"]["databases"]["engine"]["sessions"]} == set()
    assert up["engine"]["is_running"] and up["engine"]["health"]["is_healthy"] and up["engine"]["dwh_currently_running"]


def test_a_service_that_does_not_move_is_named_with_what_systemctl_said(steered: Engine, running: Site) -> None:
    faults.set_fault(running.lab.faults, "service-does-not-stop", ENGINE)
    faults.set_fault(running.lab.faults, "service-does-not-start", WAREHOUSE)
    stopped, started = steered.play(services("stopped", WAREHOUSE, ENGINE), services("started", WAREHOUSE, ENGINE))
    assert (stopped["code"], stopped["service"], codes(stopped)) == ("service_failed", ENGINE, ["service_failed"])
    assert "a timeout was exceeded" in stopped["msg"]
    assert stopped["services"] == {
        WAREHOUSE: {"before": "active", "after": "inactive"}, ENGINE: {"before": "active", "after": "active"},
    }  # fmt: skip
    assert (started["code"], started["service"], started["rc"]) == ("service_failed", WAREHOUSE, 1)
    assert "journalctl -xeu" in started["msg"]
    assert started["services"][ENGINE] == {"before": "active", "after": "active"}


def test_an_option_is_set_once_and_read_back(steered: Engine, running: Site) -> None:
    before = stored(running)
    planned, seen, made, _checked, again = steer(steered, option(FENCE, value="86400"), option(FENCE))
    shown = {"name": FENCE, "version": "general", "before": before, "value": "86400"}
    assert planned["option"] == made["option"] == shown
    assert (seen["option"]["value"], seen["changed"]) == (before, False), "check mode set nothing"
    assert again["option"]["before"] == stored(running) == "86400"
    back = steered.play(option(FENCE, value=before), option(FENCE, value=before))
    assert [result["changed"] for result in back] == [True, False]
    assert stored(running) == before


def stored(site: Site) -> str:
    """The option as the database has it."""
    statement = f"SELECT option_value FROM vdc_options WHERE option_name = '{FENCE}' AND version = 'general'"
    return query(site.lab, site.lab.databases["engine"].name, statement)


def test_an_option_that_can_not_be_read_or_set_says_why(steered: Engine, running: Site) -> None:
    refused, unknown = steered.play(option(FENCE, value="soon"), option("NoSuchOption"))
    assert [refused["code"], unknown["code"]] == ["option_refused", "option_unknown"]
    assert "Cannot set value soon" in refused["msg"]
    faults.set_fault(running.lab.faults, "engine-config-fails")
    (down,) = steered.play(option(FENCE, value="86400"))
    assert down["code"] == "option_unreadable" and "Connection to the Database failed" in down["msg"]
