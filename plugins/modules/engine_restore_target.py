#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try databases that an engine is to be restored into, from the engine host and as their owners."""

DOCUMENTATION = r"""
module: engine_restore_target
short_description: Try databases that an engine is to be restored into, from the engine host and as their owners
version_added: "0.2.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Logs in to each database of O(credentials) and O(configured) as its owner, over the network and from this host, as
    C(engine-backup) and the engine will, and refuses what M(ovirt.backup.engine_restore) would refuse of it. No archive
    is needed, so that everything that is wrong with a new database server is known before an engine is stopped.
  - Refused are a database that can not be reached or logged in to, one with the wrong encoding, locale, owner or
    extensions, one that holds something, a server newer than the PostgreSQL client of this host, and a password with a
    character that one of the tools misreads.
  - With O(clear) it drops what a restore that was cut off has left in them.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.engine_host
  - ovirt.backup.database_credentials
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Passwords are not part of the diff.
  idempotent:
    support: full
options:
  configured:
    description: More databases by their kind, reached as the configuration of this host says.
    type: list
    elements: str
    choices: [engine, dwh, cinderlib, managedblock, keycloak]
    default: []
  clear:
    description:
      - Drop everything that is in the databases, as their owners. The databases, their schema C(public) and their
        extensions stay.
      - An C(engine-backup) on this host that outlived its killed run is ended first. While anybody else uses a database
        that holds something, this is refused.
    type: bool
    default: false
requirements:
  - psycopg2 for the Python that runs the module (C(python3-psycopg2) is installed with the engine)
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_database
  - module: ovirt.backup.engine_restore
"""

EXAMPLES = r"""
- name: Empty what a restore that was cut off has left in the Data Warehouse of this host
  ovirt.backup.engine_restore_target:
    configured: [dwh]
    clear: true

- name: Can this engine use the new database server?
  ovirt.backup.engine_restore_target:
    credentials:
      engine:
        host: db.example.com
        name: engine
        user: engine
        password: "{{ vault_engine_password }}"
"""

RETURN = r"""
targets:
  description:
    - One entry per database, with C(host), C(port), C(name), C(user), C(server_version), C(tables), C(sessions) (of
      others) and C(cleared) (whether it was emptied, or would be in check mode).
  returned: success
  type: dict
  sample:
    engine: {host: db.example.com, port: 5432, name: engine, user: engine, server_version: '15.8', tables: 0,
      sessions: 0, cleared: false}
swept:
  description: What a killed run had left behind and this one removed, or would remove in check mode.
  returned: success
  type: list
  elements: str
code:
  description: A stable name of the error, explained in docs/troubleshooting.md.
  returned: failure
  type: str
problems:
  description: Every problem, with C(code) and C(message).
  returned: failure
  type: list
  elements: dict
phase:
  description: What was being done, C(plan) or C(proving). After C(plan) nothing was written.
  returned: failure
  type: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.errors import Problem, Refused
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._engine.argspecs import CREDENTIALS, ENGINE_HOST, read_credentials
from ..module_utils._engine.restore.model import SERVERS
from ..module_utils._engine.restore.target_check import TargetCheckResult, prepare_targets, preview_targets, request_of
from ..module_utils._engine.restore.target_host import TargetHost
from ..module_utils._postgres.connection import PSYCOPG2_ERROR
from ..module_utils._postgres.model import Settings

INTERRUPTED = "what it had dropped until then is gone, and the next run does the rest"

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    credentials=CREDENTIALS,
    configured={"type": "list", "elements": "str", "default": [], "choices": list(SERVERS)},
    clear={"type": "bool", "default": False},
)


def describe_result(result: TargetCheckResult, clears: bool) -> Dict[str, Any]:
    """Return the result of the module."""
    cleared = sorted(kind for kind, target in result.targets.items() if target["cleared"])
    before = {"filled": cleared, "leftovers": result.cleaned_up}
    return {
        "changed": clears and result.changed,
        "targets": result.targets,
        "swept": result.cleaned_up,
        "diff": {"before": before, "after": {"filled": [], "leftovers": []}},
    }


def read_configured(params: Dict[str, Any], host: TargetHost) -> Dict[str, Settings]:
    """Return how the configuration of this host reaches the databases that were named by their kind alone."""
    known = host.engine.read_installation(params["prefix"]).settings if params["configured"] else {}
    text = "no configuration of this host says where the %s database is; give it in 'credentials'"
    missing = [Problem("database_unconfigured", text % kind) for kind in params["configured"] if kind not in known]
    if missing:
        raise Refused(missing, phase="plan")
    return {kind: known[kind] for kind in params["configured"]}


def act(params: Dict[str, Any], host: TargetHost, check_mode: bool) -> Dict[str, Any]:
    """Try the databases, and empty them if asked to; return the result of the module."""
    given = read_credentials(params["credentials"] or {})
    request = request_of(params["prefix"], dict(read_configured(params, host), **given))
    for settings in request.credentials.values():
        host.passwords.append(settings.password)
    do = preview_targets if check_mode else prepare_targets
    with interruptible(INTERRUPTED):
        return describe_result(do(request, params["clear"], host), params["clear"])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    require(module, "psycopg2", PSYCOPG2_ERROR)
    host = TargetHost(module.params["prefix"])
    run(module, lambda: act(module.params, host, module.check_mode), host.passwords)


if __name__ == "__main__":
    main()
