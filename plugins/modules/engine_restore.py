#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore an oVirt Engine from an archive and prove it row by row."""

DOCUMENTATION = r"""
module: engine_restore
short_description: Restore an oVirt Engine from an archive and prove it row by row
version_added: "0.2.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Runs C(engine-backup --mode=restore) on the engine host, after everything that can refuse has been asked, and then
    reads back what it did and compares it with the archive.
  - Refused before the first write are an archive that is not proven (as with M(ovirt.backup.engine_backup_info) and
    V(full)), a version that may not be restored here, services that are up, a database that can not be reached, is not
    empty, or has the wrong encoding, locale, owner or extensions, a PostgreSQL that is too old, a password with a
    character that one of the tools misreads, a disk that is too small, and a hosted engine.
    C(engine-backup) itself finds most of this out after it has overwritten the files.
  - Proven means that every table of every database holds the rows of the archive, but for the tables that a restore
    empties, which must be empty; that the engine database is the one of this very backup; that no error happened while
    the dumps were loaded; and that the files are those of the archive with their owners and modes.
  - Exit status 0 and C(Done.) are not taken as evidence. C(engine-backup) ignores the exit status of C(pg_restore) and
    reports success with not a row in the database.
  - With O(credentials) it restores into these databases in place of those that the configuration names, and changes the
    configuration accordingly. Databases that are not named there keep their credentials.
  - When credentials change, the lines that C(engine-backup) loses from configuration files are put back, and its
    time-stamped copies with the old passwords are removed.
  - Nothing is started. Run M(ovirt.backup.engine_setup) afterwards.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.engine_host
  - ovirt.backup.database_credentials
attributes:
  check_mode:
    support: full
    details:
      - Everything is read and checked, nothing is written. Fails with every problem that would make a real run fail.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - An engine that already holds exactly what the archive does is left as it is.
options:
  path:
    description:
      - The archive, on this host. A manifest beside it is used when there is one.
      - The rows of an archive that has the size and the SHA-256 of its manifest were counted when it was made, and are
        not counted in it once more. Any other archive is read to its last row.
      - Its modification time stays; C(engine-backup) gives it mode 0600.
    type: path
    required: true
  scope:
    description:
      - What to restore. V(all) stands for everything that the archive holds.
      - A scope that the archive lacks, or that the installed C(engine-backup) can not restore, is refused.
    type: list
    elements: str
    default: [all]
    choices: [all, files, db, dwhdb, cinderlibdb, managedblockdb, keycloakdb, grafanadb]
  provision:
    description:
      - Which databases C(engine-backup) makes, with the names and passwords that the archive's configuration holds.
        It can do so on C(localhost), port 5432, only.
      - V(auto) stands for those on C(localhost) that can not be logged in to, V(none) for none, V(all) for all.
    type: list
    elements: str
    default: [auto]
    choices: [auto, none, all, engine, dwh, cinderlib, managedblock, keycloak]
  login_unix_socket:
    description:
      - Directory of the Unix socket by which the PostgreSQL superuser enters the local server. Empty for the usual one.
      - It is only read, by C(psql) as the user C(postgres), and only where a database can not be logged in to. A role
        that is missing and one that has another password look alike without it; the second can not be provisioned.
    type: path
    default: ""
  permissions:
    description:
      - Whether the owners and grants in the dumps are restored.
      - V(auto) restores them where every role that they name is there or is provisioned, and leaves them out otherwise.
    type: str
    default: auto
    choices: [auto, restore, skip]
  keep_temporary_data:
    description:
      - Keep running tasks, jobs, steps, and the state of highly available virtual machines, as C(engine-backup
        --keep-temporary-data) does. Right for a planned move of the databases, wrong after a disaster.
    type: bool
    default: false
  restore_jobs:
    description:
      - How many tables are loaded at a time. V(0) leaves it to C(engine-backup), which takes 2.
    type: int
    default: 0
  log_path:
    description:
      - The log of C(engine-backup). It must not exist.
      - When left out, a file named after the archive and the time in C(/var/log/ovirt-engine-backup).
    type: path
  timeout:
    description: The longest time that C(engine-backup) may take, in seconds.
    type: int
    default: 14400
  allow_hosted_engine:
    description:
      - Restore the archive of a hosted engine as a standalone one. Without it such an archive is refused.
    type: bool
    default: false
  he_remove_storage_vm:
    description: Remove the storage domain and the virtual machine of a hosted engine from the restored database.
    type: bool
    default: false
  he_remove_hosts:
    description: Remove the hosts of a hosted engine from the restored database.
    type: bool
    default: false
  cleanup_planned:
    description:
      - For check mode before an overwrite restore. Services that are up and databases that hold something, which
        M(ovirt.backup.engine_cleanup) will have changed by then, are no reason to refuse.
      - Refused outside check mode.
    type: bool
    default: false
requirements:
  - psycopg2 for the Python that runs the module (C(python3-psycopg2) is installed with the engine)
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_backup_info
  - module: ovirt.backup.engine_cleanup
  - module: ovirt.backup.engine_database
  - module: ovirt.backup.engine_setup
"""

