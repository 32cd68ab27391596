# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to the engine's API that always ends: the SDK's own login waits for ever for an answer.

This file is private to the collection.
"""

import io
import json
from typing import Any, Dict, NamedTuple, Optional
from urllib.parse import urlencode
from xml.parsers import expat

from ..api_errors import ApiError
from .errors import NotTheEngine
from .sdk_import import pycurl, sdk

REQUEST_TIMEOUT = 180  # as long as the engine itself waits for a host
LOGIN_TIMEOUT = 60
CONNECT_TIMEOUT = 20


class Auth(NamedTuple):
    """How to log in to the engine: the option ``auth``; ``timeout`` in seconds, 0 for none."""

    url: str
    username: Optional[str]
    password: Optional[str]
    token: Optional[str]
    ca_file: Optional[str]
    insecure: bool
    headers: Dict[str, str]
    kerberos: bool
    timeout: int
    compress: bool


def read_auth(given: Dict[str, Any]) -> Auth:
    """Return the login that the option auth describes; raise where it describes none."""
    url = _find_url(given)
    if not url:
        raise ApiError(
            "There is no address of an engine: give auth.url or auth.hostname, or set OVIRT_URL or OVIRT_HOSTNAME.",
            "login_incomplete",
        )
    if not _has_login(given):
        raise ApiError(
            "There is no login for %s: give auth.username and auth.password, or auth.token, or auth.kerberos, or set"
            " OVIRT_USERNAME and OVIRT_PASSWORD, or OVIRT_TOKEN." % url,
            "login_incomplete",
        )
    headers = {str(name): str(value) for name, value in (given.get("headers") or {}).items()}
    return Auth(
        url.rstrip("/"),
        given.get("username"),
        given.get("password"),
        given.get("token"),
        given.get("ca_file"),
        bool(given.get("insecure")),
        headers,
        bool(given.get("kerberos")),
        given.get("timeout") or REQUEST_TIMEOUT,
        given.get("compress") is not False,
    )


def _find_url(given: Dict[str, Any]) -> str:
    """Return the address of the API; that of a host name is the usual one."""
    if given.get("url"):
        return str(given["url"])
    return "https://%s/ovirt-engine/api" % given["hostname"] if given.get("hostname") else ""


def _has_login(given: Dict[str, Any]) -> bool:
    has_user = bool(given.get("username") and given.get("password"))
    return has_user or bool(given.get("token") or given.get("kerberos"))


class Connection(sdk.Connection if sdk else object):  # type: ignore[misc]
    """The SDK's connection, with a login that takes its time-out into account and answers that tell what they are."""

    def send(self, request: Any) -> Any:
        """Prepare a request; it is sent when its answer is waited for.

        libcurl sends a request once more by itself where a connection that it had used before breaks without an
        answer. A request that writes would then be carried out twice, so each of those gets a new connection.
        """
        context = super().send(request)
        if request.method != "GET":
            context[0].setopt(pycurl.FRESH_CONNECT, 1)
        return context

    def _get_access_token(self) -> str:
        if not (self._username or self._kerberos):
            raise sdk.AuthError("the token has expired or was revoked, and no user and password were given")
        try:
            return str(super()._get_access_token())
        except KeyError:
            raise NotTheEngine("the login service gave no token", 200) from None

    def _get_sso_response(self, url: str, params: Any = "") -> Any:
        """Send a request to the engine's single sign-on; return what it says."""
        body = io.BytesIO()
        curl = pycurl.Curl()
        try:
            self._set_up(curl, url)
            curl.setopt(pycurl.COPYPOSTFIELDS, urlencode(params))
            curl.setopt(pycurl.WRITEFUNCTION, body.write)
            curl.perform()
            status = int(curl.getinfo(pycurl.HTTP_CODE))
        finally:
            curl.close()
        try:
            if status >= 500:
                raise ValueError("the login service failed")
            return json.loads(body.getvalue().decode("utf-8"))
        except ValueError as error:
            raise NotTheEngine(str(error), status) from None

    def _set_up(self, curl: Any, url: str) -> None:
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, ["User-Agent: PythonSDK/%s" % sdk.get_version(), "Accept: application/json"])
        curl.setopt(pycurl.TIMEOUT, min(self._timeout, LOGIN_TIMEOUT))
        curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.SSL_VERIFYPEER, 0 if self._insecure else 1)
        curl.setopt(pycurl.SSL_VERIFYHOST, 0 if self._insecure else 2)
        if self._ca_file is not None:
            curl.setopt(pycurl.CAINFO, self._ca_file)
        if self._kerberos:
            curl.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_GSSNEGOTIATE)
            curl.setopt(pycurl.USERPWD, ":")

    def check_xml_content_type(self, response: Any) -> None:
        """Raise with the status where something else than the engine answered; the SDK would lose it.

        Broken XML would raise a bare Exception, of which nobody can tell what it is.
        """
        try:
            super().check_xml_content_type(response)
            expat.ParserCreate().Parse(response.body, True)
        except (sdk.Error, TypeError):  # TypeError: there is no content type at all
            raise NotTheEngine("no XML came back", response.code) from None
        except expat.ExpatError as error:
            raise NotTheEngine("broken XML came back, %s" % error, response.code) from None


def connect(auth: Auth, correlation_id: str) -> Connection:
    """Return a connection; it logs in with its first request."""
    return Connection(
        url=auth.url,
        username=auth.username,
        password=auth.password,
        token=auth.token,
        insecure=auth.insecure,
        ca_file=auth.ca_file,
        kerberos=auth.kerberos,
        timeout=auth.timeout,
        compress=auth.compress,
        headers=dict({"Correlation-Id": correlation_id} if correlation_id else {}, **auth.headers),
    )
