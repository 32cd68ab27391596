# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is unfit is refused before anything is stopped; what fails or is killed later is undone or taken up."""

import json
import os
import signal
from collections.abc import Callable, Iterator

import pytest
from lab.postgres import query

from .evidence import processes, sleepers, wait_for
from .migration import KINDS, NAMES, Migration
from .restore_ground import Ground

pytestmark = pytest.mark.faults
STATE = ".engine_backup.state.json"
LATIN = (
    "CREATE ROLE engine LOGIN; CREATE DATABASE engine OWNER engine TEMPLATE template0 ENCODING 'UTF8'"
    " LC_COLLATE 'C' LC_CTYPE 'C'"
)

HOSTED = "UPDATE vm_static SET origin = 6 WHERE vm_guid = (SELECT min(vm_guid::text)::uuid FROM vm_static)"


@pytest.fixture(scope="module")
def begun(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migration]:
    """An engine in use, and a server whose pg_hba.conf lets nobody in over the network."""
    with Migration.begun(ground, tmp_path_factory.mktemp("failures")) as found:
        yield found
        found.assert_left_no_secret()


@pytest.fixture
def migration(begun: Migration) -> Migration:
    """The same at its beginning."""
    begun.ready()
    return begun


def make_wrong_locale(migration: Migration) -> dict[str, object]:
    query(migration.server, "postgres", LATIN)
    return {}


def lower_a_setting(migration: Migration) -> dict[str, object]:
    query(migration.server, "postgres", "ALTER SYSTEM SET work_mem = '4MB'")
    query(migration.server, "postgres", "SELECT pg_reload_conf()")
    return {}


def make_hosted(migration: Migration) -> dict[str, object]:
    query(migration.ground.lab, "engine", HOSTED)
    return {}


def let_somebody_use_the_role(migration: Migration) -> dict[str, object]:
    query(migration.server, "postgres", "CREATE ROLE engine LOGIN; CREATE DATABASE other OWNER engine")
    query(migration.server, "other", "CREATE TABLE rows (number integer); ALTER TABLE rows OWNER TO engine")
    return {"names": {"engine": {"name": "other"}}}


UNFIT: dict[str, tuple[Callable[[Migration], dict[str, object]], list[str]]] = {
    "locale": (make_wrong_locale, ["LC_COLLATE C"]),
    "owner_of_other_data": (let_somebody_use_the_role, ["already what others may use", "has 1 tables"]),
    "hosted_engine": (make_hosted, ["manages itself (", "engine_restore_fresh"]),
    "setting": (lower_a_setting, ["work_mem is 4096, needed >= 8192kB"]),
    "pg_hba": (lambda _m: {"client_addresses": ["192.0.2.1"]}, ["pg_hba", "127.0.0.1"]),
    "character": (lambda _m: {"dwh_password": "two words"}, ["holds a blank"]),
    "password": (lambda _m: {"keycloak_password": "", "names": {"cinderlib": {}}}, ["keycloak", "cinderlib"]),
}


@pytest.mark.parametrize("case", UNFIT)
def test_unfit_server_is_refused_before_anything_is_stopped(migration: Migration, case: str) -> None:
    """One case per thing that can be wrong; the engine never notices."""
    spoil, words = UNFIT[case]
    variables = spoil(migration)
    before = migration.standing()
    migration.run(**variables).refused(*words)
    after = migration.standing()
    assert (after[0][0], after[1:]) == (before[0][0], before[1:])
    assert not migration.journal.exists()


def assert_back(migration: Migration) -> None:
    """The engine is on its old databases as if nothing had been."""
    assert (migration.used(migration.ground.lab), migration.used(migration.server)) == (set(KINDS), set())
    assert migration.ground.site.configuration() == migration.configuration
    assert set(migration.standing()[2].values()) == {"active"}
    assert not migration.journal.exists()


def test_restore_that_is_killed_is_rolled_back_and_the_new_databases_are_empty_again(migration: Migration) -> None:
    migration.ground.fault("kill-child", "pg_restore engine")
    migration.run(readers=[]).refused(
        "failed in the task 'Restore into the new databases and prove every row'", "Everything is back as it was"
    )
    assert_back(migration)
    assert [name for name in NAMES.values() if query(migration.server, name, "SELECT 1 FROM pg_tables WHERE"
            " schemaname = 'public' LIMIT 1").strip()] == []  # fmt: skip


def test_engine_alone_is_taken_up_after_everything_was_killed(migration: Migration) -> None:
    options = {"kinds": ["engine"], "readers": []}
    before = migration.rows(migration.ground.lab)["engine"]
    running = migration.start(**options)
    wait_for("the archive", lambda: migration.stage() == "saved")
    migration.ground.fault("slow-at", "engine 200")
    wait_for("engine-backup at work", lambda: sleepers(migration.ground.site))
    state = json.loads((migration.state_directory / STATE).read_text(encoding="utf-8"))
    try:
        migration.run(**options).refused("Another run holds")
        assert migration.stage() == "saved"
        assert running.poll() is None
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        os.kill(int(state["pid"]), signal.SIGKILL)
    running.communicate()
    (migration.ground.lab.faults / "slow-at").unlink()
    orphans = {process.pid for process in processes(migration.ground.site)}
    assert orphans

    migration.run("--check", **options).made().says("on, from the stage saved")
    migration.run(**options).made().says("served by 127.0.0.2")
    assert orphans.isdisjoint(process.pid for process in processes(migration.ground.site))
    assert migration.used(migration.server) == {"engine"}
    assert "engine" not in migration.used(migration.ground.lab)
    after = json.loads(migration.journal.read_text(encoding="utf-8"))
    assert after["rows"]["engine"] >= sum(before.values())


def test_rollback_that_fails_says_what_stands_where_and_the_next_run_finishes_it(migration: Migration) -> None:
    options = {"kinds": ["engine"], "readers": [], "health_timeout": 1}
    migration.ground.fault("kill-child", "pg_restore engine")
    running = migration.start(**options)
    wait_for("the archive", lambda: migration.stage() == "saved")
    fault = migration.ground.fault("health-never")
    migration.finish(running).refused(
        "failed in the task 'Restore into the new databases", "And going back failed, too",
        "the engine database is configured on localhost", "are whole on this host", "action=rollback",
    )  # fmt: skip
    assert migration.stage() == "rolling_back"
    fault.unlink()
    migration.run().refused("An earlier run had begun to go back", "That is finished now")
    assert_back(migration)
