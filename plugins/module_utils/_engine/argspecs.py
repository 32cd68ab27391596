# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Option specifications that several modules share; the doc fragments are their twins.

This file is private to the collection.
"""

from typing import Any, Dict

from .._archive.databases import KINDS, SCOPES
from .._postgres.model import Settings

SCOPE_CHOICES = ["all"] + list(SCOPES)

ENGINE_HOST: Dict[str, Dict[str, Any]] = {"prefix": {"type": "path", "default": ""}, "tmpdir": {"type": "path"}}

DATABASE_LOGIN: Dict[str, Dict[str, Any]] = {
    "login_host": {"type": "str", "default": ""},
    "login_port": {"type": "int", "default": 5432},
    "login_unix_socket": {"type": "path", "default": ""},
    "login_user": {"type": "str", "default": "postgres"},
    "login_password": {"type": "str", "no_log": True},
    "login_db": {"type": "str", "default": "postgres"},
}

SOCKET = "/var/run/postgresql"

CREDENTIALS_OF_ONE: Dict[str, Any] = {
    "type": "dict",
    "no_log": False,  # the password in it is; the name of a kind is none
    "options": {
        "host": {"type": "str", "required": True},
        "port": {"type": "int", "default": 5432},
        "name": {"type": "str", "required": True},
        "user": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
        "secured": {"type": "bool", "default": False},
        "secured_validation": {"type": "bool", "default": False},
    },
}
CREDENTIALS: Dict[str, Any] = {
    "type": "dict",
    "options": {kind.name: CREDENTIALS_OF_ONE for kind in KINDS if kind.name != "grafana"},
}


def read_credentials(given: Dict[str, Any]) -> Dict[str, Settings]:
    """Return the credentials by kind."""
    return {
        kind: Settings(
            item["host"],
            item["port"],
            item["user"],
            item["password"],
            item["name"],
            item["secured"],
            item["secured_validation"],
            item["password"],
        )
        for kind, item in given.items()
        if item is not None
    }


def read_login(params: Dict[str, Any]) -> Settings:
    """Return the login of the superuser."""
    return Settings(
        host=params["login_unix_socket"] or params["login_host"] or SOCKET,
        port=params["login_port"],
        user=params["login_user"],
        password=params["login_password"] or "",
        database=params["login_db"],
        secured=False,
        secured_validation=False,
        password_as_shell="",
    )
