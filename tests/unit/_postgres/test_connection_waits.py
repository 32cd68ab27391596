# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that starts up, stops or is full is waited for, for a bounded time, and is never a missing database."""

from typing import Any, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from ansible_collections.ovirt.backup.plugins.module_utils._postgres import connection
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings

psycopg2 = pytest.importorskip("psycopg2")
pytestmark = pytest.mark.postgresql

SETTINGS = Settings("localhost", 5432, "engine", "secret", "engine", False, False, "")
STARTING = "FATAL:  the database system is starting up"


class Server:
    """Says one thing after the other; the last one again and again. Time passes while it is waited for."""

    def __init__(self, answers: List[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = answers
        self.now = 0.0
        self.asked = 0
        monkeypatch.setattr(psycopg2, "connect", self.connect)
        monkeypatch.setattr(connection.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(connection.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def connect(self, **_options: Any) -> Any:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer:
            raise psycopg2.OperationalError(answer)
        return self

    def set_session(self, **_options: Any) -> None:
        """As of a connection."""

    def close(self) -> None:
        """As of a connection."""


@pytest.mark.parametrize("passing", connection.PASSING)
def test_passing_state_is_waited_for(passing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(["FATAL:  " + passing] * 3 + [""], monkeypatch)
    with connection.connect(SETTINGS):
        assert (server.asked, server.now) == (4, 3 * connection.PAUSE)


def test_state_that_does_not_pass_ends_with_what_the_server_says(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server([STARTING], monkeypatch)
    with pytest.raises(BackupError) as caught, connection.connect(SETTINGS):
        pass
    assert caught.value.code == "database_unreachable" and "starting up" in caught.value.message
    assert connection.PATIENCE <= server.now <= connection.PATIENCE + 2 * connection.PAUSE


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ('FATAL:  database "engine" does not exist', "database_missing"),
        ("FATAL:  password authentication failed", "database_login_failed"),
        ("Connection refused", "database_unreachable"),
    ],
)
def test_other_answers_are_not_waited_for(answer: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server([answer], monkeypatch)
    with pytest.raises(BackupError) as caught, connection.connect(SETTINGS):
        pass
    assert (caught.value.code, server.asked) == (code, 1)
