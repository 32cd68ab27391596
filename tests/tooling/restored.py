# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of "tests/demo restore": shows the databases at the backup, changed, and restored, counted by the lab.

python3 -m tooling.restored count LAB FILE      count the rows of every database, keep them in FILE
python3 -m tooling.restored show ARCHIVE BEFORE CHANGED RESTORED
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import load
from lab.databases import row_counts

# What a restore empties, and what engine-setup and a running engine write afterwards.
EMPTIED = frozenset(
    f"public.{name}"
    for name in (
        "async_tasks", "async_tasks_entities", "business_entity_snapshot", "command_entities", "command_assoc_entities",
        "job", "job_subject_entity", "step", "step_subject_entity",
    )
)  # fmt: skip
ROW = "  {:<14}{:>14}{:>14}{:>14}{:>14}   {}"
Counts = dict[str, dict[str, int]]


def count(home: Path, target: Path) -> int:
    lab = load(home)
    target.write_text(json.dumps({kind: row_counts(lab, kind) for kind in lab.databases}), encoding="utf-8")
    return 0


def show(archive: Path, before: Counts, changed: Counts, restored: Counts) -> int:
    manifest: dict[str, Any] = json.loads(Path(f"{archive}.manifest.json").read_text(encoding="utf-8"))
    lines = ["", ROW.format("rows", "in the archive", "at the backup", "changed", "restored", "").rstrip()]
    wrong: list[str] = []
    for kind in before:
        archived = manifest["databases"][kind]["tables"]
        differences = list_differences(archived, restored[kind])
        wrong += [f"{kind}: {difference}" for difference in differences]
        sums = [sum(tables.values()) for tables in (archived, before[kind], changed[kind], restored[kind])]
        verdict = "DIFFERENT" if differences else explain(archived)
        lines.append(ROW.format(kind, *(f"{one:,}" for one in sums), verdict))
    verdict = "NOT GOOD" if wrong else "GOOD: every table holds the rows of the archive again"
    print("\n".join([*lines, "", f"  {verdict}", *(f"  PROBLEM: {one}" for one in wrong), ""]))
    return 1 if wrong else 0


def explain(archived: dict[str, int]) -> str:
    emptied = sum(rows for name, rows in archived.items() if name in EMPTIED)
    return f"{emptied:,} rows of running tasks emptied on purpose" if emptied else "same"


def list_differences(archived: dict[str, int], restored: dict[str, int]) -> list[str]:
    """Return each table that does not hold what the archive does; the emptied ones must be empty."""
    wanted = {name: 0 if name in EMPTIED else rows for name, rows in archived.items()}
    names = sorted(set(wanted) | set(restored))
    return [
        f"{name} holds {restored.get(name)}, expected {wanted.get(name)}"
        for name in names if restored.get(name) != wanted.get(name)
    ]  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    if arguments[0] == "count":
        return count(Path(arguments[1]), Path(arguments[2]))
    counts = [json.loads(Path(path).read_text(encoding="utf-8")) for path in arguments[2:5]]
    return show(Path(arguments[1]), *counts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
