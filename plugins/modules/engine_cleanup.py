#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the set-up of an oVirt Engine and prove that its databases are empty."""

DOCUMENTATION = r"""
module: engine_cleanup
short_description: Remove the set-up of an oVirt Engine and prove that its databases are empty
version_added: "0.2.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Runs C(engine-cleanup) without a terminal and with all answers given, and then asks every database itself whether it
    is empty.
  - B(Everything in the databases of this engine is lost.) Make a proven backup first.
  - C(engine-cleanup) only warns where it can not connect to a database, and ends with status 0 while everything stands.
    Here that is a failure that says what still stands.
  - Empty means what C(engine-backup) means by it before a restore. No table, view, sequence, function, type or schema
    is left but those of an extension. The database itself, its owner and its extensions stay.
  - A question that has no answer ends the run at once, with its name and text.
  - C(engine-cleanup) keeps its own dumps of the databases (RV(cleanup.dumps)) and the answers that it was given, in
    C(/var/lib/ovirt-engine/setup/answers), both readable by root only.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.engine_host
attributes:
  check_mode:
    support: full
    details:
      - Everything is read and every refusal is made, nothing is written. The result names the databases with their
        tables, the services, the files, the answers and the command.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Where nothing is set up and every known database is empty, nothing is done.
options:
  timeout:
    description: The longest time that C(engine-cleanup) may take, its own dumps included, in seconds.
    type: int
    default: 3600
  answers:
    description:
      - Answers that C(engine-cleanup) gets besides those of this module, or instead of them, as C(type:value).
      - The types are V(none), V(bool), V(int), V(str) and V(multi-str). The answer to a question is named
        C(QUESTION/1/NAME).
    type: dict
    default: {}
  archive:
    description:
      - An archive of C(engine-backup) with files. The databases that its configuration names must be empty in the end,
        too.
    type: path
  clear_databases:
    description:
      - Drop what is left in a database that C(engine-cleanup) did not empty, as the owner of the database.
      - With this, a set-up of another version is no reason to refuse. C(engine-cleanup) is not run then, because it
        would refuse.
    type: bool
    default: false
requirements:
  - psycopg2 for the Python that runs the module (C(python3-psycopg2) is installed with the engine)
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_backup
  - module: ovirt.backup.engine_setup
"""

EXAMPLES = r"""
- name: Remove the set-up before the backup is restored
  ovirt.backup.engine_cleanup:
    archive: /var/lib/ovirt-engine-backup/engine.backup

- name: The same after a restore that was broken off
  ovirt.backup.engine_cleanup:
    archive: /var/lib/ovirt-engine-backup/engine.backup
    clear_databases: true
"""

