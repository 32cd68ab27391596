# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option auth is the one of ovirt.ovirt: its fact fits, and so do its variables of the environment."""

from typing import Any, Dict

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.login import read_auth
from ansible_collections.ovirt.backup.plugins.module_utils._vm.argspecs import CONNECTION, WAITING

pytestmark = pytest.mark.ansible

VARIABLES = {
    "url": "OVIRT_URL", "hostname": "OVIRT_HOSTNAME", "username": "OVIRT_USERNAME", "password": "OVIRT_PASSWORD",
    "token": "OVIRT_TOKEN", "ca_file": "OVIRT_CAFILE",
}  # fmt: skip


def validate(given: Dict[str, Any]) -> Any:
    found = ArgumentSpecValidator(dict(CONNECTION, **WAITING)).validate(given)
    assert found.error_messages == []
    return found


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(("option", "variable"), sorted(VARIABLES.items()))
def test_what_is_left_out_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, option: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "/from/environment")
    for given in ({}, {"auth": {}}):
        assert validate(given).validated_parameters["auth"][option] == "/from/environment"
    assert validate({"auth": {option: "/given"}}).validated_parameters["auth"][option] == "/given"


def test_nothing_given_is_a_login_with_its_defaults() -> None:
    auth = validate({}).validated_parameters["auth"]
    assert (auth["insecure"], auth["kerberos"], auth["timeout"], auth["compress"]) == (False, False, 0, True)
    assert auth["url"] is None


def test_the_fact_of_the_other_collection_fits() -> None:
    fact = {
        "token": "tok", "url": "https://engine.test/ovirt-engine/api", "ca_file": None, "insecure": True, "timeout": 0,
        "compress": True, "kerberos": False, "headers": None,
    }  # fmt: skip
    auth = read_auth(validate({"auth": fact}).validated_parameters["auth"])
    assert (auth.token, auth.insecure, auth.headers) == ("tok", True, {})


def test_password_and_token_are_secrets() -> None:
    found = validate({"auth": {"url": "https://engine.test", "password": "pass-1", "token": "tok-1"}})
    assert found._no_log_values == {"pass-1", "tok-1"}
