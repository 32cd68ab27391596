# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module logs in to the engine: the twin of CONNECTION in module_utils/_vm/argspecs.py."""


class ModuleDocFragment:
    """Documentation fragment for the login to the engine's API."""

    DOCUMENTATION = r"""
options:
  auth:
    description:
      - How to log in to the engine. The fact C(ovirt_auth), which M(ovirt.ovirt.ovirt_auth) sets, can be given as it
        is.
      - What is left out here is taken from the environment of the host that runs the module.
    type: dict
    suboptions:
      url:
        description:
          - The address of the API, such as V(https://engine.example.com/ovirt-engine/api).
          - The environment variable E(OVIRT_URL) is used where it is left out.
        type: str
      hostname:
        description:
          - The name of the engine, for an API at its usual address. Give this or O(auth.url).
          - The environment variable E(OVIRT_HOSTNAME) is used where it is left out.
        type: str
      username:
        description:
          - The user with its profile, such as V(backup@internal), or V(admin@ovirt@internalsso) where the engine uses
            Keycloak.
          - The environment variable E(OVIRT_USERNAME) is used where it is left out.
        type: str
      password:
        description:
          - The password of O(auth.username).
          - The environment variable E(OVIRT_PASSWORD) is used where it is left out.
        type: str
      token:
        description:
          - A token of a login that was made before. It wins over O(auth.username) and O(auth.password).
          - A token that expires during the run can not be renewed; long runs want a user and a password. With all
            three the module makes a login of its own when the token has expired.
          - The environment variable E(OVIRT_TOKEN) is used where it is left out.
        type: str
      ca_file:
        description:
          - A PEM file with the certificate of the authority that signed the engine's certificate. Where it is left
            out, those of the system are trusted.
          - The environment variable E(OVIRT_CAFILE) is used where it is left out.
        type: path
      insecure:
        description:
          - Do not check the engine's certificate. Whoever sits between the two can then read the password.
        type: bool
        default: false
      headers:
        description: HTTP headers to send with every request.
        type: dict
      kerberos:
        description: Log in with Kerberos instead of a user and a password.
        type: bool
        default: false
      timeout:
        description:
          - Seconds that one request may take before the module takes the engine for unavailable.
          - V(0) stands for V(120). How long the module works in all is its own O(timeout).
        type: int
        default: 0
      compress:
        description: Let the engine compress its answers.
        type: bool
        default: true
requirements:
  - python >= 3.9
  - ovirt-engine-sdk-python >= 4.6.0
attributes:
  action_group:
    description:
      - Use C(group/ovirt.backup.ovirt) in C(module_defaults) to set the options that these modules share.
    support: full
    membership:
      - ovirt.backup.ovirt
"""
