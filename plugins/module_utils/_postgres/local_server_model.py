# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on the local PostgreSQL server where engine-backup is to make a role and its database.

A login tells no wrong password from a missing role; only the superuser can. Source: the provisioning of engine-setup,
which takes a role and its empty database as they are and gives the role the password, and makes both where neither is
there. Of anything else it makes time-stamped twins and gives up. This file is private to the collection.
"""

from typing import List, NamedTuple

from .._common.errors import Problem
from .model import Settings


class LocalServerState(NamedTuple):
    """What the local server has of a role and its database; its version as 150004, 0 if unknown."""

    has_role: bool
    has_database: bool
    tables: int
    server_version_num: int = 0


def check_local_server(kind: str, settings: Settings, found: LocalServerState, will_be_empty: bool) -> List[Problem]:
    """Return why the tool can not make a database that could not be logged in to."""
    if found.has_role == found.has_database and (will_be_empty or not found.tables):
        return []
    role = "the role '%s' is there and does not take the password of the configuration" % settings.user
    if not found.has_role:
        role = "the role '%s' is not there" % settings.user
    database = "its database '%s' is not there" % settings.database
    if found.has_database:
        database = "the database '%s' is there with %d tables" % (settings.database, found.tables)
    text = (
        "engine-backup can not make the %s database on %s:%d: %s, and %s. It would make time-stamped ones beside them"
        " and give up, after it has overwritten the files. Give the role that password with engine_database, or remove"
        " what nobody needs, or restore into other databases with 'credentials'"
    )
    where = (kind, settings.host, settings.port, role, database)
    return [Problem("provision_occupied", text % where)]
