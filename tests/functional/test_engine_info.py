# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_info tells what an engine is, holds and remembers, whatever state it is in, and changes nothing."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from lab import Lab, faults, machines, start, stop
from lab import processes as lab_processes
from lab.databases import empty, row_counts
from lab.postgres import query

from .archive_store import Made
from .engine_tasks import facts
from .installation import Site, read_site
from .playbooks import Engine, Result, checked
from .side_effects import photograph, processes, wait_for

IDENTITY = "/var/log/ovirt-engine-backup/{}_b%c.log"
VOLATILE = {"size", "sessions", "waited", "problem"}
JDBC = "PostgreSQL JDBC Driver"
MOMENT = 5.0  # seconds in which a module that was started begins to ask


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


@pytest.fixture
def lost(own: Site) -> Iterator[Site]:
    """The same engine, for a test after which it would be of no use."""
    machines.checkpoint(own.lab, "good")
    yield own
    machines.rewind(own.lab, "good")


def read(host: Engine, **options: object) -> Result:
    """The facts, after a look in check mode that has to give the same."""
    task = facts(**options)
    results = host.play(checked(task), task, checked(task), task)
    assert [result.get("msg", "") for result in results] == [""] * 4
    assert [result["changed"] for result in results] == [False] * 4
    found: list[Result] = [result["engine"] for result in results]
    assert [steady(engine) for engine in found] == [steady(found[0])] * 4
    return found[-1]


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


def test_an_engine_is_described_without_touching_it(engine: Engine) -> None:
    before = photograph(engine.site.prefix / "etc")
    found = read(engine)
    assert photograph(engine.site.prefix / "etc") == before
    assert found["fqdn"] == engine.site.fqdn
    assert found["is_set_up"] and found["version"] in found["display_version"]
    assert found["generated_by"].startswith(found["version"])
    assert {"ovirt-engine", "httpd", "postgresql"} <= set(found["services"])
    assert set(found["services"].values()) <= {"active", "inactive", "missing", "unknown"}
    assert found["databases"]["engine"]["state"] == "filled" and found["databases"]["engine"]["enabled"]
    assert (found["just_restored"], found["backup_mark"], found["health"]) == (False, "", None)
    assert found["product_version"]


def test_a_backup_is_known_by_the_engine_that_made_it(engine: Engine, made: Made) -> None:
    identity = made.results["stock"]["archive"]["identity"]
    asked = (identity, identity + "x", Path(identity).name)
    results = engine.play(*(facts(identity=path) for path in asked))
    assert [result["engine"]["backup_mark"] for result in results] == ["finished", "none", "none"]


@pytest.mark.faults
def test_every_database_and_every_row_is_counted(engine: Engine) -> None:
    lab = engine.site.lab
    found = read(engine, count_rows=True)["databases"]
    assert set(found) == set(lab.databases), "the SQLite file of Grafana is no database of PostgreSQL"
    for kind, database in found.items():
        rows = row_counts(lab, kind)
        assert (database["rows"], database["tables"]) == (sum(rows.values()), len(rows))
        assert (database["name"], database["port"]) == (lab.databases[kind].name, lab.port)
        assert (database["server_address"], database["server_port"]) == ("127.0.0.1", lab.port)
        assert database["size"] > 1 << 20 and database["problem"] == ""


@pytest.mark.faults
def test_a_database_that_was_restored_from_a_backup_is_known_by_its_mark(changed: Engine, own: Site) -> None:
    note(own.lab, (9024, "Started", IDENTITY.format("begun")), (9024, "Started", "/x" + IDENTITY.format("longer")))
    note(own.lab, (9026, "Failed", IDENTITY.format("failed")))
    note(own.lab, (9024, "Started", IDENTITY.format("other").replace("%", "x")))
    note(own.lab, (9024, "Started", IDENTITY.format("ended")), (9025, "Finished", IDENTITY.format("ended")))
    for name, is_passed in (("passed", True), ("not_passed", False)):  # the engine deletes its old events
        values = f"'{name}', now(), {is_passed}, '', 'x', '{IDENTITY.format(name)}'"
        sql(own.lab, f"INSERT INTO engine_backup_log VALUES ({values})")
    marks = {
        "begun": "started", "longer": "none", "failed": "none", "other": "none", "ended": "finished",
        "passed": "finished", "not_passed": "none",
    }  # fmt: skip
    results = changed.play(*(facts(identity=IDENTITY.format(name)) for name in marks))
    found = dict(zip(marks, [result["engine"]["backup_mark"] for result in results], strict=True))
    assert found == marks


