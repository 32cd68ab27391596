# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server that answers as a test says: right, wrong, late, cut short, or not at all."""

import http.server
import re
import ssl
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

PASSWORD = "s3cret & more"
XML = "application/xml;charset=UTF-8"
TOKEN = '{"access_token":"tok-1","scope":"ovirt-app-api","exp":"9223372036854775807","token_type":"bearer"}'


class Answer(NamedTuple):
    """What is answered; with a deed it is not, or not whole."""

    status: int
    kind: str
    body: str
    deed: str
    location: str = ""


Seen = NamedTuple("Seen", [("method", str), ("path", str), ("headers", Dict[str, str]), ("body", str)])


def xml(body: str, status: int = 200) -> Answer:
    return Answer(status, XML, "<?xml version='1.0' encoding='UTF-8'?>" + body, "")


def fault(status: int, detail: str, reason: str = "Operation Failed") -> Answer:
    return xml("<fault><detail>%s</detail><reason>%s</reason></fault>" % (detail, reason), status)


def page(status: int, body: str = "<html><body><h1>Service Unavailable</h1></body></html>") -> Answer:
    return Answer(status, "text/html; charset=iso-8859-1", body, "")


def json(body: str, status: int = 200) -> Answer:
    return Answer(status, "application/json", body, "")


EMPTY_404 = Answer(404, "", "", "")
DROPPED = Answer(0, "", "", "drop")  # the connection is closed without an answer
CUT = Answer(200, XML, "<vm><name>hal", "cut")  # ... or in the middle of one
LATE = Answer(0, "", "", "wait")  # nothing comes for a while


class WebServer:
    """``answers`` are used up from the first one to the last; the last one stays. The login has its own."""

    def __init__(self, certificate: Optional[Path] = None) -> None:
        self.answers: List[Answer] = [EMPTY_404]
        self.logins: List[Answer] = [json(TOKEN)]
        self.seen: List[Seen] = []
        self.patience = 4.0
        self._over = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), make_handler(self))
        self._server.daemon_threads = True
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(str(certificate))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def url(self, host: str = "127.0.0.1") -> str:
        return "%s://%s:%d/ovirt-engine/api" % (self.scheme, host, self.port)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def stop(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def calls(self) -> List[Tuple[str, str]]:
        """Return method and path of what was asked of the API."""
        return [(one.method, one.path) for one in self.seen if "/sso" not in one.path]

    def bodies(self) -> List[str]:
        """Return what was sent to the API, without white space between its elements."""
        return [re.sub(r">\s+<", "><", one.body).strip() for one in self.seen if "/sso" not in one.path]

    def next_answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        queue = self.logins if "/sso" in seen.path else self.answers
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def is_over(self) -> bool:
        return self._over.is_set()

    def wait(self) -> None:
        self._over.wait(self.patience)


def make_handler(server: WebServer) -> Callable[..., http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8")
            path = self.path.replace("/ovirt-engine/api", "", 1) or "/"
            found = server.next_answer(Seen(self.command, path, dict(self.headers.items()), body))
            if found.deed in ("drop", "wait") or server.is_over():
                if found.deed == "wait":
                    server.wait()
                self.close_connection = True
                return
            content = found.body.encode("utf-8")
            self.send_response(found.status)
            if found.kind:
                self.send_header("Content-Type", found.kind)
            if found.location:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", str(len(content) + (100 if found.deed == "cut" else 0)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = self.close_connection or found.deed == "cut"

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler
