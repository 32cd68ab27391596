# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_database_migration moves the databases, proves it, is quiet on the second run, and goes back.

The documents are followed command by command. A server that is unfit is refused before anything is stopped. What is
killed is resumed or undone by the next run: two chains of runs, of which each is killed in a later stage.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from lab import machines
from lab.postgres import query
from tooling.places import ROOT

from .lab_engine import LabEngine
from .migration import GRAFANA, KINDS, NAMES, READER, ROLE, Migration
from .restore_stages import EVERY_VICTIM, Kill, run_chain, victims, writing_stages
from .role import Ran
from .side_effects import processes, wait_for
from .small_disks import mounted

pytestmark = pytest.mark.faults

MOVED = "moved"
CONFIGURATION = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
README, RUNBOOK = ROOT / f"roles/{ROLE}/README.md", ROOT / f"docs/{ROLE}.md"
OUTCOME = "ovirt_backup_migration_outcome"
READABLE = (
    "SELECT has_table_privilege('{}', oid, 'SELECT') FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


@pytest.fixture(scope="module")
def migration(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migration]:
    """An engine in use, and a database server."""
    with Migration.in_progress(lab_engine, tmp_path_factory.mktemp("migration")) as found:
        yield found


class Followed(NamedTuple):
    """What the commands of the README and of the runbook came to, and what each table held before and afterwards."""

    planned: Ran
    plan_changed: bool
    moved: Ran
    again: Ran
    before: dict[str, dict[str, int]]
    after: dict[str, dict[str, int]]
    used: tuple[set[str], set[str]]
    repeat: str
    accept: str
    roll_back: str


@pytest.fixture(scope="module")
def followed(migration: Migration) -> Followed:
    """All databases are moved as the README shows it; the runbook is taken up behind that."""
    migration.ready()
    plan, move, accept = migration.read_document(README)
    before, standing = migration.rows_on(migration.lab_engine.lab), migration.standing()
    planned = migration.follow(plan).made()
    plan_changed = migration.standing() != standing
    moved = migration.follow(move).made()
    used, after = migration.in_use_by_host(), migration.rows_on(migration.server)
    _plan, _move, again, runbook_accept, roll_back = migration.read_document(RUNBOOK)
    second = migration.follow(again).made()
    machines.checkpoint(migration.lab_engine.lab, MOVED)
    assert runbook_accept.endswith(accept.rpartition(" ")[2])
    return Followed(planned, plan_changed, moved, second, before, after, used, again, runbook_accept, roll_back)


def test_check_mode_shows_the_whole_plan_and_changes_nothing(followed: Followed) -> None:
    assert followed.planned.changed > 0
    assert not followed.plan_changed
    followed.planned.says(
        "Would move the databases", "create the database 'engine' of 'engine'", "setting max_connections",
        "2. Stop: ovirt-engine-notifier, ovirt-engine-dwhd, grafana-server, ovirt-engine",
        "scopes files db dwhdb keycloakdb grafanadb", "4. Fence the old databases: engine, ovirt_engine_history",
        "12-setup-keycloak.conf", "OVESETUP_ASYNC/clearTasks=bool:False", "Nothing was changed",
    )  # fmt: skip


def test_example_moves_every_row_and_the_second_run_changes_nothing(followed: Followed) -> None:
    assert followed.moved.changed > 0 and followed.again.changed == 0
    assert {run.statistics[OUTCOME] for run in (followed.moved, followed.again)} == {"migrated"}
    for kind in KINDS:
        # The running engine and engine-setup write a little, and take nothing away.
        assert followed.after[kind].keys() == followed.before[kind].keys()
        assert [name for name, rows in followed.before[kind].items() if followed.after[kind][name] < rows] == []


def test_new_server_serves_every_database_and_the_old_one_none(followed: Followed, migration: Migration) -> None:
    assert followed.used == (set(), set(KINDS))
    followed.moved.says("served by 127.0.0.2", "rows proven equal", "The old databases are fenced and whole")
    configuration = migration.lab_engine.site.configuration()
    assert {configuration[f"{name}_DB_HOST"] for name in ("ENGINE", "DWH", "KEYCLOAK")} == {migration.server.address}
    assert configuration["KEYCLOAK_BUNDLED"] == "true"
    assert [name for name in migration.configuration if name not in configuration] == []
    # A restore without permissions brings no grants.
    assert set(query(migration.server, NAMES["dwh"], READABLE.format(GRAFANA)).split()) == {"t"}


def test_rollback_later_goes_back_to_the_old_server(followed: Followed, migration: Migration) -> None:
    migration.rewind(MOVED)
    back = migration.follow(followed.roll_back).made()
    assert back.statistics[OUTCOME] == "rolled_back"
    assert_back(migration)
    assert followed.before["dwh"].keys() == migration.rows_on(migration.lab_engine.lab)["dwh"].keys()
    # What the engine wrote on the new server is not thrown away for another attempt, unless that is asked for.
    migration.run("--check").refused("is not empty")


def test_accepted_migration_has_no_way_back(followed: Followed, migration: Migration) -> None:
    migration.rewind(MOVED)
    accepted = migration.follow(followed.accept).made().says("dropdb engine")
    assert accepted.statistics[OUTCOME] == "accepted"
    assert migration.noted() == {}
    migration.follow(followed.roll_back).refused("There is no way back any more")
    assert migration.follow(followed.repeat).made().changed == 0


def assert_back(migration: Migration) -> None:
    """The engine is on its old databases as if nothing had been."""
    assert migration.in_use_by_host() == (set(KINDS), set())
    assert migration.lab_engine.site.configuration() == migration.configuration
    assert set(migration.standing()[2].values()) == {"active"}
    assert migration.noted() == {}


HOSTED = "UPDATE vm_static SET origin = {} WHERE vm_guid = (SELECT min(vm_guid::text)::uuid FROM vm_static)"
RELOAD = "SELECT pg_reload_conf()"
# What happens to the engine and, as lines "DATABASE STATEMENT", to the new server; what is asked for, and why not.
UNFIT: list[tuple[str, list[str], dict[str, object], list[str]]] = [
    (HOSTED.format(6), [], {"keycloak_password": "", "names": {"cinderlib": {}}}, [
        "manages itself (", "engine_restore_fresh", "keycloak", "cinderlib"]),
    (HOSTED.format(0), [
        "postgres CREATE ROLE engine LOGIN",
        "postgres CREATE DATABASE engine OWNER engine TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
    ], {"dwh_password": "two words"}, ["LC_COLLATE C", "holds a blank"]),
    ("", [
        "postgres DROP DATABASE engine", "postgres CREATE DATABASE other OWNER engine",
        "other CREATE TABLE rows (number integer); ALTER TABLE rows OWNER TO engine",
        "postgres ALTER SYSTEM SET work_mem = '4MB'", "postgres " + RELOAD,
    ], {"names": {"engine": {"name": "other"}}}, [
        "already what others may use", "has 1 tables", "work_mem is 4096, needed >= 8192kB"]),
    ("", ["postgres DROP DATABASE other", "postgres ALTER SYSTEM RESET work_mem", "postgres " + RELOAD],
     {"client_addresses": "192.0.2.1", "kinds": ["engine"]}, ["pg_hba", "127.0.0.1"]),
]  # fmt: skip


def test_unfit_server_is_refused_before_anything_is_stopped(migration: Migration) -> None:
    """Whatever is wrong; the engine never notices."""
    migration.ready()
    for statement, lines, variables, words in UNFIT:
        query(migration.lab_engine.lab, "engine", statement or "SELECT 1")
        for line in lines:
            query(migration.server, *line.split(" ", 1))
        before = migration.standing()
        migration.run(**variables).refused(*words)
        after = migration.standing()
        assert (after[0][0], after[1:]) == (before[0][0], before[1:])
        assert migration.noted() == {}


def test_disk_without_room_is_refused_before_anything_is_stopped(migration: Migration, tmp_path: Path) -> None:
    migration.ready()
    before = migration.standing()
    with mounted(tmp_path, 1 << 20):
        migration.run(kinds=["engine"], directory=str(tmp_path), tmpdir=str(tmp_path)).refused("space_target")
    assert migration.standing() == before
    assert migration.noted() == {}


ALONE = {"kinds": "engine", "readers": [{"database": "engine", "name": "watcher", "password": READER}]}
MANY_ROWS = (
    "INSERT INTO audit_log (log_time, log_type, severity, message)"
    " SELECT now(), 30, 0, 'row ' || g FROM generate_series(1, 100000) g"
)
MID_COPY = "engine public.audit_log 10000"
FORWARD = [
    Kill("prepare/Make the roles that read"),
    Kill("stop/Stop what uses the databases", is_met=True),
    Kill("backup/Make a proven backup of what is moved", "in", "slow-at engine 100", "connection"),
    Kill("old_databases/Keep clients out of the old databases, or let them in", times=2),
    Kill("restore/Restore into the new databases and prove every row", "in", "slow-at loaded-engine 100"),
    Kill("set_up/Run engine-setup", "in", "setup-slow-at misc 100", "tool", variables={"rollback": "false"}),
    Kill("set_up/Start what was running"),
]
BACKWARD = [
    Kill("old_databases/Keep clients out of the old databases, or let them in"),
    Kill("rollback/Put the configuration back", "in", "slow-at restore-files 100", "module"),
    Kill("rollback/Empty the new databases"),
]
# A run that is killed there leaves nothing, or what one leaves that is killed in the stage behind it.
NOT_KILLED = {
    "prepare/Make role and database on the new server", "prepare/Enter the new databases from the engine host",
    "note/Write the journal", "restore/Grant reading", "rollback/Stop what uses the databases",
    "rollback/Start what was running", "rollback/Remove the journal", "accept/Remove the journal",
}  # fmt: skip


def test_every_stage_that_writes_is_killed_somewhere() -> None:
    """A stage that is new in the task files belongs into a chain, unless another kill shows the same."""
    assert writing_stages(ROLE) == {kill.stage for kill in (*FORWARD, *BACKWARD)} | NOT_KILLED
    assert victims([*FORWARD, *BACKWARD]) == EVERY_VICTIM


def test_engine_alone_is_moved_by_a_chain_of_runs_of_which_each_was_killed(migration: Migration) -> None:
    migration.ready()
    before = migration.rows_on(migration.lab_engine.lab)["engine"]
    run_chain(migration, FORWARD[:4], **ALONE)
    assert migration.stage() == "saved"
    before_kill = processes(migration.lab_engine.site)
    run_chain(migration, FORWARD[4:5], **ALONE)
    orphans = processes(migration.lab_engine.site) - before_kill
    assert orphans, "the tool outlives its run"
    query(migration.server, NAMES["engine"], "DELETE FROM audit_log")  # it was not killed at the very end
    run_chain(migration, FORWARD[5:6], **ALONE)
    assert not orphans & processes(migration.lab_engine.site)
    assert "the old databases are fenced" in " ".join(migration.engine.plays[-1].output.split())
    run_chain(migration, FORWARD[6:], **ALONE)
    migration.run(**ALONE).made().says("served by 127.0.0.2", "rows proven equal")
    old, new = migration.in_use_by_host()
    assert (new, "engine" in old) == ({"engine"}, False)
    assert migration.noted()["rows"]["engine"] >= sum(before.values())
    assert set(query(migration.server, NAMES["engine"], READABLE.format("watcher")).split()) == {"t"}


def test_rollback_that_fails_and_is_killed_everywhere_is_finished_in_the_end(migration: Migration) -> None:
    migration.ready()
    query(migration.lab_engine.lab, "engine", MANY_ROWS)
    options = {"kinds": ["engine"], "health_timeout": 1}
    migration.lab_engine.fault("end-session", MID_COPY)
    running = migration.start(**options)
    wait_for("the archive", lambda: migration.stage() == "saved" or running.poll() is not None)
    fault = migration.lab_engine.fault("health-never")
    ended = migration.finish(running).refused(
        "failed in the task 'Restore into the new databases", "And going back failed, too",
        "the engine database is configured on localhost", "are whole on this host", "action=rollback",
    )  # fmt: skip
    assert ended.statistics[OUTCOME] == "failed"
    assert migration.stage() == "rolling_back"
    fault.unlink()
    run_chain(migration, BACKWARD[:1], kinds=["engine"])
    # As after a later stage: what is right already is not put back.
    configuration = migration.lab_engine.lab.prefix / CONFIGURATION
    text = configuration.read_text(encoding="utf-8")
    assert text.count("localhost") > 0
    configuration.write_text(text.replace("localhost", migration.server.address), encoding="utf-8")
    run_chain(migration, BACKWARD[1:], kinds=["engine"])
    migration.run(kinds=["engine"]).refused("An earlier run had begun to go back", "That is finished now")
    assert_back(migration)
    empty = query(migration.server, NAMES["engine"], "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert empty.strip() == "0"
