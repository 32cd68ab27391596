# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives in a directory: which are found, which are proven ours, and what removing them leaves."""

import os
from pathlib import Path
from typing import Any, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.catalog import list_archives
from ansible_collections.ovirt.backup.plugins.module_utils._archive.manifest import SUFFIX
from ansible_collections.ovirt.backup.plugins.module_utils._archive.pruning import (
    find_candidates,
    hold_directory,
    remove_archives,
)
from ansible_collections.ovirt.backup.plugins.module_utils._common import files
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from unit.fakes import world
from unit.fakes.errors import error_of


def make(folder: Path, name: str, **changes: Any) -> str:
    """Write a proven archive and its manifest."""
    content = name.encode()
    (folder / name).write_bytes(content)
    found = {"size": len(content), "sha256": world.member("x", content).sha256}
    files.write_json(str(folder / (name + SUFFIX)), world.manifest(**dict(found, **changes)))
    return str(folder / name)


def test_archives_are_found_by_ending_or_manifest(tmp_path: Path) -> None:
    names = ["a.backup", "b.bck", "c.tar", "d.tgz", "e.tar.gz", "f.tar.bz2", "g.tar.xz", "h.tar.zst", "i"]
    for name in [*names, ".hidden.backup", "j.log", "k"]:
        (tmp_path / name).write_text("x")
    (tmp_path / ("i" + SUFFIX)).write_text("{}")
    (tmp_path / ("gone" + SUFFIX)).write_text("{}")
    (tmp_path / "folder.backup").mkdir()
    (tmp_path / "dangling.backup").symlink_to("nowhere")
    assert list_archives(str(tmp_path)) == [str(tmp_path / name) for name in names]
    assert list_archives(str(tmp_path / "k")) == [str(tmp_path / "k")], "whatever its name"
    assert error_of(BackupError, list_archives, str(tmp_path / "nowhere")).code == "archive_missing"


def test_only_proven_archives_of_this_collection_are_candidates(tmp_path: Path) -> None:
    good = make(tmp_path, "good.backup")
    reasons = {
        "size.backup": make(tmp_path, "size.backup", size=5),
        "hash.backup": make(tmp_path, "hash.backup", sha256="0" * 64),
        "other.backup": make(tmp_path, "other.backup", fqdn="other.lab.test"),
        "newer.backup": make(tmp_path, "newer.backup", schema_version=9),
        "stock.backup": str(tmp_path / "stock.backup"),
        "gone.backup": make(tmp_path, "gone.backup") + SUFFIX,
    }
    (tmp_path / "stock.backup").write_text("made by the tool alone")
    (tmp_path / "gone.backup").unlink()
    candidates, ignored = find_candidates(str(tmp_path), world.FQDN)
    assert [item.path for item in candidates] == [good]
    assert (candidates[0].fqdn, candidates[0].created) == (world.FQDN, int(world.NOW))
    assert sorted(item["path"] for item in ignored) == sorted(reasons.values())
    assert all(item["reason"] for item in ignored)
    assert sorted(item.fqdn for item in find_candidates(str(tmp_path), "")[0]) == [world.FQDN, "other.lab.test"]


def test_archives_are_removed_oldest_first_and_each_before_its_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, older, kept = (make(tmp_path, name) for name in ("newer.backup", "older.backup", "kept.backup"))
    order: List[str] = []

    def remove(path: str) -> None:
        order.append(path)
        os.unlink(path)

    monkeypatch.setattr(files, "remove_file", remove)
    remove_archives([newer, older])
    assert order == [older, older + SUFFIX, newer, newer + SUFFIX]
    assert sorted(os.listdir(str(tmp_path))) == [os.path.basename(kept), os.path.basename(kept) + SUFFIX]


def hold(path: Path, read_only: bool) -> None:
    with hold_directory(str(path), read_only):
        assert files.is_locked(str(path)) is not read_only


@pytest.mark.parametrize("read_only", [True, False])
def test_directory_is_held_and_given_back_and_that_of_a_run_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    hold(tmp_path, read_only)
    assert not files.is_locked(str(tmp_path))
    assert (os.listdir(str(tmp_path)) == []) is read_only, "looking only makes no lock file"
    assert error_of(BackupError, hold, tmp_path / "nowhere", read_only).code == "directory_missing"
    lock = files.Lock(str(tmp_path))
    lock.acquire()
    assert error_of(BackupError, hold, tmp_path, read_only).code == "locked"
    lock.release()
