# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration of an engine host is read as the engine reads it, and as sh reads it for engine-backup."""

from typing import Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.configuration import (
    database_settings,
    is_enabled,
    owned_kinds,
    parse_setup_state,
)
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import BY_NAME
from ansible_collections.ovirt.backup.plugins.module_utils._common.shell_files import parse_assignments

ENGINE_FILE = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
ENGINE_COPY_OF_DWH = "etc/ovirt-engine/engine.conf.d/10-setup-dwh-database.conf"
DWH_FILE = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf"
ENGINE_LINES = 'ENGINE_DB_HOST="localhost"\nENGINE_DB_PASSWORD="a"\nENGINE_DB_DATABASE="engine"\n'
DWH_LINES = 'DWH_DB_HOST="localhost"\nDWH_DB_PASSWORD="b"\nDWH_DB_DATABASE="ovirt_engine_history"\n'


# text of the value, what the engine reads, what sh reads
VALUES = {
    "empty": ("", "", ""),
    "empty in quotes": ('""', "", ""),
    "blank in quotes": ('"a b"', "a b", "a b"),
    "blank ends a bare word": ("a b", "a", "a"),
    "tab ends a bare word": ("a\tb", "a", "a"),
    "comment after a value": ('"a" # why', "a", "a"),
    "hash in quotes": ('"a#b"', "a#b", "a#b"),
    "colon as engine-setup writes it": (r'"p\:w"', "p:w", r"p\:w"),
    "backslash as engine-setup writes it": (r'"p\\w"', r"p\w", r"p\w"),
    "quote as engine-backup writes it": (r'"p\"w"', 'p"w', 'p"w'),
    "dollar as engine-backup writes it": (r'"p\$w"', r"p$w", r"p$w"),
    "backslash outside of quotes": (r"p\:w", "p:w", "p:w"),
    "known variable": ('"${BASE}/x"', "/usr/x", "/usr/x"),
    "unknown variable": ('"${NOBODY}x"', "x", "x"),
    "brace without an end": ('"${BASE"', "${BASE", "${BASE"),
    "two quoted pieces and an equal sign": ('"a=""b"', "a=b", "a=b"),
    "single quotes are none to the engine": ("'a b'", "'a", "a b"),
    "nothing is special in single quotes of sh": (r"'a\b${BASE}'", "'ab/usr'", r"a\b${BASE}"),
    "hash inside a word is no comment to sh": ("a#b", "a", "a#b"),
    "variable without braces": ('"a$BASE$NOBODY"', "a$BASE$NOBODY", "a/usr"),
    "parameters of sh": ('"a$1$$b"', "a$1$$b", "ab"),
    "dollar that nothing follows": ('"a$"', "a$", "a$"),
    "command in backticks": ('"a`b`c"', "a`b`c", "abc"),
    "command in a bare word": ("a$(b)c", "a$(b)c", "ab)c"),
    "escaped backtick": (r'"a\`b"', "a`b", "a`b"),
    "nothing is a command in single quotes of sh": ("'a$b`c'", "'a$b`c'", "a$b`c"),
    "non-ASCII": ('"käse"', "käse", "käse"),
}


@pytest.mark.parametrize(("raw", "as_engine", "as_shell"), list(VALUES.values()), ids=list(VALUES))
def test_value_is_read_as_each_reader_does(raw: str, as_engine: str, as_shell: str) -> None:
    known = {"BASE": "/usr"}
    assert parse_assignments("X=" + raw, known)["X"] == as_engine
    assert parse_assignments("X=" + raw, known, as_shell=True)["X"] == as_shell
    assert known == {"BASE": "/usr"}


def test_comments_blank_lines_and_other_text_assign_nothing() -> None:
    assert parse_assignments("# A=1\n\n  # B=2\nrm -rf x\nC = 3\n  D=4\n") == {"D": "4"}


def test_later_assignment_wins_and_sees_earlier_ones() -> None:
    text = 'A="1"\nB="${A}-${OUTER}"\nA="2"\n'
    assert parse_assignments(text, {"OUTER": "o", "A": "0"}) == {"OUTER": "o", "A": "2", "B": "1-o"}


