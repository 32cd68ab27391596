# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clean up after a run that was killed: its processes, its clear-text password file, its unfinished archive.

Only what a state file of this collection names is touched. This file is private to the collection.
"""

import os
from typing import Any, Dict, List, Optional

from .._archive.manifest import SUFFIX
from .._common import files
from .._common.command import end_session, start_time_of
from .._common.errors import BackupError

SCHEMA = 1


def describe_run(pid: int, directories: List[str], archive: str, log_path: str) -> Dict[str, Any]:
    """Return the state of a run that begins: what to clean up should it be killed."""
    return {
        "schema": SCHEMA,
        "pid": pid,
        "boot": boot_id(),
        "directories": directories,
        "archive": archive,
        "log_path": log_path,
        "session": 0,
        "session_start": "",
    }


def boot_id() -> str:
    """Return what tells this boot of the machine from others; process ids mean nothing after another boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()


def read_leftovers(directory: str) -> Optional[Dict[str, Any]]:
    """Return the state of a run that did not end by itself, None where there is none. Needs the lock to be sure."""
    path = os.path.join(directory, files.STATE_NAME)
    try:
        state = files.read_json(path, files.STATE_LIMIT)
        if state is not None:
            check_state(state)
    except ValueError as error:
        text = "The state file %s is damaged (%s). Look for directories %s* beside it, remove both, and run again."
        raise BackupError(text % (path, error, files.WORK_PREFIX), "state_unreadable") from None
    return state


def check_state(state: Dict[str, Any]) -> None:
    """Raise ValueError where a state is not one that describe_run makes."""
    if state.get("schema") != SCHEMA:
        raise ValueError("schema %r" % state.get("schema"))
    texts = [state.get("archive"), state.get("boot"), state.get("session_start")]
    directories = state.get("directories")
    if not isinstance(directories, list) or not isinstance(state.get("session"), int):
        raise ValueError("a value is of another type")
    if not all(isinstance(text, str) for text in texts + directories):
        raise ValueError("a value is of another type")


def list_leftovers(state: Dict[str, Any]) -> List[str]:
    """Return the paths that a killed run left behind; the manifest only where its archive was never named."""
    paths = [path for path in state["directories"] if files.is_work_directory(path)]
    unnamed = not os.path.lexists(state["archive"])
    manifest = state["archive"] + SUFFIX
    return paths + ([manifest] if unnamed and os.path.lexists(manifest) else [])


def remove_leftovers(directory: str) -> List[str]:
    """Undo what a killed run left; return the paths that were removed. The caller holds the lock."""
    state = read_leftovers(directory)
    if state is None:
        return []
    if is_same_session(state):
        end_session(state["session"])
    removed = remove_run(state)
    forget_run(directory)
    return removed


def forget_run(directory: str) -> None:
    """Remove the state of a run, the last thing that is left of it."""
    path = os.path.join(directory, files.STATE_NAME)
    files.remove_file(path + files.UNFINISHED)
    files.remove_file(path)


def remove_run(state: Dict[str, Any]) -> List[str]:
    """Remove what belongs to an ended run alone; return the paths."""
    removed = list_leftovers(state)
    for path in removed:
        if path.endswith(SUFFIX):
            files.remove_file(path)
        else:
            files.remove_tree(path)
    return removed


def is_same_session(state: Dict[str, Any]) -> bool:
    """Are the processes of the recorded session still those of the run, and not of a later user of the number?

    A session id is not given away while a member lives, so either the leader is the recorded one or it is gone.
    """
    if not state["session"] or state["boot"] != boot_id():
        return False
    return start_time_of(state["session"]) in ("", state["session_start"])