def note(lab: Lab, *events: tuple[int, str, str]) -> None:
    """Write into the event log what a backup writes there."""
    for log_type, what, identity in events:
        message = f"engine-backup: Backup {what}, scope=db, log={identity}"
        columns = "(log_time, log_type, severity, message)"
        sql(lab, f"INSERT INTO audit_log {columns} VALUES (now(), {log_type}, 0, '{message}')")


@pytest.mark.faults
def test_what_the_engine_remembers_is_told(changed: Engine, own: Site) -> None:
    sql(own.lab, "UPDATE vdc_options SET option_value = '1' WHERE option_name = 'DbJustRestored'")
    sql(own.lab, "UPDATE dwh_history_timekeeping SET var_value = '1' WHERE var_name = 'DwhCurrentlyRunning'")
    sql(own.lab, "ALTER TABLE vm_static ADD COLUMN IF NOT EXISTS origin integer DEFAULT 3")
    found = read(changed)
    assert (found["just_restored"], found["dwh_currently_running"], found["hosted_engine"]) == (True, True, False)
    assert found["hosted_engine_vm"] == ""
    sql(own.lab, "UPDATE vm_static SET origin = 6, vm_name = 'HostedEngine' WHERE vm_name = 'vm-7'")
    sql(own.lab, "UPDATE vdc_options SET option_value = '0' WHERE option_name = 'DbJustRestored'")
    sql(own.lab, "UPDATE dwh_history_timekeeping SET var_value = '0' WHERE var_name = 'DwhCurrentlyRunning'")
    found = read(changed)
    assert (found["just_restored"], found["dwh_currently_running"], found["hosted_engine"]) == (False, False, True)
    assert found["hosted_engine_vm"] == "HostedEngine"


@pytest.mark.faults
def test_who_uses_a_database_is_told_and_we_are_not_counted(changed: Engine, own: Site) -> None:
    lab = own.lab
    names = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a visitor'"
    visitors = [visit(lab) for _number in range(2)]
    try:
        wait_for("the visitors", lambda: sql(lab, names) == "2")
        sessions = read(changed)["databases"]["dwh"]["sessions"]
    finally:
        for visitor in visitors:
            visitor.communicate()
    expected = {"user": lab.databases["dwh"].owner, "client": "127.0.0.1", "application": "a visitor", "count": 2}
    assert expected in sessions
    assert {session["application"] for session in sessions} == {"a visitor", JDBC}


def visit(lab: Lab) -> "subprocess.Popen[bytes]":
    """A client that stays until it is sent away."""
    database = lab.databases["dwh"]
    command = [str(lab.server_programs / "psql"), "-X", "-q", "-h", "127.0.0.1", "-p", str(lab.port)]
    variables = {"PGAPPNAME": "a visitor", "PGPASSWORD": database.password, "PATH": "/usr/bin:/bin"}
    return subprocess.Popen([*command, "-U", database.owner, "-d", database.name], stdin=subprocess.PIPE, env=variables)


@pytest.mark.faults
def test_a_database_that_can_not_be_read_is_a_fact(changed: Engine, lost: Site) -> None:
    lab = lost.lab
    names = {kind: database.name for kind, database in lab.databases.items()}
    empty(lab, "dwh")
    empty(lab, "keycloak")
    sql(lab, "CREATE FUNCTION public.left_over() RETURNS int LANGUAGE sql AS 'SELECT 1'", "keycloak")
    query(lab, "postgres", f"ALTER ROLE {lab.databases['cinderlib'].owner} PASSWORD 'another'")
    found = read(changed, count_rows=True)["databases"]
    states = {kind: database["state"] for kind, database in found.items()}
    assert states == {"engine": "filled", "dwh": "empty", "keycloak": "filled", "cinderlib": "login_failed"}
    assert (found["dwh"]["rows"], found["keycloak"]["tables"], found["cinderlib"]["rows"]) == (0, 0, None)
    assert found["engine"]["rows"] > 0 and names["cinderlib"] in found["cinderlib"]["problem"]

    query(lab, "postgres", f"DROP DATABASE {names['dwh']} WITH (FORCE)")
    path = lost.prefix / "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf"
    path.write_text(path.read_text().replace(f'KEYCLOAK_DB_PORT="{lab.port}"', 'KEYCLOAK_DB_PORT="1"'))
    found = read(changed)["databases"]
    states = {kind: found[kind]["state"] for kind in ("engine", "dwh", "keycloak")}
    assert states == {"engine": "filled", "dwh": "missing", "keycloak": "unreachable"}
    assert names["dwh"] in found["dwh"]["problem"] and ":1 " in found["keycloak"]["problem"]


