#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make one proven backup archive of an oVirt Engine."""

DOCUMENTATION = r"""
module: engine_backup
short_description: Make one proven backup archive of an oVirt Engine
version_added: "0.1.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Runs C(engine-backup --mode=backup) on the engine host, reads back what it made, and compares that with the live
    engine.
  - An archive gets its final name only when it is proven. Everything else fails, by name, and leaves no archive.
  - Proven means that every expected database is in the archive, that each dump was read to its end and holds the
    rows of the live
    database table by table, that the files part holds what a restore needs, and that every hash is right.
  - Exit status 0, C(Done.) and the engine's own backup log are not taken as evidence.
    C(engine-backup) reports success with no database in the archive.
  - No engine service is needed or stopped. The databases must be up.
  - Beside the archive stands C(<archive>.manifest.json) with the result of the proof. It holds no secret, the
    archive does.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.engine_host
attributes:
  check_mode:
    support: full
    details:
      - Everything is read and checked, the rows of the databases are counted, nothing is written.
      - Fails with every problem that would make a real run fail.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(path), or with O(max_age) greater than V(0), a second run finds the proven archive and changes nothing.
      - With O(directory) and O(max_age=0) every run makes a new archive.
options:
  path:
    description:
      - The file to make. Its directory must exist and must not be writable for everybody.
      - A file that stands there is never overwritten. If it is a proven archive of this engine with at least the
        expected scopes, nothing is done, else the module fails.
    type: path
  directory:
    description:
      - The directory to make the archive in, under a name made of the engine's FQDN and the UTC time.
    type: path
  scope:
    description:
      - What to back up. V(all) stands for the files and every database that is set up on this host.
      - A scope that the installed C(engine-backup) can not back up, or a database that is not set up, is refused.
    type: list
    elements: str
    default: [all]
    choices: [all, files, db, dwhdb, cinderlibdb, managedblockdb, keycloakdb, grafanadb]
  log_path:
    description:
      - The log of C(engine-backup). It must not exist, because its path identifies this backup in the engine's
        database.
      - When left out, a file named after the archive in C(/var/log/ovirt-engine-backup).
    type: path
  timeout:
    description: The longest time that C(engine-backup) may take, packing included, in seconds.
    type: int
    default: 7200
  max_age:
    description:
      - In seconds. When O(directory) holds a proven archive of this engine with at least the expected scopes that is
        younger than this, nothing is done, whatever profile it was made with.
      - V(0) makes a new archive every time.
    type: int
    default: 0
  profile:
    description:
      - V(stock) makes what C(engine-backup) makes by default.
      - V(fast) does not compress the archive again, because the dumps in it are compressed already.
      - V(small) dumps plain text and compresses everything once with C(zstd). Plain dumps hold no owners and no
        grants, as with
        C(engine-backup --small-size). It needs GNU tar 1.31 and C(zstd) on the host, also on the one that restores.
      - Archives of every profile are restored by the stock C(engine-backup) alone.
    type: str
    default: stock
    choices: [stock, fast, small]
requirements:
  - psycopg2 for the Python that runs the module (C(python3-psycopg2) is installed with the engine)
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_backup_info
  - module: ovirt.backup.engine_backup_prune
"""

EXAMPLES = r"""
- name: Make a proven backup, unless there is one of the last hour
  ovirt.backup.engine_backup:
    directory: /var/lib/ovirt-engine-backup
    max_age: 3600

- name: Only the files and the engine database, under a fixed name
  ovirt.backup.engine_backup:
    path: /srv/backup/before-upgrade.backup
    scope: [files, db]
    tmpdir: /srv/tmp
"""

