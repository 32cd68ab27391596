#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make or check a PostgreSQL role and database for an engine, or fence them."""

DOCUMENTATION = r"""
module: engine_database
short_description: Make, check or fence a PostgreSQL role and database of an oVirt Engine
version_added: "0.2.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Makes or checks a role and a database that an engine accepts. The role may log in with a SCRAM password, and owns a
    database made from C(template0) with encoding UTF8, C(LC_COLLATE) and C(LC_CTYPE) C(en_US.UTF-8) and the extensions.
  - An existing database that an engine can not use is refused by name. It is never dropped to make room.
  - Everything that can refuse refuses before the first change. After the last one the server is read again, and the
    module fails if anything is still missing.
  - The statements hold a SCRAM verifier that is made on this side, so that the password is never in the server's log
    or in C(pg_stat_activity). Whether the role has that password already is found out from what the server stores, and
    then the role logs in with it.
  - Runs on any host that reaches the server. Only C(pg_hba.conf) needs the database server itself.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.database
attributes:
  check_mode:
    support: full
    details:
      - Everything is read and checked, nothing is written.
      - Fails with every problem that would make a real run fail.
  diff_mode:
    support: full
    details:
      - Passwords and verifiers are not part of the diff.
  idempotent:
    support: full
options:
  owner:
    description:
      - The role. Its name may hold letters, digits and C(_ . @ % + = , / ~ ^ -), as the name of the database and the
        password, because every program that reads the engine's configuration has to read it alike.
    type: str
    required: true
  name:
    description:
      - The database. When left out, only the role is managed, such as a reporting user that a restore made with a
        random password.
    type: str
    default: ""
  password:
    description:
      - The password of the role. A password that differs, is not stored as SCRAM or has expired is replaced.
      - When left out, the role must exist and its password is not looked at.
    type: str
  state:
    description:
      - V(present) makes the role and the database, or what is missing of them. A role that was fenced is refused.
      - V(fenced) keeps the role from logging in and ends its sessions, and those of ordinary users in the database.
        A client that was forgotten then fails loudly instead of writing into an abandoned database.
      - V(unfenced) lets the role log in again.
      - V(absent) removes an empty database, such as the twins that a failed provisioning leaves, and its
        role if nothing else on the server depends on it. With O(client_addresses) the lines for them are removed, too.
        Anything else is refused.
    type: str
    default: present
    choices: [present, absent, fenced, unfenced]
  extensions:
    description: Extensions that the database needs.
    type: list
    elements: str
    default: [uuid-ossp]
  change_owner:
    description: Give the database to O(owner) when it has another owner and is empty. Otherwise this is refused.
    type: bool
    default: false
  readers:
    description:
      - Existing roles that may read every table of the schema C(public), those that O(owner) will make included.
      - Meant for the read-only role of Grafana after a restore without permissions.
    type: list
    elements: str
    default: []
  client_addresses:
    description:
      - Addresses, or networks as CIDR, from which the role enters the database with its password.
      - A line for C(pg_hba.conf) is added where the rules do not let such a client in already, before a rule that would
        catch it first. The file is written whole or not at all, and put back if the server can not read it.
      - The module must run on the database server if a line is missing. It is refused elsewhere, and names the line.
    type: list
    elements: str
    default: []
  server_settings:
    description:
      - V(report) compares the settings that C(engine-setup) insists on with what it wants and changes nothing.
      - V(apply) sets those that do not suffice with C(ALTER SYSTEM) and reloads. The server is never restarted.
        RV(settings) shows what waits for a restart.
    type: str
    default: report
    choices: [report, apply]
requirements:
  - psycopg2 for the Python that runs the module (C(python3-psycopg2) is installed with the engine)
  - Python 3.6 or newer
  - PostgreSQL 10 or newer, and a login as superuser
seealso:
  - module: ovirt.backup.engine_backup
"""

EXAMPLES = r"""
- name: Prepare a database server for an engine
  ovirt.backup.engine_database:
    name: engine
    owner: engine
    password: "{{ engine_database_password }}"
    client_addresses: [192.0.2.10]
    server_settings: apply
  become: true
  become_user: postgres

- name: Set the password of the Data Warehouse's role, whatever it was
  ovirt.backup.engine_database:
    name: ovirt_engine_history
    owner: ovirt_engine_history
    password: "{{ dwh_database_password }}"
    readers: [ovirt_engine_history_grafana]
    login_host: db.example.com
    login_password: "{{ postgres_password }}"

- name: Fence the database that was left behind
  ovirt.backup.engine_database:
    name: engine
    owner: engine
    state: fenced
  become: true
  become_user: postgres
"""

