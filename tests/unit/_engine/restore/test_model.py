# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a restore puts back, which it leaves out and which it rewrites."""

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import (
    CREDENTIAL_FILES,
    NEVER_RESTORED,
    OF_THE_SYSTEM,
    SERVERS,
    SETUP_STATE,
    is_restored_as_it_was,
    rewritten_files,
)

NOTHING = frozenset()  # type: ignore[var-annotated]
ENGINE = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
DWH = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf"
KEYCLOAK = "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf"


def test_ordinary_files_come_back_as_they_were() -> None:
    for path in ("etc/ovirt-engine/x.conf", ENGINE, SETUP_STATE, *OF_THE_SYSTEM, "var/lib/ovirt-engine/content/a b"):
        assert is_restored_as_it_was(path, False, NOTHING)


@pytest.mark.parametrize(
    "path",
    [
        *NEVER_RESTORED,
        "etc/pki/ovirt-engine/keys/engine.p12",
        "etc/ovirt-engine-setup.conf.d/10-packaging-wsp.conf",
        "var/lib/grafana/grafana.db-wal",
        "var/lib/grafana/grafana.db-journal",
    ],
)
def test_files_that_the_tool_leaves_out_or_makes_anew_are_not_compared(path: str) -> None:
    assert not is_restored_as_it_was(path, False, NOTHING)
    assert is_restored_as_it_was(DWH, False, frozenset([ENGINE]))
    assert not is_restored_as_it_was(ENGINE, False, frozenset([ENGINE]))


def test_on_another_system_apache_and_the_setup_state_are_not_as_they_were() -> None:
    for path in (*OF_THE_SYSTEM, SETUP_STATE):
        assert not is_restored_as_it_was(path, True, NOTHING)
    assert is_restored_as_it_was(ENGINE, True, NOTHING)


def test_copies_that_a_tool_kept_are_removed_with_the_old_password_and_not_missed() -> None:
    copy = DWH + ".20261201010203"
    assert not is_restored_as_it_was(copy, False, frozenset([ENGINE]))
    assert is_restored_as_it_was(copy, False, NOTHING)
    assert is_restored_as_it_was(DWH + ".rpmsave", False, frozenset([ENGINE]))


def test_new_credentials_of_the_engine_make_the_tool_rewrite_every_file() -> None:
    assert rewritten_files(frozenset(["engine"])) == {
        ENGINE,
        DWH,
        KEYCLOAK,
        "etc/ovirt-engine/engine.conf.d/10-setup-cinderlib-database.conf",
        "etc/ovirt-engine/engine.conf.d/10-setup-managedblock-database.conf",
    }
    assert rewritten_files(NOTHING) == NOTHING


@pytest.mark.parametrize("kind", [kind for kind in SERVERS if kind != "engine"])
def test_new_credentials_of_another_database_touch_its_own_file_only(kind: str) -> None:
    assert rewritten_files(frozenset([kind])) == {CREDENTIAL_FILES[kind][0]}
