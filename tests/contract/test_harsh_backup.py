# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-backup where it is harsh: extensions, passwords that a shell reads, half a schema, what no dump holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import Lab
from lab.databases import empty
from lab.driver import Machine
from lab.fixtures import Faults
from lab.postgres import query
from lab.runner import Tool

CONF = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
DWH_CONF = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf"


@pytest.mark.parametrize("extension", ["pg_stat_statements", "pg_trgm"])
def test_extension_of_another_owner_lets_a_restore_fail(emptied: Lab, tool: Tool, extension: str) -> None:
    query(emptied, "engine", 'CREATE EXTENSION "{}"'.format(extension))
    archive = tool("backup", "--scope=db").archive
    empty(emptied, "engine")
    query(emptied, "engine", 'CREATE EXTENSION "{}"'.format(extension))
    run = tool("restore", "--scope=db", "--no-restore-permissions", file=archive)
    assert (run.rc, "FATAL: Errors while restoring database engine\n" in run.stderr) == (1, True)
    assert "must be owner of extension " + extension in run.log


def test_uuid_ossp_of_another_owner_does_not(emptied: Lab, tool: Tool) -> None:
    archive = tool("backup", "--scope=db").archive
    empty(emptied, "engine")
    run = tool("restore", "--scope=db", "--no-restore-permissions", file=archive)
    assert (run.rc, "must be owner of extension uuid-ossp" in run.log) == (0, True)


def set_password(machine: Machine, password: str) -> None:
    """The engine's role and both files that engine-backup reads it from."""
    old = 'ENGINE_DB_PASSWORD="{}"'.format(machine.lab.databases["engine"].password)
    machine.ask("engine", "ALTER ROLE engine PASSWORD '{}'".format(password))
    for name in (CONF, DWH_CONF):
        path = machine.prefix / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, 'ENGINE_DB_PASSWORD="{}"'.format(password)), encoding="utf-8")


@pytest.mark.parametrize("password", ["pa$word1", "pa`touch {}`word", "pa$(touch {})word", "pa`touch {}"])
def test_password_in_the_words_of_a_shell_is_another_one_for_engine_backup(machine: Machine, password: str) -> None:
    mark = machine.directory / "mark"
    set_password(machine, password.format(mark))
    path = machine.directory / "x.backup"
    run = machine.run("engine-backup", "--mode=backup", "--file={}".format(path), "--log={}.log".format(path))
    assert (run.rc, run.stdout.endswith("Done.\n"), mark.exists()) == (1, False, False)
    assert "FATAL: Failed notifying engine\n" in run.stderr
    log = Path("{}.log".format(path)).read_text(encoding="utf-8")
    # One that the shell cannot read to its end is no password at all.
    lone = password.count("`") == 1
    assert ("no password supplied" if lone else 'password authentication failed for user "engine"') in log
    complaint = "unexpected EOF while looking for matching ``'" if lone else ": touch: command not found"
    assert (complaint in run.stderr) == ("touch" in password)


def test_password_in_the_words_of_a_shell_is_a_literal_for_the_setup_programs(machine: Machine) -> None:
    mark = machine.directory / "mark"
    set_password(machine, "pa`touch {}`$word".format(mark))
    run = machine.cleanup(machine.answers("OVESETUP_REMOVE/removeChanged=bool:True\n"))
    assert (run.rc, machine.rows("engine"), mark.exists()) == (0, {}, False)


def test_password_of_a_credential_change_is_not_protected_from_the_shell(
    emptied: Lab, tool: Tool, tmp_path: Path
) -> None:
    mark, password = tmp_path / "mark", tmp_path / "password"
    archive = tool("backup", "--scope=db").archive
    empty(emptied, "engine")
    secret = "pa`touch {}`word".format(mark)
    password.write_text(secret + "\n", encoding="ascii")
    query(emptied, "postgres", "ALTER ROLE engine PASSWORD '{}'".format(secret))
    options = ("--change-db-credentials", "--db-host=localhost", "--db-port={}".format(emptied.port))
    options += ("--db-user=engine", "--db-name=engine", "--db-passfile={}".format(password))
    try:
        run = tool("restore", "--no-restore-permissions", *options, file=archive)
    finally:
        query(emptied, "postgres", "ALTER ROLE engine PASSWORD '{}'".format(emptied.databases["engine"].password))
    assert (run.rc, mark.exists()) == (1, False)
    assert "FATAL: Can't connect to database 'engine'." in run.stderr


def test_settings_of_a_database_and_the_right_to_connect_are_in_no_dump(emptied: Lab, tool: Tool) -> None:
    query(emptied, "postgres", "ALTER DATABASE engine SET statement_timeout = '77s'")
    query(emptied, "postgres", "GRANT CONNECT ON DATABASE engine TO engine_reporting")
    archive = tool("backup", "--scope=db").archive
    query(emptied, "postgres", "DROP DATABASE engine WITH (FORCE)")
    empty(emptied, "engine")
    run = tool("restore", "--scope=db", "--restore-permissions", file=archive)
    assert run.rc == 0
    of_database = "FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = 'engine'"
    assert query(emptied, "postgres", "SELECT count(*) " + of_database) == "0"
    grants = query(emptied, "postgres", "SELECT coalesce(datacl::text, '') FROM pg_database WHERE datname = 'engine'")
    assert "engine_reporting" not in grants
    # What belongs to objects in the database is there again.
    seen = query(emptied, "engine", "SELECT has_table_privilege('engine_reporting', 'vm_static', 'SELECT')")
    assert seen == "t"


@pytest.mark.faults
def test_pg_restore_killed_before_its_data_leaves_tables_without_rows(emptied: Lab, tool: Tool, faults: Faults) -> None:
    archive = tool("backup", "--scope=db").archive
    empty(emptied, "engine")
    faults.set("kill-child", "pg_restore engine pre-data")
    run = tool("restore", "--scope=db", "--no-restore-permissions", file=archive)
    assert (run.rc, "FATAL: Failed checking DbJustRestored\n" in run.stderr) == (1, True)
    tables = int(query(emptied, "engine", "SELECT count(*) FROM pg_tables WHERE schemaname NOT LIKE '%\\_%'"))
    assert tables > 0
    assert query(emptied, "engine", "SELECT to_regclass('public.vdc_options') IS NULL") == "t"
    keys = query(emptied, "engine", "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid > 16383")
    assert keys == "0"


def test_engine_cleanup_cannot_follow_a_pg_restore_killed_before_its_data(machine: Machine) -> None:
    archive = machine.backup()
    assert machine.cleanup().rc == 0
    machine.fault("kill-child", "pg_restore engine pre-data")
    assert machine.restore(archive).rc == 1
    (machine.lab.faults / "kill-child").unlink()
    for _time in range(2):
        run = machine.cleanup(machine.answers("OVESETUP_CONFIG/continueSetupOnHEVM=bool:True\n"))
        assert run.rc == 1
        assert "Failed to execute stage 'Environment setup': relation \"vdc_options\" does not exist" in run.text
