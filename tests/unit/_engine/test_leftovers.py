# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a run was killed its processes, its password file and its unfinished archive go, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.manifest import SUFFIX
from ansible_collections.ovirt.backup.plugins.module_utils._common import command, files
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from ansible_collections.ovirt.backup.plugins.module_utils._engine import leftovers
from unit.fakes.errors import error_of

# A run in a process of its own: begins, starts a stubborn tool with a password file, and waits to be killed.
RUN = """
import sys
sys.path[:0] = sys.argv[3:]
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.host import EngineHost
host = EngineHost("")
host.session.lock(sys.argv[1])
stage, work = host.session.begin(sys.argv[1] + "/one.backup", sys.argv[2], "/log")
open(stage + "/archive", "w").write("half")
script = "trap '' TERM; mkdir -p $1/engine-backup.x; echo secret > $1/engine-backup.x/.pgpass; echo up; sleep 60"
host.tool.run_tool(["sh", "-c", script, "tool", work], 60, work + "/tool")
"""


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.3)


@pytest.fixture
def places(tmp_path: Path) -> Any:
    target, work = tmp_path / "target", tmp_path / "work"
    target.mkdir()
    work.mkdir()
    return target, work


def kill_a_run(target: Path, work: Path) -> int:
    """Start a run, kill it with SIGKILL while its tool works, and return the session of the tool."""

    def state() -> Dict[str, Any]:
        return leftovers.read_leftovers(str(target)) or {}

    with subprocess.Popen([sys.executable, "-c", RUN, str(target), str(work), *sys.path]) as process:
        deadline = time.monotonic() + 15
        while not list(work.rglob(".pgpass")) or not state().get("session"):
            assert time.monotonic() < deadline, "the run did not start, or noted no session"
            time.sleep(0.02)
        process.kill()
    return int(state()["session"])


def test_killed_run_is_swept_up_whole(places: Any) -> None:
    target, work = places
    session = kill_a_run(target, work)
    assert command.session_members(session)
    assert not files.is_locked(str(target))
    removed = leftovers.remove_leftovers(str(target))
    assert command.session_members(session) == []
    assert sorted(os.path.dirname(path) for path in removed) == sorted([str(target), str(work)])
    assert list(work.iterdir()) == []
    assert [path.name for path in target.iterdir()] == [files.LOCK_NAME]
    assert leftovers.remove_leftovers(str(target)) == []
    assert leftovers.read_leftovers(str(target)) is None


def write_state(target: Path, **changes: Any) -> Dict[str, Any]:
    state = leftovers.describe_run(1, [], str(target / "one.backup"), "/log")
    state.update(changes)
    files.write_json(str(target / files.STATE_NAME), state)
    return state


@pytest.fixture
def stranger() -> Any:
    """A process of somebody else, leader of its session."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


STRANGERS: Dict[str, Dict[str, Any]] = {
    "number used again": {"session_start": "1"},
    "start not written down": {"session_start": ""},
    "another boot": {"boot": "another"},
    "no session begun": {"session": 0},
}


@pytest.mark.parametrize("changes", list(STRANGERS.values()), ids=list(STRANGERS))
def test_later_user_of_a_process_id_is_left_alone(tmp_path: Path, stranger: Any, changes: Dict[str, Any]) -> None:
    recorded = {"session": stranger.pid, "session_start": command.start_time_of(stranger.pid)}
    write_state(tmp_path, **dict(recorded, **changes))
    (tmp_path / (files.STATE_NAME + files.UNFINISHED)).write_text("{")
    leftovers.remove_leftovers(str(tmp_path))
    assert stranger.poll() is None
    assert list(tmp_path.iterdir()) == []


def test_recorded_session_is_ended(tmp_path: Path, stranger: Any) -> None:
    write_state(tmp_path, session=stranger.pid, session_start=command.start_time_of(stranger.pid))
    leftovers.remove_leftovers(str(tmp_path))
    assert stranger.wait(5) == -signal.SIGTERM


def test_session_whose_leader_is_gone_is_ended(tmp_path: Path) -> None:
    script = "sleep 60 & echo $!"
    with subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE) as leader:
        assert leader.stdout is not None
        child = int(leader.stdout.readline())
        start = command.start_time_of(leader.pid)
        leader.wait()
        assert command.session_members(leader.pid) == [child]
        write_state(tmp_path, session=leader.pid, session_start=start)
        leftovers.remove_leftovers(str(tmp_path))
        assert command.session_members(leader.pid) == []


@pytest.mark.parametrize("has_archive", [True, False])
def test_manifest_goes_only_where_its_archive_was_never_named(tmp_path: Path, has_archive: bool) -> None:
    archive = tmp_path / "one.backup"
    manifest = tmp_path / ("one.backup" + SUFFIX)
    manifest.write_text("{}")
    if has_archive:
        archive.write_text("proven")
    write_state(tmp_path)
    removed = leftovers.remove_leftovers(str(tmp_path))
    assert manifest.exists() is has_archive
    assert removed == ([] if has_archive else [str(manifest)])


def test_state_never_leads_to_the_removal_of_a_foreign_directory(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    write_state(tmp_path, directories=[str(precious)])
    leftovers.remove_leftovers(str(tmp_path))
    assert precious.is_dir()


GARBLED = [{"session": "x"}, {"directories": "x"}, {"directories": [1]}, {"boot": None}]
DAMAGED: List[Any] = [b"", b"[]", b'{"schema": 2}', b'{"schema": 1}', b" " * (files.STATE_LIMIT + 1), *GARBLED]


@pytest.mark.parametrize("damage", DAMAGED, ids=lambda damage: str(damage)[:20])
def test_damaged_state_is_named_and_nothing_is_touched(tmp_path: Path, damage: Any) -> None:
    state = tmp_path / files.STATE_NAME
    if isinstance(damage, bytes):
        state.write_bytes(damage)
    else:
        write_state(tmp_path, **damage)
    content = state.read_bytes()
    for call in (leftovers.remove_leftovers, leftovers.read_leftovers):
        assert error_of(BackupError, call, str(tmp_path)).code == "state_unreadable"
    assert state.read_bytes() == content
