# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an archive: each problem by its code, and nothing where nothing is wrong."""

from typing import Any, Callable, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import KINDS
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import (
    ArchiveReading,
    check_archive,
    created_of,
    os_version_of,
    scopes_of,
    set_up_scopes,
    version_of,
)
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Problem
from unit.fakes import world

ALL = ["files", "db", "dwhdb"]


def judged(reading: ArchiveReading, level: str = "full", scopes: Tuple[str, ...] = ()) -> List[str]:
    return [item.code for item in check_archive(reading, level, scopes)]


def with_small(**changes: Any) -> ArchiveReading:
    """Return a good archive with other texts; None takes a member away."""
    found = world.reading()
    small = {name: text for name, text in dict(found.small, **changes).items() if text is not None}
    return found._replace(small=small)


def with_dump(kind: str, **changes: Any) -> ArchiveReading:
    found = world.reading()
    return found._replace(dumps=dict(found.dumps, **{kind: found.dumps[kind]._replace(**changes)}))


def with_members(change: Callable[[List[Any]], List[Any]]) -> ArchiveReading:
    found = world.reading()
    return found._replace(members=tuple(change(list(found.members))))


def flipped(name: str) -> ArchiveReading:
    """Return an archive whose member is not the one that was hashed."""
    return with_members(
        lambda all_: [item._replace(sha256="0" * 64, md5="0" * 32) if item.name == name else item for item in all_]
    )


def lacks_file(path: str) -> ArchiveReading:
    return world.reading()._replace(files=world.files(lacks=[path]))


def test_old_archive_with_md5_has_no_problem() -> None:
    found = world.reading()
    members = [item for item in found.members if item.name != "sha256sum"]
    small = dict(found.small, md5sum=world.hash_list(members, md5=True))
    del small["sha256sum"]
    old = found._replace(small=small, members=tuple(members + [world.member("md5sum")]))
    assert judged(old) == []
    broken = dict(small, md5sum=small["md5sum"].replace(found.members[0].md5, "0" * 32))
    assert judged(old._replace(small=broken)) == ["hash_mismatch"]


def test_hash_list_may_name_paths_with_a_dot_or_as_binary() -> None:
    text = world.reading().small["sha256sum"]
    assert judged(with_small(sha256sum=text.replace("  ", "  ./"))) == []
    assert judged(with_small(sha256sum=text.replace("  ", " *"))) == []


STATE_FILE = "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
DWH_FILE = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf"
NOT_OF_DWH = [path for path in world.files().found if path not in (STATE_FILE, DWH_FILE)]
OF_DWH = world.files(NOT_OF_DWH, "OVESETUP_DWH_CORE/enable=bool:True\n")
BROKEN = Problem("dump_truncated", "cut")
PLANTED = world.CONFIG + "touch /tmp/owned\n"
SWAPPED = world.CONFIG.replace("DWH_DB_DUMP_FORMAT=custom", "DWH_DB_DUMP_FORMAT=plain")
PROBLEMS: Dict[str, Tuple[ArchiveReading, List[str]]] = {
    "version missing": (with_small(version=None), ["version_missing"]),
    "version empty": (with_small(version=" \n"), ["version_missing"]),
    "version that is none": (with_small(version="garbage"), ["version_missing"]),
    "config missing": (with_small(config=None), ["config_missing"]),
    "config with a planted line": (with_small(config=PLANTED), ["config_forbidden"]),
    "hash list missing": (with_small(sha256sum=None), ["hash_missing"]),
    "hash list garbled": (
        with_small(sha256sum=world.reading().small["sha256sum"] + "what is this\n"), ["hash_unreadable"]),
    "hash list empty": (with_small(sha256sum=""), ["member_unlisted"] * 6),
    "flipped dump": (flipped("db/dwh_backup.db"), ["hash_mismatch"]),
    "extra member": (with_members(lambda all_: [*all_, world.member("db/evil.sh")]), ["member_unlisted"]),
    "listed file lost": (
        with_members(lambda all_: [item for item in all_ if item.name != "os_version"]), ["member_missing"]),
    "empty dump": (with_dump("dwh", size=0, format="", tables=None), ["dump_empty"]),
    "dump without a table": (with_dump("dwh", tables={}), ["dump_empty"]),
    "cut dump": (with_dump("dwh", problem=BROKEN, format="", tables=None), ["dump_truncated"]),
    "format not as declared": (with_small(config=SWAPPED), ["config_disagrees"]),
    "compressor not as declared": (with_dump("engine", compressor="xz"), ["config_disagrees"]),
    "files part unreadable": (
        world.reading()._replace(files=world.files()._replace(problem=Problem("files_unreadable", "cut"))),
        ["files_unreadable"]),
    "setup state lost": (lacks_file(STATE_FILE), ["files_incomplete"]),
    "key of the engine lost": (lacks_file("etc/pki/ovirt-engine/keys/engine.p12"), ["files_incomplete"]),
    "key of the CA lost": (lacks_file("etc/pki/ovirt-engine/private/ca.pem"), ["files_incomplete"]),
    "certificate of the CA lost": (lacks_file("etc/pki/ovirt-engine/ca.pem"), ["files_incomplete"]),
    "engine's configuration lost": (
        lacks_file("etc/ovirt-engine/engine.conf.d/10-setup-database.conf"), ["files_incomplete"]),
    "Data Warehouse's configuration lost": (lacks_file(DWH_FILE), ["files_incomplete"]),
    "problem met while reading": (
        world.reading()._replace(problems=(Problem("member_link", "a link"),)), ["member_link"]),
    "databases that an old config does not name": (with_small(config="DB_DUMP_FORMAT=custom\n"), []),
    "storage databases without a table": (world.reading(dict(world.LIVE, cinderlib={}, managedblock={})), []),
    "remote Data Warehouse, without an engine": (world.reading({"dwh": world.DWH_ROWS})._replace(files=OF_DWH), []),
    "files alone that do not fit their setup state": (
        world.reading({})._replace(files=world.files([DWH_FILE])), ["files_incomplete"]),
}  # fmt: skip


