# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_dump and tar as the tool runs them, and as they run when a fault strikes them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO

from .kinds import Kind
from .lost_rows import dump_changed_copy
from .run import Run
from .sabotage import feed_and_kill

DUMP_OPTIONS = ("-E", "UTF8", "--disable-dollar-quoting", "--disable-triggers")
PLAIN_OPTIONS = ("--no-owner", "--no-privileges")
PIPE_PAGE = 4096
KILLED = "{}: line 1070: {} Killed                  {}\n"


def dump(run: Run, kind: Kind, target: Path, errors: IO[bytes]) -> int:
    """Run pg_dump into target; the exit status the shell would see."""
    words = dump_words(run, kind)
    lost = run.sabotage.words("lost-rows")
    if lost[:1] == [kind.name]:
        run.log("pg_cmd running: pg_dump {}".format(" ".join(words)))
        return dump_changed_copy(run, kind, words, target, (lost[1], int(lost[2])))
    if run.sabotage.is_full(kind.name):
        return _dump_into_full_disk(run, kind, words, target, errors)
    if run.sabotage.kills("pg_dump", kind.name):
        process = run.start_pg("pg_dump", run.connection(kind.conf), words, stdout=subprocess.PIPE, stderr=errors)
        feed_and_kill(_narrow(process), target)
        errors.write(KILLED.format(run.program, process.pid, "pg_dump").encode())
        return 128 + 9
    return _dump_and_compress(run, kind, words, target, errors)


def dump_words(run: Run, kind: Kind) -> tuple[str, ...]:
    """The options after the database name."""
    dump_format = run.options.databases[kind.name].format
    words: tuple[str, ...] = (*DUMP_OPTIONS, "--format=" + dump_format)
    if dump_format == "plain":
        words += PLAIN_OPTIONS
    lost = run.sabotage.words("lost-table")
    if lost[:1] == [kind.name]:
        words += ("--exclude-table-data=" + lost[1],)
    return words


def _dump_and_compress(run: Run, kind: Kind, words: tuple[str, ...], target: Path, errors: IO[bytes]) -> int:
    compressor = run.options.databases[kind.name].compressor
    connection, delay = run.connection(kind.conf), run.sabotage.delay(kind.name)
    with open(target, "wb") as stream:
        if not compressor:
            return run.start_pg("pg_dump", connection, words, stdout=stream, stderr=errors, before=delay).wait()
        process = run.start_pg("pg_dump", connection, words, stdout=subprocess.PIPE, stderr=errors, before=delay)
        assert process.stdout is not None
        packer = run.start([compressor], stdin=process.stdout, stdout=stream)
        process.stdout.close()
        process.wait()
        # A pipe's status is that of its last program.
        return packer.wait()


def _dump_into_full_disk(run: Run, kind: Kind, words: tuple[str, ...], target: Path, errors: IO[bytes]) -> int:
    connection = run.connection(kind.conf)
    process = run.start_pg("pg_dump", connection, words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    feed_and_kill(_narrow(process), target)
    with open("/dev/full", "wb") as full:
        return run.start_pg("pg_dump", connection, words, stdout=full, stderr=errors).wait()


def _narrow(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    # A pipe of one page: the child cannot finish before it is killed.
    import fcntl

    assert process.stdout is not None
    fcntl.fcntl(process.stdout.fileno(), 1031, PIPE_PAGE)  # F_SETPIPE_SZ, named in fcntl only since Python 3.10
    return process


def tar(run: Run, step: str, words: list[str], target: Path, errors: IO[bytes], names: bytes | None = None) -> int:
    """Run tar -c into target, names on its standard input; the exit status the shell would see."""
    if run.sabotage.is_full(step):
        _start_tar(run, [*words, "-f", "-"], names, subprocess.DEVNULL, target)
        return _tar_into_full_disk(run, words, target, errors, names)
    if run.sabotage.kills("tar", step):
        pid = _start_tar(run, [*words, "-f", "-"], names, errors, target)
        message = KILLED.format(run.program, pid, "tar").encode()
        if step == "pack":
            os.write(2, message)
        else:
            errors.write(message)
        return 128 + 9
    command = [*run.sabotage.delay(step), *words, "-f", str(target)]
    process = run.start(command, stdin=subprocess.PIPE if names is not None else None, stdout=errors, stderr=errors)
    process.communicate(names)
    return process.returncode


def _start_tar(run: Run, words: list[str], names: bytes | None, errors: int | IO[bytes], target: Path) -> int:
    process = run.start(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdin is not None
    process.stdin.write(names or b"")
    process.stdin.close()
    feed_and_kill(_narrow(process), target)
    return process.pid


def _tar_into_full_disk(run: Run, words: list[str], target: Path, errors: IO[bytes], names: bytes | None) -> int:
    pipe = subprocess.PIPE
    process = run.start([*words, "-f", "/dev/full"], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)
    content = process.communicate(names or b"")[0]
    errors.write(content.replace(b"/dev/full", os.fsencode(target)))
    return process.returncode
