# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in and out: the single sign-on, and who a request comes from."""

from __future__ import annotations

import base64
import secrets
import time

from .engine import Engine
from .state import User

IDLE_SECONDS = 1800.0
SCOPE = "ovirt-app-api"


class Sessions:
    """The tokens that were given out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[str, tuple[User, float]] = {}

    def log_in(self, form: dict[str, str]) -> tuple[int, dict[str, str]]:
        """Give out a token; the status and the JSON of the answer."""
        name = form.get("username", "")
        user = self._known(name, form.get("password", ""))
        text = self._engine.faults.get("login-fails")
        if form.get("grant_type") != "password" or user is None or text is not None:
            said = text or "Cannot authenticate user '{}': The username or password is incorrect.".format(name)
            return 400, {"error_code": "access_denied", "error": said}
        token = secrets.token_urlsafe(64)
        self._seen[token] = (user, time.monotonic())
        return 200, {
            "access_token": token, "scope": SCOPE, "exp": str(int((time.time() + 360000000) * 1000)),
            "token_type": "bearer",
        }  # fmt: skip

    def log_out(self, token: str) -> dict[str, str]:
        """Take a token back."""
        self._seen.pop(token, None)
        return {}

    def user_of(self, authorization: str) -> User | None:
        """Who sends this header; None if the session has expired or never was."""
        kind, _blank, value = authorization.partition(" ")
        if kind == "Basic":
            name, _colon, password = base64.b64decode(value).decode().partition(":")
            return self._known(name, password)
        user, seen = self._seen.get(value, (None, 0.0))
        limit = self._engine.faults.seconds("session-seconds")
        if user is None or time.monotonic() - seen > (IDLE_SECONDS if limit is None else limit):
            self._seen.pop(value, None)
            return None
        self._seen[value] = (user, time.monotonic())
        return user

    def expire(self) -> None:
        """End all of them."""
        self._seen.clear()

    def _known(self, name: str, password: str) -> User | None:
        for user in self._engine.world.users.values():
            if user.name == name and secrets.compare_digest(user.password.encode(), password.encode()):
                return user
        return None
