# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_database_migration moves the databases, proves it, is quiet on the second run, and goes back."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from lab import machines
from lab.postgres import query

from .migration import GRAFANA, KINDS, NAMES, Migration, Ran
from .restore_ground import Ground

pytestmark = pytest.mark.faults
MOVED = "moved"
READABLE = (
    f"SELECT has_table_privilege('{GRAFANA}', oid, 'SELECT') FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


@pytest.fixture(scope="module")
def migration(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migration]:
    """An engine in use, and a database server."""
    with Migration.begun(ground, tmp_path_factory.mktemp("migration")) as found:
        yield found
        found.assert_left_no_secret()


class Four(NamedTuple):
    """Check, run, check, run; whether the first changed something, and what each table held before and afterwards."""

    runs: list[Ran]
    check_changed: bool
    before: dict[str, dict[str, int]]
    after: dict[str, dict[str, int]]
    used: tuple[set[str], set[str]]


@pytest.fixture(scope="module")
def four(migration: Migration) -> Four:
    """The migration of all databases."""
    lab, server = migration.ground.lab, migration.server
    before, standing = migration.rows(lab), migration.standing()
    runs = [migration.run("--check", "--diff").made()]
    check_changed = migration.standing() != standing
    runs += [migration.run(*options).made() for options in ([], ["--check"], [])]
    used = migration.used(lab), migration.used(server)
    machines.checkpoint(lab, MOVED)
    return Four(runs, check_changed, before, migration.rows(server), used)


def test_check_mode_shows_the_whole_plan_and_changes_nothing(four: Four) -> None:
    assert not four.check_changed
    four.runs[0].says(
        "Would move the databases", "create the database 'engine' of 'engine'", "setting max_connections",
        "2. Stop: ovirt-engine-notifier, ovirt-engine-dwhd, grafana-server, ovirt-engine",
        "scopes files db dwhdb keycloakdb grafanadb", "4. Fence the old databases: engine, ovirt_engine_history",
        "12-setup-keycloak.conf", "OVESETUP_ASYNC/clearTasks=bool:False", "Nothing was changed",
    )  # fmt: skip


def test_run_moves_every_row_and_the_next_ones_change_nothing(four: Four) -> None:
    assert [run.changed > 0 for run in four.runs] == [True, True, False, False]
    for kind in KINDS:
        # The running engine and engine-setup write a little, and take nothing away.
        assert four.after[kind].keys() == four.before[kind].keys()
        assert [name for name, rows in four.before[kind].items() if four.after[kind][name] < rows] == []
    outcomes = [run.statistics.get("ovirt_backup_migration_outcome") for run in four.runs]
    assert outcomes == [None, "migrated", None, "migrated"]


def test_new_server_serves_every_database_and_the_old_one_none(four: Four) -> None:
    assert four.used == (set(), set(KINDS))
    four.runs[1].says("served by 127.0.0.2", "rows proven equal", "The old databases are fenced and whole")


def test_configuration_keeps_everything_but_names_the_new_server(four: Four, migration: Migration) -> None:
    assert four.runs
    migration.rewind(MOVED)
    configuration = migration.ground.site.configuration()
    assert {configuration[f"{name}_DB_HOST"] for name in ("ENGINE", "DWH", "KEYCLOAK")} == {migration.server.address}
    assert configuration["KEYCLOAK_BUNDLED"] == "true"
    assert [name for name in migration.configuration if name not in configuration] == []
    # A restore without permissions brings no grants.
    assert set(query(migration.server, NAMES["dwh"], READABLE).split()) == {"t"}


def test_rollback_later_goes_back_to_the_old_server(four: Four, migration: Migration) -> None:
    migration.rewind(MOVED)
    back = migration.run(action="rollback").made()
    assert back.statistics["ovirt_backup_migration_outcome"] == "rolled_back"
    assert migration.ground.site.configuration() == migration.configuration
    assert (migration.used(migration.ground.lab), migration.used(migration.server)) == (set(KINDS), set())
    assert four.before["dwh"].keys() == migration.rows(migration.ground.lab)["dwh"].keys()
    assert not migration.journal.exists()
    # What the engine wrote on the new server is not thrown away for another attempt, unless that is asked for.
    migration.run("--check").refused("is not empty")


def test_accepted_migration_has_no_way_back(four: Four, migration: Migration) -> None:
    assert four.runs
    migration.rewind(MOVED)
    accepted = migration.run(action="accept").made().says("dropdb engine")
    assert accepted.statistics["ovirt_backup_migration_outcome"] == "accepted"
    assert not migration.journal.exists()
    migration.run(action="rollback").refused("There is no way back any more")