EXAMPLES = r"""
- name: Restore everything on a fresh host
  ovirt.backup.engine_restore:
    path: /var/lib/ovirt-engine-backup/engine.backup
    provision: [all]

- name: Restore into a remote server, with as many loads at a time as the host has cores
  ovirt.backup.engine_restore:
    path: /var/lib/ovirt-engine-backup/engine.backup
    credentials:
      engine:
        host: db.example.com
        name: engine
        user: engine
        password: "{{ vault_engine_password }}"
    restore_jobs: 4
"""

RETURN = r"""
restore:
  description:
    - What was restored, as read back. In check mode what would be.
  returned: success
  type: dict
  contains:
    path: {description: The archive., type: str}
    identity: {description: 'The path of the log of the backup, which ties the engine database to it.', type: str}
    version: {description: Version of the engine that made the archive., type: str}
    scopes: {description: What was restored., type: list, elements: str}
    databases:
      description:
        - One entry per database, with C(host), C(port), C(name), C(user), C(tables) (how many), C(rows) and C(emptied)
          (tables of the archive that hold nothing after a restore).
      type: dict
    permissions: {description: Whether owners and grants were restored., type: bool}
    provisioned: {description: The databases that C(engine-backup) made., type: list, elements: str}
    extra_users:
      description:
        - Roles besides the owners that have grants, with C(name), C(databases) and what became of the C(password).
          V(random) means that C(engine-backup) gave the role a password that it tells nobody.
      type: list
      elements: dict
    files: {description: How many entries the files part has., type: int}
    directories: {description: How many files of it are restored below each directory., type: dict}
    notes: {description: What else a person should know., type: list, elements: str}
    log_path: {description: The log of C(engine-backup)., type: str}
    already: {description: Whether everything was there already., type: bool}
  sample:
    path: /var/lib/ovirt-engine-backup/engine.backup
    version: 4.5.7
mended:
  description: Configuration files that C(engine-backup) had damaged and that hold again what they should.
  returned: success
  type: list
  elements: str
swept:
  description: What a killed run had left behind and this one removed, or would remove in check mode.
  returned: success
  type: list
  elements: str
elapsed:
  description: Seconds that the module took, the proof included.
  returned: success
  type: float
cmd:
  description: The command. It holds no secret. Empty when nothing was done.
  returned: success, and when engine-backup failed
  type: list
  elements: str
log_path:
  description: The log of C(engine-backup).
  returned: success, and when engine-backup failed
  type: str
standing:
  description: What each database holds after a failure, in words.
  returned: when engine-backup was run and something failed
  type: dict
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
  description: What was being done, C(plan), C(engine-backup) or C(proving). After C(plan) nothing was written.
  returned: failure
  type: str
rc:
  description: Exit status of C(engine-backup). V(none) when its time was up.
  returned: when engine-backup failed
  type: int
last_lines:
  description: The last lines of the log, 20 at most.
  returned: when engine-backup was run and something failed
  type: list
  elements: str
"""

