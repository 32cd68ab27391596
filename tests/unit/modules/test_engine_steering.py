# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that read and steer the engine of a host: what they return, and that check mode only plans."""

from typing import Any, Dict, List, Optional

import pytest

pytest.importorskip("ansible")

from ansible_collections.ovirt.backup.plugins.module_utils._engine.services_rules import Unit
from ansible_collections.ovirt.backup.plugins.modules import engine_config, engine_info, engine_service

pytestmark = pytest.mark.ansible

ACTIVE, INACTIVE, MISSING = Unit("loaded", "active"), Unit("loaded", "inactive"), Unit("not-found", "inactive")


class FakeServices:
    """Services that do what they are told."""

    def __init__(self, **units: Unit) -> None:
        self.units = units
        self.changes: List[str] = []

    def plan(self, names: List[str], state: str) -> Dict[str, Unit]:
        return {name: self.units[name] for name in names}

    def change(self, before: Dict[str, Unit], state: str) -> Dict[str, Unit]:
        self.changes.append(state)
        after = ACTIVE if state == "started" else INACTIVE
        self.units = {name: unit if unit == MISSING else after for name, unit in before.items()}
        return self.units


class FakeOption:
    """An option that takes every value."""

    name, version = "DisableFenceAtStartupInSec", "general"

    def __init__(self) -> None:
        self.value = "300"
        self.sets: List[str] = []

    def read(self) -> str:
        return self.value

    def set(self, value: str) -> None:
        self.sets.append(value)
        self.value = value


def steer(services: FakeServices, state: str, check_mode: bool) -> Dict[str, Any]:
    params = {"names": ["engine", "dwh", "grafana"], "state": state}
    return engine_service.act(params, services, check_mode)  # type: ignore[arg-type]


def test_services_change_once_and_check_mode_says_the_same_before() -> None:
    services = FakeServices(engine=ACTIVE, dwh=INACTIVE, grafana=MISSING)
    planned, made = steer(services, "stopped", True), steer(services, "stopped", False)
    assert services.changes == ["stopped"]
    assert planned == made
    assert made == {
        "changed": True,
        "services": {
            "engine": {"before": "active", "after": "inactive"}, "dwh": {"before": "inactive", "after": "inactive"},
            "grafana": {"before": "missing", "after": "missing"},
        },
        "diff": {"before": {"engine": "active"}, "after": {"engine": "inactive"}},
    }  # fmt: skip
    again = [steer(services, "stopped", check_mode) for check_mode in (True, False)]
    assert [(result["changed"], result["diff"]) for result in again] == [(False, {"before": {}, "after": {}})] * 2


@pytest.mark.parametrize(("value", "changed"), [("86400", True), ("300", False), (None, False), ("", True)])
def test_an_option_changes_once_and_check_mode_says_the_same_before(value: Optional[str], changed: bool) -> None:
    option = FakeOption()
    planned = engine_config.act(option, value, True)  # type: ignore[arg-type]
    assert option.sets == []
    made = engine_config.act(option, value, False)  # type: ignore[arg-type]
    wanted = "300" if value is None else value
    shown = {"name": option.name, "version": "general", "before": "300", "value": wanted}
    assert planned == made
    assert (made["changed"], made["option"]) == (changed, shown)
    assert made["diff"] == {"before": {option.name: "300"}, "after": {option.name: wanted}}
    assert option.sets == ([wanted] if changed else [])
    assert engine_config.act(option, value, False)["changed"] is False  # type: ignore[arg-type]


def test_facts_never_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(engine_info, "read_engine", lambda *given: asked.append(given) or {"fqdn": "engine.lab.test"})
    params = {"prefix": "/p", "identity": None, "count_rows": True, "health": False, "health_timeout": 0,
              "credentials": None}  # fmt: skip
    question, passwords = engine_info.read_question(params), ["secret"]
    assert engine_info.answer(question, passwords) == {"changed": False, "engine": {"fqdn": "engine.lab.test"}}
    assert asked == [(engine_info.Question("/p", "", True, False, 0, {}), passwords)]
