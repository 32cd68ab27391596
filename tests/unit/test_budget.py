# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The budget of size and complexity holds, and what goes over it is named."""

from pathlib import Path

import pytest
from tooling import budget
from tooling.places import ROOT

HOST = "plugins/module_utils/_host/files.py"
MODULE = "plugins/modules/engine_backup.py"

SHORT = "\n".join(f"def short_{number}():\n    return {number}\n" for number in range(5))


def function(name: str, lines: int) -> str:
    return f"def {name}():\n" + "    x = 1\n" * (lines - 1)


def decisions(count: int) -> str:
    return "def decide(x):\n" + "    if x:\n        x = 1\n" * count


EXCESSES = [
    (HOST, "x = 1\n" * 301, "301 code lines, 300 are allowed"),
    (MODULE, "x = 1\n" * 151, "151 code lines, 150 are allowed"),
    (HOST, SHORT + function("long", 51), "long() has 51 lines, 50 are allowed"),
    (MODULE, SHORT + function("main", 21), "main() has 21 lines, 20 are allowed"),
    (HOST, SHORT + decisions(10), "decide() has complexity 11, 10 is allowed"),
    (HOST, SHORT + "def decide(*x):\n    return " + " or ".join("abcdefghijk"), "decide() has complexity 11"),
    (HOST, "".join(function(f"f{number}", 13) for number in range(3)), "the median function has 13 lines"),
]

WITHIN = [
    (HOST, "x = 1\n" * 300 + "\n# a comment\n" * 50),
    (MODULE, 'DOCUMENTATION = """' + "text\n" * 400 + '"""\n' + "x = 1\n" * 150),
    (HOST, SHORT + function("long", 50)),
    (MODULE, SHORT + function("main", 20)),
    (HOST, SHORT + decisions(9)),
]


def measure(folder: Path, name: str, code: str) -> list[str]:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text(code, encoding="utf-8")
    return budget.find_excesses(folder)


def test_collection_lab_and_tooling_are_within_the_budget() -> None:
    assert budget.find_excesses(ROOT) == []


@pytest.mark.parametrize(("name", "code", "named"), EXCESSES, ids=[case[2] for case in EXCESSES])
def test_planted_excess_is_named(tmp_path: Path, name: str, code: str, named: str) -> None:
    found = measure(tmp_path, name, code)
    assert len(found) == 1
    assert named in found[0]


@pytest.mark.parametrize(("name", "code"), WITHIN)
def test_code_at_the_limit_passes(tmp_path: Path, name: str, code: str) -> None:
    assert measure(tmp_path, name, code) == []


def test_inner_function_counts_for_itself(tmp_path: Path) -> None:
    inner = "    def inner(x):\n" + "        if x:\n            x = 1\n" * 6
    assert measure(tmp_path, HOST, SHORT + decisions(6) + inner) == []
