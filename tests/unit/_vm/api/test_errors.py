# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine, a proxy or a network can answer becomes an error that says what happened and what it means."""

import socket
import subprocess
from pathlib import Path
from typing import Callable, Iterator, Type

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.engine import EngineApi
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    Unauthorized,
    Unavailable,
    Untrusted,
)
from unit.fakes.web_server import (
    CUT,
    DROPPED,
    EMPTY_404,
    LATE,
    PASSWORD,
    TOKEN,
    Answer,
    WebServer,
    fault,
    json,
    page,
    xml,
)

Open = Callable[..., EngineApi]
VM = "<vm id='v1'><name>app</name></vm>"
DETAIL = "[Cannot attach Virtual Disk. The disk is already attached to VM.]"
NO_PERMISSION = "[User is not authorized to perform this action.]"
NO_SNAPSHOT = "Entity not found: GetSnapshotBySnapshotId: snapshot id=s1"
USAGE = "<usage_message><message>Request syntactically incorrect.</message></usage_message>"


def test_an_engine_that_answers_is_no_error(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(VM)]
    assert api.read_vm("v1").name == "app"


@pytest.mark.parametrize(
    ("answer", "kind", "code", "status", "said"),
    [
        (EMPTY_404, NotFound, "not_found", 404, "HTTP response code is 404"),
        (fault(404, NO_SNAPSHOT), NotFound, "not_found", 404, NO_SNAPSHOT),
        (fault(409, DETAIL), Conflict, "engine_refused", 409, "The disk is already attached to VM."),
        (fault(400, DETAIL), Conflict, "engine_refused", 400, "The disk is already attached to VM."),
        (fault(400, "", "Incomplete parameters"), Conflict, "engine_refused", 400, "Incomplete parameters"),
        (fault(403, NO_PERMISSION), Forbidden, "not_permitted", 403, "User is not authorized"),
        (fault(500, "[boom]"), ApiError, "api_error", 500, "boom"),
        (fault(503, "[starting]"), Unavailable, "engine_unavailable", 503, "starting"),
        (Answer(503, "", "", ""), Unavailable, "engine_unavailable", 503, "503"),
        (page(503), Unavailable, "engine_unavailable", 503, "HTTP status 503"),
        (page(502), Unavailable, "engine_unavailable", 502, "HTTP status 502"),
        (Answer(200, "", VM, ""), Unavailable, "engine_unavailable", 200, "no XML"),
        (xml(USAGE, 400), ApiError, "api_error", None, "usage_message"),
        (xml("<vm><name>half"), Unavailable, "engine_unavailable", 200, "broken XML"),
        (DROPPED, Unavailable, "engine_unavailable", None, "Empty reply"),
        (CUT, Unavailable, "engine_unavailable", None, ""),
        (LATE, Unavailable, "engine_unavailable", None, "timed out"),
    ],
)
def test_an_answer_becomes_an_error(
    server: WebServer, api: EngineApi, answer: Answer, kind: Type[ApiError], code: str, status: int, said: str
) -> None:
    server.answers = [xml(VM), answer]
    api.read_vm("v1")
    with pytest.raises(ApiError) as caught:
        api.read_vm("v1")
    error = caught.value
    assert (type(error), error.code, error.status) == (kind, code, status)
    assert str(error).startswith("Could not read the virtual machine v1: ")
    assert said in str(error)


def test_the_words_of_the_engine_are_kept(server: WebServer, api: EngineApi) -> None:
    server.answers = [fault(409, DETAIL)]
    with pytest.raises(Conflict) as caught:
        api.read_vm("v1")
    assert (caught.value.detail, caught.value.reason) == (DETAIL, "Operation Failed")
    assert caught.value.facts == {"status": 409, "reason": "Operation Failed", "detail": DETAIL}


def test_an_action_that_failed_is_an_error_as_well(server: WebServer, api: EngineApi) -> None:
    inner = "<fault><detail>[no agent]</detail><reason>Operation Failed</reason></fault><status>failed</status>"
    server.answers = [xml("<action>%s</action>" % inner, 409)]
    with pytest.raises(Conflict, match="Could not freeze the file systems of the virtual machine v1: .*no agent"):
        api.freeze_filesystems("v1")


def test_a_page_is_no_engine_where_none_ever_answered(server: WebServer, api: EngineApi) -> None:
    server.answers = [page(404)]
    with pytest.raises(ApiError, match="is not the engine's API.*Check the address") as caught:
        api.read_vm("v1")
    assert (type(caught.value), caught.value.code, caught.value.status) == (ApiError, "not_an_engine", 404)


def test_a_page_is_a_restart_where_an_engine_answered_before(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(VM), page(404), page(200), xml(VM)]
    api.read_vm("v1")
    for _turn in range(2):
        with pytest.raises(Unavailable):
            api.read_vm("v1")
    assert api.read_vm("v1").name == "app"


def test_a_session_that_expired_is_renewed(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(VM), page(401, "<html>Unauthorized</html>"), xml(VM)]
    server.logins = [json(TOKEN), json(TOKEN.replace("tok-1", "tok-2"))]
    assert [api.read_vm("v1").name for _turn in range(2)] == ["app", "app"]
    assert [one.headers["Authorization"] for one in server.seen if "/sso" not in one.path] == [
        "Bearer tok-1",
        "Bearer tok-1",
        "Bearer tok-2",
    ]


def test_a_session_that_can_not_be_renewed_is_a_refused_login(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(VM), page(401)]
    api.read_vm("v1")
    with pytest.raises(Unauthorized):
        api.read_vm("v1")


