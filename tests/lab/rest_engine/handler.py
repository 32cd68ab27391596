# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection: HTTP to and from the functions that answer."""

from __future__ import annotations

import json
import re
import socket
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree

from . import control
from .answering import perform
from .disturbances import PROXY_PAGE, Cut, ProxyPage
from .resources import find_route
from .routing import Request, Route
from .xml import write

if TYPE_CHECKING:
    from .server import Listener

API = re.compile(r"/ovirt-engine/api(?:/v4)?(/.*)?")
TOKEN, LOGOUT = "/ovirt-engine/sso/oauth/token", "/ovirt-engine/services/sso-logout"
CERTIFICATE = "/ovirt-engine/services/pki-resource"
CONTROL = "/lab/"
EXPIRED = b"<html><head><title>Error</title></head><body>Unauthorized</body></html>"
USAGE = (
    b"<?xml version='1.0' encoding='UTF-8' standalone='yes'?><usage_message><message>Request syntactically "
    b"incorrect.</message></usage_message>"
)
XML, HTML, JSON = "application/xml", "text/html;charset=UTF-8", "application/json"


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    timeout = 300
    # One write per answer, not one per header.
    wbufsize = -1
    server: Listener

    def _answer(self) -> None:
        self._echo = ""
        path = urlsplit(self.path).path
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        try:
            self._choose(path, body)
        except Cut:
            self._cut()

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def _choose(self, path: str, body: bytes) -> None:
        api = API.fullmatch(path)
        if api:
            self._answer_api((api.group(1) or "").strip("/"), body)
        elif path in (TOKEN, LOGOUT):
            self._answer_sso(path, body)
        elif path.startswith(CONTROL):
            self._answer_control(path[len(CONTROL) :], body)
        elif path == CERTIFICATE:
            self._send(200, "application/x-x509-ca-cert", (self.server.service.home / "pki" / "ca.pem").read_bytes())
        else:
            self._send(404, HTML, b"<html><body>Not Found</body></html>")

    def _answer_sso(self, path: str, body: bytes) -> None:
        service, name = self.server.service, "login" if path == TOKEN else "logout"
        form = dict(parse_qsl(body.decode()))
        try:
            service.disturbances.on_arrival(name)
            with service.engine.lock:
                if path == TOKEN:
                    status, said = service.sessions.log_in(form)
                else:
                    status, said = 200, service.sessions.log_out(form.get("token", ""))
            service.disturbances.after(name)
        except ProxyPage:
            self._log(name, 503)
            self._send(503, HTML, PROXY_PAGE)
            return
        except Cut:
            self._log(name, 0)
            raise
        self._log(name, status, form.get("username", ""))
        self._send(status, JSON, json.dumps(said).encode())

    def _answer_control(self, name: str, body: bytes) -> None:
        service = self.server.service
        if self.headers.get("Lab-Password") != service.password:
            self._send(403, JSON, b"{}")
            return
        status, said = control.perform(service.engine, name, json.loads(body or b"{}"))
        self._send(status, JSON, json.dumps(said).encode())

    def _answer_api(self, path: str, body: bytes) -> None:
        hit = find_route(self.command, unquote(path))
        name = hit[0].name if hit else "unknown"
        disturbances = self.server.service.disturbances
        user = ""
        try:
            disturbances.on_arrival(name)
            user, status, kind, content = self._carry_out(hit, unquote(path), body)
            disturbances.after(name)
        except ProxyPage:
            status, kind, content = 503, HTML, PROXY_PAGE
        except Cut:
            self._log(name, 0, user)
            raise
        self._log(name, status, user)
        self._send(status, kind, content)

    def _carry_out(
        self, hit: tuple[Route, tuple[str, ...]] | None, path: str, body: bytes
    ) -> tuple[str, int, str, bytes]:
        service = self.server.service
        with service.engine.lock:
            user = service.sessions.user_of(self.headers.get("Authorization") or "")
        if user is None:
            return "", 401, HTML, EXPIRED
        if self.headers.get("Version", "4") != "4":
            return user.name, 400, XML, USAGE
        try:
            request = self._read(path, body)
        except ElementTree.ParseError:
            return user.name, 400, XML, USAGE
        with service.engine.asked_by(user, self._correlation()):
            if hit is None:
                return user.name, 404, HTML, b"<html><body>Not Found</body></html>"
            answer = perform(service.engine, hit, request, service.disturbances.before)
        return user.name, answer.status, XML, b"" if answer.root is None else write(answer.root)

    def _read(self, path: str, body: bytes) -> Request:
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        root = ElementTree.fromstring(body) if body.strip() else None
        return Request(self.command, path, query, root, headers)

    def _correlation(self) -> str:
        query = dict(parse_qsl(urlsplit(self.path).query))
        given = self.headers.get("Correlation-Id") or query.get("correlation_id") or ""
        self._echo = re.sub("[^0-9A-Za-z_-]", "", given)[:36] or str(uuid4())
        return self._echo

    _echo = ""

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="RESTAPI"')
        if self._echo:
            self.send_header("Correlation-Id", self._echo)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def _cut(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _log(self, name: str, status: int, user: str = "") -> None:
        self.server.service.log.add(name, self.command, self.path, status, user, self._echo)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The request log says it all."""
