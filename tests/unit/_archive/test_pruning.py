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


def test_single_path_is_taken_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    assert list_archives(str(tmp_path / "x")) == [str(tmp_path / "x")]


def test_path_of_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError) as caught:
        list_archives(str(tmp_path / "nowhere"))
    assert caught.value.code == "archive_missing"


def test_only_proven_archives_of_this_collection_are_candidates(tmp_path: Path) -> None:
    good = make(tmp_path, "good.backup")
    reasons = {
        "size.backup": make(tmp_path, "size.backup", size=5),
        "hash.backup": make(tmp_path, "hash.backup", sha256="0" * 64),
        "other.backup": make(tmp_path, "other.backup", fqdn="other.lab.test"),
        "newer.backup": make(tmp_path, "newer.backup", schema_version=9),
        "stock.backup": str(tmp_path / "stock.backup"),
    }
    (tmp_path / "stock.backup").write_text("made by the tool alone")
    candidates, ignored = find_candidates(str(tmp_path), world.FQDN)
    assert [item.path for item in candidates] == [good]
    assert (candidates[0].fqdn, candidates[0].created) == (world.FQDN, int(world.NOW))
    assert sorted(item["path"] for item in ignored) == sorted(reasons.values())
    assert all(item["reason"] for item in ignored)


def test_manifest_whose_archive_is_gone_is_told(tmp_path: Path) -> None:
    os.unlink(make(tmp_path, "gone.backup"))
    candidates, ignored = find_candidates(str(tmp_path), "")
    assert candidates == []
    assert [item["path"] for item in ignored] == [str(tmp_path / ("gone.backup" + SUFFIX))]


def test_archives_of_every_engine_are_candidates_where_none_is_named(tmp_path: Path) -> None:
    make(tmp_path, "a.backup")
    make(tmp_path, "b.backup", fqdn="other.lab.test")
    candidates, ignored = find_candidates(str(tmp_path), "")
    assert sorted(item.fqdn for item in candidates) == [world.FQDN, "other.lab.test"]
    assert ignored == []


def test_removed_archives_take_their_manifests_along(tmp_path: Path) -> None:
    paths = [make(tmp_path, name) for name in ("a.backup", "b.backup", "c.backup")]
    remove_archives(paths[:2])
    assert sorted(item.name for item in tmp_path.iterdir()) == ["c.backup", "c.backup" + SUFFIX]


def test_archives_are_removed_oldest_first_and_each_before_its_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, older = make(tmp_path, "newer.backup"), make(tmp_path, "older.backup")
    order: List[str] = []
    monkeypatch.setattr(files, "remove_file", order.append)
    remove_archives([newer, older])
    assert order == [older, older + SUFFIX, newer, newer + SUFFIX]


@pytest.mark.parametrize("read_only", [True, False])
def test_directory_of_a_run_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    lock = files.Lock(str(tmp_path))
    lock.acquire()
    with pytest.raises(BackupError) as caught, hold_directory(str(tmp_path), read_only):
        raise AssertionError("held by two")
    assert caught.value.code == "locked"
    lock.release()


def test_directory_is_held_and_given_back(tmp_path: Path) -> None:
    with hold_directory(str(tmp_path), read_only=False):
        assert files.is_locked(str(tmp_path))
    assert not files.is_locked(str(tmp_path))


def test_looking_only_makes_no_lock_file(tmp_path: Path) -> None:
    with hold_directory(str(tmp_path), read_only=True):
        pass
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("read_only", [True, False])
def test_missing_directory_is_named(tmp_path: Path, read_only: bool) -> None:
    with pytest.raises(BackupError) as caught, hold_directory(str(tmp_path / "nowhere"), read_only):
        raise AssertionError("held what is not there")
    assert caught.value.code == "directory_missing"
