# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup_prune removes what no rule wants, and only what is proven to be ours."""

import time
from pathlib import Path
from typing import Any

import pytest

from .archive_store import copy_archive, manifest_of
from .playbooks import Engine, Result, checked, prune
from .side_effects import LOCK, photograph

DAY = 24 * 3600


def days_ago(days: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * DAY))


@pytest.fixture
def archives(closed: Path, proven: dict[str, Path]) -> Path:
    """Seven archives of one engine, a day apart, two of another, and files that are none of ours."""
    for age in range(7):
        copy_archive(proven["stock"], closed / f"day{age}.backup", created=days_ago(age + 0.5), fqdn="one.test")
    for age in (30, 40):
        copy_archive(proven["stock"], closed / f"other{age}.backup", created=days_ago(age), fqdn="other.test")
    (closed / "by-hand.backup").write_bytes(proven["stock"].read_bytes())
    (closed / "notes.txt").write_text("do not delete")
    damaged = copy_archive(proven["stock"], closed / "damaged.backup", created=days_ago(100), fqdn="one.test")
    damaged.write_bytes(damaged.read_bytes() + b"x")
    (copy_archive(proven["stock"], closed / "alone.backup", created=days_ago(100))).unlink()
    return closed


def names(paths: list[str]) -> list[str]:
    return [Path(path).stem for path in paths]


def days(*ages: int) -> list[str]:
    return [f"day{age}" for age in ages]


def test_prune_keeps_what_any_rule_wants_and_leaves_foreign_and_damaged_files_alone(
    engine: Engine, archives: Path
) -> None:
    before = photograph(archives)
    asked = prune(directory=archives, keep=2, keep_days=4, minimum=1)
    preview, pruned, again = engine.play(checked(asked), asked, asked)

    assert names(pruned["kept"]) == [*days(0, 1, 2, 3), "other30", "other40"]
    assert names(pruned["removed"]) == days(4, 5, 6)
    assert {key: preview[key] for key in ("changed", "kept", "removed", "ignored", "diff")} == {
        key: pruned[key] for key in ("changed", "kept", "removed", "ignored", "diff")}  # fmt: skip
    assert pruned["changed"] and not again["changed"]
    reasons = {Path(item["path"]).name: item["reason"] for item in pruned["ignored"]}
    assert "no manifest" in reasons["by-hand.backup"]
    assert "SHA-256" in reasons["damaged.backup"]
    assert "notes.txt" not in reasons
    gone = {name for age in (4, 5, 6) for name in (f"day{age}.backup", f"day{age}.backup.manifest.json")}
    assert photograph(archives) == {name: photo for name, photo in before.items() if name not in gone}


def test_a_preview_removes_nothing_and_takes_no_lock(engine: Engine, archives: Path) -> None:
    before = photograph(archives)
    (preview,) = engine.play(checked(prune(directory=archives, keep=1)))
    assert preview["changed"] and preview["removed"]
    assert photograph(archives) == before
    assert not (archives / LOCK).exists()


def test_the_rules_by_themselves(engine: Engine, archives: Path) -> None:
    rules: list[dict[str, Any]] = [
        {"keep": 3}, {"keep_days": 2}, {"keep_days": 0, "minimum": 2}, {"keep": 1, "fqdn": "other.test"},
        {"keep": 0, "minimum": 1, "fqdn": "one.test"},
    ]  # fmt: skip
    keep, young, minimum, other, one = engine.play(*(checked(prune(directory=archives, **rule)) for rule in rules))
    assert names(keep["kept"]) == [*days(0, 1, 2), "other30", "other40"]
    assert names(young["kept"]) == [*days(0, 1), "other30"], "never fewer than one of each engine"
    assert names(minimum["kept"]) == [*days(0, 1), "other30", "other40"]
    assert (names(other["kept"]), names(other["removed"])) == (["other30"], ["other40"])
    assert names(one["kept"]) == days(0)
    assert not [name for name in names(one["removed"]) if name.startswith("other")]


def test_what_makes_no_sense_is_refused(engine: Engine, archives: Path) -> None:
    before = photograph(archives)
    results: list[Result] = engine.play(
        prune(directory=archives, keep=1, minimum=0), prune(directory=archives / "nowhere", keep=1),
        prune(directory=archives),
    )  # fmt: skip
    assert [result.get("code") for result in results] == ["option_out_of_range", "directory_missing", None]
    assert "keep" in results[2]["msg"]
    assert photograph(archives) == before


def test_a_manifest_that_names_another_file_removes_neither(
    engine: Engine, closed: Path, proven: dict[str, Path]
) -> None:
    victim = copy_archive(proven["stock"], closed / "victim.backup", created=days_ago(9))
    copy_archive(proven["stock"], closed / "newer.backup", created=days_ago(1))
    manifest_of(victim).write_text("{}")
    (result,) = engine.play(prune(directory=closed, keep=1))
    assert not result["changed"]
    assert victim.exists() and manifest_of(victim).exists()
