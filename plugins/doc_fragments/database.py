# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module logs in to PostgreSQL: the twin of DATABASE_LOGIN in module_utils/_engine/argspecs.py."""


class ModuleDocFragment:
    """Documentation fragment for the login of a superuser."""

    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - Name or address of the PostgreSQL server.
      - With O(login_unix_socket) the superuser enters by the socket, and this is only the address at which the role
        of the engine is tried.
    type: str
    default: ""
  login_port:
    description: Port of the PostgreSQL server, also of its Unix socket.
    type: int
    default: 5432
  login_unix_socket:
    description:
      - Directory of the server's Unix socket. It needs no password where the module runs as the server's own user
        (C(become_user=postgres)).
      - When neither this nor O(login_host) is given, C(/var/run/postgresql).
    type: path
    default: ""
  login_user:
    description: A superuser of the PostgreSQL server.
    type: str
    default: postgres
  login_password:
    description: The password of O(login_user). Not needed for a login by socket.
    type: str
  login_db:
    description: The database to log in to. It is not changed.
    type: str
    default: postgres
"""
