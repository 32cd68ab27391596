# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault lost-rows: a flawless dump of a copy of the database that lacks some rows."""

from __future__ import annotations

import os
import secrets
import string
import subprocess
from pathlib import Path

from ..layout import Lab, load
from ..postgres import query
from .kinds import Kind
from .run import Run


def dump_changed_copy(run: Run, kind: Kind, words: tuple[str, ...], target: Path, loss: tuple[str, int]) -> int:
    """Copy, delete, dump the copy, and make the dump name the original."""
    lab, original = load(run.home), run.connection(kind.conf).database
    # As long as the original's name, so that the name can be put right in the finished dump.
    copy = "".join(secrets.choice(string.ascii_lowercase) for _letter in original)
    try:
        _copy_database(lab, original, copy, run.connection(kind.conf).user)
        table, count = loss
        query(
            lab,
            copy,
            "SET session_replication_role = replica; DELETE FROM ONLY {0} WHERE ctid IN"
            " (SELECT ctid FROM ONLY {0} LIMIT {1})".format(table, count),
        )
        content = _dump(lab, copy, *words)
    finally:
        query(lab, "postgres", 'DROP DATABASE IF EXISTS "{}"'.format(copy))
    target.write_bytes(content.replace(os.fsencode(copy), os.fsencode(original)))
    compressor = run.options.databases[kind.name].compressor
    if compressor:
        packed = subprocess.run([compressor], input=target.read_bytes(), stdout=subprocess.PIPE, check=True)
        target.write_bytes(packed.stdout)
    return 0


def _copy_database(lab: Lab, original: str, copy: str, owner: str) -> None:
    query(lab, "postgres", 'CREATE DATABASE "{}" OWNER "{}" TEMPLATE template0'.format(copy, owner))
    content = _dump(lab, original, "--format=custom", "-Z", "0")
    restore = [str(lab.server_programs / "pg_restore"), *_superuser(lab, copy)]
    subprocess.run(restore, input=content, check=True)


def _dump(lab: Lab, database: str, *words: str) -> bytes:
    command = [str(lab.server_programs / "pg_dump"), *_superuser(lab, database), *words]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def _superuser(lab: Lab, database: str) -> list[str]:
    return ["-h", str(lab.socket), "-p", str(lab.port), "-U", "postgres", "-d", database]
