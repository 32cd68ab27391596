# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup refuses, before it writes anything, what the options and the places they name make impossible."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .archive_store import ArchiveStore, copy_archive, fill_archive_store
from .installation import Site
from .playbooks import Engine, Result, backup, checked, codes
from .side_effects import processes


class Refusal(NamedTuple):
    options: dict[str, Any]
    code: str


def refusals(
    archive_store: ArchiveStore, scratch: Path, log: Path, known: str = "", lacking: str = ""
) -> dict[str, Refusal]:
    """What is asked for, and the name of what forbids it; a scope that the tool knows, one that it lacks."""
    here, (closed, open_to_all) = archive_store.directory, (scratch / "closed", scratch / "open")
    return {
        "the_scope_is_not_set_up": Refusal({"directory": here, "scope": [known]}, "scope_not_set_up"),
        "the_tool_lacks_the_scope": Refusal({"directory": here, "scope": [lacking]}, "scope_unsupported"),
        "the_target_directory_is_missing": Refusal({"directory": scratch / "nowhere"}, "directory_missing"),
        "the_target_directory_is_a_file": Refusal({"directory": here / "older.backup"}, "directory_missing"),
        "the_target_directory_is_open_to_all": Refusal({"directory": open_to_all}, "directory_unsafe"),
        "the_directory_of_the_path_is_missing": Refusal({"path": scratch / "nowhere/x.backup"}, "directory_missing"),
        "the_tmpdir_is_missing": Refusal({"directory": here, "tmpdir": scratch / "nowhere"}, "tmpdir_missing"),
        "the_log_directory_is_missing": Refusal(
            {"directory": here, "log_path": scratch / "nowhere/x.log"}, "log_directory_missing"),
        "the_log_is_the_archive": Refusal({"path": here / "x.backup", "log_path": here / "x.backup"}, "path_is_log"),
        "the_log_is_the_archive_by_another_name": Refusal(
            {"path": here / "x.backup", "log_path": scratch / "link/x.backup"}, "path_is_log"),
        "the_log_exists": Refusal({"directory": here, "log_path": log}, "log_exists"),
        "the_log_has_a_blank_in_its_path": Refusal(
            {"directory": here, "log_path": closed / "a b.log"}, "log_path_blank"),
        "a_foreign_file_is_at_the_path": Refusal({"path": here / "foreign.backup"}, "path_exists"),
        "a_damaged_archive_is_at_the_path": Refusal({"path": here / "damaged.backup"}, "path_exists"),
        "an_archive_with_fewer_scopes_is_at_the_path": Refusal({"path": here / "fewer.backup"}, "path_exists"),
    }  # fmt: skip


# Previewed as well; tests of whole installations preview the rest.
PREVIEWED = {"the_target_directory_is_open_to_all", "the_log_is_the_archive", "a_damaged_archive_is_at_the_path"}
NAMES = list(refusals(ArchiveStore(Path(), {}), Path(), Path()))


@pytest.fixture(scope="module")
def answers(
    site: Site, proven: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[str, list[Result]]]]:
    """All refusals in one playbook; nothing may have changed afterwards."""
    scratch = tmp_path_factory.mktemp("refusals")
    (scratch / "shelf").mkdir(mode=0o700)
    (scratch / "closed").mkdir(mode=0o700)
    (scratch / "open").mkdir()
    (scratch / "open").chmod(0o777)
    (scratch / "link").symlink_to(scratch / "shelf")
    (scratch / "old.log").touch()
    archive_store = fill_archive_store(scratch / "shelf", proven["stock"])
    (archive_store.directory / "foreign.backup").write_bytes(b"not ours")
    damaged = copy_archive(proven["stock"], archive_store.directory / "damaged.backup")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    copy_archive(proven["stock"], archive_store.directory / "fewer.backup", scopes=["files"])
    archive_store = fill_archive_store(scratch / "shelf", proven["stock"])

    asked = refusals(archive_store, scratch, scratch / "old.log", *site.block_scopes)
    least = site.scopes[-1:]  # the least work, where the scope does not matter
    tasks = {name: [backup(**{"scope": least, **refusal.options})] for name, refusal in asked.items()}
    for name in PREVIEWED:
        tasks[name].append(checked(tasks[name][0]))
    host, before = Engine(site, scratch / "ansible"), processes(site)
    results = host.play(*(task for several in tasks.values() for task in several))
    answers = {}
    for name, several in tasks.items():
        answers[name] = (asked[name].code, results[: len(several)])
        results = results[len(several) :]
    yield answers
    archive_store.assert_untouched()
    assert not list((scratch / "closed").iterdir())
    assert not list((scratch / "open").iterdir())
    assert (scratch / "old.log").read_bytes() == b""
    host.assert_left_no_trace(scratch, before)


@pytest.mark.parametrize("why", NAMES)
def test_a_backup_is_refused_by_name_where(why: str, answers: dict[str, tuple[str, list[Result]]]) -> None:
    code, results = answers[why]
    for result in results:
        assert result["failed"]
        assert code in codes(result), result["msg"]
        assert result["code"] == codes(result)[0]
        assert result["phase"] == "plan"
        assert not result["changed"]


def test_an_unknown_scope_is_refused_by_its_name(engine: Engine, archive_store: ArchiveStore) -> None:
    (result,) = engine.play(backup(directory=archive_store.directory, scope=["db", "everything"]))
    assert result["failed"]
    assert "everything" in result["msg"]
    assert "managedblockdb" in result["msg"], "the known scopes are named"
    archive_store.assert_untouched()


def test_path_and_directory_exclude_each_other(engine: Engine, archive_store: ArchiveStore) -> None:
    both, none = engine.play(
        backup(directory=archive_store.directory, path=archive_store.directory / "x.backup"), backup()
    )
    assert both["failed"] and none["failed"]
    assert "mutually exclusive" in both["msg"]
    assert "one of the following is required" in none["msg"]
    archive_store.assert_untouched()