import time
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.errors import BackupError
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._engine.argspecs import CREDENTIALS, ENGINE_HOST, SCOPE_CHOICES, read_credentials
from ..module_utils._engine.restore.host import RestoreHost
from ..module_utils._engine.restore.model import RestoreRequest
from ..module_utils._engine.restore.run import RestoreResult, make_restore, preview_restore
from ..module_utils._postgres.connection import PSYCOPG2_ERROR

PROVISION_CHOICES = ["auto", "none", "all", "engine", "dwh", "cinderlib", "managedblock", "keycloak"]
INTERRUPTED = "what it had restored so far is not proven. Clean the engine up and restore again"

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    path={"type": "path", "required": True},
    scope={"type": "list", "elements": "str", "default": ["all"], "choices": SCOPE_CHOICES},
    provision={"type": "list", "elements": "str", "default": ["auto"], "choices": PROVISION_CHOICES},
    login_unix_socket={"type": "path", "default": ""},
    credentials=CREDENTIALS,
    permissions={"type": "str", "default": "auto", "choices": ["auto", "restore", "skip"]},
    keep_temporary_data={"type": "bool", "default": False},
    restore_jobs={"type": "int", "default": 0},
    log_path={"type": "path"},
    timeout={"type": "int", "default": 14400},
    allow_hosted_engine={"type": "bool", "default": False},
    he_remove_storage_vm={"type": "bool", "default": False},
    he_remove_hosts={"type": "bool", "default": False},
    cleanup_planned={"type": "bool", "default": False},
)


def read_request(params: Dict[str, Any]) -> RestoreRequest:
    """Return the request that the options stand for."""
    return RestoreRequest(
        path=params["path"],
        scopes=params["scope"],
        provision=params["provision"],
        credentials=read_credentials(params["credentials"] or {}),
        permissions=params["permissions"],
        keep_temporary_data=params["keep_temporary_data"],
        restore_jobs=params["restore_jobs"],
        tmpdir=params["tmpdir"] or "",
        log_path=params["log_path"] or "",
        timeout=params["timeout"],
        prefix=params["prefix"],
        remove_storage_vm=params["he_remove_storage_vm"],
        remove_hosts=params["he_remove_hosts"],
        allow_hosted_engine=params["allow_hosted_engine"],
        cleanup_planned=params["cleanup_planned"],
    )


def describe_result(result: RestoreResult) -> Dict[str, Any]:
    """Return the result of the module."""
    restore = result.restore
    after = {key: restore[key] for key in ("path", "scopes", "databases", "permissions", "provisioned")}
    return {
        "changed": result.changed,
        "restore": restore,
        "mended": result.repaired,
        "swept": result.cleaned_up,
        "cmd": result.cmd,
        "log_path": restore["log_path"],
        "diff": {"before": {"leftovers": result.cleaned_up}, "after": dict(after if result.cmd else {}, leftovers=[])},
    }


def act(request: RestoreRequest, host: RestoreHost, check_mode: bool) -> Dict[str, Any]:
    """Restore, or say what would be restored; return the result of the module."""
    began = time.monotonic()
    if request.cleanup_planned and not check_mode:
        raise BackupError("'cleanup_planned' is for check mode only: a real run needs a clean engine", "not_check_mode")
    with interruptible(INTERRUPTED):
        result = preview_restore(request, host) if check_mode else make_restore(request, host)
    return dict(describe_result(result), elapsed=round(time.monotonic() - began, 2))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    require(module, "psycopg2", PSYCOPG2_ERROR)
    request = read_request(module.params)
    host = RestoreHost(request.prefix, module.params["login_unix_socket"])
    run(module, lambda: act(request, host, module.check_mode), host.passwords)


if __name__ == "__main__":
    main()
