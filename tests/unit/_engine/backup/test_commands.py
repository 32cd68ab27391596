# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines of engine-backup, and what its help says it can do."""

from typing import List, Set

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import KINDS, SCOPES, expand_scopes
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.commands import (
    PROFILES,
    backup_command,
    supported_scopes,
)

PLACES = ("/b/archive", "/l/one.log", "/t")
HELP = """engine-backup: back up and restore
 MODE is one of the following:
    backup                          makes FILE
    restore                         restores FILE
 SCOPE is one of the following:
    all                             all of them
    files                           files of the product
%s
 --file=FILE                        the file, db    or not
 --db-compressor=COMPRESSOR         of the Engine database
"""
DATABASES_4_5 = """    db                              Engine
    dwhdb                           Data Warehouse
    cinderlibdb                     Cinderlib
    grafanadb                       Grafana"""
DATABASES_NEWEST = """    db                              Engine
    dwhdb                           Data Warehouse
    cinderlibdb                     Cinderlib (Restore only)
    keycloakdb                      Keycloak
    grafanadb                       Grafana
    managedblockdb                  Managed Block"""


def command(profile: str, scopes: List[str], kinds: List[str]) -> List[str]:
    return backup_command("/usr/bin/engine-backup", scopes, kinds, profile, *PLACES)


def test_stock_command_names_mode_scopes_and_places_and_nothing_else() -> None:
    assert command("stock", ["files", "db"], ["engine"]) == [
        "/usr/bin/engine-backup", "--mode=backup", "--scope=files", "--scope=db",
        "--file=/b/archive", "--log=/l/one.log", "--tmpdir=/t",
    ]  # fmt: skip


SMALL = "--archive-compressor=None --files-compressor=None --db-dump-format=plain --dwh-db-dump-format=plain"


@pytest.mark.parametrize(
    ("profile", "more"),
    [
        ("fast", "--archive-compressor=None --files-compressor=gzip"),
        ("small", SMALL + " --keycloak-db-dump-format=plain"),
    ],
)
def test_other_profiles_decide_who_compresses_and_how_each_database_is_dumped(profile: str, more: str) -> None:
    kinds = ["engine", "dwh", "keycloak", "grafana"]
    assert set(command(profile, ["all"], kinds)) - set(command("stock", ["all"], kinds)) == set(more.split())


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_no_argument_is_empty_or_split_from_its_value(profile: str, kind: str) -> None:
    argv = command(profile, ["files"], [kind])
    assert all(argv)
    assert all(argument.startswith("--") and "=" in argument for argument in argv[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HELP % DATABASES_4_5, {"files", "db", "dwhdb", "cinderlibdb", "grafanadb"}),
        (HELP % DATABASES_NEWEST, {"files", "db", "dwhdb", "keycloakdb", "grafanadb", "managedblockdb"}),
        (" --db=x  y\n", set()),
    ],
    ids=["older", "newest restores cinderlib only", "no help"],
)
def test_scopes_are_those_that_the_help_can_back_up(text: str, expected: Set[str]) -> None:
    assert supported_scopes(text) == expected


def test_all_stands_for_every_scope_in_the_order_of_the_tool() -> None:
    assert expand_scopes(["all"]) == list(SCOPES) == expand_scopes(["db", "all"])
    assert expand_scopes(["dwhdb", "files"]) == ["files", "dwhdb"]
    assert expand_scopes([]) == []
