# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Good archives, and a directory with an older one that no failing run may touch."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from .side_effects import Photo, photograph

PROFILES = ("stock", "fast", "small")


class Made(NamedTuple):
    paths: dict[str, Path]  # by profile
    results: dict[str, dict[str, Any]]
    seen: set[bytes]  # command lines and environments of all processes meanwhile


class ArchiveStore(NamedTuple):
    directory: Path
    before: dict[str, Photo]

    def assert_untouched(self) -> None:
        """The older archive is what it was, and there is nothing else."""
        assert photograph(self.directory) == self.before

    def assert_holds_new(self, *results: dict[str, Any]) -> None:
        """The older archive is what it was; beside it stand the made ones with their manifests, and nothing else."""
        now = photograph(self.directory)
        assert {name: now.pop(name) for name in self.before} == self.before
        paths = [Path(result["archive"]["path"]) for result in results]
        assert {self.directory / name for name in now} == {*paths, *map(manifest_of, paths)}
        assert {photo.mode for photo in now.values()} == {"-rw-------"}
        assert [now[path.name].content for path in paths] == [result["archive"]["sha256"] for result in results]


def fill_archive_store(directory: Path, archive: Path) -> ArchiveStore:
    """Put an older archive into a directory, which may hold more already."""
    copy_archive(archive, directory / "older.backup")
    return ArchiveStore(directory, photograph(directory))


def manifest_of(archive: Path) -> Path:
    return archive.with_name(archive.name + ".manifest.json")


def read_manifest(archive: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(manifest_of(archive).read_text(encoding="utf-8"))
    return content


def copy_archive(source: Path, target: Path, **changes: Any) -> Path:
    """Copy an archive with its manifest, whose entries may be changed on the way."""
    shutil.copy2(source, target)
    content = {**read_manifest(source), "name": target.name, **changes}
    manifest_of(target).write_text(json.dumps(content), encoding="utf-8")
    for path in (target, manifest_of(target)):
        path.chmod(0o600)
    return target
