# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host against those of an archive, and configuration files that get another content."""

import os
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import FileEntry
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.restored_files import (
    MOST_NAMED,
    TextFile,
    compare_files,
    content_like,
    list_copies,
    make_placeholders,
    read_text_file,
    write_secrets,
    write_text_file,
)
from unit.fakes import world
from unit.fakes.errors import error_of

MTIME = 1795355032
ME = (os.getuid(), os.getgid())


def put(folder: Path, name: str, text: str = "text", mode: int = 0o640) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    os.utime(str(path), (MTIME, MTIME))
    return path


def entry(**changes: Any) -> FileEntry:
    return FileEntry(4, 0o640, MTIME, "", ME[0], "", ME[1])._replace(**changes)


OTHERS = [({"owner_id": 4711}, "owner"), ({"group_id": 4711}, "group")]  # only root gives files away


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"size": 5}, "size"), ({"mtime": MTIME + 1}, "time"), ({"mode": 0o600}, "mode")]
    + (OTHERS if os.geteuid() == 0 else []),
)
def test_a_difference_is_named_with_its_file(tmp_path: Path, changes: Dict[str, int], what: str) -> None:
    put(tmp_path, "etc/a b.conf")
    put(tmp_path, "etc/not-of-the-archive")
    assert compare_files(str(tmp_path), {"etc/a b.conf": entry()}) == []
    (problem,) = compare_files(str(tmp_path), {"etc/a b.conf": entry(**changes)})
    assert (problem.code, "etc/a b.conf (%s)" % what in problem.message) == ("file_differs", True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_goes_by_name_where_the_host_knows_it_and_by_number_elsewhere(tmp_path: Path) -> None:
    put(tmp_path, "x")
    assert compare_files(str(tmp_path), {"x": entry(owner="root", owner_id=4711, group="root", group_id=4711)}) == []
    assert compare_files(str(tmp_path), {"x": entry(owner="nobody-here", group="nobody-here")}) == []


def test_missing_file_and_link_in_its_place_are_named(tmp_path: Path) -> None:
    os.symlink("nowhere", str(tmp_path / "link"))
    problems = compare_files(str(tmp_path), {"gone": entry(), "link": entry()})
    assert world.codes(problems) == ("file_missing", "file_differs")
    assert "type" in problems[1].message


def test_many_differences_are_counted_and_some_are_named(tmp_path: Path) -> None:
    names = ["f%03d" % number for number in range(MOST_NAMED + 5)]
    (problem,) = compare_files(str(tmp_path), {name: entry() for name in names})
    assert "%d files" % len(names) in problem.message
    assert problem.message.count("f0") == MOST_NAMED


def test_text_is_read_with_mode_and_owner(tmp_path: Path) -> None:
    path = put(tmp_path, "x.conf", "A=1\n")
    assert read_text_file(str(path)) == TextFile("A=1\n", 0o640, *ME)
    assert read_text_file(str(tmp_path / "gone")) is None
    assert content_like(entry(mode=0o600, owner_id=4711, group_id=4712), "x") == TextFile("x", 0o600, 4711, 4712)


def test_written_file_has_its_mode_and_owner_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = put(tmp_path, "x.conf", "old", 0o600)
    put(tmp_path, "x.conf.unfinished", "of a killed run")
    wanted = TextFile("new\n", 0o640, *ME)
    write_text_file(str(path), wanted)
    assert read_text_file(str(path)) == wanted
    assert os.listdir(str(tmp_path)) == ["x.conf"]


def test_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    path = put(tmp_path, "x.conf")
    path.write_bytes(b"A=\xff\n")
    found = read_text_file(str(path))
    assert found is not None
    write_text_file(str(path), found._replace(text=found.text + "B=2\n"))
    assert path.read_bytes() == b"A=\xff\nB=2\n"


def test_file_that_can_not_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "x.conf", "old")

    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_text_file(str(path), TextFile("new", 0o640, *ME))
    assert path.read_text() == "old"


def test_secrets_are_one_line_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.password"
    old = os.umask(0)
    try:
        write_secrets({str(path): "secret"})
    finally:
        os.umask(old)
    assert path.read_text() == "secret\n"
    assert path.stat().st_mode & 0o777 == 0o600
    os.symlink(str(tmp_path / "elsewhere"), str(tmp_path / "link"))
    for taken in (path, tmp_path / "link"):
        error_of(FileExistsError, write_secrets, {str(taken): "other"})
    assert not (tmp_path / "elsewhere").exists()


def test_placeholders_are_made_where_there_is_nothing_and_found_where_one_was_left(tmp_path: Path) -> None:
    full, left, new = put(tmp_path, "full.conf"), put(tmp_path, "left.conf", ""), tmp_path / "deep/new.conf"
    assert make_placeholders([str(full), str(left), str(new)]) == [str(left), str(new.parent), str(new)]
    assert full.read_text() == "text"
    assert new.stat().st_mode & 0o777 == 0o600


def test_copies_of_the_tool_are_those_with_a_time_stamp(tmp_path: Path) -> None:
    path = put(tmp_path, "x.conf")
    ours = [put(tmp_path, "x.conf.20261122134650"), put(tmp_path, "x.conf.20261122134651")]
    others = ("rpmsave", "2026", "2026112213465x", "20261122134650.conf")
    for name in ["x.conf." + end for end in others] + ["xyconf.20261122134650", "x.conf2.20261122134650"]:
        put(tmp_path, name)
    assert list_copies([str(path), str(tmp_path / "gone/x")]) == {
        str(path): [str(one) for one in ours],
        str(tmp_path / "gone/x"): [],
    }