RETURN = r"""
archive:
  description:
    - The archive, as in its manifest.
    - In check mode the planned values; what is not known before is V(none) or empty.
  returned: success
  type: dict
  contains:
    path: {description: The archive., type: str}
    manifest: {description: The manifest beside it., type: str}
    identity: {description: 'The path of the log, which identifies this backup in the engine database.', type: str}
    log_path: {description: The log of the attempt that succeeded., type: str}
    size: {description: Bytes., type: int}
    sha256: {description: SHA-256 of the archive., type: str}
    created: {description: 'When the backup began, UTC, ISO 8601.', type: str}
    version: {description: Version of the engine., type: str}
    os_version: {description: 'Distribution and major version, such as centos9.', type: str}
    fqdn: {description: FQDN of the engine., type: str}
    profile: {description: The profile it was made with., type: str}
    scopes: {description: What it holds., type: list, elements: str}
    databases:
      description:
        - One entry per database (C(engine), C(dwh), C(cinderlib), C(managedblock), C(keycloak), C(grafana)).
        - Each has C(file), C(format), C(compressor), C(size), C(name), C(owner), C(extensions), C(grantees),
          C(tables) (table to rows, read back from the archive), C(rows) (their sum) and C(live_rows)
          (the rows of the live database when the proof ended).
      type: dict
    certificates:
      description: Path, subject and expiry (C(not_after)) of the certificates in the files part.
      type: list
      elements: dict
  sample:
    path: /var/lib/ovirt-engine-backup/engine-backup-engine.example.com-20261122T134352Z.backup
    sha256: 7d0a8468ed220400c0b8e6f335baa7e070ce880a37e2ac5995b9a97b809026de
engine_record:
  description:
    - What the engine recorded of this backup. C(scopes) are those it believes to be backed up, C(not_in_archive)
      those among them that are
      not in the archive, C(problem) says why there is no record.
  returned: when an archive was made
  type: dict
elapsed:
  description: Seconds that the module took, the proof included.
  returned: success
  type: float
attempts:
  description: How often C(engine-backup) was run. More than once when files changed while it read them.
  returned: success
  type: int
swept:
  description: What a killed run had left behind and this one removed, or would remove in check mode.
  returned: success
  type: list
  elements: str
cmd:
  description: The command. It holds no secret. Empty when nothing was done.
  returned: success, and when engine-backup failed
  type: list
  elements: str
log_path:
  description: The log of C(engine-backup).
  returned: success, and when engine-backup failed
  type: str
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
  description: What was being done, C(plan), C(engine-backup), C(packing) or C(proving).
  returned: failure
  type: str
rc:
  description: Exit status of C(engine-backup). V(none) when its time was up.
  returned: when engine-backup failed
  type: int
last_lines:
  description: The last lines of the log, 20 at most.
  returned: when engine-backup failed
  type: list
  elements: str
"""

import time
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._archive.certificates import warn_of_certificates
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._engine.argspecs import ENGINE_HOST, SCOPE_CHOICES
from ..module_utils._engine.backup.host import EngineHost
from ..module_utils._engine.backup.plan import BackupRequest
from ..module_utils._engine.backup.run import BackupResult, make_backup, preview_backup
from ..module_utils._postgres.connection import PSYCOPG2_ERROR

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    path={"type": "path"},
    directory={"type": "path"},
    scope={"type": "list", "elements": "str", "default": ["all"], "choices": SCOPE_CHOICES},
    log_path={"type": "path"},
    timeout={"type": "int", "default": 7200},
    max_age={"type": "int", "default": 0},
    profile={"type": "str", "default": "stock", "choices": ["stock", "fast", "small"]},
)


def read_request(params: Dict[str, Any]) -> BackupRequest:
    """Return the request that the options stand for."""
    return BackupRequest(
        path=params["path"] or "",
        directory=(params["directory"] or "").rstrip("/") or (params["directory"] or ""),
        scopes=params["scope"],
        log_path=params["log_path"] or "",
        tmpdir=params["tmpdir"] or "",
        timeout=params["timeout"],
        prefix=params["prefix"],
        max_age=params["max_age"],
        profile=params["profile"],
    )


def describe_result(result: BackupResult) -> Dict[str, Any]:
    """Return the result of the module, with a short diff: tables and rows as sums."""
    archive = result.archive
    databases = {
        kind: {"tables": len(item["tables"]), "rows": item["rows"]}
        for kind, item in sorted(archive["databases"].items())
    }
    after = {key: archive[key] for key in ("path", "scopes", "profile", "log_path")}
    made = dict(after, databases=databases) if result.cmd else {}
    return {
        "changed": result.changed,
        "archive": archive,
        "cmd": result.cmd,
        "log_path": archive["log_path"],
        "swept": result.cleaned_up,
        "engine_record": result.engine_record,
        "attempts": result.attempts,
        "diff": {"before": {"leftovers": result.cleaned_up}, "after": dict(made, leftovers=[])},
    }


def act(request: BackupRequest, host: EngineHost, check_mode: bool) -> Dict[str, Any]:
    """Make the backup, or say what would be made; return the result of the module."""
    began = time.monotonic()
    with interruptible():
        result = preview_backup(request, host) if check_mode else make_backup(request, host)
    warnings = warn_of_certificates(result.archive["certificates"], time.time())
    return dict(describe_result(result), elapsed=round(time.monotonic() - began, 2), warnings=warnings)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        mutually_exclusive=[("path", "directory")],
        required_one_of=[("path", "directory")],
        supports_check_mode=True,
    )
    require(module, "psycopg2", PSYCOPG2_ERROR)
    request = read_request(module.params)
    host = EngineHost(request.prefix)
    run(module, lambda: act(request, host, module.check_mode), host.passwords)


if __name__ == "__main__":
    main()
