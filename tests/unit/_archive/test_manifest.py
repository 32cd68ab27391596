# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: what goes into it, which ones can be used, and where an archive is not the one it describes."""

from typing import Any, Dict, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.manifest import (
    build_manifest,
    check_manifest,
    compare_manifest,
    describe_archive,
)
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import ArchiveReading
from unit.fakes import world


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


@pytest.mark.parametrize("key", sorted(world.manifest()))
def test_manifest_that_lacks_a_fact_can_not_be_used(key: str) -> None:
    (problem,) = check_manifest({name: value for name, value in world.manifest().items() if name != key})
    assert problem.code == "manifest_unreadable"
    assert key in problem.message or key in ("schema_version", "collection")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("collection", "another.one"),
        ("schema_version", "1"),
        ("schema_version", 2),
        ("size", "123456"),
        ("created", "2026-11-22 13:43:52"),
        ("created", "2026-13-22T13:43:52Z"),
        ("scopes", "files"),
        ("scopes", ["files", "nonsense"]),
        ("scopes", [["files"]]),
        ("databases", []),
        ("databases", {"engine": 5}),
        ("databases", {"engine": {"rows": 5}}),
        ("databases", {"engine": {"tables": [], "rows": 5}}),
        ("databases", {"engine": {"tables": {"public.t": 4}, "rows": 5, "name": "engine"}}),
    ],
)
def test_garbled_manifest_can_not_be_used(key: str, value: Any) -> None:
    code = "manifest_newer" if value == 2 else "manifest_unreadable"
    assert [item.code for item in check_manifest(world.manifest(**{key: value}))] == [code]


def both_dumps(engine: Any, dwh: Any) -> Dict[str, Any]:
    return {"dumps": {"engine": world.dump(engine), "dwh": world.dump(dwh)}}


# An archive that is the one of the manifest but for these changes -> part of the message, empty where there is none
READINGS: Dict[str, Tuple[ArchiveReading, Dict[str, Any], str]] = {
    "as it was": (world.reading(), {}, ""),
    "size": (world.reading(), {"size": 5}, "size 123456"),
    "hash": (world.reading(), {"sha256": "b" * 64}, "SHA-256"),
    "hash not made": (world.reading(), {"sha256": ""}, ""),
    "version": (world.reading(), {"small": dict(world.reading().small, version="4.5.6")}, "version 4.5.7"),
    "lost dump": (world.reading(without=["db/dwh_backup.db"]), {}, "scopes"),
    "fewer rows": (
        world.reading(),
        both_dumps(world.ENGINE_ROWS, dict(world.DWH_ROWS, **{"public.calendar": 1})),
        "dwh",
    ),
    "lost table": (world.reading(), both_dumps(world.ENGINE_ROWS, {"public.calendar": 300}), "dwh"),
    "another table": (world.reading(), both_dumps(world.ENGINE_ROWS, dict(world.DWH_ROWS, more=0)), "dwh"),
    "dumps not read": (world.reading(), both_dumps(None, None), ""),
}


@pytest.mark.parametrize(("reading", "changes", "part"), list(READINGS.values()), ids=list(READINGS))
def test_archive_that_differs_in_one_point_is_named(
    reading: ArchiveReading, changes: Dict[str, Any], part: str
) -> None:
    problems = compare_manifest(world.manifest(), reading._replace(**changes))
    assert [item.code for item in problems] == (["manifest_disagrees"] if part else [])
    assert all(part in item.message for item in problems)
