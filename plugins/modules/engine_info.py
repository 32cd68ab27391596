#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what the engine of a host is, holds and does."""

DOCUMENTATION = r"""
module: engine_info
short_description: Read what the engine of a host is, holds and does
version_added: "0.2.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Reads the configuration, the services, the databases and, if asked to, the health page of the engine on this host.
  - Changes nothing. What can not be read is a fact in the result, not a failure, so that a half restored machine can be
    read, too.
  - Works on a host on which C(engine-setup) has not run. It then has no databases.
  - The databases are those of the host's own configuration, reached with the engine's own credentials.
  - O(credentials) tells how some of them are meant to be reached. C(differs) in the result then says what the
    configuration of this host says otherwise; whether a connection is encrypted is not compared.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.attributes.info
  - ovirt.backup.engine_host
  - ovirt.backup.database_credentials
options:
  identity:
    description:
      - The log path of a backup, as in C(archive.identity) of M(ovirt.backup.engine_backup).
      - The result then says in C(backup_mark) what the engine database knows of that backup.
    type: str
  count_rows:
    description: Whether to count the rows of every table.
    type: bool
    default: false
  health:
    description:
      - Whether to ask for the health page of the engine, C(/ovirt-engine/services/health).
      - It is asked for by the engine's name, and the connection goes to the loopback address, so that no other machine
        of that name answers.
      - One redirect to HTTPS of the same page is followed, on the loopback address again. No certificate is checked,
        because the connection does not leave this machine and sends no secret.
    type: bool
    default: false
  health_timeout:
    description:
      - How long to wait for the engine to be well, in seconds. V(0) asks once.
      - An engine that does not get well in time is a fact in the result, not a failure.
    type: int
    default: 0
requirements:
  - psycopg2 for the Python that runs the module (C(python3-psycopg2) is installed with the engine)
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_backup
  - module: ovirt.backup.engine_service
  - module: ovirt.backup.engine_config
"""

EXAMPLES = r"""
- name: Look at the engine
  ovirt.backup.engine_info:
  register: seen

- name: Wait until the engine is well, five minutes at most
  ovirt.backup.engine_info:
    health: true
    health_timeout: 300
  register: seen
  failed_when: not seen.engine.health.is_healthy

- name: Was this engine restored from that backup?
  ovirt.backup.engine_info:
    identity: /var/log/ovirt-engine-backup/engine-backup-engine.example.com-20261122T134352Z.log
  register: seen
  failed_when: seen.engine.backup_mark != 'started'
"""

RETURN = r"""
engine:
  description: The engine of this host.
  returned: success
  type: dict
  contains:
    fqdn: {description: FQDN of the engine., type: str}
    version: {description: 'Version of the installed packages, such as 4.5.7.', type: str}
    display_version: {description: 'The same as the engine shows it, such as 4.5.7-1.el9.', type: str}
    is_set_up: {description: Whether C(engine-setup) ran to its end here., type: bool}
    generated_by: {description: The version of C(engine-setup) that did., type: str}
    is_running: {description: Whether the process that the engine's up mark names is the engine., type: bool}
    up_mark:
      description:
        - The file in which the running engine notes its process id, with C(path), C(pid) and C(state).
        - The state is C(missing), C(running), or C(stale) where the engine was killed.
      type: dict
    services:
      description:
        - Service to C(active), C(inactive), C(missing) or C(unknown). All are unknown where systemd does not run.
        - A service that is about to start or to stop is active.
      type: dict
    databases:
      description:
        - One entry per PostgreSQL database (C(engine), C(dwh), C(cinderlib), C(managedblock), C(keycloak)).
        - Each has C(host), C(port), C(name), C(user), C(enabled) (set up on this host), C(state), C(tables), C(rows)
          (V(none) unless asked for), C(size) in bytes, C(server_version), C(server_address), C(server_port),
          C(sessions), C(incarnation), C(differs) and C(problem).
        - The state is C(empty), C(filled), C(missing), C(unreachable), C(login_failed) or C(unreadable). Empty means
          without anything that C(pg_dump) would create, which is what C(engine-backup) wants of a database to restore.
        - The incarnation is a text that stays the same as long as the database holds the tables that it holds now,
          whatever happens to their rows. After a restore, or a new set-up, it is another one. Empty without tables.
        - What differs is a list of C(host), C(port), C(name), C(user) and C(password), empty without O(credentials).
        - Each session has C(user), C(client) (an address, or C(local) for a Unix socket), C(application) and C(count).
          The connection of this module is left out. PostgreSQL shows a user the clients of its own sessions only.
      type: dict
    just_restored:
      description:
        - Whether the engine database waits for C(engine-setup) after a restore (C(DbJustRestored)).
        - V(none) where it is not known.
      type: bool
    product_version: {description: The version that C(engine-setup) noted in the engine database., type: str}
    dwh_currently_running:
      description: Whether the Data Warehouse says that it runs. V(none) where it is not known.
      type: bool
    hosted_engine:
      description:
        - Whether the engine database holds the virtual machine of a hosted engine.
        - V(none) where it is not known.
      type: bool
    hosted_engine_vm: {description: The name of that virtual machine., type: str}
    backup_mark:
      description:
        - What the engine database knows of the backup O(identity). Empty without it, or where it could not be read.
        - C(started) is the mark of a database that was restored from that backup, C(finished) that of the engine that
          made it, C(none) that of any other.
      type: str
    health:
      description:
        - The health page, with C(url), C(status), C(body), C(is_healthy), C(waited) in seconds and C(problem).
        - V(none) unless asked for.
      type: dict
  sample:
    fqdn: engine.example.com
    version: 4.5.7
    is_set_up: true
    is_running: true
    backup_mark: none
code:
  description: A stable name of the error, explained in docs/troubleshooting.md.
  returned: failure
  type: str
problems:
  description: Every problem, with C(code) and C(message).
  returned: failure
  type: list
  elements: dict
"""

from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._engine.argspecs import CREDENTIALS, ENGINE_HOST, read_credentials
from ..module_utils._engine.state import Question, read_engine
from ..module_utils._postgres.connection import PSYCOPG2_ERROR

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    identity={"type": "str"},
    credentials=CREDENTIALS,
    count_rows={"type": "bool", "default": False},
    health={"type": "bool", "default": False},
    health_timeout={"type": "int", "default": 0},
)


def read_question(params: Dict[str, Any]) -> Question:
    """Return what the options ask for."""
    return Question(
        params["prefix"],
        params["identity"] or "",
        params["count_rows"],
        params["health"],
        params["health_timeout"],
        read_credentials(params["credentials"] or {}),
    )


def answer(question: Question, passwords: List[str]) -> Dict[str, Any]:
    """Return the result of the module."""
    with interruptible():
        return {"changed": False, "engine": read_engine(question, passwords)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    require(module, "psycopg2", PSYCOPG2_ERROR)
    passwords: List[str] = []
    run(module, lambda: answer(read_question(module.params), passwords), passwords)


if __name__ == "__main__":
    main()
