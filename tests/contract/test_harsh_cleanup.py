# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-cleanup where it is harsh: one drop at a time, half a run that nothing finishes, names, owners, leftovers."""

from __future__ import annotations

import re

import pytest
from lab.driver import POST, Machine

ON_HOSTED = "OVESETUP_CONFIG/continueSetupOnHEVM=bool:True\n"
NO_OPTIONS = "Failed to execute stage 'Environment setup': relation \"vdc_options\" does not exist"
NO_VMS = "Failed to execute stage 'Setup validation': relation \"vms\" does not exist"
BASE_TABLES = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
VIEWS = "SELECT count(*) FROM pg_views WHERE schemaname = 'public'"
LEFT = {
    "view": VIEWS,
    "table": "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
    "sequence": "SELECT count(*) FROM pg_sequences WHERE schemaname = 'public'",
    "function": "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname !~ '^uuid_'",
    "type": "SELECT count(*) FROM pg_class WHERE relkind = 'c' AND relnamespace = 'public'::regnamespace",
    "schema": "SELECT count(*) FROM pg_namespace WHERE nspname = 'aaa_jdbc'",
}


def left(machine: Machine, kind: str = "engine") -> dict[str, bool]:
    """Which sorts of objects a database still has."""
    return {sort: machine.ask(kind, statement) != "0" for sort, statement in LEFT.items()}


def killed_at(machine: Machine, step: str) -> None:
    """A run that is killed before it drops something; the next one is not."""
    machine.fault("cleanup-kill-at", step)
    assert machine.cleanup().rc == -9
    (machine.lab.faults / "cleanup-kill-at").unlink()


@pytest.mark.parametrize("sort", LEFT)
def test_objects_fall_sort_by_sort_and_what_has_fallen_stays_so(machine: Machine, sort: str) -> None:
    machine.ask("engine", "CREATE SEQUENCE apart; ALTER SEQUENCE apart OWNER TO engine")
    machine.fault("cleanup-fails-at", "drop-engine-{}-1 enough".format(sort))
    run = machine.cleanup()
    assert (run.rc, "Failed to execute stage 'Misc configuration': enough" in run.text) == (1, True)
    sorts = list(LEFT)
    assert left(machine) == {other: sorts.index(other) >= sorts.index(sort) for other in sorts}
    assert (left(machine, "dwh")["table"], (machine.prefix / POST).exists()) == (True, True)


def test_killed_while_it_drops_views_it_fails_at_the_hosted_engine_check_ever_after(machine: Machine) -> None:
    killed_at(machine, "drop-engine-table-1")
    for _time in range(2):
        run = machine.cleanup()
        assert (run.rc, NO_VMS in run.text) == (1, True)
    assert sum(machine.rows("engine").values()) > 0
    run = machine.cleanup(machine.answers(ON_HOSTED))
    assert (run.rc, machine.rows("engine")) == (0, {})


def test_killed_while_it_drops_tables_nothing_makes_it_run_again(machine: Machine) -> None:
    killed_at(machine, "drop-engine-table-" + machine.ask("engine", BASE_TABLES))
    assert machine.ask("engine", "SELECT to_regclass('vdc_options') IS NULL") == "t"
    for arguments in ((), (machine.answers(ON_HOSTED),)):
        run = machine.cleanup(*arguments)
        assert (run.rc, NO_OPTIONS in run.text) == (1, True)
    assert left(machine)["table"]


def test_one_table_is_enough(machine: Machine) -> None:
    machine.ask("engine", "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION engine")
    machine.ask("engine", "CREATE TABLE alone (id integer); ALTER TABLE alone OWNER TO engine")
    run = machine.cleanup()
    assert (run.rc, NO_OPTIONS in run.text, machine.is_active("ovirt-engine")) == (1, True, True)


def test_database_without_a_table_is_fine(machine: Machine) -> None:
    killed_at(machine, "drop-engine-function-1")
    assert (left(machine)["table"], left(machine)["function"]) == (False, True)
    run = machine.cleanup()
    assert (run.rc, any(left(machine).values())) == (0, False)


def test_hosted_engine_must_be_in_maintenance(machine: Machine) -> None:
    machine.ask(
        "engine",
        "UPDATE vm_static SET vm_name = 'HostedEngine'"
        " WHERE vm_guid = (SELECT min(vm_guid::text)::uuid FROM vm_static);"
        "UPDATE vm_dynamic SET run_on_vds = NULL",
    )
    run = machine.cleanup()
    expected = "'Setup validation': Hosted Engine setup detected, but Global Maintenance is not set."
    assert (run.rc, expected in run.text) == (1, True)
    assert machine.cleanup(machine.answers(ON_HOSTED)).rc == 0


