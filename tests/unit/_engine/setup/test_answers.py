# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of engine-setup and engine-cleanup: made of what is found, and checked before a tool misreads them."""

import configparser
from typing import Any, Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.redact import MASK
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.answers import (
    COMPONENTS,
    SetupFacts,
    check_answers,
    cleanup_answers,
    differing_answers,
    mask_answers,
    release_of,
    render_answers,
    secret_values,
    setup_answers,
)

STATE = {
    "OVESETUP_ENGINE_CORE/enable": "bool:True",
    "OVESETUP_DWH_CORE/enable": "bool:True",
    "OVESETUP_CONFIG/firewallManager": "str:firewalld",
    "OVESETUP_APACHE/configured": "bool:True",
}


def facts(**changes: Any) -> SetupFacts:
    found = SetupFacts(
        state=STATE,
        is_set_up=True,
        is_unprivileged=False,
        memory=16000,
        active_firewall="firewalld",
        configured_dwh="",
        recorded_dwh="",
        has_local_database=True,
        is_same_release=True,
        dumps_plainly=False,
    )
    return found._replace(**changes)


DISCONNECT = "OVESETUP_DWH_DB/disconnectExistingDwh"
# What is found on the host -> answers that follow; None for one that must not be given.
CASES: Dict[str, Any] = {
    "the usual": (
        {},
        {
            "OVESETUP_PKI/renew": "bool:False",
            "QUESTION/1/OVESETUP_SKIP_RENEW_PKI_CONFIRM": "str:yes",
            "OVESETUP_CORE/engineStop": "bool:True",
            "OVESETUP_DIALOG/confirmSettings": "bool:True",
            "OVESETUP_DB/engineVacuumFull": "bool:False",
            "OVESETUP_CONFIG/adminPassword": None,
            "OVESETUP_CONFIG/keycloakAdminPasswd": None,
            "OVESETUP_GRAFANA_CONFIG/adminPassword": None,
            "OVESETUP_DWH_CORE/enable": None,  # the backup had it
            "OVESETUP_ENGINE_CORE/enable": None,
            "OVESETUP_CONFIG/keycloakEnable": "bool:False",  # it had not
            "OVESETUP_CONFIG/updateFirewall": "bool:True",
            "OVESETUP_DB/dumper": None,
            "OVESETUP_APACHE/configureSsl": None,
            "OVESETUP_DB/fixDbConfiguration": "bool:True",
            "QUESTION/1/OVESETUP_IGNORE_SNAPSHOTS_WITH_OLD_COMPAT_LEVEL": "str:yes",
            "QUESTION/1/OVESETUP_SYSTEM_UNPRIVILEGED": None,
        },
    ),
    "an engine without its flag": ({"state": {}}, {"OVESETUP_ENGINE_CORE/enable": "bool:True"}),
    "a new engine": ({"state": {}, "is_set_up": False}, dict.fromkeys(COMPONENTS)),
    "a firewall that is off here": (
        {"active_firewall": ""},
        {"OVESETUP_CONFIG/updateFirewall": "bool:False", "OVESETUP_CONFIG/firewallManager": None},
    ),
    "another firewall here": ({"active_firewall": "iptables"}, {"OVESETUP_CONFIG/updateFirewall": "bool:False"}),
    "a dump that need not be packed": ({"dumps_plainly": True}, {"OVESETUP_DB/dumper": "str:pg_plain"}),
    "enough memory": ({"memory": 4096}, {"OVESETUP_SYSTEM/memCheckEnabled": None}),
    "little memory": ({"memory": 4095}, {"OVESETUP_SYSTEM/memCheckEnabled": "bool:False"}),
    "Apache not set up": (
        {"state": {}},
        {"OVESETUP_APACHE/configureSsl": "bool:True", "OVESETUP_APACHE/configureRootRedirection": "bool:True"},
    ),
    "its own Data Warehouse": ({"recorded_dwh": "a", "configured_dwh": "a"}, {DISCONNECT: None}),
    "the Data Warehouse of another host": ({"recorded_dwh": "a", "configured_dwh": "b"}, {DISCONNECT: "bool:True"}),
    "a Data Warehouse that never ran": ({"recorded_dwh": "", "configured_dwh": "b"}, {DISCONNECT: None}),
    "a remote database": ({"has_local_database": False}, {"OVESETUP_DB/fixDbConfiguration": None}),
    "an upgrade": ({"is_same_release": False}, {"QUESTION/1/OVESETUP_IGNORE_SNAPSHOTS_WITH_OLD_COMPAT_LEVEL": None}),
    "a development installation": (
        {"is_unprivileged": True, "state": {}},
        {
            "QUESTION/1/OVESETUP_SYSTEM_UNPRIVILEGED": "str:yes",
            "OVESETUP_APACHE/configureSsl": None,
            "OVESETUP_APACHE/configureRootRedirection": None,
        },
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_answers_follow_from_what_is_found(name: str) -> None:
    changes, wanted = CASES[name]
    answers = setup_answers(facts(**changes))
    assert {key: answers.get(key) for key in wanted} == wanted


@pytest.mark.parametrize("is_unprivileged", [True, False])
def test_own_answers_are_valid(is_unprivileged: bool) -> None:
    everything = facts(state={}, is_unprivileged=is_unprivileged, memory=1, recorded_dwh="a")
    assert check_answers(setup_answers(everything)) == []
    assert check_answers(cleanup_answers(is_unprivileged)) == []


def test_cleanup_is_told_to_remove_everything() -> None:
    assert cleanup_answers(False) == {
        "OVESETUP_CORE/remove": "bool:True",
        "OVESETUP_CORE/engineStop": "bool:True",
        "OVESETUP_REMOVE/removeAll": "bool:True",
        "OVESETUP_REMOVE/removeChanged": "bool:True",
    }
    assert cleanup_answers(True)["QUESTION/1/OVESETUP_SYSTEM_UNPRIVILEGED"] == "str:yes"


KEY = "OVESETUP_CONFIG/fqdn"
GOOD = {
    "none": (KEY, "none:None"),
    "false": (KEY, "bool:False"),
    "number": (KEY, "int:-1"),
    "empty text": (KEY, "str:"),
    "what separates": (KEY, "str:a:b=c#d;e"),
    "No that is no answer": (KEY, "str:No"),
    "list": (KEY, "multi-str:one"),
    "answer": ("QUESTION/2/OVESETUP_A", "str:Datacenter"),
    "umlaut": (KEY, "str:p\u00e4ss"),
}
BAD = {
    "no type": (KEY, "engine.lab.test", "type:value"),
    "unknown type": (KEY, "text:x", "type:value"),
    "false in lower case": (KEY, "bool:false", "bool:True or bool:False"),
    "number": (KEY, "int:five", "whole number"),
    "none": (KEY, "none:", "none:None"),
    "line end": (KEY, "str:a\nOVESETUP_X/y=str:z", "line end"),
    "carriage return": (KEY, "str:a\r", "line end"),
    "trailing line end": (KEY, "bool:True\n", "line end"),
    "leading blank": (KEY, "str: a", "blanks"),
    "trailing blank": (KEY, "str:a ", "blanks"),
    "no in capitals": ("QUESTION/1/OVESETUP_A", "str:No", "lower case"),
    "cancel in capitals": ("QUESTION/1/OVESETUP_A", "str:Cancel", "lower case"),
    "key without a group": ("fqdn", "str:geheim", "GROUP/name"),
    "key with what separates": ("A/b:c", "str:a", "GROUP/name"),
    "key of a section": ("[A/b]", "str:a", "GROUP/name"),
    "key with a line end": ("A/b\n", "str:a", "GROUP/name"),
}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_good_answer_is_taken_and_read_back_as_it_is(name: str) -> None:
    key, typed = GOOD[name]
    assert check_answers({key: typed}) == []
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(render_answers({key: typed, "OVESETUP_Z/last": "bool:True"}))
    assert dict(parser.items("environment:default")) == {key: typed, "OVESETUP_Z/last": "bool:True"}


@pytest.mark.parametrize("name", sorted(BAD))
def test_an_answer_that_a_tool_would_misread_is_refused(name: str) -> None:
    key, typed, reason = BAD[name]
    problems = check_answers({key: typed})
    assert [item.code for item in problems] == ["answer_invalid"]
    assert reason in problems[0].message
    assert "geheim" not in problems[0].message


def test_secrets_are_masked_by_their_key_or_because_they_were_given_as_secrets() -> None:
    answers = {
        "OVESETUP_DB/password": "str:one",
        "OVESETUP_CONFIG/keycloakAdminPasswd": "str:two",
        "OVESETUP_OVN/ovirtProviderOvnSecret": "str:three",
        "OVESETUP_A/b": "str:four",
        "OVESETUP_A/c": "str:shown",
    }
    masked = mask_answers(answers, ["OVESETUP_A/b"])
    assert [key for key, typed in masked.items() if typed != MASK] == ["OVESETUP_A/c"]
    assert sorted(secret_values(answers, ["OVESETUP_A/b"])) == ["four", "one", "three", "two"]


def test_only_recorded_answers_can_differ() -> None:
    recorded = {"A/b": "str:x", "A/c": "bool:True"}
    assert differing_answers({"A/b": "str:y", "A/c": "bool:True", "A/d": "str:z"}, recorded) == ["A/b"]


def test_the_release_of_a_package_is_left_out() -> None:
    assert release_of("str:4.5.7-1.el9") == "4.5.7"
    assert release_of("str:4.5.8_master") == "4.5.8_master"
    assert release_of("none:None") == "None"
    assert release_of(None) == ""
