# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection checks, loading of dumps, and what is cleaned in a restored engine database."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from .disturb import disturb
from .kinds import ENGINE, Kind
from .run import Run

TABLES_TO_CLEAN = ("async_tasks", "async_tasks_entities", "business_entity_snapshot", "command_entities", "job", "step")
HARMLESS = re.compile(
    "|".join(
        (
            'language "plpgsql" already exists',
            "must be owner of language plpgsql",
            "must be owner of extension plpgsql",
            "must be owner of extension uuid-ossp",
            'schema "public" already exists',
            "must be owner of schema public",
            'must be member of role "postgres"',
            "permission denied to change default privileges",
            "permission denied for language c",
            r"function public\.uuid_\w+\([^)]*\) does not exist",
            "permission denied to create extension",
            "extension .* does not exist",
        )
    )
)
JUST_RESTORED = "option_name='DbJustRestored' and version='general'"
RESET_HA = """UPDATE vm_dynamic
          SET status=0, exit_status=2, exit_reason=-1,
              migrating_to_vds=NULL, run_on_vds=NULL
          WHERE vm_guid IN
             (SELECT vm_guid
              FROM vm_static
              WHERE auto_startup='t' AND lease_sd_id is NULL)"""


def can_connect(run: Run, kind: Kind) -> bool:
    """Whether the configured credentials open the database."""
    return run.logged_psql(run.connection(kind.conf), "-c", "select 1") == 0


def verify_connection(run: Run, kind: Kind) -> None:
    """Reachable, the right lc_messages, empty."""
    connection = run.connection(kind.conf)
    name = connection.database
    if not can_connect(run, kind):
        run.fatal("Can't connect to database '{}'. Please see '{} --help'.".format(name, run.program))
    process = run.start_pg("psql", connection, ("-t", "-c", "show lc_messages"), stdout=-1, stderr=subprocess.DEVNULL)
    if process.communicate()[0].strip() != b"en_US.UTF-8":
        run.fatal(
            "lc_messages is set to an unsupported value in postgresql.conf. "
            "Please set it to en_US.UTF-8 and restart postgresql."
        )
    process = run.start_pg("pg_dump", connection, ("-s",), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    schema, errors = process.communicate()
    if any(_creates(line) for line in schema.lower().splitlines()):
        run.fatal("Database '{}' is not empty".format(name))
    if errors:
        run.append_to_log(errors)
        run.fatal("Failed checking if database '{}' is empty".format(name))


def _creates(line: bytes) -> bool:
    return line.startswith(b"create") and not line.startswith((b"create extension", b"create procedural language"))


def load_dump(run: Run, kind: Kind, path: Path) -> None:
    """Load one dump; of custom ones the exit status is ignored, only certain log lines count."""
    options, connection = run.options.databases[kind.name], run.connection(kind.conf)
    run.log(
        "restoreDB: "
        + " ".join(
            "{} {}".format(*pair)
            for pair in (
                ("backupfile", path),
                ("user", connection.user),
                ("host", connection.host),
                ("port", connection.port),
                ("database", connection.database),
                ("orig_user", options.orig_user),
                ("compressor", options.compressor),
                ("format", options.format),
                ("jobsnum", options.jobs),
            )
        )
    )
    if options.format not in ("plain", "custom"):
        run.fatal("Unsupported format {}".format(options.format))
    report = run.folder / "pg-restore-log"
    status = _run_loader(run, kind, path, report)
    content = report.read_bytes()
    run.append_to_log(content)
    if options.format == "plain" and status != 0:
        run.fatal("Database {} restore failed".format(connection.database))
    lines = [line for line in content.decode("utf-8", "replace").splitlines() if "ERROR: " in line]
    serious = [line for line in lines if not HARMLESS.search(line)]
    if serious:
        run.log("Non-ignored-errors in pg_restore log:")
        run.append_to_log("".join(line + "\n" for line in serious).encode())
        run.fatal("Errors while restoring database {}".format(connection.database))


def _run_loader(run: Run, kind: Kind, path: Path, report: Path) -> int:
    options, connection = run.options.databases[kind.name], run.connection(kind.conf)
    command, words = ("psql", []) if options.format == "plain" else ("pg_restore", [])
    if command == "pg_restore" and run.options.restore_permissions is False:
        words += ["--no-owner", "--no-privileges"]
    if not options.compressor:
        words += ["-f", str(path)] if command == "psql" else ["-j", options.jobs, str(path)]
    with open(report, "wb") as output, open(path, "rb") as dump:
        if not options.compressor:
            process = run.start_pg(command, connection, tuple(words), stdout=output, stderr=subprocess.STDOUT)
        else:
            unpacker = run.start([options.compressor, "-d"], stdin=dump, stdout=subprocess.PIPE)
            process = run.start_pg(command, connection, tuple(words), unpacker.stdout, output, subprocess.STDOUT)
        fault = run.sabotage.disturbance(kind.name)
        if fault is not None:
            disturb(process, run, connection, fault)
        return process.wait()


def clean_engine_database(run: Run) -> None:
    """Mark the database as restored, empty the tables of running work, reset what ran."""
    connection = run.connection(ENGINE.conf)
    run.output("  - Cleaning up temporary tables in engine database '{}'".format(connection.database))
    _set_just_restored(run)
    for table in TABLES_TO_CLEAN:
        run.log("truncating {}".format(table))
        if _change(run, "TRUNCATE TABLE {} cascade".format(table)) != 0:
            run.log("FATAL: Failed cleaning up {}".format(table))
            print("FATAL: Failed cleaning up {}".format(table), file=sys.stderr, flush=True)
            run.fatal("Failed cleaning up temp data")
    running = _ask(
        run,
        "SELECT var_value FROM dwh_history_timekeeping WHERE var_name='DwhCurrentlyRunning'",
        "Failed checking DwhCurrentlyRunning",
    )
    if "1" in running:
        run.output("  - Resetting DwhCurrentlyRunning in dwh_history_timekeeping in engine database")
        if _change(run, "UPDATE dwh_history_timekeeping SET var_value='0' WHERE var_name='DwhCurrentlyRunning'") != 0:
            run.fatal("Failed resetting DwhCurrentlyRunning")
    run.output("  - Resetting HA VM status")
    if _change(run, RESET_HA) != 0:
        run.fatal("Failed resetting HA VM status")


def _set_just_restored(run: Run) -> None:
    question = "SELECT count(*) as count FROM vdc_options WHERE " + JUST_RESTORED
    found = _ask(run, question, "Failed checking DbJustRestored")
    word = "Inserting"
    statement = "INSERT INTO vdc_options (option_name, option_value, version) VALUES ('DbJustRestored', '1', 'general')"
    if "1" in found:
        word = "Updating"
        statement = "UPDATE vdc_options SET option_value='1' WHERE " + JUST_RESTORED
    run.output("  - {} DbJustRestored VdcOption in engine database".format(word))
    if _change(run, statement) != 0:
        run.fatal("Failed {} DbJustRestored".format(word.lower()))


def _change(run: Run, statement: str) -> int:
    return run.logged_psql(run.connection(ENGINE.conf), "-t", "-c", statement)


def _ask(run: Run, statement: str, failure: str) -> str:
    process = run.start_pg("psql", run.connection(ENGINE.conf), ("-t", "-c", statement), stdout=-1, stderr=-1)
    found, errors = process.communicate()
    run.append_to_log(errors)
    if process.returncode != 0:
        run.fatal(failure)
    return found.decode()
