# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases engine_restore_target is about: those that are given, and those that the host itself knows."""

from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Refused
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.rules import Fitness
from ansible_collections.ovirt.backup.plugins.modules import engine_restore_target
from unit.fakes.engine_host import Whole, make_installation

DWH = Settings("localhost", 5432, "dwh_owner", "secret-of-dwh", "dwh_db", False, False, "secret-of-dwh")
GIVEN = {
    "host": "db.lab.test", "port": 5433, "name": "engine_db", "user": "engine_owner", "password": "secret-of-engine",
    "secured": False, "secured_validation": False,
}  # fmt: skip


class FakeHost(Whole):
    """An engine host that knows its Data Warehouse."""

    def __init__(self) -> None:
        self.passwords: List[str] = []

    def read_installation(self, _prefix: str) -> Any:
        return make_installation(settings={"dwh": DWH})

    def lock_directory(self, prefix: str) -> str:
        return prefix

    def client_version(self, _prefix: str) -> int:
        return 15

    def count_sessions(self, _settings: Settings) -> int:
        return 0

    def read_fitness(self, settings: Settings) -> Fitness:
        return Fitness(
            settings.database,
            settings.user,
            "UTF8",
            "en_US.UTF-8",
            "en_US.UTF-8",
            "en_US.UTF-8",
            ("uuid-ossp",),
            "15.8",
            150008,
            0,
            0,
            {},
        )


def act(host: Any, **options: Any) -> Dict[str, Any]:
    params = {"prefix": "", "credentials": None, "configured": [], "clear": False, **options}
    found: Dict[str, Any] = engine_restore_target.act(params, host, False)
    return found


def test_databases_are_those_given_and_those_of_the_configuration() -> None:
    host = FakeHost()
    found = act(host, credentials={"engine": GIVEN, "keycloak": None}, configured=["dwh"])["targets"]
    assert {kind: (item["host"], item["port"], item["name"]) for kind, item in found.items()} == {
        "engine": ("db.lab.test", 5433, "engine_db"),
        "dwh": ("localhost", 5432, "dwh_db"),
    }
    assert sorted(host.passwords) == ["secret-of-dwh", "secret-of-engine"]


def test_database_that_no_configuration_names_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        act(FakeHost(), configured=["dwh", "keycloak"])
    assert [problem["code"] for problem in caught.value.facts["problems"]] == ["database_unconfigured"]
    assert "keycloak" in caught.value.message


def test_no_database_at_all_is_refused() -> None:
    with pytest.raises(Refused, match="names no database"):
        act(FakeHost())
