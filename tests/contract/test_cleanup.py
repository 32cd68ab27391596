# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-cleanup: what it refuses and asks, what it removes and what it leaves, and its success without success."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab.driver import POST, REMOVE, Machine

RECORDED = Path(__file__).resolve().parents[1] / "unit" / "recorded"
VARIES = (
    (r"/\S*/(ovirt-engine-(?:remove|setup)-)\S+", r"\1LOG"),
    (r"(engine|engine-pki|dwh|keycloak)-\d{14}\S*", r"\1-DUMP"),
    (r"\S+-(cleanup|setup)\.conf", r"\1.conf"),
)


def shape(text: str) -> list[str]:
    """Lines without what differs between hosts and runs: paths, times, and what a development installation asks."""
    for pattern, replacement in VARIES:
        text = re.sub(pattern, replacement, text)
    lines = [re.sub(r"(/\S*)?/(etc|root|var)/", r"/\2/", line) for line in text.splitlines()]
    return [line for line in lines if "Stage:" in line or line.startswith(("[WARN", "[ ERR")) or "--==" in line]


def recorded(name: str) -> list[str]:
    """The shape of a recorded run."""
    return shape((RECORDED / (name + ".stdout")).read_text(encoding="utf-8"))


def test_run_has_the_shape_of_the_recorded_one_and_so_has_a_second_one(machine: Machine) -> None:
    run = machine.cleanup()
    assert (run.rc, run.stderr) == (0, "")
    assert shape(run.stdout) == recorded("cleanup-ok")

    # Databases are dumped and empty, and keep owner and extension.
    for kind, database in machine.lab.databases.items():
        assert machine.rows(kind) == {}
        owner = machine.ask(kind, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()")
        assert owner == database.owner
        assert machine.ask(kind, "SELECT count(*) FROM pg_extension WHERE extname = 'uuid-ossp'") == "1"
    dumps = re.findall(r"Backing up database \S+ to '([^']+)'", run.text)
    assert [Path(path).stat().st_size > 1000 for path in dumps] == [True] * 3
    assert {Path(path).stat().st_mode & 0o777 for path in dumps} == {0o600}
    assert re.findall(r"Clearing (\w+) database", run.text) == ["Engine", "DWH", "Keycloak"]

    # Registered files and lists are gone, and templates stay.
    for path in (POST, "etc/ovirt-engine/engine.conf.d/10-setup-database.conf", "etc/pki/ovirt-engine/ca.pem"):
        assert not (machine.prefix / path).exists()
    assert list((machine.prefix / "etc/ovirt-engine/uninstall.d").iterdir()) == []
    assert (machine.prefix / "etc/pki/ovirt-engine/cert.template.in").exists()
    assert (machine.prefix / "var/lib/ovirt-engine/setup/answers/20260101000000-setup.conf").exists()

    # Services are stopped and disabled, and httpd goes on.
    names = ("ovirt-engine", "ovirt-engine-dwhd", "grafana-server", "httpd")
    assert [machine.is_active(name) for name in names] == [False, False, False, True]
    assert machine.run("systemctl", "is-enabled", "ovirt-engine").stdout == "disabled\n"
    assert not (machine.prefix / "var/lib/ovirt-engine/engine.up").exists()

    run = machine.run("engine-cleanup")
    assert run.rc == 11
    assert shape(run.stdout) == recorded("cleanup-again")
    assert "Please use the cleanup utility only after a setup or after an upgrade from an older" in run.text


def test_run_that_is_refused_or_not_answered_changes_nothing(machine: Machine) -> None:
    for option in ("--accept-defaults", "nonsense"):
        run = machine.run("engine-cleanup", option)
        assert (run.rc, run.stdout, run.stderr) == (1, "", "FATAL: Invalid option '{}'\n".format(option))
    run = machine.run("engine-cleanup")
    assert run.rc == 1
    assert "engine service will be stopped (OK, Cancel) [OK]:" in run.text
    assert "Failed to execute stage 'Setup validation': End of file" in run.text
    assert "query OVESETUP_CORE_ENGINE_STOP" in run.log
    run = machine.run("engine-cleanup", given="\n\n")
    assert (run.rc, "data will be lost (OK, Cancel) [Cancel]:" in run.text) == (1, True)
    assert "Aborted by user" in run.text
    machine.fault("cleanup-asks", "NEW_QUESTION Shall it be?")
    run = machine.cleanup()
    assert (run.rc, "Shall it be?:" in run.text, "query NEW_QUESTION" in run.log) == (1, True, True)
    assert sum(machine.rows("engine").values()) > 0
    path = machine.prefix / POST
    path.write_text(path.read_text(encoding="utf-8").replace("str:4.5.7-", "str:4.4.10-"), encoding="utf-8")
    run = machine.cleanup()
    assert run.rc == 1
    assert "Failed to execute stage 'Environment setup': Cleanup utility version mismatch" in run.text


def test_changed_file_is_asked_about(machine: Machine) -> None:
    path = machine.prefix / "etc/ovirt-engine/engine.conf.d/10-setup-jboss.conf"
    path.write_text("changed\n", encoding="utf-8")
    run = machine.cleanup()
    assert (run.rc, "The following files were changed since setup: {}".format(path) in run.text) == (1, True)
    run = machine.cleanup(machine.answers("OVESETUP_REMOVE/removeChanged=bool:True\n"))
    assert (run.rc, path.exists()) == (0, False)


def test_wrong_password_is_a_warning_and_the_database_stays_full(machine: Machine) -> None:
    machine.ask("engine", "ALTER ROLE engine PASSWORD 'another'")
    run = machine.cleanup()
    assert run.rc == 0
    assert "[WARNING] Cannot connect to Engine database using existing credentials: engine@localhost:" in run.text
    assert "[WARNING] Cannot clear Engine database: " in run.text
    assert "Clearing Engine database" not in run.text
    assert sum(machine.rows("engine").values()) > 0
    assert machine.rows("dwh") == {}


@pytest.mark.parametrize("fault", ["cleanup-cannot-connect", "cleanup-cannot-clear"])
def test_database_can_be_left_full_with_exit_status_0(machine: Machine, fault: str) -> None:
    machine.fault(fault, "keycloak")
    run = machine.cleanup()
    assert (run.rc, "Cannot clear Keycloak database: " in run.text) == (0, True)
    assert (machine.rows("engine"), sum(machine.rows("keycloak").values()) > 0) == ({}, True)


def test_killed_run_leaves_the_rest_to_the_next_one(machine: Machine) -> None:
    machine.fault("cleanup-kill-at", "clear-dwh")
    assert machine.cleanup().rc == -9
    assert (machine.rows("engine"), sum(machine.rows("dwh").values()) > 0) == ({}, True)
    (machine.lab.faults / "cleanup-kill-at").unlink()
    assert (machine.cleanup().rc, machine.rows("dwh")) == (0, {})


def test_answer_file_holds_only_what_was_asked(machine: Machine) -> None:
    run = machine.run("engine-cleanup", machine.answers("QUESTION/1/OVESETUP_CORE_REMOVE=str:ok\n"), given="ok\n")
    assert run.rc == 0
    found = re.search(r"Generating answer file '([^']+)'", run.text)
    assert found is not None
    path = Path(found.group(1))
    assert path.read_text(encoding="utf-8") == (
        "# OTOPI answer file, generated by human dialog\n[environment:default]\n"
        "QUESTION/1/OVESETUP_CORE_ENGINE_STOP=str:ok\nQUESTION/1/OVESETUP_CORE_REMOVE=str:ok\n"
    )
    assert path.stat().st_mode & 0o777 == 0o600


def test_unprivileged_user_is_asked_first(machine: Machine) -> None:
    (machine.prefix / "etc/unprivileged").touch()
    run = machine.run("engine-cleanup", "--otopi-environment=" + REMOVE)
    assert "Failed to execute stage 'Initializing': End of file" in run.text
    answers = machine.answers("QUESTION/1/OVESETUP_SYSTEM_UNPRIVILEGED=str:yes\n")
    run = machine.run("engine-cleanup", "--otopi-environment=" + REMOVE, answers)
    assert run.rc == 0
    assert "development installation do you wish to proceed? (Yes, No) [No]: provided answer: yes" in run.text
