# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore printed and logged: recorded runs, every error that loading makes inevitable, and every other one."""

from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.output import (
    CAUSES,
    announced_targets,
    cascaded_tables,
    check_load,
    check_restore,
    find_load_errors,
    missing_restore_lines,
    provisioning_twins,
)
from unit.fakes import world

RECORDED = Path(__file__).resolve().parents[2] / "recorded"
LOAD = (
    "2026-11-22 13:45:36 1: restoreDB: backupfile /t/engine_backup.db user engine host localhost port 5432"
    " database engine orig_user  compressor  format custom jobsnum 2\n"
    "2026-11-22 13:45:36 1: pg_cmd running: pg_restore -w -U engine -h localhost -p 5432 -d engine -j 2 /t/e.db\n"
)
AFTER = "2026-11-22 13:45:44 1: OUTPUT:   - Cleaning up temporary tables in engine database 'engine'\n"


def recorded(name: str, part: str) -> str:
    path = RECORDED / ("%s.%s" % (name, part))
    return path.read_text() if path.exists() else ""


def loaded(message: str, statement: str = "", entry: str = "") -> str:
    """Return a log with one error as pg_restore shows it: with the entry where it works alone, the statement after."""
    found = LOAD
    found += "pg_restore: while PROCESSING TOC:\npg_restore: from TOC entry %s\n" % entry if entry else ""
    found += "pg_restore: error: could not execute query: ERROR:  %s\n" % message
    found += "Command was: %s\n\n\n" % statement if statement else ""
    return found + "pg_restore: warning: errors ignored on restore: 1\n" + AFTER


@pytest.mark.parametrize("name", ["restore-ok", "restore-killed-pg_restore"])
def test_recorded_tool_says_that_it_went_well(name: str) -> None:
    outcome = check_restore(
        int(recorded(name, "rc")), recorded(name, "stdout"), recorded(name, "stderr"), recorded(name, "log")
    )
    assert outcome.code == ""
    assert announced_targets(recorded(name, "stdout")) == {"engine": "engine"}


def test_recorded_good_load_has_the_one_inevitable_error_and_no_other() -> None:
    log = recorded("restore-ok", "log")
    assert [(error.database, error.entry) for error in find_load_errors(log)] == [
        ("engine", "COMMENT ON EXTENSION \"uuid-ossp\" IS 'generate universally unique identifiers (UUIDs)';")
    ]
    assert check_load(log) == []


def test_recorded_death_of_a_worker_is_an_error_although_the_tool_said_done() -> None:
    problems = check_load(recorded("restore-killed-pg_restore", "log"))
    assert world.codes(problems) == ("load_error",)
    assert "a worker process died unexpectedly" in problems[0].message
    assert "Done." in recorded("restore-killed-pg_restore", "stdout").splitlines()


def test_a_connection_that_is_lost_does_not_bury_its_cause() -> None:
    log = recorded("restore-killed-pg_restore", "log")
    first = "pg_restore: error: a worker process died unexpectedly"
    lost = "pg_restore: error: could not execute query: no connection to the server\n"
    problems = check_load(log.replace(first, first + "\n" + lost * 100, 1))
    assert "a worker process died unexpectedly" in problems[0].message
    assert (len(problems), set(world.codes(problems))) == (11, {"load_error"})
    assert problems[-1].message == "loading the database 'engine': 91 more errors, which the log holds"


@pytest.mark.parametrize(
    ("name", "code", "part"),
    [
        ("restore-not-empty", "target_not_empty", "Database 'engine' is not empty"),
        ("restore-changed-credentials", "configuration_missing", "Can not find /etc/ovirt-engine-dwh"),
        ("restore-no-perm-flag", "tool_failed", "--restore-permissions"),
        ("change-cred-missing", "tool_failed", ""),
    ],
)
def test_recorded_failure_gets_the_code_of_its_cause(name: str, code: str, part: str) -> None:
    outcome = check_restore(
        int(recorded(name, "rc")), recorded(name, "stdout"), recorded(name, "stderr"), recorded(name, "log")
    )
    assert outcome.code == code
    assert part in outcome.message


