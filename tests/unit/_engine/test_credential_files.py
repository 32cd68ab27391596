# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials in configuration files: the lines of one database change, every other line stays as it is."""

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.configuration import database_settings
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import KINDS
from ansible_collections.ovirt.backup.plugins.module_utils._common.shell_files import parse_assignments
from ansible_collections.ovirt.backup.plugins.module_utils._engine.credential_files import (
    credential_lines,
    is_placeholder,
    lost_variables,
    names_database,
    replace_credentials,
)
from unit.fakes import world

NEW = world.settings("new", "New.Secret_1")._replace(host="db.lab.test", port=5433, user="owner")
NINE = "HOST PORT USER PASSWORD DATABASE SECURED SECURED_VALIDATION DRIVER URL".split()
KEYCLOAK = """# made by engine-setup
KEYCLOAK_BUNDLED=true
EXTERNAL_OIDC_CLIENT_SECRET="oidc-secret"
KEYCLOAK_DB_MAX_CONNECTIONS=100
KEYCLOAK_DB_HOST="localhost"
KEYCLOAK_DB_PORT="5432"
KEYCLOAK_DB_USER="ovirt_engine_keycloak"
KEYCLOAK_DB_PASSWORD="old-secret"
KEYCLOAK_DB_DATABASE="ovirt_engine_keycloak"
KEYCLOAK_DB_SECURED="False"
KEYCLOAK_DB_SECURED_VALIDATION="False"
KEYCLOAK_DB_DRIVER="org.postgresql.Driver"
KEYCLOAK_DB_URL="jdbc:postgresql://${KEYCLOAK_DB_HOST}:${KEYCLOAK_DB_PORT}/${KEYCLOAK_DB_DATABASE}"

# the end
"""


def test_every_other_line_stays_and_in_its_place() -> None:
    text = replace_credentials(KEYCLOAK, "keycloak", NEW)
    before, after = KEYCLOAK.splitlines(), text.splitlines()
    assert [line.partition("=")[0] for line in before] == [line.partition("=")[0] for line in after]
    changed = [old.partition("=")[0] for old, new in zip(before, after) if old != new]
    assert changed and set(changed) < {"KEYCLOAK_DB_" + name for name in NINE}
    assert "old-secret" not in text
    assert replace_credentials(text, "keycloak", NEW) == text
    text = replace_credentials("KEYCLOAK_BUNDLED=true\nKEYCLOAK_DB_HOST=x\n", "keycloak", NEW)
    assert text.splitlines()[:2] == ["KEYCLOAK_BUNDLED=true", 'KEYCLOAK_DB_HOST="db.lab.test"']
    assert len(text.splitlines()) == 1 + len(NINE), "missing lines are added at the end"
    assert list(credential_lines("dwh", NEW)) == ["DWH_DB_" + name for name in NINE]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name != "grafana"], ids=lambda kind: str(kind.name))
def test_what_is_written_reads_back_as_what_was_asked_for(kind: object) -> None:
    name, prefix = kind.name, kind.prefix  # type: ignore[attr-defined]
    text = replace_credentials("", name, NEW)
    assert set(parse_assignments(text)) == {prefix + one for one in NINE}
    assert database_settings(kind, parse_assignments(text), parse_assignments(text, as_shell=True)) == NEW  # type: ignore[arg-type]
    assert parse_assignments(text)[prefix + "URL"].startswith("jdbc:postgresql://db.lab.test:5433/new")


@pytest.mark.parametrize(
    ("secured", "validation", "end"),
    [
        (False, False, "?sslfactory=org.postgresql.ssl.NonValidatingFactory"),
        (True, False, "?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory"),
        (True, True, "?ssl=true"),
        (False, True, ""),
    ],
)
def test_address_says_whether_the_connection_is_secured(secured: bool, validation: bool, end: str) -> None:
    found = parse_assignments(
        replace_credentials("", "engine", NEW._replace(secured=secured, secured_validation=validation))
    )
    assert found["ENGINE_DB_URL"] == "jdbc:postgresql://db.lab.test:5433/new" + end
    assert (found["ENGINE_DB_SECURED"], found["ENGINE_DB_SECURED_VALIDATION"]) == (str(secured), str(validation))


def test_second_assignment_of_a_variable_does_not_win_over_the_new_one() -> None:
    text = replace_credentials(KEYCLOAK + 'KEYCLOAK_DB_PASSWORD="another-secret"\n', "keycloak", NEW)
    assert parse_assignments(text)["KEYCLOAK_DB_PASSWORD"] == "New.Secret_1"
    assert text.count("KEYCLOAK_DB_PASSWORD") == 1


def test_lines_of_another_database_in_the_same_file_stay() -> None:
    both = replace_credentials("", "engine", world.settings("engine"))
    both = replace_credentials(both, "dwh", world.settings("dwh"))
    text = replace_credentials(both, "dwh", NEW)
    assert [line for line in text.splitlines() if line.startswith("ENGINE_")] == [
        line for line in both.splitlines() if line.startswith("ENGINE_")
    ]
    assert parse_assignments(text)["DWH_DB_PASSWORD"] == "New.Secret_1"


def test_commented_and_similar_names_are_no_credentials() -> None:
    text = '#KEYCLOAK_DB_HOST="kept"\nMY_KEYCLOAK_DB_HOST="kept"\nKEYCLOAK_DB_HOSTS="kept"\n'
    assert replace_credentials(text, "keycloak", NEW).startswith(text)


def test_file_names_a_database_where_it_has_a_password_for_it() -> None:
    assert names_database(KEYCLOAK, "keycloak")
    assert not names_database(KEYCLOAK, "engine")
    assert not names_database("KEYCLOAK_BUNDLED=false\n", "keycloak")
    assert not names_database('KEYCLOAK_DB_PASSWORD=""\n', "keycloak")


def test_lost_variables_are_named_without_those_that_change() -> None:
    found = replace_credentials("", "keycloak", NEW)
    lost = ["EXTERNAL_OIDC_CLIENT_SECRET", "KEYCLOAK_BUNDLED", "KEYCLOAK_DB_MAX_CONNECTIONS"]
    assert lost_variables(KEYCLOAK, found, ()) == lost
    assert lost_variables(KEYCLOAK, found, ("keycloak",)) == lost[:2]
    assert lost_variables(KEYCLOAK, KEYCLOAK, ()) == []
    assert "KEYCLOAK_DB_HOST" in lost_variables(KEYCLOAK, "\n", ())


def test_placeholder_is_a_file_without_a_single_password() -> None:
    without_value = 'CINDERLIB_DB_PASSWORD=""\nCINDERLIB_DB_HOST="localhost"\n'
    for text in ("", "\n", "# x\n", without_value, "KEYCLOAK_BUNDLED=false\n"):
        assert is_placeholder(text)
    assert not is_placeholder(KEYCLOAK)
    assert not is_placeholder('CINDERLIB_DB_PASSWORD="x"\n')
