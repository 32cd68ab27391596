# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup_prune removes what no rule wants, and only what is proven to be ours."""

import time
from pathlib import Path

import pytest

from .archive_steps import in_turns
from .archive_store import copy_archive, manifest_of
from .playbooks import Engine, checked, prune
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
    manifest_of(copy_archive(proven["stock"], closed / "strange.backup", created=days_ago(100))).write_text("{}")
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
    previewed = []
    preview, other, refused, pruned, again = in_turns(
        engine,
        checked(asked), checked(prune(directory=archives, keep=1, fqdn="other.test")),
        prune(directory=archives, keep=1, minimum=0),
        lambda: previewed.append((photograph(archives), (archives / LOCK).exists())),
        asked, asked,
    )  # fmt: skip
    assert previewed == [(before, False)], "a preview takes no lock"
    assert (names(other["kept"]), names(other["removed"])) == (["other30"], ["other40"])
    assert refused["code"] == "option_out_of_range"
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
