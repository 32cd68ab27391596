# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_restore refuses, before it writes anything, what would end badly; the stock tool finds out in the middle."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.postgres import query

from . import archive_mutations as mutations
from .archive_store import manifest_of
from .playbooks import Task, checked, codes
from .restore_tasks import DOWN, KINDS, Yard, copied, restore, said
from .small_disks import mounted
from .test_engine_restore_module_runs import files_of

pytest_plugins = ["functional.restore_tasks"]
pytestmark = pytest.mark.faults

DWH_DUMP = "db/dwh_backup.db"
SIZE = 2 << 20


def changed(archive: Path, folder: Path, change: Callable[[mutations.Parts], mutations.Parts]) -> Path:
    """A copy of an archive without its manifest, with other members."""
    folder.mkdir()
    return mutations.pack(change(mutations.unpack(archive)), folder / archive.name)


def of_version(stock: Path, folder: Path, version: str) -> Path:
    """The archive as if another engine had made it."""
    return changed(stock, folder, lambda parts: mutations.hashed(
        mutations.replace(parts, "version", lambda _old: version.encode() + b"\n")))  # fmt: skip


def archives(stock: Path, folder: Path) -> dict[str, tuple[Path, str]]:
    """Damaged and forged archives, and the name of what is wrong with them; test_engine_backup_info_damage has more."""
    cut = copied(stock, make(folder / "cut"), with_manifest=False)
    cut.write_bytes(stock.read_bytes()[: stock.stat().st_size // 2])
    tampered = changed(stock, folder / "tampered", lambda parts: mutations.replace(
        parts, DWH_DUMP, lambda old: mutations.flip(old, len(old) - 99)))  # fmt: skip
    rehashed = of_version(stock, folder / "rehashed", "4.5.6")
    manifest = json.loads(manifest_of(stock).read_text())
    manifest_of(rehashed).write_text(json.dumps({**manifest, "size": rehashed.stat().st_size}))
    return {
        "missing": (folder / "nowhere.backup", "archive_missing"),
        "cut": (cut, "archive_truncated"),
        "tampered with": (tampered, "hash_mismatch"),
        "tampered with, hashed anew, with its manifest": (rehashed, "manifest_disagrees"),
        "runs commands": (changed(stock, folder / "config", lambda parts: mutations.hashed(mutations.replace(
            parts, "config", lambda old: old + b"touch /tmp/x\n"))), "config_forbidden"),
        "of a newer engine": (of_version(stock, folder / "newer", "4.5.7.1"), "version_refused"),
    }  # fmt: skip


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def targets(yard: Yard) -> dict[str, tuple[dict[str, Any], str]]:
    """Credentials of databases that are not fit, and the name of what is wrong with them."""
    good = yard.make_target(yard.lab, "engine")
    filled = yard.make_target(yard.lab, "engine", name="filled")
    query(yard.lab, "filled", "CREATE TABLE stray (id integer)")
    bare = yard.make_target(yard.lab, "engine", name="bare")
    query(yard.lab, "bare", 'DROP EXTENSION "uuid-ossp"')
    foreign = {**yard.make_target(yard.lab, "engine", name="foreign"), "user": good["user"]}
    query(
        yard.lab, "postgres", "CREATE DATABASE latin OWNER engine_new TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    )
    return {
        "not empty": (filled, "target_not_empty"),
        "no extension": (bare, "database_lacks_extension"),
        "owner": (foreign, "database_wrong_owner"),
        "encoding": ({**good, "name": "latin"}, "database_wrong_encoding"),
        "locale": ({**good, "name": "latin"}, "database_wrong_locale"),
        "missing": ({**good, "name": "nowhere"}, "database_missing"),
        "password": ({**good, "password": "another-password"}, "database_login_failed"),
        "port": ({**good, "port": 5431}, "database_unreachable"),
        "password that the tool would misread": ({**good, "password": "a`b"}, "password_unsafe"),
    }


@pytest.fixture(scope="module")
def quiet(yard: Yard) -> Iterator[Yard]:
    """The host that waits for a restore; whatever was refused, nothing on it may have changed."""
    yard.emptied()
    mark = yard.site.prefix / "var/lib/ovirt-engine/engine.up"
    mark.write_text("4194304\n")  # stale: no process has this number, so it stands in nobody's way
    before = files_of(yard.site.prefix)
    yield yard
    assert files_of(yard.site.prefix) == before
    assert yard.rows() == {kind: {} for kind in KINDS}
    assert [path.name for path in yard.site.logs.iterdir() if path.name.startswith("restore-")] == []


def assert_refused(yard: Yard, folder: Path, cases: dict[str, tuple[Task, str]]) -> None:
    """Each case in one playbook, half of them as check mode too."""
    with yard.driven(folder) as engine:
        results = engine.play(*(task for task, _code in cases.values()))
    found = {name: codes(result) for name, result in zip(cases, results, strict=True)}
    assert {name: code in found[name] for name, (_task, code) in cases.items()} == dict.fromkeys(cases, True), found
    assert not [name for name in found if "engine_running" in found[name]]
    assert {result["phase"] for result in results} == {"plan"}
    assert not [result for result in results if result["changed"]]


def test_engine_that_is_up_and_databases_that_are_filled(yard: Yard, tmp_path: Path) -> None:
    yard.lab_engine.in_use()
    before, mine = files_of(yard.site.prefix), yard.rows()
    task = restore(yard.archives["stock"])
    with yard.driven(tmp_path) as engine:
        refused, previewed, planned = engine.play(
            task, checked(task), checked(restore(yard.archives["stock"], cleanup_planned=True))
        )
    for result in (refused, previewed):
        assert codes(result) == ["engine_running", "services_active"], said(result)
        assert [name for name in DOWN if name not in result["msg"]] == []
    assert (said(planned), planned["changed"]) == ("", True)
    assert files_of(yard.site.prefix) == before
    assert yard.rows().keys() == mine.keys()


def test_archives_that_can_not_be_restored(quiet: Yard, tmp_path: Path) -> None:
    cases = {name: (restore(path), code) for name, (path, code) in archives(quiet.archives["stock"], tmp_path).items()}
    mode = {path: path.stat().st_mode for path in tmp_path.rglob("*.backup")}
    assert_refused(quiet, tmp_path, cases)
    assert {path: path.stat().st_mode for path in mode} == mode, "nobody touched them"


def test_archive_of_an_older_engine_on_another_system_is_taken_and_the_system_is_named(
    quiet: Yard, tmp_path: Path
) -> None:
    """Although the engine's mark is there, which a crashed engine leaves."""
    stock = quiet.archives["stock"]
    older = of_version(stock, tmp_path / "older", "4.3.10")
    foreign = changed(stock, tmp_path / "system", lambda parts: mutations.hashed(
        mutations.replace(parts, "os_version", lambda _old: b"rhel8\n")))  # fmt: skip
    planned_ahead = restore(stock, cleanup_planned=True)
    with quiet.driven(tmp_path) as engine:
        *planned, ahead, refused = engine.play(
            checked(restore(older)), checked(restore(foreign)), checked(planned_ahead), planned_ahead
        )
    assert [(said(result), result["changed"]) for result in (*planned, ahead)] == [("", True)] * 3
    assert planned[0]["restore"]["version"] == "4.3.10"
    notes = [[note for note in result["restore"]["notes"] if "rhel8" in note] for result in planned]
    assert notes[0] == [] and "Apache" in notes[1][0]
    assert (refused["code"], refused["changed"]) == ("not_check_mode", False), "what a cleanup will do is not done yet"


def test_databases_that_can_not_be_restored_into(quiet: Yard, tmp_path: Path) -> None:
    stock = quiet.archives["stock"]
    cases = {
        name: (restore(stock, credentials=quiet.hidden({"engine": given})), code)
        for name, (given, code) in targets(quiet).items()
    }
    assert_refused(quiet, tmp_path, cases)


def test_options_and_places_that_can_not_be(quiet: Yard, tmp_path: Path) -> None:
    stock = quiet.archives["stock"]
    log = tmp_path / "there.log"
    log.write_text("")
    given = quiet.hidden({"engine": quiet.make_target(quiet.lab, "engine", name="unused")})
    small, data = make(tmp_path / "small"), quiet.site.prefix / "var/lib/pgsql/data"
    data.mkdir(parents=True)
    cases = {
        "scope that the archive lacks": (restore(stock, scope=["files", "cinderlibdb"]), "scope_not_in_archive"),
        "credentials and provisioning": (restore(stock, credentials=given, provision=["all"]), "provision_conflict"),
        "owners and grants of other roles": (
            restore(stock, credentials=given, permissions="restore"),
            "permissions_impossible",
        ),
        "log exists": (restore(stock, log_path=log), "log_exists"),
        "no temporary directory": (restore(stock, tmpdir=tmp_path / "nowhere"), "tmpdir_missing"),
        "temporary directory full": (restore(stock, tmpdir=small), "space_tmpdir"),
        "data directory full": (restore(stock), "space_data"),
        "no time": (restore(stock, timeout=0), "option_out_of_range"),
        "temporary directory full, in check mode": (checked(restore(stock, tmpdir=small)), "space_tmpdir"),
    }
    try:
        with mounted(small, SIZE), mounted(data, SIZE):
            assert_refused(quiet, tmp_path, cases)
    finally:
        data.rmdir()
