# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host programs: output and status are read, time is limited, and nothing of their session outlives them."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common import command
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import CommandError, Interrupted
from ansible_collections.ovirt.backup.plugins.module_utils._common.interruption import SIGNALS, interruptible
from unit.fakes.errors import error_of

ENV: Dict[str, str] = {"PATH": os.environ["PATH"]}
# A parent that starts a child that starts a grandchild; both ignore SIGTERM and write their ids.
STUBBORN = """
trap '' TERM
sh -c 'trap "" TERM; echo $$ >> %(ids)s; while :; do sleep 0.1; done' &
echo $$ >> %(ids)s
echo started
while :; do sleep 0.1; done
"""


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.4)


def is_alive(pid: int) -> bool:
    return any(found == pid and state != "Z" for found, state, _sid, _start in command.read_processes())


def written_ids(path: Path, count: int) -> List[int]:
    """Wait until so many processes have written their ids."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        ids = path.read_text().split() if path.exists() else []
        if len(ids) >= count:
            return [int(pid) for pid in ids]
        time.sleep(0.02)
    raise AssertionError("the processes did not start")


def run_long(script: str, folder: Path, timeout: float = 10, started: Any = None) -> command.CommandResult:
    stem = str(folder / "tool")
    return command.run_long_command(["sh", "-c", script], ENV, timeout, stem, started or (lambda _pid: None))


def test_status_and_output_are_returned() -> None:
    assert command.run_command(["sh", "-c", "echo out; echo err >&2; exit 3"], ENV) == (3, "out\n", "err\n")
    assert command.run_command(["sh", "-c", "kill -9 $$"], ENV).returncode == -9
    assert "a" in command.run_command(["printf", r"\377a"], ENV).stdout, "also what is not text"
    began = time.monotonic()
    assert command.run_command(["sleep", "60"], ENV, timeout=0.2).returncode is None
    assert time.monotonic() - began < 5


def test_program_has_no_input_no_terminal_and_only_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    script = "cat; echo end; tty; env | cut -d= -f1"
    found = command.run_command(["sh", "-c", script], dict(ENV, LC_ALL="C")).stdout.split("\n")
    assert found[:2] == ["end", "not a tty"]
    assert "SECRET" not in found
    assert "PATH" in found


@pytest.mark.parametrize("name", ["/nowhere/tool", "no-such-program"])
def test_program_that_can_not_be_started_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=name):
        command.run_command([name], ENV)
    with pytest.raises(CommandError, match=name):
        command.run_long_command([name], ENV, 1, str(tmp_path / "x"), lambda _pid: None)


def test_long_program_writes_its_output_to_files_and_tells_its_session_before(tmp_path: Path) -> None:
    told: List[int] = []

    def note(pid: int) -> None:
        told.append(pid)
        assert pid in command.session_members(pid)
        assert command.start_time_of(pid)
        (tmp_path / "told").touch()

    wait = "while [ ! -e %s/told ]; do sleep 0.01; done; " % tmp_path
    script = wait + "head -c 3000000 /dev/zero | tr '\\0' x; echo out; echo err >&2; exit 1"
    result = run_long(script, tmp_path, started=note)
    assert (len(told), told[0] != os.getsid(0)) == (1, True)
    assert (result.returncode, result.stderr, len(result.stdout)) == (1, "err\n", command.OUTPUT_LIMIT)
    assert result.stdout.endswith("x" * 10 + "out\n"), "the end of a long output is kept"
    assert (tmp_path / "tool.stdout").read_text().endswith("xout\n")
    assert (tmp_path / "tool.stderr").read_text() == "err\n"


def test_timeout_ends_the_whole_session_even_what_ignores_sigterm(tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    result = run_long(STUBBORN % {"ids": ids}, tmp_path, timeout=1)
    assert result.returncode is None
    assert result.stdout == "started\n"
    pids = written_ids(ids, 2)
    assert [pid for pid in pids if is_alive(pid)] == []


def test_children_that_outlive_their_parent_are_ended(tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    script = "sleep 60 & echo $! > %s; exit 0" % ids
    assert run_long(script, tmp_path).returncode == 0
    assert not is_alive(written_ids(ids, 1)[0])


def test_program_may_clean_up_after_sigterm(tmp_path: Path) -> None:
    script = "trap 'echo cleaned; exit 143' TERM; while :; do sleep 0.05; done"
    assert "cleaned" in run_long(script, tmp_path, timeout=0.5).stdout


def test_error_while_the_session_is_noted_ends_the_program(tmp_path: Path) -> None:
    seen: List[int] = []

    def refuse(pid: int) -> None:
        seen.append(pid)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        run_long("sleep 60", tmp_path, started=refuse)
    assert command.session_members(seen[0]) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_to_the_module_ends_the_program_and_is_an_interruption(tmp_path: Path, number: int) -> None:
    seen: List[int] = []

    def interrupt_myself(pid: int) -> None:
        seen.append(pid)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=str(int(number))), interruptible():
        run_long("sleep 60", tmp_path, started=interrupt_myself)
    assert command.session_members(seen[0]) == []
    assert signal.getsignal(number) == before


def test_second_signal_does_not_disturb_the_clean_up() -> None:
    done = []

    def be_interrupted() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)
            done.append("cleaned")

    with pytest.raises(Interrupted), interruptible():
        be_interrupted()
    assert done == ["cleaned"]


def test_other_sessions_are_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        with subprocess.Popen(["sleep", "60"], start_new_session=True) as mine:
            assert command.end_session(mine.pid, mine) == [mine.pid]
        assert command.end_session(mine.pid) == [], "it has ended"
        assert other.poll() is None
        other.kill()


def test_process_with_a_nasty_name_is_read(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"], start_new_session=True) as nasty:
        time.sleep(0.1)
        assert command.session_members(nasty.pid) == [nasty.pid]
        nasty.kill()


def test_tail_of_a_file_and_of_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    assert command.read_tail(str(tmp_path / "x"), 4) == "6789"
    assert command.read_tail(str(tmp_path / "x")) == "0123456789"
    assert command.read_tail(str(tmp_path / "nowhere")) == ""


def test_filter_passes_on_and_names_a_failure(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 1000)
    with open(str(tmp_path / "x"), "rb") as source:
        good = command.Filter(["cat"], source)
        assert b"".join(iter(lambda: good.read(100), b"")) == b"abc" * 1000
        good.close()
        bad = command.Filter(["sh", "-c", "echo why >&2; exit 2"], source)
        with pytest.raises(OSError, match="why"):
            bad.read(100)
        bad.close()
        error = error_of(CommandError, command.Filter, ["no-such-program"], source)
    assert error.code == "decompressor_missing"


def test_filter_that_is_not_read_to_its_end_is_ended() -> None:
    with open("/dev/zero", "rb") as source:
        endless = command.Filter(["cat"], source)
        assert endless.read(10) == bytes(10)
        pid = endless._process.pid
        endless.close()
    assert not is_alive(pid)


@pytest.mark.parametrize(
    ("script", "timeout", "answers", "returncode"),
    [
        ("echo said; sleep 30", 30, [False, False, True], None),
        ("echo said; exit 3", 30, [True], 3),
        ("echo said; sleep 30", 0.3, [False] * 100, None),
    ],
    ids=["without hope", "ends by itself", "takes too long"],
)
def test_a_program_that_is_watched_is_ended_where_there_is_no_hope(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, timeout: float, answers: List[bool], returncode: Any
) -> None:
    monkeypatch.setattr(command, "LOOK_PAUSE", 0.05)
    found, began, stem = iter(answers), time.monotonic(), str(tmp_path / "tool")
    argv = ["sh", "-c", script]
    result = command.run_long_command(argv, ENV, timeout, stem, lambda _pid: None, lambda: next(found))
    assert (result.returncode, result.stdout) == (returncode, "said\n")
    assert time.monotonic() - began < 10


def test_a_program_can_be_told_to_end_with_the_module(tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    script = "echo $$ >> %s; exec sleep 30" % ids
    pid = os.fork()
    if pid == 0:
        argv = command.die_with_parent(["sh", "-c", script])
        command.run_long_command(argv, ENV, 30.0, str(tmp_path / "tool"), lambda _pid: None)
        os._exit(0)
    (tool,) = written_ids(ids, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 10
    while is_alive(tool) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(tool)
