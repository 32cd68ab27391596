# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/run says at its end, what the artefact may hold, and which words are banned."""

import subprocess
from pathlib import Path

import pytest
from tooling import collection, language, run
from tooling.places import VENV
from tooling.run import Tally

REPORT = """<testsuites><testsuite>
<testcase name="good"/><testcase name="bad"><failure>why</failure></testcase>
<testcase name="broken"><error>how</error></testcase><testcase name="left out"><skipped/></testcase>
</testsuite></testsuites>"""
GOOD = '<testsuite><testcase name="good"/></testsuite>'


@pytest.mark.parametrize(
    ("tallies", "line", "status"),
    [
        ([Tally(3), Tally(4)], "7 passed, 0 failed", 0),
        ([Tally(3), Tally(4, skipped=2)], "7 passed, 0 failed, 2 skipped", 0),
        ([Tally(3, failed=1), Tally(4)], "7 passed, 1 failed", 1),
        ([], "0 passed, 0 failed", 1),
    ],
)
def test_last_line_is_the_sum(tallies: list[Tally], line: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    results = [(f"session {number}", tally) for number, tally in enumerate(tallies)]
    assert run.summarise(results, 1.0) == status
    assert capsys.readouterr().out.splitlines()[-1] == line


@pytest.mark.parametrize(
    ("verdict", "report", "tally"),
    [
        ("success", "", Tally(1)),
        ("success", GOOD, Tally(1)),
        ("success", REPORT, Tally(1, 3, 1)),  # a session that hides a failure
        ("failed", REPORT, Tally(1, 2, 1)),
        ("failed", GOOD, Tally(1, 1)),  # it broke beside its tests
        ("none", "", Tally(failed=1)),
        ("aborted", "", Tally(failed=1)),
        ("skipped", "", Tally(skipped=1)),
    ],
)
def test_a_failure_is_never_lost(tmp_path: Path, verdict: str, report: str, tally: Tally) -> None:
    if report:
        (tmp_path / "report.xml").write_text(report, encoding="utf-8")
    assert run.tally_of(verdict, tmp_path / "report.xml") == tally


NOXFILE = """import nox
@nox.session(name="good-3.6", venv_backend="none")
def good(session): pass
@nox.session(venv_backend="none")
def bad(session): session.error("broken")
"""


def test_verdicts_are_read_from_the_report_of_nox(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text(NOXFILE, encoding="utf-8")
    report = tmp_path / "report.json"
    subprocess.run([VENV / "bin/nox", "--report", report], cwd=tmp_path, check=False, capture_output=True)
    assert run.read_verdicts(report) == {"good-3.6": "success", "bad": "aborted"}


def test_stray_file_in_the_artefact_is_named() -> None:
    names = ["README.md", "tests/config.yml", "plugins/modules/engine_backup.py"]
    strays = ["tests/lab/pki.py", ".build/x", "plugins/__pycache__/x.pyc", "pyproject.toml"]
    assert collection.stray_names([*names, *strays]) == strays


def test_banned_words_are_named_with_better_ones() -> None:
    rules = language.read_rules("# a comment\n\nsame old -> new\n")
    assert list(language.find_banned("fine\nthe Same old words\n", rules)) == [
        (2, "the Same old words", "'Same old': write new")
    ]


def test_banned_word_of_an_old_line_passes_until_the_line_is_touched() -> None:
    before = language.read_before("a.md 11111111 " + language.digest("  an old line") + "\n")
    assert language.digest("an old line") in before["a.md"]
    assert language.digest("an old line, touched") not in before["a.md"]