@pytest.mark.faults
def test_a_running_engine_is_well_and_a_killed_one_leaves_a_stale_mark(changed: Engine, own: Site) -> None:
    found = read(changed, health=True)
    assert found["is_running"] and found["up_mark"]["state"] == "running"
    assert found["services"]["ovirt-engine"] == "active" and found["services"]["ovirt-provider-ovn"] == "missing"
    health = found["health"]
    assert (health["is_healthy"], health["status"], health["problem"]) == (True, 200, "")
    assert health["url"] == f"http://{own.fqdn}:{own.lab.http_port}/ovirt-engine/services/health"

    pid = found["up_mark"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for("its end", lambda: not lab_processes.is_alive(own.lab.home, "ovirt-engine"))
    found = read(changed, health=True)
    machines.start_services(own.lab)
    assert (found["is_running"], found["up_mark"]["state"], found["up_mark"]["pid"]) == (False, "stale", pid)
    assert found["services"]["ovirt-engine"] == "inactive"
    assert found["health"]["problem"].endswith("connection refused")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("switch", "parameter", "status", "seen"),
    [
        ("health-never", "", 404, "404 - Not Found"),
        ("health-down", "", 500, "'DB Down!'"),
        ("health-lies", "", 200, "'Welcome to Health Status!'"),
        ("health-lies", "DB Up! Welcome to Health Status!", 200, "'DB Up! Welcome to Health Status!'"),
        ("health-hangs", "", None, "no answer in time"),
    ],
)
def test_only_an_engine_that_says_so_is_well(
    changed: Engine, own: Site, switch: str, parameter: str, status: int | None, seen: str
) -> None:
    faults.set_fault(own.lab.faults, switch, parameter)
    try:
        (result,) = changed.play(facts(health=True, health_timeout=3))
    finally:
        faults.clear(own.lab.faults)
    health = result["engine"]["health"]
    assert not result.get("failed") and not health["is_healthy"]
    assert health["status"] == status and seen in health["problem"] and 3 <= health["waited"] < 8


@pytest.mark.faults
def test_an_engine_that_gets_well_late_is_waited_for(changed: Engine, own: Site) -> None:
    faults.set_fault(own.lab.faults, "health-never")
    try:
        play = changed.start(facts(health=True, health_timeout=60))
        wait_for("the module", lambda: any("AnsiballZ_engine_info" in command for command in commands()))
        time.sleep(MOMENT)
    finally:
        faults.clear(own.lab.faults)
    health = changed.finish(play)[0]["engine"]["health"]
    assert health["is_healthy"] and 0 < health["waited"] < 60


def commands() -> Iterator[str]:
    """The command lines of everything that runs."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes().decode(errors="replace")


@pytest.mark.faults
def test_a_host_that_was_never_set_up_has_no_databases(changed: Engine, lost: Site) -> None:
    machines.reinstall(lost.lab)
    found = read(changed, identity=IDENTITY, count_rows=True, health=True)
    assert (found["is_set_up"], found["databases"], found["generated_by"]) == (False, {}, "")
    assert (found["just_restored"], found["hosted_engine"], found["backup_mark"]) == (None, None, "")
    assert found["version"] and not found["is_running"] and not found["health"]["is_healthy"]


def test_a_host_without_an_engine_is_refused(engine: Engine, tmp_path: Path) -> None:
    assert not shutil.which("engine-backup")
    (result,) = engine.play(facts(prefix=tmp_path))
    assert result["failed"] and result["code"] == "tool_missing"