def test_recorded_names_of_changed_credentials_are_those_of_the_load_not_of_the_announcement() -> None:
    assert announced_targets(recorded("restore-changed-credentials", "stdout")) == {"engine": "engine2"}


def test_recorded_cascade_names_the_tables_that_were_emptied_too() -> None:
    assert cascaded_tables(recorded("restore-changed-credentials", "log")) == [
        "public.async_tasks_entities",
        "public.command_assoc_entities",
        "public.job_subject_entity",
        "public.step",
        "public.step_subject_entity",
    ]
    assert cascaded_tables(recorded("restore-ok", "log")) == []


FATAL = {
    "Provisioning is not supported": "provision_unsupported",
    "Existing database 'e' or user 'e' found and temporary ones created - Please clean up everything and try again": (
        "provision_leftovers"
    ),
    "Can provision database only in localhost": "provision_not_local",
    "Cannot provision database with secured connection": "provision_secured",
    "Cannot provision database with secured host validation": "provision_secured",
    "Provisioning database 'e' failed, please check the log for details": "provision_failed",
    "Creating user 'e' failed, please check the log for details": "provision_failed",
    "Database 'e' is not empty": "target_not_empty",
    "Can't connect to database 'e'. Please see 'engine-backup --help'.": "database_unreachable",
    "lc_messages is set to an unsupported value in postgresql.conf.": "database_wrong_lc_messages",
    "Errors while restoring database e": "load_failed",
    "Engine service is active - can not restore backup": "engine_running",
    "Checksum verification failed": "hash_mismatch",
    "Backup was created by version '4.6' and can not be restored using the installed version 4.5": "version_refused",
    "Can not find /etc/x.conf": "configuration_missing",
    "Failed extracting /t/files": "files_failed",
    "Failed restoring /etc": "files_failed",
    "Something new": "tool_failed",
}


@pytest.mark.parametrize(("fatal", "code"), list(FATAL.items()))
def test_each_fatal_text_has_its_code(fatal: str, code: str) -> None:
    outcome = check_restore(1, "", "FATAL: %s\n" % fatal, "")
    assert outcome.code == code
    assert fatal in outcome.message


def test_each_code_of_a_cause_is_reached() -> None:
    assert {code for code, _text in CAUSES} <= set(FATAL.values())


@pytest.mark.parametrize(
    ("returncode", "stdout", "stderr", "code"),
    [
        (0, "Restoring:\n", "", "tool_incomplete"),
        (137, "", "", "tool_killed"),
        (-9, "", "", "tool_killed"),
        (1, "", "cp: error writing '/x': No space left on device\nFATAL: Failed extracting /x", "disk_full"),
        (1, "Done.\n", "FATAL: Database 'engine' is not empty\n", "target_not_empty"),
    ],
)
def test_other_ends_have_their_codes(returncode: Optional[int], stdout: str, stderr: str, code: str) -> None:
    assert check_restore(returncode, stdout, stderr, "").code == code


