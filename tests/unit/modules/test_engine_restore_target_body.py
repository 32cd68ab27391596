# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases engine_restore_target is about: those that are given, and those that the host itself knows."""

from typing import Any, Dict, List

from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Refused
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.rules import Fitness
from ansible_collections.ovirt.backup.plugins.modules import engine_restore_target
from unit.fakes import world
from unit.fakes.engine_host import make_installation
from unit.fakes.errors import codes_of, error_of
from unit.fakes.host import Whole

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
        return world.fitness(settings.database, settings.user)


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
    error = error_of(Refused, act, FakeHost(), configured=["dwh", "keycloak"])
    assert codes_of(error) == ["database_unconfigured"]
    assert "keycloak" in error.message
    assert "names no database" in error_of(Refused, act, FakeHost()).message
