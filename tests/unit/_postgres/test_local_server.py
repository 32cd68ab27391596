# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking into the local server as its superuser: a psql that answers, and one that does not."""

import os
from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._postgres import local_server
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.local_server_model import LocalServerState
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings

SETTINGS = Settings("localhost", 5432, "engine", "secret-of-the-engine", "it's", False, False, "secret-of-the-engine")
PSQL = """#!/bin/sh
echo "$@" >> {log}
for word; do last=$word; done
case "$*" in
*pg_roles*) {names} ;;
*) {tables} ;;
esac
"""


def look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: str, tables: str = "echo 3", socket: str = ""
) -> Optional[LocalServerState]:
    program = tmp_path / "psql"
    program.write_text(PSQL.format(log=tmp_path / "log", names=names, tables=tables))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    monkeypatch.setattr(local_server, "_as_superuser", lambda _path: [])
    return local_server.read_local_server(SETTINGS, socket)


def test_role_database_and_its_tables_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(
        tmp_path, monkeypatch, "printf 'role engine\\ndatabase it\\047s\\nversion 150004\\n'", socket="/run/there"
    )
    assert found == LocalServerState(True, True, 3, 150004)
    said = (tmp_path / "log").read_text()
    assert said.count("--host /run/there") == said.count("--no-password") == 2
    assert "dbname='it\\'s'" in said
    assert "secret" not in said


def test_a_database_that_is_not_there_is_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(tmp_path, monkeypatch, "echo role postgres") == LocalServerState(False, False, 0)
    assert len((tmp_path / "log").read_text().splitlines()) == 1


@pytest.mark.parametrize(("names", "tables"), [("exit 2", "echo 3"), ('echo "database it\'s"', "exit 2")])
def test_nobody_can_look_where_the_superuser_can_not_enter(
    names: str, tables: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(tmp_path, monkeypatch, names, tables) is None


def test_nobody_can_look_without_psql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_server, "find_program", lambda _name, _env: "")
    assert local_server.read_local_server(SETTINGS, "") is None