@pytest.mark.parametrize(
    ("name", "error"),
    [('a"b', "unterminated quoted identifier at or near"), ("a-b", 'syntax error at or near "-"')],
)
def test_name_that_wants_quotes_ends_it_after_all_views_and_the_databases_before(
    machine: Machine, name: str, error: str
) -> None:
    quoted = '"{}"'.format(name.replace('"', '""'))
    machine.ask("dwh", "CREATE TABLE {0} (id integer); ALTER TABLE {0} OWNER TO ovirt_engine_history".format(quoted))
    run = machine.cleanup()
    assert (run.rc, "Failed to execute stage 'Misc configuration': " + error in run.text) == (1, True)
    assert (machine.rows("engine"), machine.ask("dwh", VIEWS)) == ({}, "0")
    assert machine.ask("dwh", "SELECT to_regclass('{}') IS NOT NULL".format(quoted)) == "t"
    assert sum(machine.rows("keycloak").values()) > 0
    assert (machine.prefix / POST).exists()


def test_name_with_capital_letters_stays_without_a_word(machine: Machine) -> None:
    machine.ask("engine", 'CREATE TABLE "UPPER" (id integer); ALTER TABLE "UPPER" OWNER TO engine')
    run = machine.cleanup()
    assert (run.rc, machine.rows("engine")) == (0, {"public.UPPER": 0})


def test_view_of_an_extension_ends_it_when_the_databases_before_are_empty(machine: Machine) -> None:
    machine.ask("dwh", "CREATE EXTENSION pg_stat_statements")
    run = machine.cleanup()
    assert run.rc == 1
    # Which of the two depends on who owns the schema public, and with it on the server's version.
    assert re.search("'Misc configuration': (cannot drop|must be owner of) view pg_stat_", run.text)
    assert (machine.rows("engine"), machine.rows("dwh") != {}) == ({}, True)


def test_function_of_an_extension_ends_it_after_tables_and_sequences(machine: Machine) -> None:
    machine.ask("engine", "CREATE EXTENSION pg_trgm")
    run = machine.cleanup()
    assert (run.rc, bool(re.search("(cannot drop|must be owner of) function", run.text))) == (1, True)
    assert (left(machine)["table"], left(machine)["function"], left(machine)["type"]) == (False, True, True)


def test_table_of_another_owner_ends_it_where_the_schema_is_another_owners_too(machine: Machine) -> None:
    """As in every database that was made before PostgreSQL 15."""
    machine.ask("engine", "ALTER SCHEMA public OWNER TO postgres; GRANT ALL ON SCHEMA public TO engine")
    machine.ask("engine", "CREATE TABLE foreign_one (id integer); GRANT SELECT ON foreign_one TO engine")
    run = machine.cleanup()
    assert (run.rc, "'Misc configuration': must be owner of table foreign_one" in run.text) == (1, True)


def test_table_that_cannot_be_read_is_a_warning_and_the_database_stays_full(machine: Machine) -> None:
    before = machine.rows("engine")["public.vm_static"]
    machine.ask("engine", "CREATE TABLE foreign_one (id integer)")
    run = machine.cleanup()
    assert (run.rc, "[WARNING] Cannot clear Engine database: " in run.text) == (0, True)
    assert "permission denied for table foreign_one" in run.text
    assert (machine.rows("engine")["public.vm_static"], machine.rows("dwh")) == (before, {})


def test_large_objects_stay_and_are_in_the_way_of_a_restore(machine: Machine) -> None:
    machine.ask("engine", "SELECT lo_create(424242); ALTER LARGE OBJECT 424242 OWNER TO engine")
    archive = machine.backup()
    assert machine.cleanup().rc == 0
    assert machine.ask("engine", "SELECT oid FROM pg_largeobject_metadata") == "424242"
    run = machine.restore(archive)
    assert (run.rc, "FATAL: Errors while restoring database engine\n" in run.stderr) == (1, True)
    log = (machine.directory / "restore.log").read_text(encoding="utf-8")
    assert 'duplicate key value violates unique constraint "pg_largeobject_metadata_oid_index"' in log


@pytest.mark.parametrize(("name", "status"), [("gone.lab.test", 1), ("nowhere.invalid", 1), ("localhost", 0)])
def test_name_of_the_engine_must_resolve(machine: Machine, name: str, status: int) -> None:
    run = machine.cleanup(machine.answers("OVESETUP_CONFIG/fqdn=str:{}\n".format(name)))
    message = (
        "Failed to execute stage 'Environment customization': "
        "Host name is not valid: {} did not resolve into an IP address".format(name)
    )
    assert (run.rc, message in run.text) == (status, bool(status))


def test_in_developer_mode_nothing_is_stopped(machine: Machine) -> None:
    (machine.prefix / "etc/unprivileged").touch()
    run = machine.cleanup(machine.answers("QUESTION/1/OVESETUP_SYSTEM_UNPRIVILEGED=str:yes\n"))
    assert (run.rc, "Stopping engine service" in run.text) == (0, False)
    assert [machine.is_active(name) for name in ("ovirt-engine", "ovirt-engine-dwhd", "grafana-server")] == [True] * 3
    assert machine.run("systemctl", "is-enabled", "ovirt-engine").stdout == "enabled\n"
