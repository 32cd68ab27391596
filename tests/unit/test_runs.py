# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ansible-playbook that is forked from a server is as one that is started; modules compiled once are the same."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from functional import runs
from functional.installation import QUICK_START, program

pytestmark = pytest.mark.ansible
INTERPRETER = "ansible_python_interpreter={{ ansible_playbook_python }}"
REAL = {"ANSIBLE_STDOUT_CALLBACK": "default"}  # not one of those that may differ from run to run


def begin(folder: Path, *tasks: dict[str, Any], **settings: str) -> runs.AnyRun:
    folder.mkdir(exist_ok=True)
    playbook = folder / "play.json"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    own = {"ANSIBLE_LOCAL_TEMP": str(folder / "local"), "ANSIBLE_REMOTE_TEMP": str(folder / "remote")}
    command = [program("ansible-playbook"), "-i", "localhost,", "-c", "local", "-e", INTERPRETER, str(playbook)]
    return runs.start(command, {**own, **settings}, folder, session=True)


def say(expression: str) -> dict[str, Any]:
    return {"ansible.builtin.debug": {"msg": "SAID {{ %s }}" % expression}}


@pytest.mark.parametrize("good", [True, False])
def test_run_says_and_ends_as_a_real_one(tmp_path: Path, good: bool) -> None:
    tasks = [{"ansible.builtin.ping": {}}, {"ansible.builtin.assert": {"that": good}}, say("lookup('env', 'WORD')")]
    forked = begin(tmp_path, *tasks, WORD="given")
    real = begin(tmp_path, *tasks, WORD="given", **REAL)
    assert (type(forked), type(real)) == (runs.Run, subprocess.Popen)
    assert forked.communicate(60)[0] == real.communicate(timeout=60)[0]
    assert forked.returncode == real.returncode == (0 if good else 2)
    assert list((tmp_path / "local").iterdir()) == []


def test_run_is_where_and_what_it_was_asked_to_be(tmp_path: Path) -> None:
    first = begin(tmp_path / "one", say("lookup('pipe', 'pwd; echo $WORD')"), WORD="given")
    second = begin(tmp_path / "two", say("lookup('env', 'WORD')"))
    said = first.communicate(60)[0].split("SAID ")[1].split('"')[0].split("\\n")
    assert said == [str(tmp_path / "one"), "given"]
    assert '"msg": "SAID "' in second.communicate(60)[0], "nothing of one run is left for the next"


def test_run_that_is_killed_says_so(tmp_path: Path) -> None:
    run = begin(tmp_path, {"ansible.builtin.pause": {"seconds": 60}})
    with pytest.raises(subprocess.TimeoutExpired):
        run.communicate(0.1)
    assert (run.poll(), os.getsid(run.pid)) == (None, run.pid)
    os.killpg(run.pid, 9)
    assert (run.wait(20), run.poll(), run.communicate(20)[1]) == (-9, -9, None)


def load(folder: Path, text: str, archive: str) -> str:
    """Import a module from a zip and let it raise; the traceback."""
    with zipfile.ZipFile(folder / archive, "w") as made:
        made.writestr("inside.py", text)
    (folder / "compiled").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", "import inside; inside.run()"], check=False, stderr=subprocess.PIPE, text=True,
        env={"PYTHONPATH": f"{QUICK_START}:{folder / archive}", "OVIRT_BACKUP_COMPILED": str(folder / "compiled")},
    )  # fmt: skip
    return done.stderr


def test_module_is_compiled_once_and_anew_when_it_changed(tmp_path: Path) -> None:
    text = "def run():\n    raise OSError('first')\n"
    one = load(tmp_path, text, "one.zip")
    (compiled,) = (tmp_path / "compiled").iterdir()
    kept = compiled.stat().st_mtime_ns
    two = load(tmp_path, text, "two.zip")
    assert "OSError: first" in one and "one.zip" in one
    assert "OSError: first" in two and "two.zip" in two and "one.zip" not in two
    assert [path.stat().st_mtime_ns for path in (tmp_path / "compiled").iterdir()] == [kept]
    assert "OSError: second" in load(tmp_path, text.replace("first", "second"), "one.zip")
    compiled.write_bytes(b"cut off")
    assert "OSError: first" in load(tmp_path, text, "one.zip")
