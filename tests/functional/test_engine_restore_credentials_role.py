# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_restore_credentials restores into other databases, or leaves the engine as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import machines
from lab.layout import Server

from .evidence import files_with
from .restore_ground import PORT, Ground
from .restore_roles import HAS_MOVED_ON, MOVED_ON, RestoreRole, outcome, summary

pytest_plugins = ["functional.restore_roles"]
pytestmark = pytest.mark.faults

NAME = "engine_restore_credentials"
PASSWORDS = {kind: f"another-password-of-{kind}" for kind in ("engine", "dwh", "keycloak")}


@pytest.fixture
def server(ground: Ground) -> Iterator[Server]:
    """A second PostgreSQL server, on 127.0.0.2."""
    ground.in_use()
    yield machines.start_database_server(ground.lab, port=PORT)
    machines.stop_database_server(ground.lab)


def credentials(ground: Ground, host: str, suffix: str = "") -> dict[str, Any]:
    """The databases of the lab with other passwords, and other names where there is a suffix."""
    return {
        kind: {"host": host, "name": database.name + suffix, "user": database.owner + suffix,
               "password": PASSWORDS[kind]}
        for kind, database in ground.lab.databases.items()
    }  # fmt: skip


def assert_kept_secret(tmp_path: Path, role: RestoreRole) -> None:
    assert not [secret for play in role.engine.plays for secret in PASSWORDS.values() if secret in play.output]
    kept = [name for name in files_with(PASSWORDS.values(), [role.engine.site.prefix]) if "/etc/" not in name]
    assert kept == []
    assert files_with(PASSWORDS.values(), [tmp_path]) == []


def test_readme_example_restores_into_a_remote_server_also_after_it_was_killed(
    ground: Ground, archives: Path, tmp_path: Path, server: Server
) -> None:
    with ground.driven(tmp_path) as engine:
        wanted = credentials(ground, server.address, "_new")
        role = RestoreRole(
            NAME, ground, engine, archives, databases=wanted, postgresql_via="{{ groups['database'][0] }}",
            postgresql_host=server.address, postgresql_socket=server.server_home / "run",
            client_addresses=["127.0.0.1"],
        )  # fmt: skip
        role.use_example()
        planned = role.run("--check", "--diff").made()
        assert [line for line in summary(planned) if line.startswith("Not there yet, is made first")]
        # Killed with the engine's database filled over there and nothing else: taken up. The first kill comes behind
        # the safety backup, in which the second one would strike, too.
        assert role.kill_in("cleanup-slow-at", "clear-dwh 200")["stage"] == "cleanup"
        assert role.kill_in("slow-at", "dwh 200")["stage"] in ("cleanup", "restore")
        ran = role.run().made()
        assert outcome(ran) == "restored"
        lines = summary(ran)
        assert [line for line in lines if f"engine_new on {server.address}:{PORT}" in line]
        configured = engine.site.configuration()
        assert (configured["ENGINE_DB_HOST"], configured["DWH_DB_DATABASE"]) == (
            server.address, wanted["dwh"]["name"])
        again = [role.run("--check").made(), role.run().made()]
        assert [run.changed for run in again] == [0, 0]
        few = {kind: given for kind, given in wanted.items() if kind != "dwh"}
        role.run(databases=few, again=True).refused("says nothing of dwh")
        assert_kept_secret(tmp_path, role)


def test_a_failure_with_new_passwords_is_rolled_back_with_them(ground: Ground, archives: Path, tmp_path: Path) -> None:
    ground.in_use()
    with ground.driven(tmp_path) as engine:
        role = RestoreRole(
            NAME, ground, engine, archives, archive=archives / "engine.backup", safety_directory=archives,
            databases=credentials(ground, "localhost"), prepare=True, postgresql_host="localhost",
        )  # fmt: skip
        role.ask(MOVED_ON)
        before = role.rows()
        ran = role.run_with_fault("setup-fails-at", "schema")
        ran.refused("rolled back")
        assert role.rows() == before
        assert role.ask(HAS_MOVED_ON) == "1"
        assert engine.site.configuration()["ENGINE_DB_PASSWORD"] == PASSWORDS["engine"]
        role.assert_is_well()