# What must fail when an ordinary owner loads a dump: message, statement, entry as pg_restore names it with one job.
OWNER = 'must be member of role "postgres"'
OWNER_16 = 'must be able to SET ROLE "postgres"'
INEVITABLE = [
    (
        "must be owner of extension uuid-ossp",
        "COMMENT ON EXTENSION \"uuid-ossp\" IS 'generate';",
        '3800; 0 0 COMMENT - EXTENSION "uuid-ossp" ',
    ),
    ("must be owner of extension plpgsql", "COMMENT ON EXTENSION plpgsql IS 'x';", "3; 0 0 COMMENT EXTENSION plpgsql "),
    (
        'permission denied to create extension "uuid-ossp"',
        'CREATE EXTENSION IF NOT EXISTS "uuid-ossp";',
        "2; 3079 16386 EXTENSION uuid-ossp ",
    ),
    (
        'extension "uuid-ossp" does not exist',
        "COMMENT ON EXTENSION \"uuid-ossp\" IS 'x';",
        "9; 0 0 COMMENT - EXTENSION uuid-ossp ",
    ),
    ('schema "public" already exists', "CREATE SCHEMA public;", "6; 2615 2200 SCHEMA - public postgres"),
    (
        "must be owner of schema public",
        "COMMENT ON SCHEMA public IS 'standard';",
        "7; 0 0 COMMENT - SCHEMA public postgres",
    ),
    (OWNER, "ALTER SCHEMA public OWNER TO postgres;", "6; 2615 2200 SCHEMA - public postgres"),
    (OWNER_16, "ALTER SCHEMA public OWNER TO postgres;", "6; 2615 2200 SCHEMA - public postgres"),
    ('language "plpgsql" already exists', "CREATE PROCEDURAL LANGUAGE plpgsql;", "8; 2612 1 LANGUAGE - plpgsql p"),
    (
        "must be owner of language plpgsql",
        "ALTER PROCEDURAL LANGUAGE plpgsql OWNER TO engine;",
        "8; 2612 1 LANGUAGE - plpgsql p",
    ),
    (
        OWNER,
        "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT SELECT ON TABLES TO g;",
        "5; 826 1 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres",
    ),
    (
        "permission denied to change default privileges",
        "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT SELECT ON TABLES TO g;",
        "5; 826 1 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres",
    ),
    (
        "permission denied for language c",
        "CREATE FUNCTION public.uuid_generate_v1() RETURNS uuid",
        "4; 1255 1 FUNCTION public uuid_generate_v1() postgres",
    ),
    (
        "function public.uuid_generate_v1mc() does not exist",
        "ALTER FUNCTION public.uuid_generate_v1mc() OWNER TO postgres;",
        "4; 1255 1 FUNCTION public uuid_generate_v1mc() p",
    ),
    (
        "function public.uuid_generate_v3(uuid, text) does not exist",
        "GRANT ALL ON FUNCTION public.uuid_generate_v3(uuid, text) TO engine;",
        "4; 0 0 ACL public FUNCTION uuid_generate_v3(namespace uuid, name text) postgres",
    ),
    (
        "function public.uuid_nil() does not exist",
        "ALTER FUNCTION public.uuid_nil() OWNER TO postgres;",
        "4; 1255 1 FUNCTION public uuid_nil() postgres",
    ),
    (
        "function public.uuid_ns_x500() does not exist",
        "ALTER FUNCTION public.uuid_ns_x500() OWNER TO postgres;",
        "4; 1255 1 FUNCTION public uuid_ns_x500() postgres",
    ),
    (OWNER_16, "ALTER FUNCTION public.uuid_nil() OWNER TO postgres;", "4; 1255 1 FUNCTION public uuid_nil() postgres"),
]


@pytest.mark.parametrize("serial", [True, False], ids=["serial", "parallel"])
@pytest.mark.parametrize(("message", "statement", "entry"), INEVITABLE)
def test_inevitable_error_is_let_through(message: str, statement: str, entry: str, serial: bool) -> None:
    log = loaded(message, statement, entry if serial else "")
    assert len(find_load_errors(log)) == 1
    assert check_load(log) == []


@pytest.mark.parametrize(("message", "statement", "entry"), INEVITABLE)
def test_the_same_error_on_another_object_is_not_let_through(message: str, statement: str, entry: str) -> None:
    others = [
        ("ALTER TABLE public.vm_static OWNER TO postgres;", "240; 1259 1 TABLE public vm_static engine"),
        ("CREATE VIEW public.vms AS", "241; 1259 2 VIEW public vms engine"),
        ("CREATE FUNCTION public.insertvm() RETURNS void", "242; 1255 3 FUNCTION public insertvm() engine"),
        (
            "ALTER TABLE ONLY public.tags ALTER COLUMN id SET DEFAULT public.uuid_generate_v1();",
            "243; 2604 4 DEFAULT public tags id engine",
        ),
    ]
    for other, name in others:
        assert world.codes(check_load(loaded(message, other, name))) == ("load_error",)
        assert world.codes(check_load(loaded(message, other))) == ("load_error",)


