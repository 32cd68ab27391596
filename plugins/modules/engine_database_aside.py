#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the databases of an engine aside by renaming them, put them back, or drop them."""

DOCUMENTATION = r"""
module: engine_database_aside
short_description: Set the databases of an oVirt Engine aside by renaming them, put them back, or drop them
version_added: "0.4.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - The half of a rollback that needs neither a tool of oVirt nor a dump. A database is renamed away and an empty one
    takes its place, with the same owner, encoding, locale, tablespace, limits, grants, settings and extensions.
    Putting it back is another rename. Both take seconds, whatever the size.
  - A database is known by its OID, which a rename keeps. The first run in check mode returns it; note it before the
    databases are set aside, and give it to every later run. From then on each state understands whatever a killed run
    has left.
  - While it is set aside, nobody can enter a database, a superuser neither.
  - Everything is looked at before the first change. Where one database of a request cannot be put back, none is
    touched.
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
  idempotent:
    support: full
    details:
      - With O(renew) an empty database is made each time.
options:
  databases:
    description:
      - The databases by their kind, each with C(name) and, once it is known, C(oid).
      - V(back) and V(dropped) need the OID.
    type: dict
    required: true
  suffix:
    description:
      - What is added to the name of a database while it is set aside, such as C(before_20261201t0102z). Lower-case
        letters, digits and C(_).
      - A name that would be longer than 63 bytes with it is cut.
    type: str
    required: true
  state:
    description:
      - V(aside) renames each database and makes an empty one like it.
      - V(back) drops what has the name of the database now, and renames the database back.
      - V(dropped) drops the database that was set aside. There is no way back from it.
    type: str
    choices: [aside, back, dropped]
    default: aside
  renew:
    description:
      - With O(state=aside), drop what has replaced a database that is set aside already, and make it again. For a
        restore that was interrupted when it had filled it in part.
    type: bool
    default: false
requirements:
  - psycopg2 for the Python that runs the module (C(python3-psycopg2) is installed with the engine)
  - Python 3.6 or newer
  - PostgreSQL 10 or newer, and a login as superuser
seealso:
  - module: ovirt.backup.engine_files_aside
  - module: ovirt.backup.engine_database
"""

EXAMPLES = r"""
- name: Look which databases would be set aside
  ovirt.backup.engine_database_aside:
    databases: {engine: {name: engine}, dwh: {name: ovirt_engine_history}}
    suffix: before_20261201t0102z
  check_mode: true
  become: true
  become_user: postgres
  register: planned

- name: Set them aside
  ovirt.backup.engine_database_aside:
    databases: "{{ planned.databases }}"
    suffix: before_20261201t0102z
  become: true
  become_user: postgres

- name: Put them back
  ovirt.backup.engine_database_aside:
    databases: "{{ planned.databases }}"
    suffix: before_20261201t0102z
    state: back
  become: true
  become_user: postgres
"""

RETURN = r"""
databases:
  description: One entry per database, by its kind. What a later run needs of it is C(name) and C(oid).
  returned: success
  type: dict
  sample:
    engine: {name: engine, oid: 16385, aside: engine_before_20261201t0102z, size: 734003200, is_aside: true,
      exists: true}
space:
  description: How many bytes the databases have that are renamed, and how many are free, V(none) where that is unknown.
  returned: success
  type: dict
  sample: {needed: 734003200, free: 53687091200}
ended_sessions:
  description: How many sessions of clients were ended, or would be in check mode.
  returned: success
  type: int
changes:
  description: What became of the databases, one sentence each.
  returned: success, and when a step failed
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
  description: What was being done, C(plan) or the step that failed. After C(plan) nothing was written.
  returned: failure
  type: str
"""

import re
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.errors import Problem, Refused
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._engine.argspecs import DATABASE_LOGIN, read_login
from ..module_utils._engine.database.aside_plan import AsideRequest, Named, told
from ..module_utils._engine.database.aside_run import (
    AsideResult,
    describe_databases,
    describe_space,
    move_aside,
    preview_aside,
)
from ..module_utils._postgres.aside import AsideServer
from ..module_utils._postgres.connection import PSYCOPG2_ERROR

UNFINISHED = "what was renamed until then stays so, and the next run goes on or back from there"
SUFFIX = re.compile(r"^[a-z0-9_]{1,40}$")

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    DATABASE_LOGIN,
    databases={"type": "dict", "required": True},
    suffix={"type": "str", "required": True},
    state={"type": "str", "default": "aside", "choices": ["aside", "back", "dropped"]},
    renew={"type": "bool", "default": False},
)


def read_request(params: Dict[str, Any]) -> AsideRequest:
    """Return the request that the options stand for; refuse what makes no sense before anybody logs in."""
    problems, databases = [], {}
    if not SUFFIX.match(params["suffix"]):
        text = "'suffix' holds something else than up to 40 lower-case letters, digits and _"
        problems.append(Problem("option_out_of_range", text))
    for kind, given in params["databases"].items():
        name, oid = (given.get("name"), given.get("oid") or 0) if isinstance(given, dict) else ("", 0)
        if not isinstance(name, str) or not name or not str(oid).isdigit():
            text = "'databases' gives for %s no name, or an OID that is no number"
            problems.append(Problem("option_out_of_range", text % kind))
        else:
            databases[kind] = Named(name, int(oid))
    if not params["databases"]:
        problems.append(Problem("option_out_of_range", "'databases' names no database"))
    if problems:
        raise Refused(problems, phase="plan")
    return AsideRequest(params["state"], databases, params["suffix"], params["renew"])


def describe_result(request: AsideRequest, result: AsideResult) -> Dict[str, Any]:
    """Return the result of the module."""
    closed = {step.arguments[0] for step in result.steps if step.action == "empty_of_sessions"}
    names = [sorted(found.name for found in state.databases) for state in (result.before, result.after)]
    return {
        "changed": bool(result.steps),
        "databases": describe_databases(request, result),
        "space": describe_space(request, result),
        "ended_sessions": sum(found.sessions for found in result.before.databases if found.name in closed),
        "changes": told(result.steps),
        "diff": {"before": {"databases": names[0]}, "after": {"databases": names[1], "steps": told(result.steps)}},
    }


def act(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Move the databases, or say how; return the result of the module."""
    request = read_request(params)
    server = AsideServer(read_login(params))
    with interruptible(UNFINISHED), server.session(writes=not check_mode):
        result = preview_aside(request, server) if check_mode else move_aside(request, server)
    return dict(describe_result(request, result), warnings=list(server.warnings))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    require(module, "psycopg2", PSYCOPG2_ERROR)
    run(module, lambda: act(module.params, module.check_mode), [module.params["login_password"] or ""])


if __name__ == "__main__":
    main()
