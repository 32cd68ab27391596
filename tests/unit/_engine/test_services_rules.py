# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemctl says of services, and what follows from it."""

from typing import Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.services_rules import (
    UNKNOWN_UNIT,
    Unit,
    check_units,
    describe_changes,
    describe_unit,
    has_arrived,
    list_changes,
    parse_units,
)

# As systemd 252 prints it for two units and one that is not installed.
SHOWN = """LoadState=loaded
ActiveState=active

LoadState=loaded
ActiveState=deactivating

LoadState=not-found
ActiveState=inactive
"""
NAMES = ["ovirt-engine", "httpd", "grafana-server"]
ACTIVE, STOPPING, ENDED = Unit("loaded", "active"), Unit("loaded", "deactivating"), Unit("loaded", "inactive")
MISSING = Unit("not-found", "inactive")


def codes(units: Dict[str, Unit], state: str, engine: int = 0) -> List[str]:
    return [problem.code for problem in check_units(units, state, engine)]


def test_each_unit_gets_its_own_answer() -> None:
    assert parse_units(SHOWN, NAMES) == {"ovirt-engine": ACTIVE, "httpd": STOPPING, "grafana-server": MISSING}
    assert parse_units("ActiveState=active\nLoadState=loaded\n", ["httpd"]) == {"httpd": ACTIVE}


@pytest.mark.parametrize("text", ["", "System has not been booted with systemd as init system (PID 1).\n", SHOWN * 2])
def test_an_answer_that_does_not_fit_the_question_says_nothing(text: str) -> None:
    assert set(parse_units(text, NAMES).values()) == {UNKNOWN_UNIT}


@pytest.mark.parametrize(
    ("unit", "word"),
    [
        (ACTIVE, "active"), (STOPPING, "active"), (Unit("loaded", "activating"), "active"),
        (Unit("loaded", "reloading"), "active"), (ENDED, "inactive"), (Unit("loaded", "failed"), "inactive"),
        (Unit("masked", "inactive"), "inactive"), (MISSING, "missing"), (UNKNOWN_UNIT, "unknown"),
    ],
)  # fmt: skip
def test_a_service_with_a_process_is_active(unit: Unit, word: str) -> None:
    assert describe_unit(unit) == word


@pytest.mark.parametrize(
    ("active", "started", "stopped"),
    [("activating", False, False), ("deactivating", False, False), ("failed", False, True), ("active", True, False)],
)
def test_on_the_way_is_not_there(active: str, started: bool, stopped: bool) -> None:
    unit = Unit("loaded", active)
    assert (has_arrived(unit, "started"), has_arrived(unit, "stopped")) == (started, stopped)


def test_what_is_not_installed_is_neither_changed_nor_a_problem() -> None:
    units = {"ovirt-engine": ACTIVE, "grafana-server": MISSING, "httpd": ENDED, "postgresql": STOPPING}
    assert list_changes(units, "stopped") == ["ovirt-engine", "postgresql"]
    assert list_changes(units, "started") == ["httpd", "postgresql"]
    assert codes(units, "stopped") == codes(units, "started") == []


def test_every_obstacle_is_named_at_once() -> None:
    units = {"ovirt-engine": UNKNOWN_UNIT, "httpd": Unit("masked", "inactive")}
    assert codes(units, "started") == ["service_control_missing", "service_masked"]
    assert codes({"httpd": Unit("masked", "inactive")}, "stopped") == []


def test_an_engine_that_systemd_does_not_know_of_can_not_be_stopped_by_it() -> None:
    for unit in (ENDED, MISSING):
        assert codes({"ovirt-engine": unit}, "stopped", engine=4711) == ["engine_outside_service"]
    for unit in (ACTIVE, STOPPING):
        assert codes({"ovirt-engine": unit}, "stopped", engine=4711) == []


def test_a_plan_shows_the_state_that_is_wanted_and_a_change_the_one_that_was_read() -> None:
    before = {"httpd": ACTIVE, "grafana-server": MISSING}
    missing = {"before": "missing", "after": "missing"}
    planned = describe_changes(before, None, "stopped")
    assert planned == {"httpd": {"before": "active", "after": "inactive"}, "grafana-server": missing}
    made = describe_changes(before, {"httpd": STOPPING, "grafana-server": MISSING}, "stopped")
    assert made == {"httpd": {"before": "active", "after": "active"}, "grafana-server": missing}
