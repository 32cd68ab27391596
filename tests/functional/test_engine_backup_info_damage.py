# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup_info finds what is wrong with an archive, and names it."""

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .archive_mutations import Parts, flip, hashed, pack, part, replace, unpack, without
from .archive_store import copy_archive, manifest_of
from .installation import Site
from .playbooks import Engine, Result, codes, info
from .side_effects import photograph, processes

LEVELS = ("none", "manifest", "checksums", "full")
ENGINE_DUMP = "db/engine_backup.db"
TRACE = "planted-trace"

# Members that no backup holds: name in the sentence, member, code.
MEMBERS = {
    "a_path_that_climbs_out": (part("../outside", b"x"), "member_outside"),
    "a_path_that_climbs_out_later": (part("./db/../../outside", b"x"), "member_outside"),
    "an_absolute_path": (part("/etc/outside", b"x"), "member_outside"),
    "a_symbolic_link": (part("./db/dwh.db", kind=tarfile.SYMTYPE, link="/etc/passwd"), "member_link"),
    "a_symbolic_link_for_the_config": (part("./config", kind=tarfile.SYMTYPE, link="/etc/passwd"), "member_link"),
    "a_hard_link": (part("./db/hard", kind=tarfile.LNKTYPE, link="./config"), "member_link"),
    "a_device": (part("./device", kind=tarfile.CHRTYPE), "member_device"),
    "a_pipe": (part("./pipe", kind=tarfile.FIFOTYPE), "member_device"),
    "a_member_twice": (part("./version", b"4.5.7\n"), "member_duplicate"),
    "a_directory_of_its_own": (part("./extra", kind=tarfile.DIRTYPE), "member_unlisted"),
}

# What is done to the members; the hashes are right afterwards unless the test is about them. Level, code.
CHANGES = {
    "a_line_is_planted_in_the_config": ("none", "config_forbidden"),
    "a_command_hides_in_an_assignment": ("none", "config_forbidden"),
    "the_config_declares_another_format": ("full", "config_disagrees"),
    "the_config_is_missing": ("none", "config_missing"),
    "the_version_is_missing": ("none", "version_missing"),
    "the_hash_list_is_missing": ("checksums", "hash_missing"),
    "the_hash_list_is_no_list": ("checksums", "hash_unreadable"),
    "a_member_is_not_in_the_hash_list": ("checksums", "member_unlisted"),
    "a_listed_dump_is_missing": ("checksums", "dump_missing"),
    "a_dump_is_missing_and_not_listed": ("full", "dump_missing"),
    "a_dump_is_empty": ("none", "dump_empty"),
    "a_dump_is_cut": ("full", "dump_truncated"),
    "a_dump_is_of_a_newer_postgresql": ("full", "dump_newer"),
    "a_dump_is_no_dump": ("full", "dump_unreadable"),
    "the_files_are_cut": ("full", "files_unreadable"),
    "a_byte_of_a_dump_is_flipped": ("checksums", "hash_mismatch"),
}

FILES = {
    "it_is_empty": ("none", "archive_empty"),
    "it_is_no_archive": ("none", "not_an_archive"),
    "it_is_cut_in_the_middle": ("none", "archive_truncated"),
    "it_is_cut_in_the_middle_and_not_compressed": ("none", "archive_truncated"),
    "it_lacks_its_last_bytes": ("none", "archive_truncated"),
}

MANIFESTS = {
    "the_manifest_is_no_json": ("none", "manifest_unreadable"),
    "the_manifest_is_of_another_product": ("none", "manifest_unreadable"),
    "the_manifest_lacks_the_hash": ("none", "manifest_unreadable"),
    "the_manifest_is_of_a_newer_release": ("none", "manifest_newer"),
    "the_manifest_is_of_another_archive": ("checksums", "manifest_disagrees"),
    "a_byte_of_the_compressed_file_was_flipped": ("checksums", "manifest_disagrees"),
    "a_member_was_tampered_with_and_hashed_again": ("checksums", "manifest_disagrees"),
    "a_dump_was_taken_out_and_the_rest_hashed_again": ("none", "manifest_disagrees"),
}

