# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases to restore into are tried before an archive exists, and emptied only where nobody uses them."""

from typing import Any, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import NotProven, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.target_check import (
    prepare_targets,
    preview_targets,
    request_of,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.rules import Fitness
from unit.fakes import world
from unit.fakes.errors import codes_of, error_of
from unit.fakes.host import FakeHost, journal

SETTINGS = world.settings("engine", "secret", host="db.example.com")
EMPTY = world.fitness("engine", "engine")

FILLED = EMPTY._replace(tables=47, objects=600)


@journal()
class FakeTargetHost(FakeHost):
    """An engine host that reaches one database."""

    def __init__(self, fitness: Fitness) -> None:
        super().__init__()
        self.fitness = fitness
        self.sessions = [0]  # one look after the other, the last one stays
        self.client = 15
        self.clears = True

    def lock_directory(self, prefix: str) -> str:
        return prefix + "/var/lib/ovirt-engine-backup"

    def client_version(self, _prefix: str) -> int:
        return self.client

    def read_fitness(self, _settings: Settings) -> Fitness:
        return self.fitness

    def count_sessions(self, _settings: Settings) -> int:
        return self.sessions.pop(0) if len(self.sessions) > 1 else self.sessions[0]

    def clear_database(self, _settings: Settings) -> None:
        if self.clears:
            self.fitness = EMPTY


def changes(host: FakeHost) -> List[str]:
    return [call for call in host.calls if call in ("lock", "remove_leftovers", "clear_database", "unlock")]


def request(**changes: Any) -> Any:
    return request_of("", {"engine": SETTINGS._replace(**changes)})


def test_an_empty_database_is_fit_and_nothing_is_touched() -> None:
    host = FakeTargetHost(EMPTY)
    result = prepare_targets(request(), False, host)
    assert (result.changed, changes(host)) == (False, [])
    assert result.targets["engine"]["server_version"] == "15.4"
    assert "secret" not in str(result)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    host = FakeTargetHost(FILLED._replace(owner="postgres", extensions=()))
    host.client = 14
    wrong = "database_wrong_owner database_lacks_extension client_too_old target_not_empty"
    assert codes_of(error_of(Refused, prepare_targets, request(), False, host)) == wrong.split()


def test_a_bad_password_is_refused_before_it_is_tried() -> None:
    host = FakeTargetHost(EMPTY)
    host.read_fitness = None
    refused = error_of(Refused, prepare_targets, request(password="two words"), True, host)
    assert codes_of(refused) == ["password_unsafe"]
    assert changes(host) == ["lock", "remove_leftovers", "unlock"]


def test_clearing_waits_until_the_session_of_a_killed_client_is_gone() -> None:
    host = FakeTargetHost(FILLED)
    host.sessions, host.leftovers = [2, 1, 0], ["/work"]
    result = prepare_targets(request(), True, host)
    assert (result.changed, result.cleaned_up) == (True, ["/work"])
    assert changes(host) == ["lock", "remove_leftovers", "clear_database", "unlock"]
    assert result.targets["engine"]["cleared"] and result.targets["engine"]["tables"] == 0
    assert not prepare_targets(request(), False, host).changed


def test_a_database_in_use_is_not_cleared() -> None:
    host = FakeTargetHost(FILLED)
    host.sessions = [1]
    refused = error_of(Refused, prepare_targets, request(), True, host)
    assert codes_of(refused) == ["database_in_use"]
    assert changes(host) == ["lock", "remove_leftovers", "unlock"]
    with pytest.raises(Refused):
        preview_targets(request(), True, host)


def test_a_preview_counts_on_the_sweeping_and_clears_nothing() -> None:
    host = FakeTargetHost(FILLED)
    host.sessions, host.leftovers = [1], ["/work"]
    result = preview_targets(request(), True, host)
    assert (result.changed, result.cleaned_up, changes(host)) == (True, ["/work"], [])
    assert result.targets["engine"]["cleared"]
    host.locked_by_another = True
    refused = error_of(Refused, preview_targets, request(), True, host)
    assert codes_of(refused) == ["locked"]


def test_a_clearing_that_did_not_clear_is_a_failure() -> None:
    host = FakeTargetHost(FILLED)
    host.clears = False
    error_of(NotProven, prepare_targets, request(), True, host)
    assert host.calls[-1] == "unlock"


def test_no_database_at_all_is_refused() -> None:
    host = FakeTargetHost(EMPTY)
    refused = error_of(Refused, prepare_targets, request_of("", {}), False, host)
    assert codes_of(refused) == ["option_out_of_range"]
