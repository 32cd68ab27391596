# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What engine-setup and engine-cleanup are run with, and what is known of the host before and after.

This file is private to the collection.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..._common.errors import Problem


class Tool(NamedTuple):
    """An otopi tool of the engine."""

    name: str
    action: str  # how it calls itself in its last line
    options: Tuple[str, ...]  # of every run
    log_name: str  # start of the names of its logs


CLEANUP = Tool("engine-cleanup", "cleanup", (), "ovirt-engine-remove")
SETUP = Tool("engine-setup", "setup", ("--accept-defaults", "--offline"), "ovirt-engine-setup")


class Places(NamedTuple):
    """The paths of one run of an otopi tool."""

    tool: str  # path of the program
    lock: str  # the directory that a run takes
    work: str  # the directory that the work directory is made in
    log_path: str
    problems: Tuple[Problem, ...]


class ToolOutcome(NamedTuple):
    """How an otopi tool ended; ``returncode`` is None when its time ran out."""

    returncode: Optional[int]
    stdout: str
    stderr: str
    log: str
    asked: Tuple[str, ...]  # names of the last questions
    repeated: str  # the question that it was ended for, empty for none


class SetupMemory(NamedTuple):
    """What the engine database remembers of the last engine-setup."""

    just_restored: bool
    product_version: str
    dwh_uuid: str


class SetupState(NamedTuple):
    """What engine-setup would find on this host."""

    answers: Dict[str, str]  # everything that engine-setup would read by itself
    display_version: str  # of the installed engine-setup
    engine_package: str  # version of the engine's package, empty where no package tool knows it
    dwh_uuid: str
    memory: int  # MiB
    active_firewall: str
    is_unprivileged: bool
    was_configured_since: bool  # a file with database credentials is newer than the last run of engine-setup


# The path goes through a shell, a list joined by colons and one joined by blanks.
_PLAIN_PATH = re.compile(r"^[A-Za-z0-9_./+@%=~^-]+\Z")


def check_path(path: str, what: str) -> List[Problem]:
    """Return whether the tool can take a path as it stands."""
    if _PLAIN_PATH.match(path):
        return []
    text = "the %s '%s' can not be given to the tool: only letters, digits and _./+@%%=~^- may be in its path"
    return [Problem("path_unusable", text % (what, path))]


def command_of(tool: Tool, places: Places, answer_file: str) -> List[str]:
    """Return the argument list; no argument is ever empty, the tool would stop parsing at it."""
    return [places.tool, *tool.options, "--config-append=" + answer_file, "--log=" + places.log_path]


def answer_file_in(work: str) -> str:
    """Return where the answers of a run stand."""
    return work + "/answers.conf"


def without_release(version: str) -> str:
    """Return '4.5.7' of '4.5.7-1.el9'."""
    return version.partition("-")[0]
