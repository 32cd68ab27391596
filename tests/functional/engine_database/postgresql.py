# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of the tests' own that writes down every statement, and the module that changes it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from lab import Lab, postgres

from ..playbooks import Engine, Result, Task, checked, codes, plain
from ..side_effects import files_with

PASSWORD = "Wanted-by-all-22"
OTHER_PASSWORD = "Held-by-the-role-7"
PATIENCE = 20.0

FACTS = """
SELECT 'role', rolname, rolcanlogin::text, rolpassword FROM pg_authid
UNION ALL SELECT 'database', datname, pg_get_userbyid(datdba), datacl::text FROM pg_database
UNION ALL SELECT 'setting', name, setting, applied::text FROM pg_file_settings
UNION ALL SELECT 'access', line_number::text, auth_method, address FROM pg_hba_file_rules ORDER BY 1, 2, 3
"""


class Server:
    """The server, asked and changed in the tests' own way."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.access = lab.server_home / "data" / "pg_hba.conf"
        self.log = lab.server_home / "server.log"

    def ask(self, statement: str, database: str = "postgres") -> str:
        return postgres.query(self.lab, database, statement)

    def ask_unseen(self, statement: str) -> None:
        """Run a statement that holds a secret: it is not to be found in the log."""
        self.ask("SET log_statement = 'none'; SET log_min_duration_statement = -1; " + statement)

    def facts(self) -> str:
        """What a run could change: roles, databases, settings, access, and the file of the rules."""
        return self.ask(FACTS) + self.access.read_text(encoding="utf-8") + oct(self.access.stat().st_mode)

    def login(self, owner: str, password: str, database: str) -> Any:
        """Enter as an engine does."""
        session = psycopg2.connect(
            host="127.0.0.1", port=self.lab.port, user=owner, password=password, dbname=database, sslmode="disable"
        )
        session.autocommit = True
        return session

    def lets_in(self, owner: str, password: str, database: str) -> bool:
        try:
            self.login(owner, password, database).close()
        except psycopg2.OperationalError:
            return False
        return True

    @contextmanager
    def access_rules(self, text: str) -> Iterator[None]:
        """Let the server follow other rules for a while; the file keeps its owner and mode."""
        before = self.access.read_text(encoding="utf-8")
        try:
            self._load_rules(text)
            yield
        finally:
            self._load_rules(before)

    def _load_rules(self, text: str) -> None:
        self.access.write_text(text, encoding="utf-8")
        self.ask("SELECT pg_reload_conf()")
        time.sleep(0.2)

    def restart(self) -> None:
        postgres.stop(self.lab, forever=False)
        postgres.start(self.lab)

    def task(self, **options: Any) -> Task:
        """The module, entering by the socket unless told otherwise."""
        login = {"login_unix_socket": str(self.lab.socket), "login_host": "127.0.0.1", "login_port": self.lab.port}
        return {"ovirt.backup.engine_database": plain({**login, **options})}


def verify_twice(engine: Engine, server: Server, task: Task) -> Result:
    """Check, run, check, run: the check foretells the run and changes nothing, the run is complete."""
    before = server.facts()
    preview = engine.play(checked(task))[0]
    assert server.facts() == before
    done, checked_again, again = engine.play(task, checked(task), task)
    problems = [result.get("msg", "") for result in (preview, done, checked_again, again)]
    assert not any(problems), problems
    assert preview["changed"] is done["changed"] is True
    for key in ("changes", "ended_sessions"):
        assert preview[key] == done[key]
    assert {**preview["database"], "sessions": 0} == {**done["database"], "sessions": 0}
    assert preview["pg_hba"] == done["pg_hba"]
    assert preview["settings"] == done["settings"]
    assert not checked_again["changed"] and not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]
    return done


def work_once(engine: Engine, *tasks: Task) -> list[Result]:
    """Run each twice in one play: the first run is complete; verify_twice does more, and takes four times as long."""
    results = engine.play(*(task for task in tasks for _time in range(2)))
    assert [result.get("msg", "") for result in results] == [""] * len(results)
    assert [result["changed"] for result in results] == [True, False] * len(tasks)
    return results[::2]


def assert_refused(engine: Engine, server: Server, *cases: tuple[Task, list[str]]) -> list[Result]:
    """Check and run each: both fail with the same problems, and nothing was changed."""
    before = server.facts()
    results = engine.play(*(one for task, _codes in cases for one in (checked(task), task)))
    previews, refused = results[::2], results[1::2]
    assert [codes(result) for result in refused] == [wanted for _task, wanted in cases], [
        result.get("msg") for result in refused
    ]
    assert [result["problems"] for result in previews] == [result["problems"] for result in refused]
    assert server.facts() == before
    return refused


def assert_no_secret(engine: Engine, server: Server, folder: Path, *secrets: str) -> None:
    """Neither passwords nor what the server stores of them stand in what was said or written."""
    wanted = [*secrets, "SCRAM-SHA-256$4096"]
    assert not [secret for play in engine.plays for secret in wanted if secret in play.output]
    assert files_with(wanted, [folder]) == []
    log = server.log.read_text(encoding="utf-8", errors="replace")
    assert "LOG:  statement:" in log, "the server does not write statements down"
    assert [secret for secret in wanted if secret in log] == []


def user_of(path: Path) -> tuple[int, int, str]:
    """Owner, group and mode of a file."""
    status = os.stat(path)
    return status.st_uid, status.st_gid, oct(status.st_mode)