def test_a_token_that_expired_is_a_refused_login(server: WebServer, open_to: Open) -> None:
    server.answers = [page(401)]
    api = open_to(server.url(), username=None, password=None, token="tok-0")
    with api, pytest.raises(Unauthorized, match="refused the login: the token has expired"):
        api.read_vm("v1")
    assert [one for one in server.seen if "/sso/oauth" in one.path] == []


def test_a_refused_login_says_who_and_not_the_password(server: WebServer, api: EngineApi) -> None:
    denied = '{"error_code":"access_denied","error":"Cannot authenticate user \'backup@internal\': bad password."}'
    server.logins = [json(denied, 400)]
    with pytest.raises(Unauthorized, match="refused the login.*Cannot authenticate user 'backup@internal'") as caught:
        api.read_vm("v1")
    assert PASSWORD not in repr(caught.value.facts) + str(caught.value)


@pytest.mark.parametrize(
    "answer", [page(503), page(502), json('{"error":"server_error","error_code":"server_error"}', 500), DROPPED, LATE]
)
def test_a_login_service_that_is_away_is_an_engine_that_is_away(
    server: WebServer, api: EngineApi, answer: Answer
) -> None:
    server.logins = [answer, json(TOKEN)]
    server.answers = [xml(VM)]
    with pytest.raises(Unavailable):
        api.read_vm("v1")
    assert api.read_vm("v1").name == "app"


def test_a_session_is_renewed_when_the_login_service_is_back(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(VM), page(401), page(401), xml(VM)]
    server.logins = [json(TOKEN), page(404), json(TOKEN)]
    api.read_vm("v1")
    with pytest.raises(Unavailable):
        api.read_vm("v1")
    assert api.read_vm("v1").name == "app"


def test_a_login_service_of_something_else_is_no_engine(server: WebServer, api: EngineApi) -> None:
    server.logins = [json("{}")]
    with pytest.raises(ApiError, match="gave no token") as caught:
        api.read_vm("v1")
    assert caught.value.code == "not_an_engine"


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_refused_connection_is_an_engine_that_is_away(open_to: Open) -> None:
    api = open_to("https://127.0.0.1:%d/ovirt-engine/api" % closed_port())
    with api, pytest.raises(Unavailable, match="(?i)connect"):
        api.read_version()


def test_an_engine_that_goes_away_is_away(server: WebServer, api: EngineApi) -> None:
    server.answers = [xml(VM)]
    api.read_vm("v1")
    server.stop()
    for _turn in range(3):
        with pytest.raises(Unavailable):
            api.read_vm("v1")


@pytest.mark.parametrize(
    ("call", "method"),
    [
        (lambda api: api.create_snapshot("v1", "x", ["d1"]), "POST"),
        (lambda api: api.describe_disk("d1", "x"), "PUT"),
        (lambda api: api.remove_snapshot("v1", "s1"), "DELETE"),
    ],
)
def test_what_writes_is_never_sent_twice(
    server: WebServer, api: EngineApi, call: Callable[[EngineApi], None], method: str
) -> None:
    server.answers = [xml(VM), DROPPED]
    api.read_vm("v1")
    with pytest.raises(Unavailable):
        call(api)
    assert [one for one, _path in server.calls()] == ["GET", method]


def test_an_unknown_name_is_not_waited_for(open_to: Open) -> None:
    api = open_to("https://engine.invalid/ovirt-engine/api")
    with api, pytest.raises(ApiError, match="engine.invalid") as caught:
        api.read_version()
    assert (type(caught.value), caught.value.code) == (ApiError, "host_unknown")


def test_a_wrong_protocol_is_not_waited_for(open_to: Open) -> None:
    with open_to("gopher-s://127.0.0.1/ovirt-engine/api") as api, pytest.raises(ApiError) as caught:
        api.read_version()
    assert (type(caught.value), caught.value.code) == (ApiError, "not_an_engine")


# --- certificates ---


def make_certificate(folder: Path, name: str) -> Path:
    """Make a certificate for 127.0.0.1 that is its own authority; key and certificate are in one file."""
    key, certificate, both = folder / (name + ".key"), folder / (name + ".cer"), folder / (name + ".pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("right", "wrong"):
        make_certificate(folder, name)
    return folder


@pytest.fixture
def tls_server(certificates: Path) -> Iterator[WebServer]:
    found = WebServer(certificates / "right.pem")
    found.answers = [xml(VM)]
    yield found
    found.stop()


def test_the_right_certificate_is_trusted(tls_server: WebServer, open_to: Open, certificates: Path) -> None:
    with open_to(tls_server.url(), ca_file=str(certificates / "right.cer")) as api:
        assert api.read_vm("v1").name == "app"


@pytest.mark.parametrize("token", [None, "tok-0"])  # the login and the API go different ways through the SDK
@pytest.mark.parametrize(("host", "authority"), [("127.0.0.1", "wrong"), ("localhost", "right"), ("127.0.0.1", None)])
def test_a_wrong_certificate_is_told_from_an_engine_that_is_away(
    tls_server: WebServer, open_to: Open, certificates: Path, token: str, host: str, authority: str
) -> None:
    ca_file = str(certificates / (authority + ".cer")) if authority else None
    api = open_to(tls_server.url(host), ca_file=ca_file, token=token)
    with api, pytest.raises(Untrusted, match="auth.ca_file") as caught:
        api.read_vm("v1")
    assert caught.value.code == "certificate_refused"
    assert tls_server.seen == []


def test_insecure_looks_at_no_certificate(tls_server: WebServer, open_to: Open) -> None:
    with open_to(tls_server.url("localhost"), insecure=True) as api:
        assert api.read_vm("v1").name == "app"


def test_a_missing_file_of_an_authority_is_named(open_to: Open, tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    with pytest.raises(ApiError, match="none.pem"):
        open_to("https://127.0.0.1/ovirt-engine/api", ca_file=str(missing))
