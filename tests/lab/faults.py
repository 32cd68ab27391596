# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the stand-ins: one file per fault in the lab's fault directory, its content the parameter.

Without a file the programs behave faithfully.

engine-backup: STEP is one of: start, notify-start, files, engine, dwh, cinderlib, managedblock, keycloak, grafana,
hash, pack, notify-end, done (backup); start, unpack, restore-files, provision, check, engine ... grafana,
loaded-engine ..., rewrite, done (restore).
KIND is one of: engine, dwh, cinderlib, managedblock, keycloak, grafana.

engine-setup and engine-cleanup: STAGE is one of: init, setup, packages-setup, programs, late-setup, customization,
validation, transaction, early-misc, packages, misc, commit, closeup, cleanup, pre-terminate, terminate; or a step
of Misc configuration: dump-KIND, clear-KIND, drop-KIND-SORT-N, remove-files (cleanup); provision, dump-KIND, schema,
schema-dwh, write, post, rollback-KIND, drop-KIND-SORT-N (setup, which drops where it rolls back). KIND is one of
engine, dwh, keycloak; SORT is one of view, table, sequence, function, type, schema, in that order; drop-engine-view-2
is before the engine's second view falls.
"""

from __future__ import annotations

from pathlib import Path

FAULTS = {
    "skip-database": ("KIND...", "these databases are left out without a word, as if the query tool had said no"),
    "fatal-at": ("STEP", "dies there with a FATAL line, told to the engine; exit 1"),
    "fatal-unreported-at": ("STEP", "dies there with a FATAL line, but not in the log; the exit trap tells Failed"),
    "silent-death-at": ("STEP", "exit 1 there without a word, without telling the engine"),
    "kill-at": ("STEP", "the tool kills itself there with SIGKILL; its temporary directory stays"),
    "slow-at": ("STEP SECONDS", "waits there, in a child process as a slow pg_dump would"),
    "slow-child-at": ("STEP SECONDS", "the child of that step keeps running that long, also after the tool was ended"),
    "pg-dump-warning": ("TEXT or nothing", "pg_dump writes a warning on stderr: the run fails, as it does for real"),
    "stderr-noise": ("TEXT or nothing", "harmless noise on stderr; the run goes well"),
    "disk-full": ("STEP, temporary or target", "No space left on device while writing there; a part of the file stays"),
    "kill-child": (
        "PROGRAM [STEP]",
        "pg_dump, tar or pg_restore is killed while it runs; pg_restore STEP TABLE ROWS or STEP pre-data: then",
    ),
    "file-changes": ("TIMES", "a file changes while tar reads it, in that many runs; the content counts down"),
    "stale-output": ("absent, empty or PATH", "says Done. but leaves no archive, an empty one or a copy of PATH"),
    "empty-dump": ("KIND...", "the dump is 0 bytes long, its hash right"),
    "missing-dump": ("KIND...", "the line is printed, the dump not packed"),
    "cut-dump": ("KIND...", "the dump ends in the middle, its hash right"),
    "newer-format": ("KIND...", "the custom dump's header claims format 1.99, its hash right"),
    "lost-table": ("KIND TABLE", "the dump is made without the data of that table"),
    "lost-rows": ("KIND TABLE COUNT", "the dump is made of a copy that lacks that many rows of the table"),
    "planted-line": ("LINE", "the line is added to the config member before the hashes are made"),
    "end-session": ("KIND [TABLE ROWS]", "the loader's database sessions are ended while it restores that database"),
    "restart-server": ("KIND [TABLE ROWS]", "PostgreSQL is restarted (immediate) while that database is restored"),
    "provision-unsupported": ("nothing", "ovirt-engine-provisiondb ends with 12: not on this distribution"),
    "provision-fails": ("nothing", "ovirt-engine-provisiondb ends with 1"),
    "setup-kill-at": ("STAGE...", "engine-setup kills itself there with SIGKILL"),
    "setup-slow-at": ("STAGE SECONDS", "waits there, in a child process"),
    "setup-fails-at": ("STAGE [TEXT]", "that stage fails; from Misc configuration on it rolls back"),
    "setup-asks": ("NAME [TEXT]", "asks something that nobody knows, without a default"),
    "setup-asks-forever": ("[NAME]", "accepts its own default for a question again and again"),
    "setup-low-memory": ("nothing", "less memory than it wants: asks whether to go on, default no"),
    "setup-silent": ("nothing", "does not say that the database has been restored from a backup"),
    "cleanup-kill-at": ("STAGE...", "engine-cleanup kills itself there with SIGKILL"),
    "cleanup-slow-at": ("STAGE SECONDS", "waits there, in a child process"),
    "cleanup-fails-at": ("STAGE [TEXT]", "that stage fails"),
    "cleanup-asks": ("NAME [TEXT]", "asks something that nobody knows, without a default"),
    "cleanup-asks-forever": ("[NAME]", "accepts its own default for a question again and again"),
    "cleanup-cannot-connect": ("[KIND...]", "only warns that it cannot connect; these databases stay full, exit 0"),
    "cleanup-cannot-clear": ("[KIND...]", "dumps, then only warns that it cannot clear; these stay full, exit 0"),
    "health-never": ("nothing", "the health page is 404 for ever"),
    "health-late": ("SECONDS", "the health page is 404 that long after the engine's start"),
    "health-lies": ("[TEXT]", "the health page is 200 with another body"),
    "health-down": ("nothing", "the health page is 500, DB Down!"),
    "health-hangs": ("nothing", "the health page takes the connection and never answers"),
    "service-does-not-stop": ("SERVICE...", "systemctl stop fails and the service goes on"),
    "service-does-not-start": ("SERVICE...", "systemctl start fails"),
    "engine-config-fails": ("[TEXT]", "engine-config cannot connect, or says TEXT; exit 1"),
}


def set_fault(directory: Path, name: str, parameter: str = "") -> None:
    """Switch one fault on."""
    if name not in FAULTS:
        raise ValueError("unknown fault {!r}; known: {}".format(name, ", ".join(FAULTS)))
    (directory / name).write_text(parameter, encoding="utf-8")


def clear(directory: Path) -> None:
    """Switch all faults off."""
    for name in FAULTS:
        (directory / name).unlink(missing_ok=True)


def table() -> str:
    """The faults as text, one per line."""
    return "\n".join("{:<24} {:<27} {}".format(name, *row) for name, row in FAULTS.items())
