# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command of a restore: what the tool is told, in which order, and what it is never told."""

from typing import Any, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import SCOPES
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.commands import (
    password_file,
    password_files,
    restorable_scopes,
    restore_command,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import SERVERS, RestoreTarget
from unit.fakes import world
from unit.fakes.restore_host import make_request

TOOL, LOG, WORK = "/usr/bin/engine-backup", "/l/one.log", "/srv/tmp/work"
START = [TOOL, "--mode=restore", "--file=/srv/backup/one.backup", "--log=/l/one.log", "--tmpdir=/srv/tmp/work"]
STEMS = {"engine": "db", "dwh": "dwh-db", "cinderlib": "cinderlib-db", "managedblock": "managedblock-db",
         "keycloak": "keycloak-db"}  # fmt: skip


def target(kind: str, is_changed: bool = False, is_provisioned: bool = False, **settings: Any) -> RestoreTarget:
    return RestoreTarget(kind, world.settings(kind)._replace(**settings), is_changed, is_provisioned)


def command(targets: List[RestoreTarget], permissions: bool = False, **options: Any) -> List[str]:
    return restore_command(TOOL, make_request(**options), ["files", "db"], targets, permissions, LOG, WORK)


def test_plain_restore_names_scopes_and_decides_on_permissions() -> None:
    scopes = ["--scope=files", "--scope=db"]
    assert command([target("engine")]) == START + scopes + ["--no-restore-permissions"]
    assert command([target("engine")], True) == START + scopes + ["--restore-permissions"]


@pytest.mark.parametrize("kind", SERVERS)
def test_changed_credentials_follow_their_switch_and_the_password_is_in_a_file(kind: str) -> None:
    stem = STEMS[kind]
    assert command([target(kind, True, host="db.lab", port=5433, user="u", database="d")])[len(START) + 3 :] == [
        "--change-%s-credentials" % stem,
        "--%s-host=db.lab" % stem,
        "--%s-port=5433" % stem,
        "--%s-user=u" % stem,
        "--%s-name=d" % stem,
        "--%s-passfile=/srv/tmp/work/%s.password" % (stem, kind),
    ]
    provisioned = [target(kind, False, True)]
    assert command(provisioned)[len(START) + 3 :] == ["--provision-" + stem]
    assert command(provisioned, restore_jobs=4)[len(START) + 3 :] == [
        "--%s-restore-jobs=4" % stem,
        "--provision-" + stem,
    ]


@pytest.mark.parametrize(
    ("secured", "validation", "words"),
    [(False, False, []), (True, False, ["--db-secured"]), (True, True, ["--db-secured", "--db-sec-validation"])],
)
def test_secured_connection_is_asked_for_as_the_tool_spells_it(secured: bool, validation: bool, words: Any) -> None:
    found = command([target("engine", True, secured=secured, secured_validation=validation)])
    assert [word for word in found if "--db-sec" in word] == words


def test_flags_are_there_where_they_were_asked_for() -> None:
    flags = ["--keep-temporary-data", "--he-remove-storage-vm", "--he-remove-hosts"]
    assert not set(flags) & set(command([]))
    for option, flag in zip(("keep_temporary_data", "remove_storage_vm", "remove_hosts"), flags):
        assert set(command([], **{option: True})) - set(command([])) == {flag}


def test_no_password_and_no_empty_argument_is_in_any_command() -> None:
    for changed, provisioned in ((True, False), (False, True), (False, False)):
        words = command([target(kind, changed, provisioned) for kind in SERVERS], restore_jobs=2)
        assert all(words)
        assert not [word for word in words for kind in SERVERS if "secret-of-" in word]
        assert not [word for word in words if " " in word]


def test_only_changed_databases_get_a_password_file() -> None:
    targets = [target("engine", True), target("dwh", False, True), target("keycloak")]
    assert password_files(targets, WORK) == {"/srv/tmp/work/engine.password": "secret-of-engine"}
    assert password_file("engine", WORK) in password_files(targets, WORK)


def test_restorable_scopes_are_those_that_the_help_lists() -> None:
    text = "".join("    %s      of it\n" % scope for scope in ("all", "files", "db", "cinderlibdb")) + "  --db=x\n"
    assert restorable_scopes(text) == {"files", "db", "cinderlibdb"} < set(SCOPES)
    assert restorable_scopes("") == frozenset()
