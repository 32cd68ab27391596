# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup refuses to make a smaller backup than the installation needs, and names every reason at once."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from lab import postgres

from .archive_steps import Step, in_turns
from .archive_store import ArchiveStore
from .installation import Site
from .playbooks import Engine, backup, checked, codes
from .side_effects import photograph

pytestmark = pytest.mark.faults


@contextmanager
def replaced(path: Path, content: str | None) -> Iterator[None]:
    """A file says something else for a while, or is gone."""
    before, mode = path.read_bytes(), path.stat().st_mode
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    try:
        yield
    finally:
        path.write_bytes(before)
        path.chmod(mode)


def query_tool(site: Site, content: str | None) -> AbstractContextManager[None]:
    return replaced(site.prefix / "bin/otopi-config-query", content)


def flag(site: Site, old: str, new: str) -> AbstractContextManager[None]:
    text = site.setup_state.read_text(encoding="utf-8")
    assert old in text
    return replaced(site.setup_state, text.replace(old, new))


@contextmanager
def renamed(site: Site, kind: str, is_empty: bool = False) -> Iterator[None]:
    """A database is gone for a while; an empty one may stand in its place."""
    name, owner, _password = site.lab.databases[kind]
    postgres.query(site.lab, "postgres", f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')
    try:
        if is_empty:
            postgres.query(site.lab, "postgres", f'CREATE DATABASE "{name}" OWNER "{owner}"')
        yield
    finally:
        postgres.query(site.lab, "postgres", f'DROP DATABASE IF EXISTS "{name}"')
        postgres.query(site.lab, "postgres", f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')


@contextmanager
def wrong_password(site: Site) -> Iterator[None]:
    _name, owner, password = site.lab.databases["dwh"]
    for told in ("another", password):
        postgres.query(site.lab, "postgres", f"ALTER ROLE \"{owner}\" PASSWORD '{told}'")
        if told == "another":
            yield


@contextmanager
def server_down(site: Site) -> Iterator[None]:
    postgres.stop(site.lab, forever=False)
    try:
        yield
    finally:
        postgres.start(site.lab)


DWH = ("OVESETUP_DWH_CORE/enable=bool:True", "OVESETUP_DWH_CORE/enable=bool:False")
# What is wrong, the code of the refusal, and what it names.
REASONS: dict[str, tuple[Callable[[Site], AbstractContextManager[None]], str, str]] = {
    "no query tool": (lambda site: query_tool(site, None), "query_tool_missing", "otopi-config-query"),
    "another answer": (lambda site: query_tool(site, "#!/bin/sh\nexit 2\n"), "flag_disagrees", ""),
    "dropped flag": (lambda site: flag(site, *DWH), "flag_disagrees", "OVESETUP_DWH_CORE/enable"),
    "deleted flag": (
        lambda site: flag(site, "OVESETUP_CONFIG/keycloakEnable=bool:True\n", ""), "flag_disagrees", "keycloak"),
    "no database": (lambda site: renamed(site, "dwh"), "database_missing", "history"),
    "empty database": (lambda site: renamed(site, "keycloak", True), "database_empty", "keycloak"),
    "wrong password": (wrong_password, "database_login_failed", "history"),
    "no server": (server_down, "database_unreachable", ""),
}  # fmt: skip


def test_each_reason_is_refused_by_its_name_and_the_run_after_them_is_fine(
    engine: Engine, archive_store: ArchiveStore, site: Site
) -> None:
    asked, steps = backup(directory=archive_store.directory), list[Step]()
    for change, _code, _named in REASONS.values():
        wrong = change(site)
        steps += [wrong.__enter__, asked, lambda wrong=wrong: wrong.__exit__(None, None, None)]
    before = list[object]()
    *refused, made = in_turns(engine, *steps, lambda: before.append(photograph(archive_store.directory)), asked)
    assert before == [archive_store.before]
    for result, (what, (_change, code, named)) in zip(refused, REASONS.items(), strict=True):
        assert result["failed"] and result["phase"] == "plan", what
        assert code in codes(result) and named in result["msg"], result["msg"]
    assert made["changed"], made.get("msg")
    archive_store.assert_holds_new(made)


def test_every_refusal_is_named_at_once_and_in_a_preview_too(
    engine: Engine, archive_store: ArchiveStore, site: Site
) -> None:
    asked = backup(directory=archive_store.directory, scope=["all", "managedblockdb"], tmpdir="/nowhere")
    with flag(site, *DWH), renamed(site, "keycloak"):
        preview, result = engine.play(checked(asked), asked)
    assert {"flag_disagrees", "database_missing", "scope_unsupported", "tmpdir_missing"} <= set(codes(preview))
    assert all(code in preview["msg"] for code in codes(preview))
    assert codes(preview) == codes(result)
    archive_store.assert_untouched()
