# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore printed and logged: recorded runs, every error that loading makes inevitable, and every other one."""

from pathlib import Path
from typing import Dict, Optional, Tuple

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
    ("name", "code", "part", "announced"),
    [
        ("restore-ok", "", "", {"engine": "engine"}),
        ("restore-killed-pg_restore", "", "", {"engine": "engine"}),
        ("restore-not-empty", "target_not_empty", "Database 'engine' is not empty", {}),
        # The name is that of the load and not that of the announcement.
        ("restore-changed-credentials", "configuration_missing", "Can %s find /etc/ov" % "not", {"engine": "engine2"}),
        ("restore-no-perm-flag", "tool_failed", "--restore-permissions", {}),
        ("change-cred-missing", "tool_failed", "", {}),
    ],
)
def test_recorded_end_gets_the_code_of_its_cause(name: str, code: str, part: str, announced: Dict[str, str]) -> None:
    stdout, stderr, log = (recorded(name, channel) for channel in ("stdout", "stderr", "log"))
    outcome = check_restore(int(recorded(name, "rc")), stdout, stderr, log)
    assert (outcome.code, part in outcome.message) == (code, True)
    assert announced_targets(stdout) == announced


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
    "Existing database 'e' or user 'e' found and temporary ones created - Please": "provision_leftovers",
    "Can provision database only in localhost": "provision_not_local",
    "Cannot provision database with secured host validation": "provision_secured",
    "Provisioning database 'e' failed, please check the log for details": "provision_failed",
    "Creating user 'e' failed, please check the log for details": "provision_failed",
    "Database 'e' is not empty": "target_not_empty",
    "Can't connect to database 'e'. Please see 'engine-backup --help'.": "database_unreachable",
    "lc_messages is set to an unsupported value in postgresql.conf.": "database_wrong_lc_messages",
    "Errors while restoring database e": "load_failed",
    "Engine service is active - can not restore backup": "engine_running",
    "Checksum verification failed": "hash_mismatch",
    "Backup was created by version '4.6' and can %s be restored using the installed" % "not": "version_refused",
    "Can not find /etc/x.conf": "configuration_missing",
    "Failed extracting /t/files": "files_failed",
    "Failed restoring /etc": "files_failed",
    "Something new": "tool_failed",
}


def test_each_fatal_text_has_its_code() -> None:
    for fatal, code in FATAL.items():
        outcome = check_restore(1, "", "FATAL: %s\n" % fatal, "")
        assert (outcome.code, fatal in outcome.message) == (code, True)
    assert {code for code, _text in CAUSES} <= set(FATAL.values())


@pytest.mark.parametrize(
    ("returncode", "stdout", "stderr", "code"),
    [
        (0, "Restoring:\n", "", "tool_incomplete"),
        (-9, "", "", "tool_killed"),
        (1, "", "cp: error writing '/x': No space left on device\nFATAL: Failed extracting /x", "disk_full"),
        (1, "Done.\n", "FATAL: Database 'engine' is not empty\n", "target_not_empty"),
    ],
)
def test_other_ends_have_their_codes(returncode: Optional[int], stdout: str, stderr: str, code: str) -> None:
    assert check_restore(returncode, stdout, stderr, "").code == code


# What must fail when an ordinary owner loads a dump: statement, entry as pg_restore names it with one job, messages.
OWNER = 'must be member of role "postgres"'
OWNER_16 = 'must be able to SET ROLE "postgres"'
EXTENSION = ("COMMENT ON EXTENSION \"uuid-ossp\" IS 'x';", '9; 0 0 COMMENT - EXTENSION "uuid-ossp" ')
SCHEMA = ("ALTER SCHEMA public OWNER TO postgres;", "6; 2615 2200 SCHEMA - public postgres")
LANGUAGE = ("CREATE PROCEDURAL LANGUAGE plpgsql;", "8; 2612 1 LANGUAGE - plpgsql p")
PRIVILEGES = (
    "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT SELECT ON TABLES TO g;",
    "5; 826 1 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres",
)


def function(name: str) -> Tuple[str, str]:
    return "ALTER FUNCTION public.%s OWNER TO postgres;" % name, "4; 1255 1 FUNCTION public %s postgres" % name


