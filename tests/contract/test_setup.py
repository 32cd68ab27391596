# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-setup: after a restore, on an empty database, with every answer it can want, and on failure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab import Lab, machines
from lab.driver import POST, Machine
from lab.faults import clear

RECORDED = Path(__file__).resolve().parents[1] / "unit" / "recorded" / "setup-after-restore.stdout"
RESTORED = "[ INFO ] The engine DB has been restored from a backup"
NO_TASKS = "--otopi-environment=OVESETUP_ASYNC/clearTasks=bool:False"


def titles(text: str) -> list[str]:
    """Stages and headings in their order."""
    return re.findall(r"Stage: .*|--== .* ==--", text)


@pytest.fixture(scope="session")
def waiting(running_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Cleaned up and restored once, engine-setup not run yet."""
    clear(running_lab.faults)
    machines.rewind(running_lab, "in_use")
    machine = Machine(running_lab, tmp_path_factory.mktemp("waiting"))
    archive = machine.backup()
    assert machine.cleanup().rc == 0
    assert machine.restore(archive).rc == 0
    machines.checkpoint(running_lab, "waiting")
    return running_lab


@pytest.fixture
def restored(waiting: Lab, tmp_path: Path) -> Machine:
    """A machine that waits for engine-setup after a restore."""
    clear(waiting.faults)
    machines.rewind(waiting, "waiting")
    return Machine(waiting, tmp_path)


def test_run_after_a_restore_has_the_recorded_stages_and_finishes_it(restored: Machine) -> None:
    before = restored.rows("engine")
    assert (restored.option("DbJustRestored"), restored.is_active("ovirt-engine")) == ("1", False)
    restored.ask("engine", "UPDATE vdc_options SET option_value = 'old' WHERE option_name = 'ProductRPMVersion'")
    run = restored.setup()
    assert (run.rc, run.stderr, RESTORED in run.text) == (0, "", True)
    assert titles(run.stdout) == titles(RECORDED.read_text(encoding="utf-8"))
    assert (restored.option("DbJustRestored"), restored.option("ProductRPMVersion")) == ("0", "4.5.7-1.el9")
    assert restored.rows("engine") == before
    assert restored.health() == (200, "DB Up!Welcome to Health Status!")
    running = "SELECT var_value FROM dwh_history_timekeeping WHERE var_name = 'DwhCurrentlyRunning'"
    assert restored.ask("engine", running) == "1"


def test_failure_in_misc_configuration_is_rolled_back(restored: Machine) -> None:
    rows, post = restored.rows("dwh"), (restored.prefix / POST).read_bytes()
    restored.fault("setup-fails-at", "post the disk is full")
    run = restored.setup()
    assert (run.rc, "Failed to execute stage 'Misc configuration': the disk is full" in run.text) == (1, True)
    assert run.text.index("Rolling back DWH database schema") < run.text.index("Restoring Engine database engine")
    assert (restored.rows("dwh"), restored.option("DbJustRestored")) == (rows, "1")
    assert (restored.prefix / POST).read_bytes() == post
    assert not restored.is_active("ovirt-engine")


def test_each_stage_can_fail(restored: Machine) -> None:
    for stage in ("init", "setup", "customization", "validation", "transaction", "closeup"):
        restored.fault("setup-fails-at", stage + " broken")
        run = restored.setup()
        told = (run.rc, run.text.count("Failed to execute stage"), "Execution of setup failed" in run.text)
        assert told == (1, 1, True), stage


def test_engine_that_is_not_known_to_be_wanted_is_not_set_up_by_defaults(restored: Machine) -> None:
    post = restored.prefix / POST
    unsure = post.read_text(encoding="utf-8").replace("OVESETUP_ENGINE_CORE/enable=bool:True\n", "")
    post.write_text(unsure, encoding="utf-8")
    run = restored.setup()
    assert "Configure Engine on this host (Yes, No) [No]:" in run.text
    assert not restored.is_active("ovirt-engine")
    # It has been noted down as not wanted.
    assert "OVESETUP_ENGINE_CORE/enable=bool:False\n" in post.read_text(encoding="utf-8")
    post.write_text(unsure, encoding="utf-8")
    run = restored.setup(restored.answers("QUESTION/1/OVESETUP_ENGINE_ENABLE=str:yes\n"))
    assert (run.rc, restored.is_active("ovirt-engine")) == (0, True)


def test_other_data_warehouse_is_disconnected_only_when_told(restored: Machine) -> None:
    restored.ask("engine", "UPDATE dwh_history_timekeeping SET var_value = 'other' WHERE var_name = 'dwhUuid'")
    run = restored.setup()
    assert (run.rc, "An existing DWH found - Setup cancelled by user" in run.text) == (1, True)
    run = restored.setup(restored.answers("OVESETUP_DWH_DB/disconnectExistingDwh=bool:True\n"))
    assert run.rc == 0


def test_kept_temporary_data_make_it_ask(machine: Machine) -> None:
    archive = machine.backup()
    machine.cleanup()
    machine.restore(archive, "--no-restore-permissions", "--keep-temporary-data")
    run = machine.setup()
    assert (run.rc, 'Answering "no" will stop the upgrade (Yes, No)' in run.text) == (1, True)
    assert "query OVESETUP_WAIT_RUNNING_TASKS" in run.log
    # What ran when the backup was made still counts as running.
    run = machine.setup(NO_TASKS)
    assert (run.rc, "Failed to execute stage 'Transaction setup': dwhd is currently running" in run.text) == (1, True)


def test_wrong_password_is_refused(restored: Machine) -> None:
    restored.ask("engine", "ALTER ROLE engine PASSWORD 'another'")
    run = restored.setup()
    expected = "Cannot connect to Engine database using existing credentials: engine@localhost:{}".format(
        restored.lab.port
    )
    assert (run.rc, "Failed to execute stage 'Environment setup': " + expected in run.text) == (1, True)


def test_missing_broken_unread_and_given_answers(restored: Machine) -> None:
    broken = restored.directory / "broken.conf"
    broken.write_text("no section\n", encoding="utf-8")
    restored.fault("setup-fails-at", "customization far enough")
    run = restored.setup("--config-append=/nowhere/a.conf", "--config-append={}".format(broken))
    assert "[WARNING] The following configuration files are missing: /nowhere/a.conf." in run.text
    assert (str(broken) in run.text, "Failed to read config file {}".format(broken) in run.log) == (False, True)
    run = restored.setup(restored.answers("A/key=no type\n"))
    assert "Failed to execute stage 'Initializing': Cannot parse configuration file key A/key" in run.text
    run = restored.setup(restored.answers("A/key=str:1\nA/key=str:2\n"))
    assert "Failed to execute stage 'Initializing': Cannot parse configuration file key" in run.text
    clear(restored.lab.faults)

    restored.fault("setup-asks", "BRAND_NEW What is it?")
    run = restored.setup()
    said = "What is it?:[ ERROR ] Failed to execute stage 'Environment customization': End of file" in run.text
    assert (run.rc, said) == (1, True)
    assert "otopi.plugins.otopi.dialog.human human.queryString:174 query BRAND_NEW" in run.log
    new = "QUESTION/1/BRAND_NEW=str:x\n"
    restored.fault("setup-low-memory")
    assert "Aborted by user" in restored.setup(restored.answers(new)).text
    unwilling = new + "QUESTION/1/OVESETUP_MEMCHECK_ENABLED=str:no\n"
    assert "Aborted by user" in restored.setup(restored.answers(unwilling)).text
    # Answers are not made lower-case, and anything but the lower-case negative is a yes.
    assert restored.setup(restored.answers(unwilling.replace("str:no", "str:No"))).rc == 0


def test_bool_of_the_word_no_is_true(restored: Machine) -> None:
    run = restored.setup(restored.answers("OVESETUP_DWH_DB/performBackup=bool:no\n"))
    assert (run.rc, "Backing up database localhost:ovirt_engine_history" in run.text) == (0, True)


def test_lost_keycloak_configuration_makes_a_new_empty_database(restored: Machine) -> None:
    path = restored.prefix / "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf"
    path.write_text("\n", encoding="utf-8")
    run = restored.setup()
    assert (run.rc, "Engine admin password:[ ERROR ] Failed" in run.text) == (1, True)
    run = restored.setup(restored.answers("OVESETUP_CONFIG/adminPassword=str:longenough\n"))
    assert run.rc == 0
    assert "ovirt_engine_keycloak_20" in path.read_text(encoding="utf-8")
    assert "longenough" not in run.log


def test_forgotten_restore_becomes_a_brand_new_engine_with_exit_status_0(machine: Machine) -> None:
    machines.reinstall(machine.lab)
    assert machine.run("engine-cleanup").rc == 11
    answers = "OVESETUP_ENGINE_CORE/enable=bool:True\nOVESETUP_CONFIG/adminPassword=str:longenough\n"
    run = machine.setup(machine.answers(answers))
    assert (run.rc, RESTORED in run.text) == (0, False)
    assert (machine.rows("engine")["public.vm_static"], machine.health()[0]) == (0, 200)


def test_certificates_that_expire_soon_abort_a_run_with_defaults(restored: Machine) -> None:
    pki = restored.prefix / "etc/pki/ovirt-engine"
    certificate, key = pki / "certs/engine.cer", pki / "keys/engine.key.nopass"
    words = "x509 -in {0} -signkey {1} -days 30 -out {0}".format(certificate, key).split()
    done = restored.run("openssl", *words)
    assert done.rc == 0, done.stderr
    run = restored.setup()
    assert (run.rc, "Skip PKI renewal process? (Yes, No) [No]:" in run.text) == (1, True)
    assert "Aborted by user" in run.text
    assert restored.setup(restored.answers("OVESETUP_PKI/renew=bool:False\n")).rc == 0
