# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files the tool sources, sourced by a real shell: quoting, expansion and planted commands behave as they do there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shlex import quote

# bash's own variables, and what the tool's environment consists of.
NOT_CONFIGURATION = {"PWD", "OLDPWD", "SHLVL", "_", "PATH", "TMPDIR", "BACKUP_ENV_CLEAN"}
# Read and printed by the shell itself: the environment of a program shows the passwords to everybody.
SCRIPT = (
    'set -a; . "$1"; shift; '
    'for lab_file in "$@"; do [ -r "$lab_file" ] && . "$lab_file" >&2; done; unset lab_file; set +a; '
    'for lab_name in $(compgen -e); do printf "%s=%s\\0" "$lab_name" "${!lab_name}"; done'
)


# A command in a password: the tool's shell would run it. The lab's finds no such program, whatever its name.
PASSWORD = re.compile(r"^\w+_PASSWORD=.*$", re.MULTILINE)
COMMAND = re.compile(r"(?<!\\)(?:`([^`\n]*)`|\$\(([^)\n]*)\))")


def source(files: Iterable[Path], variables: dict[str, str]) -> dict[str, str]:
    """The variables after sourcing these files one after the other on top of what was there."""
    with ExitStack() as stack:
        return _source([stack.enter_context(_without_commands(path)) for path in files], variables)


@contextmanager
def _without_commands(path: Path) -> Iterator[Path]:
    """The file, or where its passwords hold commands a copy of it in memory without them."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.is_file() else ""
    changed = PASSWORD.sub(lambda line: COMMAND.sub(lambda found: _not_found(path, found), line.group(0)), text)
    if changed == text:
        yield path
        return
    with open(os.memfd_create("harmless"), "w", encoding="utf-8", errors="surrogateescape") as copy:
        copy.write(changed)
        copy.flush()
        yield Path("/proc/{}/fd/{}".format(os.getpid(), copy.fileno()))


def _not_found(path: Path, found: re.Match[str]) -> str:
    words = (found.group(1) or found.group(2) or "").split()
    if words:
        print("{}: line 4: {}: command not found".format(path, words[0]), file=sys.stderr, flush=True)
    return ""


def _source(files: Iterable[Path], variables: dict[str, str]) -> dict[str, str]:
    kept = {name: os.environ.get(name, "") for name in ("PATH", "TMPDIR")}
    with open(os.memfd_create("configuration"), "w+b") as known:
        known.write(os.fsencode("".join("{}={}\n".format(name, quote(value)) for name, value in variables.items())))
        known.seek(0)
        first = "/dev/fd/{}".format(known.fileno())
        done = subprocess.run(
            ["/bin/bash", "--posix", "-c", SCRIPT, "engine-backup", first, *map(str, files)],
            env=kept,
            stdout=subprocess.PIPE,
            check=False,
            pass_fds=[known.fileno()],
        )
    pairs = (entry.partition("=") for entry in done.stdout.decode("utf-8", "surrogateescape").split("\0") if entry)
    return {name: value for name, _separator, value in pairs if name not in NOT_CONFIGURATION}


def configuration_files(prefix: Path) -> list[Path]:
    """Defaults, engine, Data Warehouse, in the order in which later ones win; then the config hooks."""
    engine, dwh = prefix / "etc/ovirt-engine/engine.conf", prefix / "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf"
    found = [prefix / "share/ovirt-engine/services/ovirt-engine/ovirt-engine.conf", engine]
    found += sorted(Path(str(engine) + ".d").rglob("*.conf"))
    found += [dwh, *sorted(Path(str(dwh) + ".d").glob("*.conf"))]
    return found + hooks(prefix, "config")


def hooks(prefix: Path, stage: str) -> list[Path]:
    """Site scripts of one stage."""
    return sorted((prefix / "etc/ovirt-engine-backup" / "engine-backup-{}.d".format(stage)).rglob("*.sh"))