INEVITABLE = [
    ("must be owner of extension plpgsql", EXTENSION),
    ('permission denied to create extension "uuid-ossp"', EXTENSION),
    ('extension "uuid-ossp" does not exist', EXTENSION),
    ('schema "public" already exists', SCHEMA),
    ("must be owner of schema public", SCHEMA),
    (OWNER, SCHEMA),
    (OWNER_16, SCHEMA),
    ('language "plpgsql" already exists', LANGUAGE),
    ("must be owner of language plpgsql", LANGUAGE),
    (OWNER, PRIVILEGES),
    ("permission denied to change default privileges", PRIVILEGES),
    ("permission denied for language c", function("uuid_generate_v1()")),
    (OWNER_16, function("uuid_generate_v1mc()")),
    ("function public.uuid_generate_v3(uuid, text) does not exist", function("uuid_generate_v3(namespace uuid)")),
    ("function public.uuid_nil() does not exist", function("uuid_nil()")),
    ("function public.uuid_ns_x500() does not exist", function("uuid_ns_x500()")),
]


@pytest.mark.parametrize(("message", "place"), INEVITABLE)
def test_inevitable_error_is_let_through(message: str, place: Tuple[str, str]) -> None:
    logs = [loaded(message, *place), loaded(message, place[0])]  # with one job and with several
    if message not in (OWNER, OWNER_16):  # those of a plain dump, which names no entry
        logs.append(LOAD.replace("custom", "plain") + "psql:/t/e.db:23: ERROR:  %s\n" % message + AFTER)
    for log in logs:
        assert len(find_load_errors(log)) == 1
        assert check_load(log) == []


@pytest.mark.parametrize("message", sorted({message for message, _place in INEVITABLE}))
def test_the_same_error_on_another_object_is_not_let_through(message: str) -> None:
    others = [
        ("ALTER TABLE public.vm_static OWNER TO postgres;", "240; 1259 1 TABLE public vm_static engine"),
        ("CREATE FUNCTION public.insertvm() RETURNS void", "242; 1255 3 FUNCTION public insertvm() engine"),
        ("ALTER TABLE public.tags ALTER id SET DEFAULT public.uuid_generate_v1();", "243; 2604 4 DEFAULT public tags"),
    ]
    for other, name in others:
        for log in (loaded(message, other, name), loaded(message, other)):
            assert world.codes(check_load(log)) == ("load_error",)


@pytest.mark.parametrize(
    ("message", "statement"),
    [
        ("must be owner of table vm_static", "COMMENT ON EXTENSION \"uuid-ossp\" IS 'x';"),
        ("permission denied for schema public", "ALTER SCHEMA public OWNER TO postgres;"),
        ('must be member of role "engine_old"', "ALTER SCHEMA public OWNER TO engine_old;"),
        ('schema "aaa_jdbc" already exists', "CREATE SCHEMA aaa_jdbc;"),
        ("function public.uuid_other() does not exist", "ALTER FUNCTION public.uuid_other() OWNER TO postgres;"),
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
        "pg_restore: error: unsupported version (1.99) in file header",
        "pg_restore: fatal: could not read from input file: end of file",
        "psql: FATAL:  terminating connection due to administrator command",
        'psql:/t/engine_backup.db:17: ERROR:  relation "x" does not exist',
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


def test_what_has_no_line_was_skipped_and_a_database_of_another_name_is_another() -> None:
    for kind, name in NAMES.items():
        lines = [line for line in STDOUT.splitlines() if not line.endswith(" database '%s'" % name)]
        assert world.codes(missing_restore_lines("\n".join(lines), {kind: name}, True)) == ("database_skipped",)
        assert world.codes(missing_restore_lines(STDOUT, {kind: "other"}, True)) == ("database_other",)
    without = STDOUT.replace("- Files\n", "")
    assert world.codes(missing_restore_lines(without, {}, True)) == ("files_skipped",)
    assert missing_restore_lines(without, {}, False) == []


def test_time_stamped_twins_of_a_failed_provisioning_are_found() -> None:
    log = "created engine_20261122134500 owner engine_20261122134500; and ovirt_engine_history_20261122134501."
    assert provisioning_twins(log) == ["engine_20261122134500", "ovirt_engine_history_20261122134501"]
    assert provisioning_twins("2026-11-22 13:45:00 20261122134500") == []