@pytest.mark.parametrize(
    ("message", "statement"),
    [
        ("must be owner of table vm_static", "COMMENT ON EXTENSION \"uuid-ossp\" IS 'x';"),
        ("permission denied for schema public", "ALTER SCHEMA public OWNER TO postgres;"),
        ("permission denied for schema public", "CREATE TABLE public.vm_static ("),
        ('must be member of role "engine_old"', "ALTER SCHEMA public OWNER TO engine_old;"),
        ('must be able to SET ROLE "engine_old"', "ALTER TABLE public.vm_static OWNER TO engine_old;"),
        ('schema "aaa_jdbc" already exists', "CREATE SCHEMA aaa_jdbc;"),
        ('relation "vm_static" already exists', "CREATE TABLE public.vm_static ("),
        ("function public.uuid_other() does not exist", "ALTER FUNCTION public.uuid_other() OWNER TO postgres;"),
        ("permission denied for language c", "CREATE FUNCTION public.mine() RETURNS uuid"),
        ('role "grafana" does not exist', "GRANT SELECT ON TABLE public.calendar TO grafana;"),
    ],
)
def test_another_error_is_a_problem_with_its_statement(message: str, statement: str) -> None:
    (problem,) = check_load(loaded(message, statement))
    assert problem.code == "load_error"
    assert message in problem.message
    assert statement in problem.message
    assert "'engine'" in problem.message


@pytest.mark.parametrize(
    "line",
    [
        "pg_restore: error: a worker process died unexpectedly",
        'pg_restore: error: COPY failed for table "audit_log": server closed the connection unexpectedly',
        "pg_restore: error: could not execute query: FATAL:  terminating connection due to administrator command",
        "pg_restore: error: unsupported version (1.99) in file header",
        "pg_restore: fatal: could not read from input file: end of file",
        "pg_restore: [archiver (db)] Error while PROCESSING TOC: could not execute query: ERROR:  out of memory",
        'psql:/t/engine_backup.db:17: ERROR:  relation "x" does not exist',
        "psql: error: connection to server failed",
        "server closed the connection unexpectedly",
        "PANIC:  could not write to file",
    ],
)
def test_every_other_line_of_an_error_counts(line: str) -> None:
    assert world.codes(check_load(LOAD + line + "\n" + AFTER)) == ("load_error",)


def test_old_indented_statement_is_found() -> None:
    log = LOAD + (
        "pg_restore: [archiver (db)] Error while PROCESSING TOC:\n"
        "pg_restore: [archiver (db)] Error from TOC entry 3; 2615 2200 SCHEMA public postgres\n"
        'pg_restore: [archiver (db)] could not execute query: ERROR:  schema "public" already exists\n'
        "    Command was: CREATE SCHEMA public;\n\n"
        "pg_restore: [archiver (db)] could not execute query: ERROR:  must be owner of schema public\n"
        "    Command was: COMMENT ON SCHEMA public IS 'standard public schema';\n\n"
        "WARNING: errors ignored on restore: 2\n"
    )
    assert len(find_load_errors(log)) == 2
    assert check_load(log) == []


def test_second_error_of_one_entry_is_judged_by_its_own_statement() -> None:
    log = loaded('schema "public" already exists', "CREATE SCHEMA public;", "6; 2615 2200 SCHEMA - public postgres")
    log = log.replace(AFTER, "") + (
        "pg_restore: error: could not execute query: ERROR:  must be owner of schema public\n"
        "Command was: ALTER TABLE public.vm_static SET SCHEMA x;\n"
    )
    (problem,) = check_load(log + AFTER)
    assert "vm_static" in problem.message


