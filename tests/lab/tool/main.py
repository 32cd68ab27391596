# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a run: options, checks, temporary directory, mode, exit trap."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .backup import backup
from .options import Options, check_credentials, die
from .restore import restore
from .run import Run
from .usage import usage
from .verify import verify

MODES = {"backup": backup, "restore": restore, "verify": verify}
LOW_SPACE = 10000
PLAIN_NOTE = "Please note: permissions are not backed up with a plain dump format, thus not restored during restore"


def main(home: Path, program: str, arguments: list[str]) -> int:
    """Run the tool; its exit status."""
    run = Run(home, program)
    status = 0
    try:
        _work(run, arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        run.remove_temp()
        raise
    return _leave(run, status)


def _work(run: Run, arguments: list[str]) -> None:
    run.sabotage.make_noise()
    run.options.parse(arguments, lambda: usage(run.variant, run.program))
    _fill_in_names(run)
    _check(run)
    run.make_temp()
    scope, mode = ",".join(run.options.scope), run.options.mode
    run.log("Start of engine-backup mode {} scope {} file {}".format(mode, scope, run.options.file))
    run.output("Start of engine-backup with mode '{}'".format(mode))
    run.output("scope: {}".format(scope))
    run.output("archive file: {}".format(run.options.file))
    run.output("log file: {}".format(run.options.log))
    run.generate_pgpass()
    run.step("start")
    MODES[mode](run)
    run.step("done")
    run.output("Done.")


def _leave(run: Run, status: int) -> int:
    """The exit trap."""
    run.run_hooks("cleanup")
    if status == 1 and run.options.log and run.may_notify_failure():
        run.notified_failure = True
        try:
            run.notify(-1, "Failed")
        except SystemExit:
            # It said why; the status stays 1.
            status = 1
    if status == 1 and run.temp is not None:
        free = _free_space(run)
        if free < LOW_SPACE:
            run.output("ERROR: Low free space on {}: {}KiB".format(run.temp, free))
    run.remove_temp()
    return status


def _free_space(run: Run) -> int:
    if run.sabotage.parameter("disk-full") not in (None, "target", "pack"):
        return 0
    space = os.statvfs(run.folder)
    return space.f_bavail * space.f_frsize // 1024


def _fill_in_names(run: Run) -> None:
    options = run.options
    stamp = subprocess.run(["date", "+%Y%m%d%H%M%S"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    if not options.file and options.mode == "backup":
        options.file = "{}/var/lib/ovirt-engine-backup/ovirt-engine-backup-{}.backup".format(run.prefix, stamp)
    if not options.log:
        options.log = "{}/var/log/ovirt-engine-backup/ovirt-engine-{}-{}.log".format(run.prefix, options.mode, stamp)


def _check(run: Run) -> None:
    _refuse_impossible(run.options)
    check_credentials(run.options)
    if any(database.format == "plain" for database in run.options.databases.values()):
        for line in ("#" * len(PLAIN_NOTE), PLAIN_NOTE, "#" * len(PLAIN_NOTE)):
            run.output(line)
    for path in (run.options.file, run.options.log):
        for words in (["touch", path], ["chmod", "0600", path]):
            run.start(words).wait()


def _refuse_impossible(options: Options) -> None:
    if not options.file:
        die("--file is missing")
    if not os.path.isdir(options.tmpdir):
        die("Temporary directory {} is missing or not a directory".format(options.tmpdir))
    if options.file == options.log:
        die("--file and --log can not be the same")
    if options.mode == "restore" and not os.path.exists(options.file):
        die("{} does not exist".format(options.file))
    if (options.he_remove_storage_vm or options.he_remove_hosts) and options.mode != "restore":
        die("hosted-engine cleaning options work only in restore mode")
