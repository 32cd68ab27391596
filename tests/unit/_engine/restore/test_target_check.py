# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases to restore into are tried before an archive exists, and emptied only where nobody uses them."""

from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, NotProven, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.target_check import (
    prepare_targets,
    preview_targets,
    request_of,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.rules import Fitness
from unit.fakes.engine_host import Whole

SETTINGS = Settings("db.example.com", 5432, "engine", "secret", "engine", False, False, "secret")

EMPTY = Fitness(
    "engine",
    "engine",
    "UTF8",
    "en_US.UTF-8",
    "en_US.UTF-8",
    "en_US.UTF-8",
    ("plpgsql", "uuid-ossp"),
    "15.8",
    150008,
    0,
    0,
    {},
)
FILLED = EMPTY._replace(tables=47, objects=600)


class FakeHost(Whole):
    """An engine host that reaches one database."""

    def __init__(self, fitness: Fitness) -> None:
        self.fitness = fitness
        self.calls: List[str] = []
        self.sessions = [0]  # one look after the other, the last one stays
        self.leftovers: List[str] = []
        self.client = 15
        self.locked = False
        self.clears = True
        self.time = 0.0

    def lock_directory(self, prefix: str) -> str:
        return prefix + "/var/lib/ovirt-engine-backup"

    def is_locked(self, _directory: str) -> bool:
        return self.locked

    def list_leftovers(self, _directory: str) -> List[str]:
        return self.leftovers

    def client_version(self, _prefix: str) -> int:
        return self.client

    def read_fitness(self, _settings: Settings) -> Fitness:
        return self.fitness

    def count_sessions(self, _settings: Settings) -> int:
        return self.sessions.pop(0) if len(self.sessions) > 1 else self.sessions[0]

    def clear_database(self, _settings: Settings) -> None:
        self.calls.append("clear")
        if self.clears:
            self.fitness = EMPTY

    def lock(self, _directory: str) -> None:
        self.calls.append("lock")

    def remove_leftovers(self, _directory: str) -> List[str]:
        self.calls.append("remove_leftovers")
        return self.leftovers

    def unlock(self) -> None:
        self.calls.append("unlock")

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def request(**changes: Any) -> Any:
    credentials: Dict[str, Settings] = {"engine": SETTINGS._replace(**changes)}
    return request_of("", credentials)


def codes(refused: Any) -> List[str]:
    return [problem["code"] for problem in refused.value.facts["problems"]]


def test_an_empty_database_is_fit_and_nothing_is_touched() -> None:
    host = FakeHost(EMPTY)
    result = prepare_targets(request(), False, host)
    assert (result.changed, host.calls) == (False, [])
    assert result.targets["engine"]["server_version"] == "15.8"
    assert "secret" not in str(result)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    host = FakeHost(FILLED._replace(owner="postgres", extensions=()))
    host.client = 14
    with pytest.raises(Refused) as refused:
        prepare_targets(request(), False, host)
    assert codes(refused) == [
        "database_wrong_owner", "database_lacks_extension", "client_too_old", "target_not_empty"
    ]  # fmt: skip


def test_a_bad_password_is_refused_before_it_is_tried() -> None:
    host = FakeHost(EMPTY)
    host.read_fitness = None
    with pytest.raises(Refused) as refused:
        prepare_targets(request(password="two words"), True, host)
    assert codes(refused) == ["password_unsafe"]
    assert host.calls == ["lock", "remove_leftovers", "unlock"]


def test_clearing_waits_until_the_session_of_a_killed_client_is_gone() -> None:
    host = FakeHost(FILLED)
    host.sessions, host.leftovers = [2, 1, 0], ["/work"]
    result = prepare_targets(request(), True, host)
    assert (result.changed, result.cleaned_up, host.calls) == (
        True,
        ["/work"],
        ["lock", "remove_leftovers", "clear", "unlock"],
    )
    assert result.targets["engine"]["cleared"] and result.targets["engine"]["tables"] == 0
    assert not prepare_targets(request(), False, host).changed


def test_a_database_in_use_is_not_cleared() -> None:
    host = FakeHost(FILLED)
    host.sessions = [1]
    with pytest.raises(Refused) as refused:
        prepare_targets(request(), True, host)
    assert codes(refused) == ["database_in_use"]
    assert host.calls == ["lock", "remove_leftovers", "unlock"]
    with pytest.raises(Refused):
        preview_targets(request(), True, host)


def test_a_preview_counts_on_the_sweeping_and_clears_nothing() -> None:
    host = FakeHost(FILLED)
    host.sessions, host.leftovers = [1], ["/work"]
    result = preview_targets(request(), True, host)
    assert (result.changed, result.cleaned_up, host.calls) == (True, ["/work"], [])
    assert result.targets["engine"]["cleared"]
    host.locked = True
    with pytest.raises(Refused) as refused:
        preview_targets(request(), True, host)
    assert codes(refused) == ["locked"]


def test_a_clearing_that_did_not_clear_is_a_failure() -> None:
    host = FakeHost(FILLED)
    host.clears = False
    with pytest.raises(NotProven) as failed:
        prepare_targets(request(), True, host)
    assert isinstance(failed.value, BackupError)
    assert host.calls[-1] == "unlock"


def test_no_database_at_all_is_refused() -> None:
    host = FakeHost(EMPTY)
    with pytest.raises(Refused) as refused:
        prepare_targets(request_of("", {}), False, host)
    assert codes(refused) == ["option_out_of_range"]
