# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on a PostgreSQL server, as far as a role and a database of an engine go, and what is asked for.

This file is private to the collection.
"""

from typing import Dict, NamedTuple, Optional, Tuple

from .pg_hba_rules import Client, Rule


class DatabaseRequest(NamedTuple):
    """What a role and a database are to be: the options of engine_database, without secrets."""

    state: str
    name: str  # of the database; empty where only a role is meant
    owner: str
    has_password: bool  # is a password given, so that it is managed?
    extensions: Tuple[str, ...]
    readers: Tuple[str, ...]
    clients: Tuple[Client, ...]
    applies_settings: bool
    changes_owner: bool


class RoleState(NamedTuple):
    """A role as it is."""

    can_login: bool
    is_superuser: bool
    has_password: bool  # the wanted one, stored as SCRAM and not expired
    used_by: int  # what depends on the role apart from the database


class DatabaseState(NamedTuple):
    """A database as it is."""

    owner: str
    encoding: str
    collate: str
    ctype: str
    extensions: Tuple[str, ...]
    tables: int
    objects: int  # everything that somebody made in it, the tables included
    readers: Tuple[str, ...]  # those asked for that can read everything and will


class Setting(NamedTuple):
    """A setting of the server as it is and as its files want it."""

    value: str
    configured: str  # what the server's files say
    needs_restart: bool  # ... which counts from the next start on
    is_fixed_at_start: bool


class Access(NamedTuple):
    """What pg_hba.conf grants."""

    file: str
    text: Optional[str]  # None where the file is not on this host
    is_writable: bool
    rules: Tuple[Rule, ...]
    errors: Tuple[str, ...]
    is_loaded: bool  # has the server read its configuration since the file was last changed?


class LoginTrial(NamedTuple):
    """``works`` is None where it was not tried."""

    works: Optional[bool]
    problem: str


class Found(NamedTuple):
    """A database server as it is."""

    server_version: str
    is_standby: bool
    host: str
    port: int
    has_locale: bool
    available_extensions: Tuple[str, ...]
    unknown_readers: Tuple[str, ...]
    settings: Dict[str, Setting]
    access: Access
    role: Optional[RoleState]
    database: Optional[DatabaseState]
    sessions: int  # of the owner anywhere and of ordinary users in the database
    login: LoginTrial


class Step(NamedTuple):
    """One change: a method of the server, its arguments, and a sentence that holds no secret."""

    action: str
    arguments: Tuple[str, ...]
    text: str
