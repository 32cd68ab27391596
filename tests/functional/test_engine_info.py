# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_info tells what an engine is, holds and remembers, whatever state it is in, and changes nothing."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, faults, machines, start, stop
from lab import processes as lab_processes
from lab.databases import empty, row_counts
from lab.postgres import query

from .archive_steps import in_turns
from .archive_store import Made
from .engine_tasks import facts
from .installation import Site, read_site
from .playbooks import Engine, Result, checked
from .side_effects import photograph, processes, wait_for

IDENTITY = "/var/log/ovirt-engine-backup/{}_b%c.log"
VOLATILE = {"size", "sessions", "waited", "problem"}
JDBC = "PostgreSQL JDBC Driver"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An engine whose databases a test may change."""
    home = tmp_path_factory.mktemp("info") / "lab"
    lab = start(home, components="all+block", services=True)
    try:
        yield read_site(lab.inventory)
    finally:
        stop(home, remove=True)


@pytest.fixture
def changed(own: Site, tmp_path: Path) -> Iterator[Engine]:
    """The host of that engine."""
    before = processes(own)
    host = Engine(own, tmp_path / "ansible")
    yield host
    host.assert_left_no_trace(tmp_path, before)


def good(results: list[Result]) -> list[Result]:
    """The facts; no look at an engine changes anything or fails."""
    assert [(result.get("msg"), result["changed"]) for result in results] == [(None, False)] * len(results)
    return [result["engine"] for result in results]


def steady(engine: Result) -> Result:
    """The facts without what moves by itself."""
    databases = {
        kind: {key: value for key, value in database.items() if key not in VOLATILE}
        for kind, database in engine["databases"].items()
    }
    health = {key: value for key, value in (engine["health"] or {}).items() if key not in VOLATILE}
    return {**engine, "databases": databases, "health": health}


def sql(lab: Lab, statement: str, kind: str = "engine") -> str:
    return query(lab, lab.databases[kind].name, statement)


def test_an_engine_is_described_without_touching_it_and_knows_its_own_backups(
    engine: Engine, made: Made, tmp_path: Path
) -> None:
    before = photograph(engine.site.prefix / "etc")
    identity = made.results["stock"]["archive"]["identity"]
    *results, refused = engine.play(
        checked(facts()), facts(), facts(identity=identity), facts(identity=identity + "x"), facts(prefix=tmp_path)
    )
    assert photograph(engine.site.prefix / "etc") == before
    planned, found, known, longer = good(results)
    assert steady(planned) == steady(found)
    assert found["fqdn"] == engine.site.fqdn
    assert found["is_set_up"] and found["version"] in found["display_version"]
    assert found["generated_by"].startswith(found["version"])
    assert {"ovirt-engine", "httpd", "postgresql"} <= set(found["services"])
    assert set(found["services"].values()) <= {"active", "inactive", "missing", "unknown"}
    assert found["databases"]["engine"]["state"] == "filled" and found["databases"]["engine"]["enabled"]
    assert (found["just_restored"], found["backup_mark"], found["health"]) == (False, "", None)
    assert found["product_version"]
    assert (known["backup_mark"], longer["backup_mark"]) == ("finished", "none")
    assert not shutil.which("engine-backup")
    assert refused["failed"] and refused["code"] == "tool_missing"


@pytest.mark.faults
def test_databases_memory_and_users_of_an_engine_are_told(changed: Engine, own: Site) -> None:
    lab, marks = own.lab, {"begun": "started", "longer": "none", "other": "none", "passed": "finished", "not": "none"}
    names = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a visitor'"
    visitors = [visit(lab) for _number in range(2)]
    try:
        wait_for("the visitors", lambda: sql(lab, names) == "2")
        results = in_turns(
            changed,
            facts(count_rows=True),
            lambda: remember(lab), facts(), *(facts(identity=IDENTITY.format(name)) for name in marks),
            lambda: forget(lab), facts(),
        )  # fmt: skip
    finally:
        for visitor in visitors:
            visitor.communicate()
    counted, remembered, *marked, forgotten = good(results)

    found = counted["databases"]
    assert set(found) == set(lab.databases), "the SQLite file of Grafana is no database of PostgreSQL"
    for kind, database in found.items():
        rows = row_counts(lab, kind)
        more = len(marks) if kind == "engine" else 0  # what was remembered since
        assert (database["rows"], database["tables"]) == (sum(rows.values()) - more, len(rows))
        assert (database["name"], database["port"]) == (lab.databases[kind].name, lab.port)
        assert (database["server_address"], database["server_port"]) == ("127.0.0.1", lab.port)
        assert database["size"] > 1 << 20 and database["problem"] == ""
    sessions = found["dwh"]["sessions"]
    expected = {"user": lab.databases["dwh"].owner, "client": "127.0.0.1", "application": "a visitor", "count": 2}
    assert expected in sessions
    assert {session["application"] for session in sessions} == {"a visitor", JDBC}, "we are not counted"

    keys = ("just_restored", "dwh_currently_running", "hosted_engine", "hosted_engine_vm")
    assert [remembered[key] for key in keys] == [True, True, False, ""]
    assert [forgotten[key] for key in keys] == [False, False, True, "HostedEngine"]
    assert {name: one["backup_mark"] for name, one in zip(marks, marked, strict=True)} == marks


def remember(lab: Lab) -> None:
    """A restore that engine-setup does not know of yet, backups in the event log, and a column of newer engines."""
    sql(lab, "UPDATE vdc_options SET option_value = '1' WHERE option_name = 'DbJustRestored'")
    sql(lab, "UPDATE dwh_history_timekeeping SET var_value = '1' WHERE var_name = 'DwhCurrentlyRunning'")
    sql(lab, "ALTER TABLE vm_static ADD COLUMN IF NOT EXISTS origin integer DEFAULT 3")
    for text in (
        IDENTITY.format("begun"),
        "/x" + IDENTITY.format("longer"),
        IDENTITY.format("other").replace("%", "x"),
    ):
        columns = "(log_time, log_type, severity, message)"
        message = f"engine-backup: Backup Started, scope=db, log={text}"
        sql(lab, f"INSERT INTO audit_log {columns} VALUES (now(), 9024, 0, '{message}')")
    for name, is_passed in (("passed", True), ("not", False)):  # the engine deletes its old events
        values = f"'{name}', now(), {is_passed}, '', 'x', '{IDENTITY.format(name)}'"
        sql(lab, f"INSERT INTO engine_backup_log VALUES ({values})")


def forget(lab: Lab) -> None:
    """The same engine set up, and hosted by one of its own hosts."""
    sql(lab, "UPDATE vm_static SET origin = 6, vm_name = 'HostedEngine' WHERE vm_name = 'vm-7'")
    sql(lab, "UPDATE vdc_options SET option_value = '0' WHERE option_name = 'DbJustRestored'")
    sql(lab, "UPDATE dwh_history_timekeeping SET var_value = '0' WHERE var_name = 'DwhCurrentlyRunning'")


def visit(lab: Lab) -> "subprocess.Popen[bytes]":
    """A client that stays until it is sent away."""
    database = lab.databases["dwh"]
    command = [str(lab.server_programs / "psql"), "-X", "-q", "-h", "127.0.0.1", "-p", str(lab.port)]
    variables = {"PGAPPNAME": "a visitor", "PGPASSWORD": database.password, "PATH": "/usr/bin:/bin"}
    return subprocess.Popen([*command, "-U", database.owner, "-d", database.name], stdin=subprocess.PIPE, env=variables)


@pytest.mark.faults
def test_a_running_engine_is_well_and_a_killed_one_leaves_a_stale_mark(changed: Engine, own: Site) -> None:
    lab, mark = own.lab, own.prefix / "var/lib/ovirt-engine/engine.up"
    pid = int(mark.read_text())

    def kill() -> None:
        os.kill(pid, signal.SIGKILL)
        wait_for("its end", lambda: not lab_processes.is_alive(lab.home, "ovirt-engine"))

    def hang() -> None:
        machines.start_services(lab)
        faults.set_fault(lab.faults, "health-hangs")

    try:
        results = in_turns(
            changed,
            checked(facts(health=True)), facts(health=True),
            lambda: faults.set_fault(lab.faults, "health-never"), facts(health=True, health_timeout=2),
            kill, facts(health=True),
            hang, facts(health=True, health_timeout=2),
        )  # fmt: skip
    finally:
        faults.clear(lab.faults)
    planned, well, unwell, dead, silent = good(results)
    assert steady(planned) == steady(well)
    assert well["is_running"] and well["up_mark"]["state"] == "running"
    assert well["services"]["ovirt-engine"] == "active" and well["services"]["ovirt-provider-ovn"] == "missing"
    health = well["health"]
    assert (health["is_healthy"], health["status"], health["problem"]) == (True, 200, "")
    assert health["url"] == f"http://{own.fqdn}:{lab.http_port}/ovirt-engine/services/health"
    assert (dead["is_running"], dead["up_mark"]["state"], dead["up_mark"]["pid"]) == (False, "stale", pid)
    assert dead["services"]["ovirt-engine"] == "inactive"
    assert dead["health"]["problem"].endswith("connection refused")
    for engine, status, seen in ((unwell, 404, "404 - Not Found"), (silent, None, "no answer in time")):
        health = engine["health"]
        assert (health["is_healthy"], health["status"]) == (False, status)
        assert seen in health["problem"] and 2 <= health["waited"] < 8


@pytest.mark.faults
def test_what_can_not_be_read_is_a_fact(changed: Engine, own: Site) -> None:
    """The last test of this file: nothing is left of the engine afterwards."""
    lab = own.lab
    names = {kind: database.name for kind, database in lab.databases.items()}

    def lock_out() -> None:
        empty(lab, "dwh")
        empty(lab, "keycloak")
        sql(lab, "CREATE FUNCTION public.left_over() RETURNS int LANGUAGE sql AS 'SELECT 1'", "keycloak")
        query(lab, "postgres", f"ALTER ROLE {lab.databases['cinderlib'].owner} PASSWORD 'another'")

    def lose() -> None:
        query(lab, "postgres", f"DROP DATABASE {names['dwh']} WITH (FORCE)")
        path = own.prefix / "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf"
        path.write_text(path.read_text().replace(f'KEYCLOAK_DB_PORT="{lab.port}"', 'KEYCLOAK_DB_PORT="1"'))

    results = in_turns(
        changed,
        lock_out, facts(count_rows=True),
        lose, facts(),
        lambda: machines.reinstall(lab), facts(identity=IDENTITY, count_rows=True, health=True),
    )  # fmt: skip
    locked_out, lost, fresh = good(results)
    found = locked_out["databases"]
    states = {kind: database["state"] for kind, database in found.items()}
    assert states == {"engine": "filled", "dwh": "empty", "keycloak": "filled", "cinderlib": "login_failed"}
    assert (found["dwh"]["rows"], found["keycloak"]["tables"], found["cinderlib"]["rows"]) == (0, 0, None)
    assert found["engine"]["rows"] > 0 and names["cinderlib"] in found["cinderlib"]["problem"]

    found = lost["databases"]
    states = {kind: found[kind]["state"] for kind in ("engine", "dwh", "keycloak")}
    assert states == {"engine": "filled", "dwh": "missing", "keycloak": "unreachable"}
    assert names["dwh"] in found["dwh"]["problem"] and ":1 " in found["keycloak"]["problem"]

    assert (fresh["is_set_up"], fresh["databases"], fresh["generated_by"]) == (False, {}, "")
    assert (fresh["just_restored"], fresh["hosted_engine"], fresh["backup_mark"]) == (None, None, "")
    assert fresh["version"] and not fresh["is_running"] and not fresh["health"]["is_healthy"]
