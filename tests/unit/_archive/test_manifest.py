# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: what goes into it, which ones can be used, and where an archive is not the one it describes."""

from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.manifest import (
    build_manifest,
    check_manifest,
    compare_manifest,
    describe_archive,
)
from unit.fakes import world


def without(key: str) -> Dict[str, Any]:
    return {name: value for name, value in world.manifest().items() if name != key}


def test_manifest_of_a_proven_archive_can_be_used() -> None:
    assert check_manifest(world.manifest()) == []


def test_manifest_holds_the_known_facts_only() -> None:
    whole = world.manifest(dumps={}, hosted_engine="")
    facts = dict(whole, password="secret", manifest="x")
    del facts["schema_version"], facts["collection"]
    found = build_manifest(facts)
    assert found == whole
    assert check_manifest(found) == []


def test_description_adds_where_the_archive_is_and_its_identity() -> None:
    found = describe_archive(world.manifest(), "/srv/backup/moved.backup")
    assert found["path"] == "/srv/backup/moved.backup"
    assert found["manifest"] == "/srv/backup/moved.backup.manifest.json"
    assert found["identity"] == found["log_path"] == "/var/log/ovirt-engine-backup/one.log"
    assert "schema_version" not in found


@pytest.mark.parametrize("key", sorted(set(world.manifest()) - {"schema_version", "collection"}))
def test_manifest_that_lacks_a_fact_can_not_be_used(key: str) -> None:
    problems = check_manifest(without(key))
    assert [item.code for item in problems] == ["manifest_unreadable"]
    assert key in problems[0].message


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"collection": "another.one"}, "manifest_unreadable"),
        ({"schema_version": None}, "manifest_unreadable"),
        ({"schema_version": "1"}, "manifest_unreadable"),
        ({"schema_version": 2}, "manifest_newer"),
        ({"size": "123456"}, "manifest_unreadable"),
        ({"created": "yesterday"}, "manifest_unreadable"),
        ({"created": "2026-11-22 13:43:52"}, "manifest_unreadable"),
        ({"created": "2026-13-22T13:43:52Z"}, "manifest_unreadable"),
        ({"scopes": "files"}, "manifest_unreadable"),
        ({"scopes": ["files", "nonsense"]}, "manifest_unreadable"),
        ({"scopes": [["files"]]}, "manifest_unreadable"),
        ({"databases": []}, "manifest_unreadable"),
        ({"databases": {"engine": 5}}, "manifest_unreadable"),
        ({"databases": {"engine": {"rows": 5}}}, "manifest_unreadable"),
        ({"databases": {"engine": {"tables": {"public.t": 4}, "rows": 5, "name": "engine"}}}, "manifest_unreadable"),
        ({"databases": {"engine": {"tables": [], "rows": 5}}}, "manifest_unreadable"),
    ],
    ids=str,
)
def test_garbled_manifest_can_not_be_used(changes: Dict[str, Any], code: str) -> None:
    assert [item.code for item in check_manifest(dict(world.manifest(), **changes))] == [code]


@pytest.mark.parametrize("empty", [{}, {"collection": "ovirt.backup"}, {"schema_version": 1}], ids=str)
def test_other_json_is_no_manifest(empty: Dict[str, Any]) -> None:
    assert [item.code for item in check_manifest(empty)] == ["manifest_unreadable"]


def test_archive_is_the_one_of_its_manifest() -> None:
    assert compare_manifest(world.manifest(), world.reading()) == []


def compared(**changes: Any) -> List[str]:
    problems = compare_manifest(world.manifest(), world.reading()._replace(**changes))
    assert {item.code for item in problems} <= {"manifest_disagrees"}
    return [item.message for item in problems]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"size": 5}, "size 123456"),
        ({"sha256": "b" * 64}, "SHA-256"),
        ({"small": dict(world.reading().small, version="4.5.6")}, "version 4.5.7"),
    ],
    ids=["size", "hash", "version"],
)
def test_archive_that_differs_in_one_point_is_named(changes: Dict[str, Any], part: str) -> None:
    messages = compared(**changes)
    assert len(messages) == 1
    assert part in messages[0]


def test_lost_dump_differs_in_the_scopes() -> None:
    problems = compare_manifest(world.manifest(), world.reading(without=["db/dwh_backup.db"]))
    assert len(problems) == 1
    assert "scopes" in problems[0].message


@pytest.mark.parametrize(
    "rows",
    [dict(world.DWH_ROWS, **{"public.calendar": 299}), {"public.calendar": 300}, dict(world.DWH_ROWS, more=0)],
    ids=["fewer rows", "lost table", "another table"],
)
def test_rows_that_differ_are_named(rows: Dict[str, int]) -> None:
    messages = compared(dumps={"engine": world.dump(world.ENGINE_ROWS), "dwh": world.dump(rows)})
    assert len(messages) == 1
    assert "dwh" in messages[0]


def test_dump_that_was_not_read_is_not_compared() -> None:
    assert compared(dumps={"engine": world.dump(None), "dwh": world.dump(None)}) == []


def test_hash_that_was_not_made_is_not_compared() -> None:
    assert compared(sha256="") == []
