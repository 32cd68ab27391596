# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login that a user gives: what is missing is named, what is given is used, and what was begun is ended."""

from typing import Any, Callable, Dict, List
from urllib.parse import parse_qs

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.engine import EngineApi
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.login import REQUEST_TIMEOUT, read_auth
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import ApiError
from unit.fakes.web_server import DROPPED, PASSWORD, TOKEN, Seen, WebServer, json, page, xml

Open = Callable[..., EngineApi]
VM = "<vm id='v1'><name>app</name></vm>"
USER = {"username": "backup@internal", "password": "x"}
# What ovirt.ovirt.ovirt_auth leaves behind as the fact ovirt_auth.
FACT: Dict[str, Any] = {
    "token": "tok-0", "url": "https://engine.test/ovirt-engine/api", "ca_file": None, "insecure": True, "timeout": 0,
    "compress": True, "kerberos": False, "headers": None,
}  # fmt: skip


def sso(server: WebServer) -> List[Seen]:
    return [one for one in server.seen if "/sso" in one.path]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "auth.url or auth.hostname"),
        (USER, "auth.url or auth.hostname"),
        ({"url": "https://engine.test/ovirt-engine/api"}, "auth.username and auth.password"),
        ({"hostname": "engine.test", "username": "backup@internal"}, "auth.username and auth.password"),
        ({"hostname": "engine.test", "password": "x"}, "auth.username and auth.password"),
    ],
)
def test_what_is_missing_is_named(given: Dict[str, Any], named: str) -> None:
    with pytest.raises(ApiError, match=named) as caught:
        read_auth(given)
    assert caught.value.code == "login_incomplete"


@pytest.mark.parametrize(
    "given",
    [
        dict(USER, hostname="engine.test"),
        dict(USER, url="https://engine.test/ovirt-engine/api/"),
        {"hostname": "engine.test", "kerberos": True},
        FACT,
    ],
)
def test_every_way_to_log_in_leads_to_the_same_address(given: Dict[str, Any]) -> None:
    assert read_auth(given).url == "https://engine.test/ovirt-engine/api"


def test_every_request_has_a_time_out() -> None:
    assert read_auth(dict(USER, hostname="engine.test")).timeout == REQUEST_TIMEOUT
    assert read_auth(FACT).timeout == REQUEST_TIMEOUT
    assert read_auth(dict(FACT, timeout=7)).timeout == 7


def test_the_login_is_sent_as_the_engine_wants_it(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(VM)]
    api.read_vm("v1")
    [login] = sso(server)
    assert login.path == "/ovirt-engine/sso/oauth/token"
    assert parse_qs(login.body) == {
        "grant_type": ["password"],
        "scope": ["ovirt-app-api"],
        "username": ["backup@internal"],
        "password": [PASSWORD],
    }


def test_the_login_happens_with_the_first_request(server: WebServer, open_to: Open) -> None:
    with open_to(server.url()):
        pass
    assert server.seen == []


def test_every_request_carries_the_id_of_the_run_and_the_headers_of_the_user(server: WebServer, open_to: Open) -> None:
    server.answers = [xml(VM)]
    with open_to(server.url(), headers={"X-Site": 7}) as api:
        api.read_vm("v1")
        api.read_vm("v1")
    for one in server.seen:
        if "/sso" not in one.path:
            assert (one.headers["Correlation-Id"], one.headers["X-Site"]) == ("run-1", "7")


def test_a_user_can_choose_the_id_of_the_run(server: WebServer, open_to: Open) -> None:
    server.answers = [xml(VM)]
    with open_to(server.url(), headers={"Correlation-Id": "mine"}) as api:
        api.read_vm("v1")
    assert server.seen[1].headers["Correlation-Id"] == "mine"


def test_a_login_of_its_own_is_ended(server: WebServer, open_to: Open) -> None:
    server.answers = [xml(VM)]
    with open_to(server.url()) as api:
        api.read_vm("v1")
    logout = sso(server)[-1]
    assert logout.path == "/ovirt-engine/services/sso-logout"
    assert parse_qs(logout.body)["token"] == ["tok-1"]


def test_a_given_token_is_left_alone(server: WebServer, open_to: Open) -> None:
    server.answers = [xml(VM)]
    with open_to(server.url(), token="tok-0") as api:
        api.read_vm("v1")
    assert sso(server) == []
    assert server.seen[0].headers["Authorization"] == "Bearer tok-0"


def test_a_given_token_that_expired_is_replaced_by_one_that_is_ended(server: WebServer, open_to: Open) -> None:
    server.answers = [page(401), xml(VM)]
    with open_to(server.url(), token="tok-0") as api:
        assert api.read_vm("v1").name == "app"
    assert parse_qs(sso(server)[-1].body)["token"] == ["tok-1"]


@pytest.mark.parametrize("answer", [DROPPED, page(503), json('{"error":"x","error_code":"y"}', 400)])
def test_a_log_out_that_fails_is_no_failure(server: WebServer, open_to: Open, answer: Any) -> None:
    server.answers = [xml(VM)]
    server.logins = [json(TOKEN), answer]
    with open_to(server.url()) as api:
        assert api.read_vm("v1").name == "app"
    assert len(sso(server)) == 2