RETURN = r"""
cleanup:
  description: What was removed. In check mode the planned values.
  returned: success
  type: dict
  contains:
    state:
      description:
        - V(cleaned), V(already_clean) where every known database was empty and nothing was set up, V(not_set_up) where
          no database is known either.
      type: str
    ran: {description: Whether C(engine-cleanup) was run., type: bool}
    databases:
      description:
        - One entry per database (C(engine), C(dwh), C(cinderlib), C(managedblock), C(keycloak)). One that only the
          archive names, while the host names another, is called C(archived_engine) and so on.
        - Each has C(name), C(host), C(port), C(exists), C(tables) and C(schemas) (before) and C(cleared_by)
          (V(engine-cleanup), V(module), or empty where it was empty).
      type: dict
    services: {description: The services that C(engine-cleanup) stops and the state each was in., type: dict}
    files:
      description:
        - How many files C(engine-cleanup) removes from each directory. C(engine-setup) registered them for that.
      type: dict
    dumps: {description: The dumps that C(engine-cleanup) made of the databases., type: list, elements: str}
    stages: {description: The stages it went through., type: list, elements: str}
    warnings: {description: Its warnings., type: list, elements: str}
    answers: {description: 'The answers it got, secrets masked.', type: dict}
swept:
  description: What a killed run had left behind and this one removed, or would remove in check mode.
  returned: success
  type: list
  elements: str
cmd:
  description: The command. It holds no secret. Empty when nothing was run.
  returned: success, and when engine-cleanup failed
  type: list
  elements: str
log_path:
  description: The log of C(engine-cleanup). Empty when nothing was run.
  returned: success, and when engine-cleanup failed
  type: str
rc:
  description: Exit status of C(engine-cleanup). V(none) when it was ended.
  returned: when engine-cleanup was run
  type: int
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
  description: What was being done, C(plan), C(engine-cleanup) or C(proving).
  returned: failure
  type: str
standing:
  description:
    - What still stands. C(kind), C(database), C(host), C(port), C(tables), C(objects), C(rows) of each database that is
      not empty.
  returned: when a database is not empty in the end
  type: list
  elements: dict
question:
  description: The question that ended the run, its C(name), C(text) and C(stage).
  returned: when engine-cleanup asked what it was not told
  type: dict
last_question:
  description:
    - The name of the last question that was asked, answered or not. Where C(engine-cleanup) says that it was
      aborted, this
      is the question whose answer did it.
  returned: when engine-cleanup failed
  type: str
stage:
  description: The stage in which C(engine-cleanup) ended.
  returned: when engine-cleanup failed
  type: str
errors:
  description: The errors that C(engine-cleanup) printed.
  returned: when engine-cleanup failed
  type: list
  elements: str
last_lines:
  description: The last lines of the log, 20 at most.
  returned: when engine-cleanup failed
  type: list
  elements: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._engine.argspecs import ENGINE_HOST
from ..module_utils._engine.setup.answers import secret_values
from ..module_utils._engine.setup.cleanup import CleanupRequest, CleanupResult, clean_up, preview_cleanup
from ..module_utils._engine.setup.otopi_tools import OtopiHost
from ..module_utils._postgres.connection import PSYCOPG2_ERROR

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    timeout={"type": "int", "default": 3600},
    answers={"type": "dict", "default": {}},
    archive={"type": "path"},
    clear_databases={"type": "bool", "default": False},
)


def read_request(params: Dict[str, Any]) -> CleanupRequest:
    """Return the request that the options stand for."""
    return CleanupRequest(
        prefix=params["prefix"],
        tmpdir=params["tmpdir"] or "",
        timeout=params["timeout"],
        answers={str(key): str(value) for key, value in params["answers"].items()},
        archive=params["archive"] or "",
        clear_databases=params["clear_databases"],
    )


def describe_result(result: CleanupResult) -> Dict[str, Any]:
    """Return the result of the module; the diff shows tables by database."""
    databases = result.cleanup["databases"]
    before = {kind: {"tables": item["tables"]} for kind, item in sorted(databases.items())}
    emptied = {kind: {"tables": 0} for kind in before}
    # Ansible takes every other status for a failure, also that of a tool that had nothing to do.
    ended = {"rc": 0} if result.rc == 0 else {}
    return {
        **ended,
        "changed": result.changed,
        "cleanup": result.cleanup,
        "cmd": result.cmd,
        "log_path": result.log_path,
        "swept": result.cleaned_up,
        "diff": {
            "before": {"set_up": result.cleanup["ran"], "databases": before, "leftovers": result.cleaned_up},
            "after": {"set_up": False, "databases": emptied, "leftovers": []},
        },
    }


def act(request: CleanupRequest, host: OtopiHost, check_mode: bool) -> Dict[str, Any]:
    """Remove the set-up, or say what would be removed; return the result of the module."""
    with interruptible():
        return describe_result(preview_cleanup(request, host) if check_mode else clean_up(request, host))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    require(module, "psycopg2", PSYCOPG2_ERROR)
    request = read_request(module.params)
    module.no_log_values.update(secret_values(request.answers))
    host = OtopiHost(request.prefix)
    run(module, lambda: act(request, host, module.check_mode), host.passwords)


if __name__ == "__main__":
    main()
