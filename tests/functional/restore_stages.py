# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of the restore roles, read from their task files, and ways to kill a run in each of them.

A stage is a task that writes, named FILE/NAME; another role that is included is one stage. A chain of kills names the
stages in the order in which its runs come to them: each run takes up what the one before it left, and is killed in the
next stage.
"""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tooling.places import ROOT

from . import runs
from .otopi_tasks import state_file
from .playbooks import DEADLINE, Play
from .restore_roles import RestoreRole
from .role import RECAP
from .side_effects import STATE, release, sleepers, wait_for

# What these modules do can be cut off anywhere: they write nothing on the host.
READERS = frozenset(("assert", "debug", "fail", "set_fact", "set_stats", "setup", "slurp", "stat"))
READING = frozenset(("engine_backup_info", "engine_info"))
STEPS = "engine_restore_steps"
WRITES_WITH = {"engine_restore_target": "clear", "engine_config": "value"}  # without this option they only look
# The stages that the chains of the three roles name; what is killed in one of them is not killed in another.
BACKUP = "make_safety/Make a proven backup of the present state"
NOTE = "note/Write the journal"
TAKE_UP = "take_up/Restore, if nothing stands in the way"
CLEANUP = "clean_up/Remove the set-up and prove the databases empty"
RESTORE = "restore/Restore and prove every row"
USERS = "users/Set the password of a role with grants"
GUARD = "guard/Keep the restored engine from fencing hosts"
SETUP = "set_up/Run engine-setup and prove that it took the restored database"
LIFT = "lift_guard/Put the old value back for the next start of the engine"
CLEARING, LOADED, SCHEMA = "cleanup-slow-at clear-dwh 200", "slow-at loaded-dwh 200", "setup-slow-at schema 200"
KEYWORDS = frozenset((
    "name", "when", "vars", "register", "loop", "loop_control", "changed_when", "failed_when", "check_mode", "become",
    "become_user", "delegate_to", "block", "rescue", "always", "no_log", "run_once", "until", "retries", "delay",
))  # fmt: skip

Task = dict[str, Any]


class Kill(NamedTuple):
    """One run of a chain: where it is killed, and what is."""

    stage: str  # FILE/NAME of the task
    moment: str = "after"  # "before" it, "after" it, or "in" it, while its tool works
    fault: str = ""  # in: what makes the tool slow there, and its parameter
    victim: str = "run"  # in: "run" (Ansible and its module), "connection" (Ansible), "module", "tool"
    is_met: bool = False  # another run is started before it has ended, and refused
    times: int = 1  # how many times a run has to come to the task before it is killed
    variables: dict[str, Any] = {}


def writing_stages(role: str) -> set[str]:
    """Every task of a role that writes, with the files and roles that it includes."""
    return {f"{path.stem}/{task['name']}" for path, task in walk(ROOT / "roles" / role / "tasks/main.yml", set())}


def walk(path: Path, seen: set[Path]) -> Iterator[tuple[Path, Task]]:
    """The writing tasks of a file and of all that it includes."""
    if path in seen:
        return
    seen.add(path)
    for task in flattened(yaml.safe_load(path.read_text(encoding="utf-8"))):
        (action,) = set(task) - KEYWORDS
        module = action.rpartition(".")[2]
        if module == "include_tasks":
            yield from walk(path.with_name(task[action]), seen)
        elif module == "include_role":
            role = task[action]["name"].rpartition(".")[2]
            if role == STEPS:
                yield from walk(ROOT / "roles" / role / "tasks" / task[action]["tasks_from"], seen)
            else:
                yield path, task
        elif not is_reading(module, task[action] or {}) and task.get("check_mode") is not True:
            yield path, task


def is_reading(module: str, options: Task) -> bool:
    """Does a task leave everything as it is?"""
    return module in READERS | READING or (module in WRITES_WITH and WRITES_WITH[module] not in options)


def flattened(tasks: list[Task]) -> Iterator[Task]:
    """The tasks, those of blocks in place of the blocks."""
    for task in tasks:
        inner = [part for key in ("block", "rescue", "always") for part in task.get(key, [])]
        yield from flattened(inner) if inner else iter([task])


def victims(chain: list[Kill], *stages: str) -> set[str]:
    """What is killed somewhere in a chain while a tool works, in these stages or in any."""
    return {kill.victim for kill in chain if kill.moment == "in" and (kill.stage in stages or not stages)}


EVERY_VICTIM = {"run", "connection", "module", "tool"}


def run_chain(role: RestoreRole, chain: list[Kill], **variables: Any) -> None:
    """Kill one run after the other."""
    for kill in chain:
        given = {**variables, **kill.variables}
        if kill.moment == "in":
            kill_in(role, kill, **given)
        else:
            kill_at(role, kill, **given)


def kill_at(role: RestoreRole, kill: Kill, **variables: Any) -> None:
    """Let Ansible die before or after a task."""
    note = role.engine.scratch / "killed_at"
    role.more = environment_of(kill, note)
    process = role.start(**variables)
    role.more = {}
    if kill.is_met:
        meet(role, kill, process, note, **variables)
    output = finish(role, process)
    assert note.exists(), f"never came to {kill.moment} {kill.stage}\n{output}"
    note.unlink()


def meet(role: RestoreRole, kill: Kill, process: runs.AnyRun, note: Path, **variables: Any) -> None:
    """Start another run while the first one is between two modules, and has nothing on the host but its journal."""
    wait_for(kill.stage, lambda: note.exists() or process.poll() is not None)
    try:
        role.run(**variables).refused("Another run is at work on this host")
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def environment_of(kill: Kill, note: Path) -> dict[str, str]:
    """What makes Ansible kill itself at a task."""
    return {
        "KILL_AT_MOMENT": kill.moment, "KILL_AT_TASK": kill.stage, "KILL_AT_TIMES": str(kill.times),
        "KILL_AT_NOTE": str(note), "KILL_AT_SIGNAL": "SIGSTOP" if kill.is_met else "SIGKILL",
    }  # fmt: skip


def kill_in(role: RestoreRole, kill: Kill, **variables: Any) -> None:
    """Kill what a stage consists of while its tool works."""
    name, _space, parameter = kill.fault.partition(" ")
    known = set(sleepers(role.engine.site))
    switch = role.lab_engine.fault(name, parameter)
    process = role.start(**variables)
    try:
        wait_for(kill.fault, lambda: set(sleepers(role.engine.site)) - known or process.poll() is not None)
        assert process.poll() is None, finish(role, process)
    finally:
        switch.unlink()
    strike(role, kill, process)


def strike(role: RestoreRole, kill: Kill, process: runs.AnyRun) -> None:
    """Kill one part of a run; where Ansible lives on, it has to say that the run failed."""
    victim = kill.victim
    places = (state_file(role.engine.site), role.archives / STATE)  # a backup has its own where it goes to
    (found,) = [path for path in places if path.exists()]
    state = json.loads(found.read_text(encoding="utf-8"))
    if victim in ("run", "connection"):
        os.killpg(process.pid, signal.SIGKILL)
    if victim in ("run", "module"):  # the module leads a session of its own, and so does its tool
        os.kill(state["pid"], signal.SIGKILL)
    if victim == "tool":
        os.killpg(state["session"], signal.SIGKILL)
    output = finish(role, process)
    recap = RECAP.search(output)
    assert (recap is None) == (victim in ("run", "connection")), output
    assert recap is None or recap[2] == "1", output
    if kill.is_met:
        role.run().refused("nother run holds")
    if victim == "connection":  # the module goes on by itself
        release(role.engine.site)
        wait_for("the end of the module", lambda: not found.exists())


def finish(role: RestoreRole, process: runs.AnyRun) -> str:
    """Wait for the end of a run; keep what it said."""
    output = process.communicate(timeout=DEADLINE)[0]
    role.given.unlink(missing_ok=True)
    role.engine.plays.append(Play([], output))
    return output
