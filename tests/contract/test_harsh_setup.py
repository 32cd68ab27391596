# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-setup where it is harsh: names that must resolve, half a database, copies with old passwords, no services."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab.databases import fill
from lab.driver import Machine

NO_TASKS = "OVESETUP_ASYNC/clearTasks=bool:False\n"
EXAMPLE = "etc/ovirt-engine-dwh/examples/10-setup-dwh-database.conf"
DWH_FILES = (
    "etc/ovirt-engine/engine.conf.d/10-setup-dwh-database.conf",
    "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf",
    EXAMPLE,
)


def copies(path: Path) -> list[Path]:
    """What engine-setup left beside a file."""
    return [other for other in path.parent.iterdir() if re.fullmatch(re.escape(path.name) + r"\.\d{14}", other.name)]


@pytest.mark.parametrize(("name", "status"), [("gone.lab.test", 1), ("nowhere.invalid", 1), ("localhost", 0)])
def test_name_of_the_engine_must_resolve(machine: Machine, name: str, status: int) -> None:
    run = machine.setup(machine.answers(NO_TASKS + "OVESETUP_CONFIG/fqdn=str:{}\n".format(name)))
    message = "Host name is not valid: {} did not resolve into an IP address".format(name)
    assert (run.rc, message in run.text) == (status, bool(status))


def test_half_an_engine_database_ends_it_at_the_options(machine: Machine) -> None:
    machine.ask("engine", "DROP TABLE vdc_options CASCADE")
    run = machine.setup()
    expected = "Failed to execute stage 'Environment setup': relation \"vdc_options\" does not exist"
    assert (run.rc, expected in run.text) == (1, True)


def test_missing_view_of_the_machines_ends_it_at_the_hosted_engine_check(machine: Machine) -> None:
    machine.ask("engine", "DROP VIEW vms CASCADE")
    run = machine.setup()
    assert (run.rc, "'Setup validation': relation \"vms\" does not exist" in run.text) == (1, True)
    run = machine.setup(machine.answers(NO_TASKS + "OVESETUP_CONFIG/continueSetupOnHEVM=bool:True\n"))
    assert run.rc == 0


def test_example_for_a_remote_engine_holds_the_password_of_the_data_warehouse(machine: Machine) -> None:
    text = (machine.prefix / EXAMPLE).read_text(encoding="utf-8")
    assert 'DWH_DB_HOST="{}"'.format(machine.lab.fqdn) in text
    assert 'DWH_DB_PASSWORD="{}"'.format(machine.lab.databases["dwh"].password) in text
    assert machine.mode(EXAMPLE) == 0o600
    assert machine.cleanup().rc == 0
    assert not (machine.prefix / EXAMPLE).exists()


def test_each_change_of_database_settings_leaves_the_old_file_with_the_old_password(machine: Machine) -> None:
    old = machine.lab.databases["dwh"].password
    machine.ask("dwh", "ALTER ROLE ovirt_engine_history PASSWORD 'another1'")
    assert machine.setup(machine.answers(NO_TASKS + "OVESETUP_DWH_DB/password=str:another1\n")).rc == 0
    for name in DWH_FILES:
        path = machine.prefix / name
        assert "another1" in path.read_text(encoding="utf-8")
        (copy,) = copies(path)
        assert old in copy.read_text(encoding="utf-8")
        assert copy.stat().st_mode & 0o777 == path.stat().st_mode & 0o777 == 0o600
    # Nothing that has not changed is copied, and nothing removes the copies.
    assert copies(machine.prefix / "etc/ovirt-engine/engine.conf.d/10-setup-database.conf") == []
    assert machine.cleanup().rc == 0
    assert [len(copies(machine.prefix / name)) for name in DWH_FILES] == [1, 1, 1]


def test_in_developer_mode_nothing_is_started(machine: Machine) -> None:
    archive = machine.backup()
    assert machine.cleanup().rc == 0
    assert machine.restore(archive).rc == 0
    (machine.prefix / "etc/unprivileged").touch()
    run = machine.setup(machine.answers("QUESTION/1/OVESETUP_SYSTEM_UNPRIVILEGED=str:yes\n"))
    assert (run.rc, "Starting engine service" in run.text) == (0, False)
    names = ("ovirt-engine", "ovirt-engine-dwhd", "grafana-server")
    assert [machine.is_active(name) for name in names] == [False] * 3


def test_in_developer_mode_nothing_is_stopped(machine: Machine) -> None:
    (machine.prefix / "etc/unprivileged").touch()
    run = machine.setup(machine.answers(NO_TASKS + "QUESTION/1/OVESETUP_SYSTEM_UNPRIVILEGED=str:yes\n"))
    # So the Data Warehouse still runs, and nobody can tell it from one on another host.
    assert (run.rc, "Stopping" in run.text, "dwhd is currently running" in run.text) == (1, False, True)
    assert machine.is_active("ovirt-engine-dwhd")


def test_new_rows_of_a_filled_database_need_no_oddities(machine: Machine) -> None:
    assert machine.cleanup().rc == 0
    fill(machine.lab, "engine")
    assert not [name for name in machine.rows("engine") if name.lower() != name]
    assert machine.ask("engine", "SELECT count(*) FROM pg_largeobject_metadata") == "0"