# Where a bit rots in a compressed file decides what a reader stumbles over: these only must not be good.
FLIPPED = [f"flipped_at_{percent}_percent" for percent in range(5, 100, 15)]
CASES = {**{name: ("none", code) for name, (_part, code) in MEMBERS.items()}, **CHANGES, **FILES, **MANIFESTS}


def change_members(name: str, parts: Parts) -> Parts:
    """Do what a name of CHANGES says."""
    engine, planted = ENGINE_DUMP, f"touch {TRACE}\n".encode()
    custom, plain, sly = b"FORMAT=custom", b"FORMAT=plain", b"FORMAT=custom;" + planted.strip()
    changes: dict[str, Callable[[], Parts]] = {
        "a_line_is_planted_in_the_config": lambda: hashed(replace(parts, "config", lambda old: old + planted)),
        "a_command_hides_in_an_assignment": lambda: hashed(
            replace(parts, "config", lambda old: old.replace(custom, sly, 1))),
        "the_config_declares_another_format": lambda: hashed(
            replace(parts, "config", lambda old: old.replace(custom, plain, 1))),
        "the_config_is_missing": lambda: hashed(without(parts, "config")),
        "the_version_is_missing": lambda: hashed(without(parts, "version")),
        "the_hash_list_is_missing": lambda: without(parts, "sha256sum"),
        "the_hash_list_is_no_list": lambda: replace(parts, "sha256sum", lambda old: b"all is well\n" + old),
        "a_member_is_not_in_the_hash_list": lambda: [*parts, part("./extra", b"x")],
        "a_listed_dump_is_missing": lambda: without(parts, engine),
        "a_dump_is_missing_and_not_listed": lambda: hashed(without(parts, engine)),
        "a_dump_is_empty": lambda: hashed(replace(parts, engine, lambda _old: b"")),
        "a_dump_is_cut": lambda: hashed(replace(parts, engine, lambda old: old[: len(old) // 2])),
        "a_dump_is_of_a_newer_postgresql": lambda: hashed(
            replace(parts, engine, lambda old: old[:5] + b"\x01\x63\x00" + old[8:])),
        "a_dump_is_no_dump": lambda: hashed(replace(parts, engine, lambda _old: bytes(4096))),
        "the_files_are_cut": lambda: hashed(replace(parts, "files", lambda old: old[: len(old) // 2])),
        "a_byte_of_a_dump_is_flipped": lambda: replace(parts, engine, lambda old: flip(old, len(old) // 2)),
    }  # fmt: skip
    return changes[name]()


def damage_file(name: str, proven: dict[str, Path]) -> bytes:
    """Do what a name of FILES says."""
    stock, fast = proven["stock"].read_bytes(), proven["fast"].read_bytes()
    return {
        "it_is_empty": b"",
        "it_is_no_archive": b"The backup is on the other disk.\n" * 40,
        "it_is_cut_in_the_middle": stock[: len(stock) // 2],
        "it_is_cut_in_the_middle_and_not_compressed": fast[: len(fast) // 2],
        "it_lacks_its_last_bytes": stock[:-8],
    }[name]


def damage_manifest(name: str, target: Path, proven: dict[str, Path], parts: Parts) -> None:
    """Do what a name of MANIFESTS says."""
    copy_archive(proven["stock"], target)
    manifest = manifest_of(target)
    content = json.loads(manifest.read_text())
    if name == "the_manifest_is_no_json":
        manifest.write_text("{")
    elif name == "the_manifest_is_of_another_product":
        manifest.write_text(json.dumps({**content, "collection": "other.backup"}))
    elif name == "the_manifest_lacks_the_hash":
        manifest.write_text(json.dumps({**content, "sha256": None}))
    elif name == "the_manifest_is_of_a_newer_release":
        manifest.write_text(json.dumps({**content, "schema_version": 2}))
    elif name == "the_manifest_is_of_another_archive":
        target.write_bytes(proven["fast"].read_bytes())
    elif name == "a_byte_of_the_compressed_file_was_flipped":
        target.write_bytes(flip(target.read_bytes(), target.stat().st_size // 2))
    elif name == "a_member_was_tampered_with_and_hashed_again":
        pack(hashed(replace(parts, "files", lambda old: old + b"\0" * 512)), target)
    else:
        pack(hashed(without(parts, "db/keycloak_backup.db")), target)


def make_cases(folder: Path, proven: dict[str, Path]) -> None:
    parts = unpack(proven["stock"])
    for name in CASES:
        target = folder / f"{name}.backup"
        if name in MEMBERS:
            pack([*parts, MEMBERS[name][0]], target)
        elif name in CHANGES:
            pack(change_members(name, parts), target)
        elif name in FILES:
            target.write_bytes(damage_file(name, proven))
        else:
            damage_manifest(name, target, proven, parts)
    whole = proven["stock"].read_bytes()
    for name in FLIPPED:
        (folder / f"{name}.backup").write_bytes(flip(whole, len(whole) * int(name.split("_")[2]) // 100))


@pytest.fixture(scope="module")
def reports(
    site: Site, proven: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, Result]]]:
    """Level -> case -> report; all archives are read in one playbook, which may not change any of them."""
    scratch = tmp_path_factory.mktemp("damaged")
    folder = scratch / "archives"
    folder.mkdir()
    make_cases(folder, proven)
    before, host, running = photograph(folder), Engine(site, scratch / "ansible"), processes(site)
    results = host.play(*(info(path=folder, verify=level) for level in LEVELS))
    found = {}
    for level, result in zip(LEVELS, results, strict=True):
        assert not result.get("failed"), result
        assert not result["changed"]
        found[level] = {Path(report["path"]).stem: report for report in result["archives"]}
    yield found
    assert photograph(folder) == before
    assert not list(scratch.rglob(TRACE)), "a planted command was run"
    host.assert_left_no_trace(scratch / "ansible", running)


@pytest.mark.parametrize("what", CASES)
def test_an_archive_is_not_good_where(what: str, reports: dict[str, dict[str, Result]]) -> None:
    level, code = CASES[what]
    for reached in LEVELS[LEVELS.index(level) :]:
        report = reports[reached][what]
        assert not report["ok"], reached
        assert code in codes(report), (reached, report["problems"])


@pytest.mark.parametrize("where", FLIPPED)
def test_an_archive_with_one_flipped_bit_is_not_good(where: str, reports: dict[str, dict[str, Result]]) -> None:
    for level in LEVELS[1:]:
        assert set(codes(reports[level][where])) & {"archive_damaged", "archive_truncated", "hash_mismatch"}


def test_each_archive_is_reported_once_at_each_level(reports: dict[str, dict[str, Result]]) -> None:
    assert {level: sorted(found) for level, found in reports.items()} == dict.fromkeys(
        LEVELS, sorted([*CASES, *FLIPPED]))  # fmt: skip


def test_what_only_a_full_reading_finds_is_not_claimed_before(reports: dict[str, dict[str, Result]]) -> None:
    full = [name for name, (level, _code) in CASES.items() if level == "full"]
    assert all(reports["checksums"][name]["ok"] for name in full if name != "the_config_declares_another_format")
    dumps = [dump for name in full for dump in reports["checksums"][name]["databases"].values()]
    assert dumps and all(dump["tables"] is None for dump in dumps)


def test_archives_that_can_not_be_read_at_all_do_not_hide_the_others(reports: dict[str, dict[str, Result]]) -> None:
    assert reports["full"]["it_is_empty"]["created"] is None
    assert reports["full"]["it_is_no_archive"]["version"] == ""
    assert reports["full"]["a_pipe"]["databases"]["engine"]["rows"] > 0
