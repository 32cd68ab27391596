# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of an archive: one element of a module's result."""

from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import ArchiveReading
from ansible_collections.ovirt.backup.plugins.module_utils._archive.report import (
    expected_scopes,
    report_archive,
    report_proven,
)
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Problem
from unit.fakes import world


def report(
    reading: Optional[ArchiveReading] = None,
    level: str = "full",
    manifest: Optional[Dict[str, Any]] = None,
    scopes: Optional[List[str]] = None,
    installed: str = "",
) -> Dict[str, Any]:
    return report_archive(reading or world.reading(), level, manifest, [], scopes or ["all"], installed)


def test_good_archive_is_told_in_full() -> None:
    found = report(manifest=world.manifest())
    assert (found["ok"], found["problems"], found["manifest"], found["restorable"]) == (True, [], True, None)
    assert (found["created"], found["version"], found["os_version"]) == (world.NOW_TEXT, "4.5.7", "centos9")
    assert (found["scopes"], found["files"]) == (["files", "db", "dwhdb"], 40)
    assert found["databases"]["dwh"] == {
        "file": "db/dwh_backup.db", "format": "custom", "compressor": "none", "size": 1000, "dump_version": "15.4",
        "tables": world.DWH_ROWS, "rows": 7300,
    }  # fmt: skip


def test_archive_of_its_manifest_is_told_as_if_it_had_been_read() -> None:
    read = report(manifest=world.manifest())
    manifest = world.manifest(databases=read["databases"])
    proven = report_proven("/b/one.backup", "gzip", manifest, "4.5.7")
    assert proven.keys() == read.keys()
    not_in_it = {"files": None, "hosted_engine": None, "path": "/b/one.backup", "compressor": "gzip"}
    answer = {"installed_version": "4.5.7", "ok": True, "reason": ""}
    databases = {kind: dict(item, dump_version=None) for kind, item in read["databases"].items()}
    assert proven == dict(read, databases=databases, restorable=answer, **not_in_it)


def test_what_was_not_read_is_none_and_not_zero() -> None:
    reading = world.reading()
    unread = {kind: dump._replace(tables=None, format="", dump_version="") for kind, dump in reading.dumps.items()}
    found = report(reading._replace(sha256="", files=None, dumps=unread, members=()), "none")
    assert (found["sha256"], found["files"], found["created"]) == (None, None, None)
    dump = found["databases"]["engine"]
    assert (dump["format"], dump["tables"], dump["rows"], dump["dump_version"]) == (None, None, None, None)


def test_problem_of_the_manifest_makes_the_archive_not_ok() -> None:
    problem = Problem("manifest_unreadable", "garbled")
    found = report_archive(world.reading(), "full", None, [problem], ["all"], "")
    assert (found["ok"], found["manifest"]) == (False, False)
    assert found["problems"] == [{"code": "manifest_unreadable", "message": "garbled"}]
    nothing = world.reading()._replace(members=(), small={}, dumps={}, files=None, size=10240, sha256="0" * 64)
    assert report(nothing, manifest=world.manifest())["ok"] is False
    for found, code in (
        (report(manifest=world.manifest(sha256="b" * 64)), "manifest_disagrees"),
        (report(world.reading({"engine": world.ENGINE_ROWS})), "dump_missing"),
    ):
        assert [item["code"] for item in found["problems"]] == [code]


@pytest.mark.parametrize(
    ("manifest", "scopes", "with_files", "expected"),
    [
        (world.manifest(scopes=["db"]), ["all"], True, ["db"]),
        (world.manifest(scopes=["db"]), ["files"], True, ["db"]),
        (None, ["files", "keycloakdb"], True, ["files", "keycloakdb"]),
        (None, ["all"], True, ["db", "dwhdb"]),
        (None, ["all"], False, []),
        (None, ["all", "db"], False, []),
    ],
    ids=["manifest", "manifest goes first", "as asked", "as set up", "unknown", "all and one"],
)
def test_expected_scopes(
    manifest: Optional[Dict[str, Any]], scopes: List[str], with_files: bool, expected: List[str]
) -> None:
    assert expected_scopes(world.reading(with_files=with_files), manifest, scopes) == expected


@pytest.mark.parametrize(("installed", "ok"), [("4.5.7", True), ("4.5.6", False)])
def test_restorable_says_whether_and_why_not(installed: str, ok: bool) -> None:
    found = report(installed=installed)["restorable"]
    assert (found["installed_version"], found["ok"]) == (installed, ok)
    assert bool(found["reason"]) is not ok
