# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup refuses, before it writes anything, what the options and the places they name make impossible."""

from pathlib import Path
from typing import Any, NamedTuple

from .archive_store import ArchiveStore, copy_archive, fill_archive_store
from .playbooks import Engine, backup, checked, codes


class Refusal(NamedTuple):
    options: dict[str, Any]
    code: str


def refusals(archive_store: ArchiveStore, scratch: Path, known: str, lacking: str) -> dict[str, Refusal]:
    """What is asked for, and the name of what forbids it; a scope that the tool knows, one that it lacks.

    The unit tests have every reason; these need a real file system or the help of the real tool.
    """
    here = archive_store.directory
    return {
        "the scope is not set up": Refusal({"directory": here, "scope": [known]}, "scope_not_set_up"),
        "the tool lacks the scope": Refusal({"directory": here, "scope": [lacking]}, "scope_unsupported"),
        "the directory is a file": Refusal({"directory": here / "older.backup"}, "directory_missing"),
        "the directory is open to all": Refusal({"directory": scratch / "open"}, "directory_unsafe"),
        "the log is the archive by another name": Refusal(
            {"path": here / "x.backup", "log_path": scratch / "link/x.backup"}, "path_is_log"),
        "the log exists": Refusal({"directory": here, "log_path": scratch / "old.log"}, "log_exists"),
        "a damaged archive is at the path": Refusal({"path": here / "damaged.backup"}, "path_exists"),
        "an archive with fewer scopes is at the path": Refusal({"path": here / "fewer.backup"}, "path_exists"),
    }  # fmt: skip


def test_a_backup_is_refused_by_name_and_nothing_is_changed(
    engine: Engine, archive_store: ArchiveStore, proven: dict[str, Path], tmp_path: Path
) -> None:
    shelf = archive_store.directory
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(shelf)
    (tmp_path / "old.log").touch()
    damaged = copy_archive(proven["stock"], shelf / "damaged.backup")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    copy_archive(proven["stock"], shelf / "fewer.backup", scopes=["files"])
    archive_store = fill_archive_store(shelf, proven["stock"])

    asked = refusals(archive_store, tmp_path, *engine.site.block_scopes)
    least = engine.site.scopes[-1:]  # the least work, where the scope does not matter
    tasks = [backup(**{"scope": least, **refusal.options}) for refusal in asked.values()]
    *results, preview = engine.play(*tasks, checked(tasks[-1]))
    for result, (why, refusal) in zip([*results, preview], [*asked.items(), *list(asked.items())[-1:]], strict=True):
        assert result["failed"] and not result["changed"], why
        assert refusal.code in codes(result), result["msg"]
        assert (result["code"], result["phase"]) == (codes(result)[0], "plan")
    archive_store.assert_untouched()
    assert not list((tmp_path / "open").iterdir())
    assert (tmp_path / "old.log").read_bytes() == b""