@pytest.mark.parametrize(("reading", "expected"), list(PROBLEMS.values()), ids=list(PROBLEMS))
def test_problem_is_named(reading: ArchiveReading, expected: List[str]) -> None:
    assert judged(reading) == expected


@pytest.mark.parametrize("scope", ALL)
def test_missing_scope_is_named_once(scope: str) -> None:
    member = next((kind.member for kind in KINDS if kind.scope == scope), "files")
    lost = "files_missing" if scope == "files" else "dump_missing"
    assert judged(world.reading(without=[member]), scopes=tuple(ALL)) == [lost]
    still_listed = world.reading(without=[member])._replace(small=world.reading().small)
    assert judged(still_listed, scopes=tuple(ALL)).count(lost) == 1


def test_what_was_not_asked_for_or_could_not_be_read_is_no_further_problem() -> None:
    for level in ("none", "checksums", "full"):
        assert check_archive(world.reading(), level, ALL) == []
    assert judged(flipped("config"), level="none") == []
    empty = with_dump("dwh", size=0, format="", tables=None)
    members = [item._replace(size=0) if item.name == "db/dwh_backup.db" else item for item in empty.members]
    assert judged(empty._replace(members=tuple(members)), scopes=tuple(ALL)) == ["dump_empty"]
    unopened = (Problem("archive_empty", "0 bytes"),)
    nothing = world.reading()._replace(members=(), small={}, dumps={}, files=None, problems=unopened)
    assert judged(nothing, scopes=tuple(ALL)) == ["archive_empty"]


def test_both_parts_of_a_wrong_declaration_are_in_one_message() -> None:
    found = with_small(config=SWAPPED.replace("DWH_DB_DUMP_COMPRESSOR=", "DWH_DB_DUMP_COMPRESSOR=gzip"))
    messages = [item.message for item in check_archive(found, "full", ())]
    assert len(messages) == 1
    assert "format plain and compressor gzip" in messages[0]


LINES = {
    "DB_DUMP_FORMAT=custom": True,
    "DB_DUMP_COMPRESSOR=": True,
    "DB_DUMP_COMPRESSOR=gzip": True,
    "DWH_DB_DUMP_COMPRESSOR=bzip2": True,
    "KEYCLOAK_DB_DUMP_COMPRESSOR=xz": True,
    "MANAGEDBLOCK_DB_DUMP_FORMAT=plain": True,
    "": True,
    "DB_DUMP_FORMAT=": False,
    "DB_DUMP_FORMAT=custom;reboot": False,
    "DB_DUMP_FORMAT=custom #": False,
    "DB_DUMP_COMPRESSOR=gzip reboot": False,
    "DB_DUMP_COMPRESSOR=None": False,
    " DB_DUMP_FORMAT=custom": False,
    "db_dump_format=custom": False,
    "PATH=/tmp": False,
    "X_DB_DUMP_FORMAT=custom\x00reboot": False,
    "# comment": False,
    "  ": False,
}


@pytest.mark.parametrize("line", list(LINES), ids=[repr(line) for line in LINES])
def test_config_line_is_one_of_the_known_assignments(line: str) -> None:
    found = judged(with_small(config=world.CONFIG + line + "\n"))
    assert ("config_forbidden" not in found) == LINES[line]


def test_scopes_are_those_of_members_with_content_in_the_order_of_the_tool() -> None:
    assert scopes_of(world.reading()) == ALL
    assert (set_up_scopes(world.STATE), set_up_scopes("")) == (["db", "dwhdb"], [])
    emptied = with_members(
        lambda all_: [item._replace(size=0) if item.name == "db/engine_backup.db" else item for item in reversed(all_)]
    )
    assert scopes_of(emptied) == ["files", "dwhdb"]


def test_times_and_versions_come_from_inside() -> None:
    found = with_members(lambda all_: [*all_, world.member("x", mtime=world.NOW + 60)])
    assert created_of(found) == world.NOW + 60
    assert created_of(found._replace(members=())) == 0
    assert (version_of(found), os_version_of(found)) == ("4.5.7", "centos9")
    assert (version_of(with_small(version=None)), os_version_of(with_small(os_version=None))) == ("", "")
