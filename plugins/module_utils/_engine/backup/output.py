# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what engine-backup printed and logged.

Source: recorded runs (tests/unit/recorded). Exit status and "Done." are necessary, never sufficient.
This file is private to the collection.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence

from ..._archive.databases import KINDS
from ..._common.errors import Problem


class ToolReport(NamedTuple):
    """What a run of engine-backup reported."""

    code: str  # empty where the tool reports success
    message: str


_DATABASE_LINE = re.compile(r"^- (\S+) database '(.*)'$", re.MULTILINE)
_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+: ")
_NOT_THE_CAUSE = "Failed notifying engine"
# What brings a tool down, whatever it says of the consequences.
_CAUSE = re.compile(
    r"No space left on device|Low free space|Disk quota exceeded|[Rr]ead-only file system|\bKilled\b|Segmentation fault"
    r"|[Cc]annot allocate memory|[Oo]ut of memory|[Pp]ermission denied|the database system is (starting|shutting)"
    r"|too many clients|remaining connection slots|terminating connection|server closed the connection"
)
# An ordinary owner may not do these; every load as one says so, and loses nothing.
_NO_CAUSE = re.compile(r"permission denied (for language c|to create extension|to change default privileges)")
LAST_LINES = 20
SHELL_SIGNAL = 128
LAST_SIGNAL = 64


def announced_databases(stdout: str) -> Dict[str, str]:
    """Return kind -> database name for each '- ... database' line."""
    labels = {kind.label: kind.name for kind in KINDS}
    return {labels[label]: name for label, name in _DATABASE_LINE.findall(stdout) if label in labels}


def announces_files(stdout: str) -> bool:
    """Did the tool say that it packed the files?"""
    return "- Files" in stdout.splitlines()


def first_fatal(stderr: str, log: str) -> str:
    """Return the text of the fatal error that is the cause, or an empty string.

    A failed notification is reported on top of the cause; then the cause stands in the log only.
    """
    causes = _fatals(stderr.splitlines()) + _fatals(_without_stamps(log))
    for cause in causes:
        if cause != _NOT_THE_CAUSE:
            return cause
    return causes[0] if causes else ""


def _fatals(lines: Sequence[str]) -> List[str]:
    return [line[len("FATAL: ") :].strip() for line in lines if line.startswith("FATAL: ")]


def _without_stamps(log: str) -> List[str]:
    return [_LOG_LINE.sub("", line) for line in log.splitlines()]


def check_run(returncode: Optional[int], stdout: str, stderr: str, log: str) -> ToolReport:
    """Return what the run itself says: an empty code for success, else what failed. None means a timeout."""
    if returncode == 0 and "Done." in stdout.splitlines():
        return ToolReport("", "")
    if returncode == 0:
        return ToolReport("tool_incomplete", "engine-backup ended with status 0 but did not print 'Done.'")
    fatal = first_fatal(stderr, log)
    code = _failure_code(returncode, fatal, stderr + log + stdout)
    reason = "was killed by signal %d" % signal_of(returncode) if code == "tool_killed" else "failed"
    cause = first_cause(log, stderr, stdout)
    texts = [cause] if cause and cause not in "FATAL: " + fatal else []
    details = "".join(": " + shorten(text) for text in texts + [fatal] if text)
    return ToolReport(code, "engine-backup %s (status %s)%s%s" % (reason, returncode, details, evidence(log, stderr)))


def first_cause(*texts: str) -> str:
    """Return the first line of these texts that tells what brought the tool down, an empty string where none does."""
    lines = (line.strip() for text in texts for line in _without_stamps(text))
    return next((line for line in lines if is_cause(line)), "")


def is_cause(line: str) -> bool:
    """Does a line tell a first cause, and not its consequences?"""
    return bool(_CAUSE.search(line)) and not _NO_CAUSE.search(line)


def _failure_code(returncode: Optional[int], fatal: str, text: str) -> str:
    if "No space left on device" in text or "Low free space" in text:
        return "disk_full"
    if "file changed as we read it" in text and fatal.startswith("Failed backing up"):
        return "files_changed"
    if signal_of(returncode):
        return "tool_killed"
    if re.match(r"^Database .* backup failed", fatal) or "failed compressing the backup" in fatal:
        return "dump_failed"
    if fatal == _NOT_THE_CAUSE:
        return "engine_not_notified"
    return "tool_failed"


def signal_of(returncode: Optional[int]) -> int:
    """Return the number of the signal that ended a process, 0 for none. A shell reports it as 128 + number."""
    if returncode is None or 0 <= returncode <= SHELL_SIGNAL or returncode > SHELL_SIGNAL + LAST_SIGNAL:
        return 0
    return -returncode if returncode < 0 else returncode - SHELL_SIGNAL


def evidence(log: str, stderr: str) -> str:
    """Return the lines of pg_dump, tar and others that tell why, as one short text."""
    pattern = re.compile(r"^(pg_dump|tar|gzip|xz|bzip2|psql|sqlite3|Error)\b.*:", re.IGNORECASE)
    noise = ("Removing leading", "socket ignored")
    lines = [line.strip() for line in _without_stamps(log) + stderr.splitlines() if pattern.match(line.strip())]
    chosen = [line for line in lines if not any(part in line for part in noise)][:3]
    return ("; it said: " + "; ".join(shorten(line) for line in chosen)) if chosen else ""


def shorten(text: str, limit: int = 300) -> str:
    """Return the text on one line, cut in the middle of nothing that matters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def last_lines(text: str) -> List[str]:
    """Return the last lines of a log for a failure report."""
    return text.splitlines()[-LAST_LINES:]


def missing_lines(stdout: str, expected: Dict[str, str], files: bool) -> List[Problem]:
    """Return a problem for each expected part that the tool did not announce by name."""
    announced = announced_databases(stdout)
    problems: List[Problem] = []
    for kind, name in sorted(expected.items()):
        if kind not in announced:
            text = "engine-backup printed no line for the %s database '%s': it was skipped" % (kind, name)
            problems.append(Problem("database_skipped", text))
        elif announced[kind] != name:
            text = "engine-backup dumped the %s database '%s', expected '%s'" % (kind, announced[kind], name)
            problems.append(Problem("database_other", text))
    if files and not announces_files(stdout):
        problems.append(Problem("files_skipped", "engine-backup printed no line for the files"))
    return problems