RETURN = r"""
database:
  description:
    - The database and its role, read again after the last change. In check mode the planned values.
  returned: success
  type: dict
  contains:
    name: {description: The database., type: str}
    exists: {description: Whether it exists., type: bool}
    owner: {description: Its owner., type: str}
    host: {description: Where the login of the role was tried., type: str}
    port: {description: The port of the server., type: int}
    encoding: {description: Its encoding., type: str}
    collate: {description: Its LC_COLLATE., type: str}
    ctype: {description: Its LC_CTYPE., type: str}
    extensions: {description: Its extensions., type: list, elements: str}
    readers: {description: Those of O(readers) that can read everything., type: list, elements: str}
    tables: {description: How many tables it has., type: int}
    objects: {description: 'Everything that somebody made in it, the tables included.', type: int}
    server_version: {description: The version of PostgreSQL., type: str}
    role: {description: The role., type: str}
    role_exists: {description: Whether the role exists., type: bool}
    can_login: {description: Whether the role may log in., type: bool}
    password_matches:
      description: Whether the server stores the given password. V(none) where none was given or there is no role.
      type: bool
    login_works:
      description:
        - Whether the role entered the database by TCP with the password. V(none) where there was none to try with.
        - V(false) with a right password means that C(pg_hba.conf) does not let this host in.
      type: bool
    login_problem: {description: Why the login failed., type: str}
    sessions:
      description: Sessions of the role, and of ordinary users in the database.
      type: int
settings:
  description:
    - Each server setting that C(engine-setup) insists on, with C(value) and C(required) in the unit of C(pg_settings),
      C(ok), and C(pending_restart).
  returned: success
  type: dict
  sample:
    max_connections: {value: '100', required: '>= 150', ok: false, pending_restart: true}
pg_hba:
  description:
    - C(file), whether the server has C(loaded) it since its last change, the C(lines) for the addresses asked for that
      stand there, themselves or as a wider rule, and those that are C(missing).
  returned: success
  type: dict
ended_sessions:
  description: How many sessions were ended, or would be in check mode.
  returned: success
  type: int
changes:
  description: Every change, one sentence each. It holds no secret.
  returned: success, and when the server disagrees after the change
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
"""

from typing import Any, Callable, Dict, List

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.errors import Refused
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._engine.argspecs import DATABASE_LOGIN, read_login
from ..module_utils._engine.database.run import DatabaseResult, bring_about, describe, preview
from ..module_utils._postgres.admin import DatabaseServer
from ..module_utils._postgres.connection import PSYCOPG2_ERROR
from ..module_utils._postgres.pg_hba import read_client
from ..module_utils._postgres.rules import EXTENSIONS, check_password
from ..module_utils._postgres.server_model import DatabaseRequest

UNFINISHED = "what was changed until then stays, and the next run does the rest"

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    DATABASE_LOGIN,
    owner={"type": "str", "required": True},
    name={"type": "str", "default": ""},
    password={"type": "str", "no_log": True},
    state={"type": "str", "default": "present", "choices": ["present", "absent", "fenced", "unfenced"]},
    extensions={"type": "list", "elements": "str", "default": list(EXTENSIONS)},
    change_owner={"type": "bool", "default": False},
    readers={"type": "list", "elements": "str", "default": []},
    client_addresses={"type": "list", "elements": "str", "default": []},
    server_settings={"type": "str", "default": "report", "choices": ["report", "apply"]},
)


def read_request(params: Dict[str, Any]) -> DatabaseRequest:
    """Return the request that the options stand for; refuse a password that no engine could use."""
    if params["password"] is not None:
        problems = check_password(params["password"], "the password of the role '%s'" % params["owner"])
        if problems:
            raise Refused(problems)
    return DatabaseRequest(
        state=params["state"],
        name=params["name"],
        owner=params["owner"],
        has_password=params["password"] is not None,
        extensions=tuple(params["extensions"]),
        readers=tuple(params["readers"]),
        clients=tuple(read_client(text) for text in params["client_addresses"]),
        applies_settings=params["server_settings"] == "apply",
        changes_owner=params["change_owner"],
    )


def describe_outcome(request: DatabaseRequest, outcome: DatabaseResult) -> Dict[str, Any]:
    """Return the result of the module."""
    before, after = describe(request, outcome.before), describe(request, outcome.after)
    return dict(
        after,
        changed=bool(outcome.steps),
        changes=[step.text for step in outcome.steps],
        ended_sessions=outcome.before.sessions if request.state == "fenced" else 0,
        diff={"before": before, "after": after},
    )


def list_warnings(result: Dict[str, Any]) -> List[str]:
    """Return what is no error of the module and yet keeps an engine out."""
    warnings = []
    if result["database"]["login_works"] is False:
        warnings.append("The role can not log in from here: %s" % result["database"]["login_problem"])
    waiting = sorted(name for name, setting in result["settings"].items() if setting["pending_restart"])
    if waiting:
        warnings.append("These settings wait for a restart of PostgreSQL: %s" % ", ".join(waiting))
    return warnings


def act(params: Dict[str, Any], check_mode: bool, warn: Callable[[str], None]) -> Dict[str, Any]:
    """Bring the role and the database into the state, or say how; return the result of the module."""
    request = read_request(params)
    server = DatabaseServer(read_login(params), params["password"] or "", params["login_host"])
    with interruptible(UNFINISHED), server.session(writes=not check_mode):
        outcome = preview(request, server) if check_mode else bring_about(request, server)
    result = describe_outcome(request, outcome)
    for warning in list_warnings(result):
        warn(warning)
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    require(module, "psycopg2", PSYCOPG2_ERROR)
    secrets = [module.params[name] or "" for name in ("password", "login_password")]
    run(module, lambda: act(module.params, module.check_mode, module.warn), secrets)


if __name__ == "__main__":
    main()
