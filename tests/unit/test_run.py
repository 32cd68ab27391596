# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/run says at its end: CI reads the last line, and a failure is never lost on the way to it."""

import sys
from pathlib import Path

import pytest
from tooling import collection, run, steps
from tooling.steps import Case, Check, Tally

REPORT = """<testsuites><testsuite>
<testcase name="good"/><testcase name="bad"><failure>why</failure></testcase>
<testcase name="broken"><error>how</error></testcase><testcase name="left out"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("tallies", "line", "status"),
    [
        ([Tally(3), Tally(4)], "7 passed, 0 failed", 0),
        ([Tally(3), Tally(4, skipped=2)], "7 passed, 0 failed, 2 skipped", 0),
        ([Tally(3, failed=1), Tally(4)], "7 passed, 1 failed", 1),
    ],
)
def test_last_line_is_the_sum(tallies: list[Tally], line: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    results = [run.Took(f"part {number}", tally, 1.0) for number, tally in enumerate(tallies)]
    assert run.summarise(results) == status
    assert capsys.readouterr().out.splitlines()[-1] == line


@pytest.mark.parametrize(
    ("text", "status", "tally"),
    [
        ("ok\n\n29 passed, 0 failed, 3 skipped\n", 0, Tally(29, 0, 3)),
        ("29 passed, 2 failed\n", 1, Tally(29, 2)),
        ("29 passed, 0 failed\n", 1, Tally(failed=1)),
        ("29 passed, 0 failed\nTraceback", 0, Tally(failed=1)),
        ("", 130, Tally(failed=1)),
    ],
)
def test_run_beside_others_counts_only_with_its_closing_line(text: str, status: int, tally: Tally) -> None:
    assert run.tally_of_run(text, status) == tally


def test_part_that_breaks_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Tally:
        raise SystemExit("no such tool")

    monkeypatch.setitem(run.PARTS, "lint", broken)
    assert run.run_part("lint").tally == Tally(failed=1)


def test_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["unit", "everything"]) == 2
    assert "unknown part: everything" in capsys.readouterr().err


def test_junit_report_is_read(tmp_path: Path) -> None:
    record = tmp_path / "report.xml"
    record.write_text(REPORT, encoding="utf-8")
    cases = list(steps.read_junit(record))
    assert cases[:2] == [Case("good", "ok", ""), Case("bad", "FAIL", "why")]
    assert steps.count(cases) == Tally(passed=1, failed=2, skipped=1)


def test_failing_check_is_counted_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    good = Check("says yes", [sys.executable, "-c", ""])
    bad = Check("says no", [sys.executable, "-c", "print('because'); raise SystemExit(3)"])
    assert steps.check_all([good, bad, good]) == Tally(passed=2, failed=1)
    shown = capsys.readouterr().out
    assert "FAIL  says no" in shown
    assert "exit status 3" in shown
    assert "because" in shown


def test_stray_file_in_the_artefact_is_named() -> None:
    names = ["README.md", "tests/config.yml", "plugins/modules/engine_backup.py"]
    strays = ["tests/lab/pki.py", ".build/x", "plugins/__pycache__/x.pyc", "pyproject.toml"]
    assert collection.stray_names([*names, *strays]) == strays
