# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""--mode=verify, and the unpacking it shares with restore."""

from __future__ import annotations

import re
import subprocess
import sys

from .kinds import ENGINE, GRAFANA_MEMBER, Kind
from .options import Death
from .run import Run
from .shell import source

PAIRS = {("4.3", "4.5"), ("4.4", "4.5")}
HASHERS = ("sha256sum", "md5sum")


def verify(run: Run) -> None:
    """Unpack, hashes, version; then one table of the engine dump."""
    run.output("Verifying:")
    unpack(run)
    if ENGINE.scope in run.options.selected and run.conf.get("ENGINE_DB_USER"):
        run.output("- Engine database '{}'".format(run.conf.get("ENGINE_DB_DATABASE", "")))
        _verify_engine_dump(run)
    run.run_hooks("doverify")


def unpack(run: Run) -> None:
    """Open the archive, check it as far as the tool does, take over its config, drop the scopes it lacks."""
    run.output("- Unpacking file '{}'".format(run.options.file))
    run.step("unpack")
    run.log("Opening tarball {} to {}".format(run.options.file, run.folder))
    if run.call("tar", "-C", str(run.folder), "-pSsxf", run.options.file) != 0:
        run.fatal("cannot open {}".format(run.folder))
    run.log("Verifying hash")
    _verify_hashes(run)
    run.log("Verifying version")
    _verify_version(run)
    run.log("Reading config")
    _read_config(run)
    _drop_missing_scopes(run)


def _verify_hashes(run: Run) -> None:
    for hasher in HASHERS:
        if (run.folder / hasher).exists():
            if run.start([hasher, "-c", str(run.folder / hasher), "--status"], cwd=run.folder).wait() != 0:
                run.fatal("Checksum verification failed")
            return
    run.fatal("No supported hash file found")


def _verify_version(run: Run) -> None:
    try:
        made_by = (run.folder / "version").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        made_by = ""
    if not is_restorable(made_by, run.version):
        run.fatal(
            "Backup was created by version '{}' and can not be restored using the installed version {}".format(
                made_by, run.version
            )
        )


def is_restorable(made_by: str, installed: str) -> bool:
    """Same X.Y and not newer, or one of the pairs; of 4.3 only from its tenth release on."""
    branch, here = (".".join(version.split(".")[:2]) for version in (made_by, installed))
    fine = (branch, here) in PAIRS or (branch == here and _loose(made_by) <= _loose(installed))
    if branch == "4.3":
        third = (made_by.split(".") + ["", "", ""])[2]
        fine = fine and not (third.isdigit() and int(third) < 10)
    return fine


def _loose(version: str) -> list[tuple[int, int, str]]:
    words = [word for word in re.split(r"(\d+|[a-z]+|\.)", version) if word and word != "."]
    return [(1, int(word), "") if word.isdigit() else (0, 0, word) for word in words]


def _read_config(run: Run) -> None:
    path = run.folder / "config"
    if not path.exists():
        # The shell itself gives up here, without a FATAL line.
        run.complain("{}: No such file or directory".format(path))
        raise Death(1)
    before: dict[str, str] = {}
    for kind in run.variant.restore:
        database = run.options.databases[kind.name]
        before[kind.dump + "_DUMP_COMPRESSOR"] = database.compressor
        before[kind.dump + "_DUMP_FORMAT"] = database.format
    run.conf = source([path], {**run.conf, **before})
    for kind in run.variant.restore:
        database = run.options.databases[kind.name]
        database.compressor = run.conf[kind.dump + "_DUMP_COMPRESSOR"]
        database.format = run.conf[kind.dump + "_DUMP_FORMAT"]


def _drop_missing_scopes(run: Run) -> None:
    members = {"files": "files", "grafanadb": "db/" + GRAFANA_MEMBER}
    members.update({kind.scope: "db/" + kind.member for kind in run.variant.restore})
    for scope, member in members.items():
        path = run.folder / member
        if not (path.exists() and path.stat().st_size):
            run.options.selected.discard(scope)


def read_dump(run: Run, kind: Kind, *words: str) -> tuple[bytes, bytes]:
    """The dump as SQL and the errors of pg_restore; of a plain dump, the text itself and no errors."""
    path, options = run.folder / "db" / kind.member, run.options.databases[kind.name]
    if options.format not in ("plain", "custom"):
        run.fatal("Unsupported format {}".format(options.format))
    if options.format == "custom" and not options.compressor:
        process = run.start(["pg_restore", str(path), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return process.communicate()
    with open(path, "rb") as stream:
        command = [options.compressor, "-d"] if options.compressor else ["cat"]
        unpacker = run.start(command, stdin=stream, stdout=subprocess.PIPE)
        if options.format == "plain":
            return unpacker.communicate()[0], b""
        process = run.start(["pg_restore", *words], unpacker.stdout, subprocess.PIPE, subprocess.PIPE)
        found = process.communicate()
        unpacker.communicate()
        return found


def _verify_engine_dump(run: Run) -> None:
    path, options = run.folder / "db" / ENGINE.member, run.options.databases["engine"]
    run.log("Verifying engine database backup at {}".format(path))
    run.log("verifyEngineDb: backupfile {} compressor {} format {}".format(path, options.compressor, options.format))
    errors = read_dump(run, ENGINE, "-f", "-", "-t", "vdc_options")[1]
    lines = [line for line in errors.splitlines() if b"error: " in line.lower()]
    if options.format == "plain":
        # The tool greps a file that only a custom dump makes, and takes grep's complaint for an error.
        lines = ["grep: {}: No such file or directory".format(run.folder / "pg-restore-log").encode()]
    run.append_to_log(errors)
    if lines:
        run.log("Errors in pg_restore log:")
        run.append_to_log(b"\n".join(lines) + b"\n")
        run.fatal("Errors while running pg_restore ")
    sys.stdout.flush()
