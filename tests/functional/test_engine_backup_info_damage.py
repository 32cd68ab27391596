# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup_info finds what is wrong with an archive, and names it. Every kind of damage is in the unit tests."""

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .archive_mutations import Parts, flip, hashed, pack, part, replace, unpack, without
from .archive_store import copy_archive
from .playbooks import Engine, Result, codes, info
from .side_effects import photograph

LEVELS = ("none", "manifest", "checksums", "full")
ENGINE_DUMP = "db/engine_backup.db"
TRACE = "planted-trace"


class Good(NamedTuple):
    """What damaged archives are made of."""

    proven: dict[str, Path]
    parts: Parts

    def pack(self, **changes: Callable[[bytes], bytes]) -> Callable[[Path], object]:
        """Pack the members with other content; the hashes are right."""
        parts = self.parts
        for name, change in changes.items():
            parts = replace(parts, {"dump": ENGINE_DUMP}.get(name, name), change)
        return lambda target: pack(hashed(parts), target)

    def beside_manifest(self, change: Callable[[Path], object]) -> Callable[[Path], object]:
        """Change an archive whose manifest stays as it was."""
        return lambda target: change(copy_archive(self.proven["stock"], target))


def damages(good: Good) -> dict[str, tuple[str, str, Callable[[Path], object]]]:
    """What is wrong: the level that finds it, its code, and how it is done."""
    parts, stock, fast = good.parts, good.proven["stock"].read_bytes(), good.proven["fast"].read_bytes()
    link = part("./config", kind=tarfile.SYMTYPE, link="/etc/passwd")
    flipped = replace(parts, ENGINE_DUMP, lambda old: flip(old, len(old) // 2))
    return {
        "climbs_out": ("none", "member_outside", lambda to: pack([*parts, part("../outside", b"x")], to)),
        "link_for_the_config": ("none", "member_link", lambda to: pack([*parts, link], to)),
        "pipe": ("none", "member_device", lambda to: pack([*parts, part("./pipe", kind=tarfile.FIFOTYPE)], to)),
        "planted_line": (
            "none", "config_forbidden", good.pack(config=lambda old: old + f"touch {TRACE}\n".encode())),
        "other_format": (
            "full", "config_disagrees",
            good.pack(config=lambda old: old.replace(b"FORMAT=custom", b"FORMAT=plain", 1))),
        "cut_dump": ("full", "dump_truncated", good.pack(dump=lambda old: old[: len(old) // 2])),
        "cut_files": ("full", "files_unreadable", good.pack(files=lambda old: old[: len(old) // 2])),
        "flipped_dump": ("checksums", "hash_mismatch", lambda to: pack(flipped, to)),
        "empty": ("none", "archive_empty", lambda to: to.write_bytes(b"")),
        "no_archive": ("none", "not_an_archive", lambda to: to.write_bytes(b"The backup is elsewhere.\n" * 40)),
        "cut": ("none", "archive_truncated", lambda to: to.write_bytes(stock[: len(stock) // 2])),
        "of_another_manifest": (
            "checksums", "manifest_disagrees", good.beside_manifest(lambda path: path.write_bytes(fast))),
        "tampered": (
            "checksums", "manifest_disagrees",
            good.beside_manifest(good.pack(files=lambda old: old + b"\0" * 512))),
        "dump_taken_out": (
            "none", "manifest_disagrees",
            good.beside_manifest(lambda path: pack(hashed(without(parts, "db/keycloak_backup.db")), path))),
    }  # fmt: skip


def test_what_is_wrong_is_named_at_its_level_and_above_and_nothing_is_changed(
    engine: Engine, proven: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    cases = damages(Good(proven, unpack(proven["stock"])))
    for name, (_level, _code, damage) in cases.items():
        damage(folder / f"{name}.backup")
    before = photograph(folder)
    results = engine.play(*(info(path=folder, verify=level) for level in LEVELS))
    found: dict[str, dict[str, Result]] = {}
    for level, result in zip(LEVELS, results, strict=True):
        assert (result.get("failed", False), result["changed"]) == (False, False), result
        found[level] = {Path(report["path"]).stem: report for report in result["archives"]}
        assert sorted(found[level]) == sorted(cases)
    for name, (least, code, _damage) in cases.items():
        for level in LEVELS[LEVELS.index(least) :]:
            report = found[level][name]
            assert not report["ok"] and code in codes(report), (name, level, report["problems"])
    assert found["checksums"]["cut_dump"]["ok"], "what only a full reading finds is not claimed before"
    assert {dump["tables"] for dump in found["checksums"]["cut_dump"]["databases"].values()} == {None}
    assert (found["full"]["empty"]["created"], found["full"]["no_archive"]["version"]) == (None, "")
    assert found["full"]["pipe"]["databases"]["engine"]["rows"] > 0
    assert photograph(folder) == before
    assert not list(tmp_path.rglob(TRACE)), "a planted command was run"