def test_setup_state_takes_the_later_value_and_no_comments() -> None:
    texts = [
        "[environment:default]\nK/a=bool:True\nK/b=str:x=y\n",
        "# K/c=bool:True\n; K/d=bool:True\n K/a = bool:False \nno line\n",
    ]
    assert parse_setup_state(texts) == {"K/a": "bool:False", "K/b": "str:x=y"}


@pytest.mark.parametrize("value", ["bool:False", "str:True", "bool:true", "True", ""])
def test_only_true_of_type_bool_enables(value: str) -> None:
    kind = BY_NAME["dwh"]
    assert is_enabled({kind.flag: "bool:True"}, kind)
    assert not is_enabled({kind.flag: value}, kind)
    assert not is_enabled({}, kind)


def test_settings_have_the_defaults_of_the_tool() -> None:
    text = ENGINE_LINES.replace('"a"', r'"a\:b"') + "ENGINE_DB_PORT=x\nENGINE_DB_USER=u\nENGINE_DB_HOST=\n"
    found = database_settings(BY_NAME["engine"], parse_assignments(text), parse_assignments(text, as_shell=True))
    assert found == ("localhost", 5432, "u", "a:b", "engine", False, False, r"a\:b")
    found = database_settings(BY_NAME["engine"], {"ENGINE_DB_PASSWORD": "p", "ENGINE_DB_DATABASE": "engine"})
    assert found is not None
    assert (found.host, found.port, found.password, found.password_as_shell) == ("localhost", 5432, "p", "p")


def test_settings_are_those_of_their_own_database() -> None:
    text = ENGINE_LINES + DWH_LINES + 'DWH_DB_PORT="5433"\nDWH_DB_SECURED="True"\nDWH_DB_SECURED_VALIDATION="true"\n'
    found = database_settings(BY_NAME["dwh"], parse_assignments(text))
    assert found is not None
    assert (found.port, found.password, found.database) == (5433, "b", "ovirt_engine_history")
    assert (found.secured, found.secured_validation) == (True, True)


@pytest.mark.parametrize(
    "variables",
    [
        {"KEYCLOAK_DB_USER": "ovirt_engine_keycloak", "KEYCLOAK_DB_HOST": "localhost"},
        {"KEYCLOAK_DB_DATABASE": "k"},
        {"KEYCLOAK_DB_PASSWORD": "p", "KEYCLOAK_DB_DATABASE": ""},
    ],
    ids=["user of the defaults file", "no password", "no name"],
)
def test_database_without_name_and_password_is_not_configured(variables: Dict[str, str]) -> None:
    assert database_settings(BY_NAME["keycloak"], variables) is None


OWNED = {
    "engine and Data Warehouse on one host": (
        [(ENGINE_FILE, ENGINE_LINES), (ENGINE_COPY_OF_DWH, DWH_LINES), (DWH_FILE, ENGINE_LINES + DWH_LINES)],
        {"engine", "dwh"},
    ),
    "engine whose Data Warehouse is elsewhere": (
        [(ENGINE_FILE, ENGINE_LINES), (ENGINE_COPY_OF_DWH, DWH_LINES)],
        {"engine"},
    ),
    "host of the Data Warehouse alone": ([(DWH_FILE, ENGINE_LINES + DWH_LINES)], {"dwh"}),
    "single file of an old release": ([("etc/ovirt-engine/engine.conf", ENGINE_LINES)], {"engine"}),
    "name that only starts alike": ([("etc/ovirt-engine/engine.conf.d.bak/1.conf", ENGINE_LINES)], set()),
    "no password": ([(ENGINE_FILE, 'ENGINE_DB_USER="engine"\n')], set()),
    "commented out": ([(ENGINE_FILE, "#" + ENGINE_LINES.replace("\n", "\n#"))], set()),
    "Grafana beside the Data Warehouse": (
        [("etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-grafana-database.conf", 'GRAFANA_DB_PASSWORD="g"\n')],
        {"grafana"},
    ),
    "Keycloak in the engine": (
        [("etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf", 'KEYCLOAK_DB_PASSWORD="k"\n')],
        {"keycloak"},
    ),
}


@pytest.mark.parametrize(("texts", "owned"), list(OWNED.values()), ids=list(OWNED))
def test_database_belongs_to_the_host_of_its_own_service(texts: list, owned: set) -> None:  # type: ignore[type-arg]
    assert owned_kinds(texts) == owned
