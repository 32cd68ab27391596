# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two suites take files from one list: every test runs once, and a failure is the failure of its suite."""

import subprocess
import sys
from pathlib import Path

import pytest
from tooling.places import ROOT
from tooling.steps import read_junit

SHARED = """
import pytest

@pytest.fixture(scope="session")
def shared():
    yield
    print("TORN DOWN")
"""
TESTS = """
import pytest

def test_good_{0}(shared): pass

@pytest.mark.parametrize("number", [1, 2])
def test_more_{0}(shared, number): pass
"""
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Files with three tests each, and an empty queue."""
    (tmp_path / "queue").mkdir()
    (tmp_path / "conftest.py").write_text(SHARED, encoding="utf-8")
    for name in NAMES:
        (tmp_path / f"test_{name}.py").write_text(TESTS.format(name), encoding="utf-8")
    return [f"test_{name}.py" for name in NAMES]


def begin(folder: Path, suite: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-p", "tooling.work_queue"]
    options = [f"--queue={folder / 'queue'}", f"--junitxml={folder / suite}.xml", f"--rootdir={folder}"]
    return subprocess.Popen(
        [*command, *options, *arguments], cwd=folder, env={"PYTHONPATH": str(ROOT / "tests")}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def names(folder: Path, suite: str) -> list[str]:
    return [case.name for case in read_junit(folder / f"{suite}.xml")]


def test_each_test_runs_once(files: list[str], tmp_path: Path) -> None:
    suites = {"one": begin(tmp_path, "one", *files), "two": begin(tmp_path, "two", "--from-the-end", *files)}
    said = {suite: process.communicate(timeout=60)[0] for suite, process in suites.items()}
    assert [process.returncode for process in suites.values()] == [0, 0], said
    assert len(set(names(tmp_path, "one")) | set(names(tmp_path, "two"))) == 3 * len(NAMES)
    assert len(names(tmp_path, "one") + names(tmp_path, "two")) == 3 * len(NAMES)


def test_the_rest_is_run_from_the_end_and_shared_things_live_on(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "queue" / "test_b.py").touch()
    suite = begin(tmp_path, "one", "-v", "--from-the-end", *files)
    said = suite.communicate(timeout=60)[0]
    assert suite.returncode == 0, said
    tests = ["good_{}", "more_{}[1]", "more_{}[2]"]
    assert names(tmp_path, "one") == ["test_" + test.format(name) for name in "dca" for test in tests]
    assert said.count("TORN DOWN") == 1 and said.index("TORN DOWN") > said.index("test_more_a[2]")


@pytest.mark.parametrize(("text", "status"), [("def test_bad(): assert 0", 1), ("import nothing_such", 2)])
def test_failure_of_a_test_and_of_a_file_is_seen(files: list[str], tmp_path: Path, text: str, status: int) -> None:
    (tmp_path / files[0]).write_text(text, encoding="utf-8")
    suite = begin(tmp_path, "one", *files)
    suite.communicate(timeout=60)
    assert suite.returncode == status
