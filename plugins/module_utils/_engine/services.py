# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and change the services of an engine host. This file is private to the collection.

Two witnesses tell whether the engine runs: systemd, and the mark in which the engine notes its process id.
A development installation has the second one only, and a killed engine leaves it behind.
"""

import os
import time
from typing import Callable, Dict, NamedTuple, Sequence

from .._common.command import find_program, run_command, start_time_of, tool_environment
from .._common.errors import BackupError, CommandError, Problem, Refused
from .installation import below
from .services_rules import (
    ENGINE_SERVICE,
    SERVICES,
    VERBS,
    Unit,
    check_units,
    describe_changes,
    describe_unit,
    has_arrived,
    list_changes,
    parse_units,
    plain_name,
)
from .variables import read_variables

SYSTEMCTL = "systemctl"
UP_MARK = "var/lib/ovirt-engine/engine.up"
ENGINE_PROGRAM = b"ovirt-engine.py"
PAUSE = 0.5


class UpMark(NamedTuple):
    """The file by which a service says that it is up; ``state`` is missing, running or stale."""

    path: str
    pid: int
    state: str


def read_services(prefix: str, names: Sequence[str] = SERVICES) -> Dict[str, str]:
    """Return active, inactive, missing or unknown for each service; all are unknown where systemd does not run."""
    return {name: describe_unit(unit) for name, unit in read_units(prefix, names).items()}


def read_units(prefix: str, names: Sequence[str]) -> Dict[str, Unit]:
    """Return what systemd knows of each service."""
    env = tool_environment(prefix)
    program = find_program(SYSTEMCTL, env)
    if not program or not names:
        return parse_units("", names)
    argv = [program, "show", "--property=LoadState", "--property=ActiveState"]
    return parse_units(run_command(argv + list(names), env).stdout, names)


def engine_is_running(prefix: str) -> int:
    """Return the process id of the running engine, 0 where there is none."""
    mark = read_up_mark(prefix)
    return mark.pid if mark.state == "running" else 0


def read_up_mark(prefix: str) -> UpMark:
    """Return what the engine's own mark says, held against the process that it names."""
    path = read_variables(prefix).get("ENGINE_UP_MARK") or below(prefix, UP_MARK)
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            text = stream.read(64).strip()
    except FileNotFoundError:
        return UpMark(path, 0, "missing")
    pid = int(text) if text.isdigit() else 0
    return UpMark(path, pid, "running" if pid and _runs_the_engine(pid) else "stale")


def _runs_the_engine(pid: int) -> bool:
    """Is this process the engine? The number of an engine that was killed may be another program's by now."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as stream:
            arguments = stream.read().split(b"\0")
    except OSError:
        return False
    return any(os.path.basename(argument) == ENGINE_PROGRAM for argument in arguments)


class Services:
    """Brings services into a state, one after the other, and proves that they are in it."""

    def __init__(
        self,
        prefix: str,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._prefix = prefix
        self._env = tool_environment(prefix)
        self._clock = clock
        self._sleep = sleep
        self._timeout = timeout
        self._deadline = clock() + timeout

    def plan(self, names: Sequence[str], state: str) -> Dict[str, Unit]:
        """Return the services as they are; raise Refused where the state can not be reached."""
        names = [plain_name(name) for name in names]
        if not find_program(SYSTEMCTL, self._env):
            text = "There is no systemctl on this host, so services can not be started or stopped"
            raise Refused([Problem("service_control_missing", text)])
        if self._timeout < 1:
            raise Refused([Problem("option_out_of_range", "'timeout' is %d: it must be at least 1" % self._timeout)])
        units = read_units(self._prefix, names)
        pid = engine_is_running(self._prefix) if state == "stopped" and ENGINE_SERVICE in units else 0
        problems = check_units(units, state, pid)
        if problems:
            raise Refused(problems)
        return units

    def change(self, before: Dict[str, Unit], state: str) -> Dict[str, Unit]:
        """Change what is not in the state yet, in order; return what each service is in the end, read back."""
        pid = engine_is_running(self._prefix) if state == "stopped" and ENGINE_SERVICE in before else 0
        began = start_time_of(pid) if pid else ""
        try:
            for name in list_changes(before, state):
                self._change_one(name, state)
            if began:
                self._await_end(pid, began)
            return self._prove(before, state)
        except BackupError as error:
            error.facts["services"] = describe_changes(before, read_units(self._prefix, list(before)), state)
            raise

    def _change_one(self, name: str, state: str) -> None:
        argv = [find_program(SYSTEMCTL, self._env), VERBS[state], name]
        result = run_command(argv, self._env, max(self._deadline - self._clock(), 1.0))
        if result.returncode:
            said = " ".join((result.stderr.strip() or result.stdout.strip()).splitlines()[-3:])
            text = "'%s' failed with status %d: %s" % (" ".join(argv), result.returncode, said)
            raise CommandError(text, "service_failed", rc=result.returncode, service=name, cmd=argv)
        self._await(name, state)

    def _await(self, name: str, state: str) -> None:
        unit = read_units(self._prefix, [name])[name]
        while not has_arrived(unit, state):
            self._pause(name, "%s to be %s; systemd says it is '%s'" % (name, state, unit.active or "unknown"))
            unit = read_units(self._prefix, [name])[name]

    def _await_end(self, pid: int, began: str) -> None:
        while _runs_the_engine(pid) and start_time_of(pid) == began:
            self._pause(ENGINE_SERVICE, "the process %d of the engine to end, its service is stopped" % pid)

    def _pause(self, name: str, awaited: str) -> None:
        if self._clock() >= self._deadline:
            text = "The timeout of %d seconds was over while waiting for %s" % (self._timeout, awaited)
            raise BackupError(text, "service_timeout", service=name)
        self._sleep(PAUSE)

    def _prove(self, before: Dict[str, Unit], state: str) -> Dict[str, Unit]:
        """Read every service once more: one may have fallen over, or been pulled along by a later one."""
        after = read_units(self._prefix, list(before))
        wrong = list_changes(after, state)
        if wrong:
            seen = ", ".join("%s is '%s'" % (name, after[name].active) for name in wrong)
            text = "Not every service stayed %s: %s. Look into their journals" % (state, seen)
            raise BackupError(text, "service_not_steady", service=wrong[0])
        return after
