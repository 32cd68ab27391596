# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an engine's databases are reached: the twin of CREDENTIALS in module_utils/_engine/argspecs.py."""


class ModuleDocFragment:
    """Documentation fragment for the databases of an engine; each module says what they are to it."""

    DOCUMENTATION = r"""
options:
  credentials:
    description: Databases by kind, and how they are reached. The description of this module says what they are to it.
    type: dict
    suboptions:
      engine: &credentials
        description: The database of this kind.
        type: dict
        suboptions:
          host:
            description: Name or address of the server, as the engine host reaches it.
            type: str
            required: true
          port:
            description: Port of the server.
            type: int
            default: 5432
          name:
            description: Name of the database.
            type: str
            required: true
          user:
            description: The role that owns it.
            type: str
            required: true
          password:
            description:
              - Its password. Only letters, digits and C(_ . @ % + = , / ~ ^ -) mean the same to all of oVirt's tools.
            type: str
            required: true
          secured:
            description: Whether the connection is encrypted.
            type: bool
            default: false
          secured_validation:
            description: Whether the name in the server's certificate is checked.
            type: bool
            default: false
      dwh: *credentials
      cinderlib: *credentials
      managedblock: *credentials
      keycloak: *credentials
"""
