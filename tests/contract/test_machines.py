# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints, reinstallation, a second server, and the services with their processes."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from lab import Lab, LabError, machines, processes, start
from lab.driver import Machine
from lab.faults import clear
from lab.history import move_on
from lab.postgres import query

MARK = "var/lib/ovirt-engine/engine.up"
SESSIONS = "SELECT DISTINCT datname FROM pg_stat_activity WHERE application_name = 'PostgreSQL JDBC Driver' ORDER BY 1"


def test_rewound_machine_is_what_it_was(machine: Machine) -> None:
    rows = {kind: machine.rows(kind) for kind in machine.lab.databases}
    (machine.prefix / "etc/new").touch()
    assert move_on(machine.lab) == ["engine", "ovirt_engine_history", "ovirt_engine_keycloak"]
    assert {kind: machine.rows(kind) for kind in machine.lab.databases} != rows
    machine.run("systemctl", "disable", "--now", "ovirt-engine")
    machines.rewind(machine.lab, "in_use")
    assert {kind: machine.rows(kind) for kind in machine.lab.databases} == rows
    assert ((machine.prefix / "etc/new").exists(), machine.health()[0]) == (False, 200)
    assert machine.run("systemctl", "is-enabled", "ovirt-engine").rc == 0


def test_unknown_checkpoint_is_named(running_lab: Lab) -> None:
    with pytest.raises(LabError, match="no checkpoint 'nonsense'"):
        machines.rewind(running_lab, "nonsense")


def test_reinstalled_machine_has_packages_and_can_be_restored_by_provisioning(machine: Machine) -> None:
    archive, rows = machine.backup(), machine.rows("dwh")
    machines.reinstall(machine.lab)
    assert query(machine.lab, "postgres", "SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_'") == "1"
    left = (machine.prefix / "etc/ovirt-engine-setup.conf.d").iterdir()
    assert [path.name for path in left] == ["10-packaging.conf"]
    assert not (machine.prefix / "var/lib/grafana/grafana.db").exists()
    # Only a server at port 5432 can be provisioned; the tool says so and fails at the connection.
    run = machine.restore(archive, "--provision-all-databases")
    assert (run.rc, machine.rows("dwh") == rows) == (0, True)


def test_engine_holds_sessions_mark_and_health_page(machine: Machine) -> None:
    pid = int((machine.prefix / MARK).read_text(encoding="ascii"))
    command = Path("/proc", str(pid), "cmdline").read_bytes()
    assert b"ovirt-engine.py" in command
    found = query(machine.lab, "postgres", SESSIONS).splitlines()
    assert found == ["engine", "ovirt_engine_history", "ovirt_engine_keycloak"]
    assert machine.run("systemctl", "stop", "ovirt-engine", "ovirt-engine-dwhd").rc == 0
    assert query(machine.lab, "postgres", SESSIONS) == ""
    assert ((machine.prefix / MARK).exists(), machine.health()) == (False, (0, ""))
    running = "SELECT var_value FROM dwh_history_timekeeping WHERE var_name = 'DwhCurrentlyRunning'"
    assert machine.ask("engine", running) == "0"


def test_killed_engine_leaves_a_stale_mark_and_a_failed_unit(machine: Machine) -> None:
    os.kill(int((machine.prefix / MARK).read_text(encoding="ascii")), signal.SIGKILL)
    while processes.is_alive(machine.lab.home, "ovirt-engine"):
        time.sleep(0.01)
    assert machine.run("systemctl", "show", "-p", "ActiveState", "ovirt-engine").stdout == "ActiveState=failed\n"
    assert (machine.prefix / MARK).exists()
    assert machine.run("systemctl", "start", "ovirt-engine").rc == 0
    assert machine.health()[0] == 200


def test_health_page_has_faults_and_needs_the_database(machine: Machine) -> None:
    for fault, answer in (("health-never", 404), ("health-late 3600", 404), ("health-lies fine", 200)):
        machine.fault(*fault.split())
        status, body = machine.health()
        assert (status, body == "DB Up!Welcome to Health Status!") == (answer, False)
        clear(machine.lab.faults)
    machine.ask("engine", "ALTER ROLE engine NOLOGIN")
    assert machine.health() == (500, "DB Down!")


def test_systemctl_answers_as_the_real_one_and_a_service_may_go_on(machine: Machine) -> None:
    run = machine.run("systemctl", "show", "--property=LoadState", "--property=ActiveState", "nonsense", "httpd")
    assert run.stdout == "LoadState=not-found\nActiveState=inactive\n\nLoadState=loaded\nActiveState=active\n"
    verbs = ("start", "stop", "is-active", "enable")
    assert [machine.run("systemctl", verb, "nonsense").rc for verb in verbs] == [5, 5, 3, 1]
    machine.fault("service-does-not-stop", "ovirt-engine")
    run = machine.run("systemctl", "stop", "ovirt-engine")
    assert (run.rc, machine.health()[0]) == (1, 200)
    assert run.stderr.startswith("Job for ovirt-engine.service failed")


def test_options_are_read_and_set(machine: Machine) -> None:
    name = "DisableFenceAtStartupInSec"
    assert machine.run("engine-config", "-g", name).stdout == name + ": 300 version: general\n"
    assert machine.run("engine-config", "-s", name + "=86400", "--cver=general").rc == 0
    assert machine.run("engine-config", "-g", name, "--cver=general").stdout == "86400\n"
    assert machine.option(name) == "86400"
    run = machine.run("engine-config", "-g", "NoSuchOption")
    assert (run.rc, run.stdout.startswith("Error fetching NoSuchOption value: no such entry.")) == (1, True)
    assert machine.run("engine-config", "-s", name + "=soon").rc == 1
    machine.fault("engine-config-fails")
    run = machine.run("engine-config", "-g", name)
    assert (run.rc, run.stdout.startswith("Connection to the Database failed.")) == (1, True)


def test_second_server_is_another_one_and_in_the_inventory(machine: Machine) -> None:
    server = machines.start_database_server(machine.lab)
    try:
        text = machine.lab.inventory.read_text(encoding="utf-8")
        assert 'postgresql_host: "127.0.0.2"\n      postgresql_port: {}\n'.format(server.port) in text
        assert query(server, "postgres", "SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_'") == "1"
        with pytest.raises(LabError, match="has a database server already"):
            machines.start_database_server(machine.lab)
    finally:
        machines.stop_database_server(machine.lab)
    assert "db.lab.test" not in machine.lab.inventory.read_text(encoding="utf-8")
    assert not server.server_home.exists()


def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match="port {} of 127.0.0.1 can not be had".format(port)):
            start(tmp_path / "lab", port=port)
