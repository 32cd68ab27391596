# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the stand-in engine-backup: one file per fault in the lab's fault directory, its content the parameter.

Without a file the tool behaves faithfully. STEP is one of: start, notify-start, files, engine, dwh, cinderlib,
managedblock, keycloak, grafana, hash, pack, notify-end, done (backup); unpack, restore-files, engine ... (restore).
KIND is one of: engine, dwh, cinderlib, managedblock, keycloak, grafana.
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
    "kill-child": ("PROGRAM [STEP]", "pg_dump, tar or pg_restore is killed at work; pg_restore STEP TABLE ROWS: then"),
    "file-changes": ("TIMES", "a file changes while tar reads it, in that many runs; the content counts down"),
    "stale-output": ("absent, empty or PATH", "says Done. but leaves no archive, an empty one or a copy of PATH"),
    "empty-dump": ("KIND...", "the dump is 0 bytes long, its hash right"),
    "missing-dump": ("KIND...", "the line is printed, the dump not packed"),
    "cut-dump": ("KIND...", "the dump ends in the middle, its hash right"),
    "newer-format": ("KIND...", "the custom dump's header claims format 1.99, its hash right"),
    "lost-table": ("KIND TABLE", "the dump is made without the data of that table"),
    "lost-rows": ("KIND TABLE COUNT", "the dump is made of a copy that lacks that many rows of the table"),
    "planted-line": ("LINE", "the line is added to the config member before the hashes are made"),
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
    return "\n".join("{:<20} {:<27} {}".format(name, *row) for name, row in FAULTS.items())
