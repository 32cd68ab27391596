# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run qemu-img. This file is private to the collection."""

import os
import shutil
import tempfile
from typing import Callable, List

from ..._common.command import CommandResult, die_with_parent, read_tail, run_command, run_long_command
from ..._common.errors import BackupError, Problem
from .qemu_output import ImageInfo, check_comparison, check_end, read_info, read_progress, read_version

Report = Callable[[str, float], None]
"""Called while a program runs, with the phase and the share that is done."""

PROGRAM = "qemu-img"


class QemuImg:
    """qemu-img of this host; each run is ended when its time is up or the module is told to stop."""

    def __init__(self, timeout: float, report: Report) -> None:
        self._timeout = timeout
        self._report = report
        self._env = dict(os.environ, LC_ALL="C")

    def is_there(self) -> bool:
        """Is the program installed?"""
        return shutil.which(PROGRAM) is not None

    def version(self) -> str:
        """Return the version of the program."""
        return read_version(run_command([PROGRAM, "--version"], self._env).stdout)

    def info(self, path: str) -> ImageInfo:
        """Return what an image is; raise BackupError (image_unreadable) where it is none."""
        done = run_command([PROGRAM, "info", "--output=json", "--force-share", path], self._env)
        try:
            return read_info(done.stdout)
        except ValueError:
            text = "%s can not be read as an image: %s" % (path, done.stderr.strip() or "no answer of qemu-img info")
            raise BackupError(text, "image_unreadable") from None

    def convert(self, source: str, target: str, options: List[str], what: str, phase: str) -> None:
        """Convert an image; raise BackupError where that fails."""
        done = self._run(["convert", "-p"] + options + [source, target], phase)
        problems = check_end(what, done.returncode, done.stdout + "\n" + done.stderr, self._timeout)
        if problems:
            raise BackupError(problems[0].message, problems[0].code, phase=phase, rc=done.returncode)

    def compare(self, path: str, device: str) -> List[Problem]:
        """Return why an image and a device do not hold the same bytes; nothing where they do."""
        done = self._run(["compare", "-p", "-f", "qcow2", "-F", "raw", path, device], "compare")
        what = "comparing %s with %s" % (path, device)
        return check_comparison(what, done.returncode, done.stdout + "\n" + done.stderr, self._timeout)

    def check(self, path: str) -> List[Problem]:
        """Return what is wrong inside an image, also clusters that lie behind the end of a file that was cut."""
        done = self._run(["check", "-f", "qcow2", path], "check")
        return check_end("checking %s" % path, done.returncode, done.stdout + "\n" + done.stderr, self._timeout)

    def _run(self, arguments: List[str], phase: str) -> CommandResult:
        folder = tempfile.mkdtemp(prefix=".ovirt_backup-")
        stem = os.path.join(folder, PROGRAM)

        def look() -> bool:
            self._report(phase, read_progress(read_tail(stem + ".stdout", 200)))
            return False

        try:
            # A copy that outlived a killed module would write to a device that is another disk's by then.
            argv = die_with_parent([PROGRAM] + arguments)
            return run_long_command(argv, self._env, self._timeout, stem, lambda _pid: None, look)
        finally:
            shutil.rmtree(folder)


def compression_options(compression: str) -> List[str]:
    """Return the options of convert for a compression: zstd, zlib or none."""
    return [] if compression == "none" else ["-c", "-o", "compression_type=%s" % compression]