@pytest.mark.parametrize(
    "message",
    [
        "must be owner of extension plpgsql",
        'permission denied to create extension "uuid-ossp"',
        'extension "uuid-ossp" does not exist',
        'schema "public" already exists',
        "must be owner of schema public",
        'language "plpgsql" already exists',
        "must be owner of language plpgsql",
        "permission denied to change default privileges",
        "permission denied for language c",
        "function public.uuid_generate_v5(uuid, text) does not exist",
    ],
)
def test_plain_dump_names_no_entry_and_its_inevitable_errors_are_let_through(message: str) -> None:
    log = LOAD.replace("custom", "plain") + "psql:/t/engine_backup.db:23: ERROR:  %s\n" % message + AFTER
    assert len(find_load_errors(log)) == 1
    assert check_load(log) == []


def test_errors_outside_a_load_are_not_of_a_load() -> None:
    said = "2026-11-22 13:45:34 1: OUTPUT: - Unpacking\nopenssl: error: legacy\n"
    assert find_load_errors(said + LOAD + AFTER + "psql: ERROR:  of another command\n") == []


def test_errors_at_the_start_of_a_log_that_was_cut_are_of_a_load() -> None:
    cut = "s;\n\npg_restore: error: could not execute query: ERROR:  out of memory\nCommand was: CREATE INDEX x;\n"
    assert world.codes(check_load(cut + AFTER + "psql: ERROR:  of another command\n")) == ("load_error",)


def test_each_error_is_of_the_database_that_was_being_loaded() -> None:
    second = LOAD.replace("database engine ", "database ovirt_engine_history ").replace("/t/e.db", "/t/d.db")
    log = LOAD + "pg_restore: error: one\n" + AFTER + second + "pg_restore: error: two\n"
    assert [(item.database, item.message) for item in find_load_errors(log)] == [
        ("engine", "pg_restore: error: one"),
        ("ovirt_engine_history", "pg_restore: error: two"),
    ]


STDOUT = """- Setting credentials for DWH database 'history2'
Restoring:
- Files
Provisioning PostgreSQL users/databases:
- user 'engine', database 'engine'
- user 'ovirt_engine_history_grafana' on database 'ovirt_engine_history'
- extra user 'X' having grants on database engine, created with a random password
- Engine database 'engine'
  - Cleaning up temporary tables in engine database 'engine'
- DWH database 'history2'
- Cinderlib database 'c'
- Managed Block database 'm'
- KEYCLOAK database 'k'
- Grafana database '/var/lib/grafana/grafana.db'
Done.
"""
NAMES = {"engine": "engine", "dwh": "history2", "cinderlib": "c", "managedblock": "m", "keycloak": "k",
         "grafana": "/var/lib/grafana/grafana.db"}  # fmt: skip


def test_every_kind_is_known_by_the_line_that_a_restore_prints() -> None:
    assert announced_targets(STDOUT) == NAMES
    assert missing_restore_lines(STDOUT, NAMES, True) == []


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_a_database_without_its_line_was_skipped_and_one_of_another_name_is_another(kind: str) -> None:
    lines = [
        line
        for line in STDOUT.splitlines()
        if not line.endswith(" database '%s'" % NAMES[kind]) or line.startswith("-  ")
    ]
    without = "\n".join(lines)
    assert world.codes(missing_restore_lines(without, {kind: NAMES[kind]}, True)) == ("database_skipped",)
    assert world.codes(missing_restore_lines(STDOUT, {kind: "other"}, True)) == ("database_other",)


def test_files_without_their_line_were_skipped() -> None:
    without = STDOUT.replace("- Files\n", "")
    assert world.codes(missing_restore_lines(without, {}, True)) == ("files_skipped",)
    assert missing_restore_lines(without, {}, False) == []


def test_time_stamped_twins_of_a_failed_provisioning_are_found() -> None:
    log = "created engine_20261122134500 owner engine_20261122134500; and ovirt_engine_history_20261122134501."
    assert provisioning_twins(log) == ["engine_20261122134500", "ovirt_engine_history_20261122134501"]
    assert provisioning_twins("2026-11-22 13:45:00 20261122134500") == []
