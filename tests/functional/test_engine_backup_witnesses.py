# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup refuses to make a smaller backup than the installation needs, and names every reason at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import Database, postgres

from .archive_store import ArchiveStore
from .installation import Site
from .playbooks import Engine, backup, checked, codes

pytestmark = pytest.mark.faults
Keep = Callable[[Path], Path]


def assert_refused(engine: Engine, archive_store: ArchiveStore, code: str) -> str:
    """The preview and the run both refuse, by name; return what they say."""
    preview, result = engine.play(
        checked(backup(directory=archive_store.directory)), backup(directory=archive_store.directory)
    )
    for one in (preview, result):
        assert one["failed"], one
        assert code in codes(one), one["msg"]
        assert one["phase"] == "plan"
    assert codes(preview) == codes(result)
    archive_store.assert_untouched()
    return str(result["msg"])


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@contextmanager
def renamed(site: Site, database: Database) -> Iterator[None]:
    """A database is gone for a while."""
    away = f"{database.name}_away"
    postgres.query(site.lab, "postgres", f'ALTER DATABASE "{database.name}" RENAME TO "{away}"')
    try:
        yield
    finally:
        postgres.query(site.lab, "postgres", f'DROP DATABASE IF EXISTS "{database.name}"')
        postgres.query(site.lab, "postgres", f'ALTER DATABASE "{away}" RENAME TO "{database.name}"')


def test_a_missing_query_tool_is_refused(engine: Engine, archive_store: ArchiveStore, site: Site, kept: Keep) -> None:
    kept(site.prefix / "bin/otopi-config-query").unlink()
    assert_refused(engine, archive_store, "query_tool_missing")


def test_a_query_tool_that_answers_otherwise_is_refused(
    engine: Engine, archive_store: ArchiveStore, site: Site, kept: Keep
) -> None:
    kept(site.prefix / "bin/otopi-config-query").write_text("#!/bin/sh\nexit 2\n")
    assert_refused(engine, archive_store, "flag_disagrees")


def test_a_dropped_enable_flag_is_refused(engine: Engine, archive_store: ArchiveStore, site: Site, kept: Keep) -> None:
    change(kept(site.setup_state), "OVESETUP_DWH_CORE/enable=bool:True", "OVESETUP_DWH_CORE/enable=bool:False")
    said = assert_refused(engine, archive_store, "flag_disagrees")
    assert "OVESETUP_DWH_CORE/enable" in said


def test_a_deleted_enable_flag_is_refused(engine: Engine, archive_store: ArchiveStore, site: Site, kept: Keep) -> None:
    change(kept(site.setup_state), "OVESETUP_CONFIG/keycloakEnable=bool:True\n", "")
    said = assert_refused(engine, archive_store, "flag_disagrees")
    assert "keycloak" in said


def test_an_enabled_database_that_is_gone_is_refused(engine: Engine, archive_store: ArchiveStore, site: Site) -> None:
    with renamed(site, site.lab.databases["dwh"]):
        assert_refused(engine, archive_store, "database_missing")


def test_an_enabled_database_that_is_empty_is_refused(engine: Engine, archive_store: ArchiveStore, site: Site) -> None:
    database = site.lab.databases["keycloak"]
    with renamed(site, database):
        postgres.query(site.lab, "postgres", f'CREATE DATABASE "{database.name}" OWNER "{database.owner}"')
        assert_refused(engine, archive_store, "database_empty")


def test_a_wrong_password_is_refused(engine: Engine, archive_store: ArchiveStore, site: Site) -> None:
    database = site.lab.databases["dwh"]
    set_password = f"ALTER ROLE \"{database.owner}\" PASSWORD '%s'"
    postgres.query(site.lab, "postgres", set_password % "another")
    try:
        assert_refused(engine, archive_store, "database_login_failed")
    finally:
        postgres.query(site.lab, "postgres", set_password % database.password)


def test_a_database_server_that_is_down_is_refused_and_the_next_run_is_fine(
    engine: Engine, archive_store: ArchiveStore, site: Site
) -> None:
    postgres.stop(site.lab, forever=False)
    try:
        assert_refused(engine, archive_store, "database_unreachable")
    finally:
        postgres.start(site.lab)
    (result,) = engine.play(backup(directory=archive_store.directory))
    assert result["changed"], result.get("msg")
    archive_store.assert_holds_new(result)


def test_every_refusal_is_named_at_once(engine: Engine, archive_store: ArchiveStore, site: Site, kept: Keep) -> None:
    change(kept(site.setup_state), "OVESETUP_DWH_CORE/enable=bool:True", "OVESETUP_DWH_CORE/enable=bool:False")
    with renamed(site, site.lab.databases["keycloak"]):
        options = {"directory": archive_store.directory, "scope": ["all", "managedblockdb"], "tmpdir": "/nowhere"}
        (preview,) = engine.play(checked(backup(**options)))
    assert {"flag_disagrees", "database_missing", "scope_unsupported", "tmpdir_missing"} <= set(codes(preview))
    assert all(code in preview["msg"] for code in codes(preview))
    archive_store.assert_untouched()
