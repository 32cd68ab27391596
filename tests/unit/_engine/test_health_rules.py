# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the health page is asked for, and which answers count."""

from typing import Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.health_rules import (
    HEALTHY,
    PAGE,
    Answer,
    HealthTarget,
    choose_target,
    describe_health,
    follow,
    is_healthy,
)

FQDN = "engine.lab.test"
TARGET = HealthTarget("http", FQDN, 80)
BEHIND_APACHE = {"ENGINE_PROXY_ENABLED": "true", "ENGINE_PROXY_HTTP_PORT": "8080", "ENGINE_HTTP_PORT": "None"}
ALONE = {"ENGINE_PROXY_ENABLED": "false", "ENGINE_PROXY_HTTP_PORT": "80", "ENGINE_HTTP_PORT": "8700"}


@pytest.mark.parametrize(
    ("variables", "port"), [(BEHIND_APACHE, 8080), (ALONE, 8700), ({}, 8700), ({"ENGINE_PROXY_ENABLED": "True"}, 80)]
)
def test_the_page_is_asked_for_where_the_engine_serves_it(variables: Dict[str, str], port: int) -> None:
    assert choose_target(variables, FQDN) == HealthTarget("http", FQDN, port)
    assert choose_target(variables, "") == HealthTarget("http", "localhost", port)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, HEALTHY + "\n"), (200, HEALTHY.lower()), (200, ""), (500, HEALTHY), (200, "x" + HEALTHY)],
)
def test_nothing_but_the_exact_page_is_healthy(status: int, body: str) -> None:
    assert not is_healthy(Answer(status, body, "", ""))


def test_the_exact_page_is_healthy() -> None:
    answer = Answer(200, HEALTHY, "", "")
    shown = describe_health(TARGET, answer, 1.26)
    assert shown == {
        "url": "http://engine.lab.test:80/ovirt-engine/services/health", "status": 200, "body": HEALTHY,
        "is_healthy": True, "waited": 1.3, "problem": "",
    }  # fmt: skip


def test_what_was_awaited_and_what_was_seen_last_are_told() -> None:
    problem = describe_health(TARGET, Answer(503, "<h1>Service\n Unavailable</h1>" + "x" * 999, "", ""), 30)["problem"]
    assert "30 seconds" in problem and HEALTHY in problem and "status 503, '<h1>Service Unavailable</h1>x" in problem
    assert len(problem) < 600
    refused = describe_health(TARGET, Answer(None, "", "", "connection refused"), 30)
    assert refused["status"] is None and refused["problem"].endswith("last seen: connection refused")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_same_page_over_https_is_followed(status: int) -> None:
    for name, port in ((FQDN, 443), (FQDN.upper(), 443), (FQDN + ":8443", 8443)):
        assert follow(TARGET, Answer(status, "", "https://" + name + PAGE, "")) == HealthTarget("https", FQDN, port)


@pytest.mark.parametrize(
    ("status", "location"),
    [
        (302, "https://other.lab.test" + PAGE),
        (302, "https://engine.lab.test/ovirt-engine/sso/login.html"),
        (302, "https://engine.lab.test.evil.test" + PAGE),
        (302, "https://user@engine.lab.test" + PAGE),
        (302, "http://engine.lab.test" + PAGE),
        (302, PAGE),
        (302, ""),
        (200, "https://engine.lab.test" + PAGE),
    ],
)
def test_no_other_redirect_is_followed(status: int, location: str) -> None:
    answer = Answer(status, "", location, "")
    assert follow(TARGET, answer) is None
    assert follow(HealthTarget("https", FQDN, 443), Answer(302, "", "https://engine.lab.test:8443" + PAGE, "")) is None
    if location and status != 200:
        assert location in describe_health(TARGET, answer, 0)["problem"]
