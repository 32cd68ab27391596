#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and prove archives of engine-backup, anywhere."""

DOCUMENTATION = r"""
module: engine_backup_info
short_description: Read and prove archives of engine-backup, anywhere
version_added: "0.1.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Reads one archive or a directory of them and says what is in them and whether they are good.
  - Needs no engine, no database and none of the engine's tools, and reads archives of oVirt 4.3 to 4.5 whoever made
    them.
  - Never runs or sources anything from an archive, never changes its modification time or mode, and writes nothing but
    a copy of the SQLite file of Grafana in its temporary directory.
  - C(engine-backup --mode=verify) runs a file of the archive as root, changes the archive's times, and looks into one
    table of one database.
  - Memory stays small whatever the size of the archive.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.attributes.info
  - ovirt.backup.engine_host
options:
  path:
    description:
      - An archive, or a directory. In a directory the files ending in C(.backup), C(.bck), C(.tar), C(.tgz),
        C(.tar.gz), C(.tar.bz2),
        C(.tar.xz), C(.tar.zst) are read, and those with a manifest beside them. Hidden files are left out.
    type: path
    required: true
  verify:
    description:
      - V(none) reads the names in the archive, its version, and what it holds.
      - V(manifest) compares size and SHA-256 with the manifest beside the archive, and reports what was proven when
        that was written. It takes a fraction of the time of V(checksums), which it stands for where there is no
        manifest, or another one.
      - V(checksums) also compares every hash in the archive, and the manifest beside it with what is in the archive.
      - V(full) also reads every dump and the files part to their end, counts the rows of every table, and compares
        them with the manifest.
    type: str
    default: checksums
    choices: [none, manifest, checksums, full]
  scope:
    description:
      - What an archive must hold to be good. A manifest beside the archive goes first.
      - V(all) stands for every database that the archive's own copy of the setup state says was set up; it is known
        with O(verify=full) only.
    type: list
    elements: str
    default: [all]
    choices: [all, files, db, dwhdb, cinderlibdb, managedblockdb, keycloakdb, grafanadb]
  installed_version:
    description:
      - The engine version to restore with, such as V(4.5.7). The result then says whether C(engine-backup) of that
        version accepts the archive.
      - When left out, the version of the engine packages on this host, if there are any.
    type: str
requirements:
  - Python 3.6 or newer
  - C(zstd) for archives of the profile V(small)
seealso:
  - module: ovirt.backup.engine_backup
"""

EXAMPLES = r"""
- name: Look at all archives
  ovirt.backup.engine_backup_info:
    path: /var/lib/ovirt-engine-backup
  register: backups

- name: Prove the newest one to its last row
  ovirt.backup.engine_backup_info:
    path: "{{ backups.archives[0].path }}"
    verify: full
    installed_version: "4.5.7"
"""

RETURN = r"""
archives:
  description: The archives, newest first by the time inside them.
  returned: success
  type: list
  elements: dict
  contains:
    path: {description: The archive., type: str}
    size: {description: Bytes., type: int}
    sha256: {description: SHA-256 of the archive. V(none) with O(verify=none)., type: str}
    created:
      description: The newest time inside the archive, with O(verify=manifest) when the backup began; UTC, ISO 8601.
      type: str
    version: {description: Version of the engine., type: str}
    os_version: {description: 'Distribution and major version, such as centos9. Empty in old archives.', type: str}
    compressor: {description: 'none, gzip, bzip2, xz or zstd.', type: str}
    scopes: {description: What it holds., type: list, elements: str}
    databases:
      description:
        - One entry per dump (C(engine), C(dwh), C(keycloak), C(cinderlib), C(managedblock), C(grafana)).
        - Each has C(file), C(format), C(compressor), C(size), C(dump_version), C(tables) (table to rows) and C(rows).
        - Format, tables and rows are known with O(verify=full), and from the manifest with O(verify=manifest).
      type: dict
    files: {description: Number of entries of the files part. Known with O(verify=full)., type: int}
    side_files:
      description:
        - What SQLite kept beside Grafana's file when the archive was made (C(-wal), C(-shm), C(-journal)). Known with
          O(verify=full). A restore removes them before the file is read for the first time.
        - A C(-journal) means that a transaction was under way. The copy of the file in the archive is whole without it.
      type: list
      elements: str
    certificates:
      description:
        - The certificates of the engine with C(path), C(subject) and C(not_after) (UTC), from the manifest. The module
          warns of those that have expired, or will within 30 days, where O(path) is a single archive.
      type: list
      elements: dict
    identity:
      description:
        - The path of the log of the backup, which the engine database holds too. From the manifest, or with
          O(verify=full) from the engine's dump. Empty where it is not known.
      type: str
    hosted_engine:
      description:
        - The name of the virtual machine that the engine ran in, where that was one of its own. Empty where it was
          none. Known with O(verify=full), else V(none).
      type: str
    manifest: {description: Whether a readable manifest of this collection stands beside it., type: bool}
    ok: {description: Whether nothing was found at the asked level., type: bool}
    problems: {description: 'What was found, with code and message.', type: list, elements: dict}
    restorable:
      description:
        - Whether the installed version accepts it, with C(installed_version), C(ok) and C(reason).
        - V(none) where no version is known.
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
"""

import time
from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._archive.catalog import list_archives
from ..module_utils._archive.certificates import warn_of_certificates
from ..module_utils._archive.reader import is_archive_of, peek_compressor, read_archive, read_manifest
from ..module_utils._archive.report import report_archive, report_proven
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import run
from ..module_utils._engine.argspecs import ENGINE_HOST, SCOPE_CHOICES
from ..module_utils._engine.installation import installed_version

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    path={"type": "path", "required": True},
    verify={"type": "str", "default": "checksums", "choices": ["none", "manifest", "checksums", "full"]},
    scope={"type": "list", "elements": "str", "default": ["all"], "choices": SCOPE_CHOICES},
    installed_version={"type": "str"},
)


def read_archives(params: Dict[str, Any], tmpdir: str) -> List[Dict[str, Any]]:
    """Return the report of each archive, newest first."""
    installed = params["installed_version"] or installed_version(params["prefix"])
    reports = [read_one(path, params, installed, tmpdir) for path in list_archives(params["path"])]
    return sorted(reports, key=lambda report: (report["created"] or "", report["path"]), reverse=True)


def read_one(path: str, params: Dict[str, Any], installed: str, tmpdir: str) -> Dict[str, Any]:
    """Return the report of an archive: by its manifest, where that is enough and true, else by what is in it."""
    manifest, problems = read_manifest(path)
    level = params["verify"]
    if level == "manifest":
        if manifest is not None and is_archive_of(path, manifest):
            return report_proven(path, peek_compressor(path), manifest, installed)
        level = "checksums"
    reading = read_archive(path, level, tmpdir)
    return report_archive(reading, level, manifest, problems, params["scope"], installed)


def list_warnings(path: str, archives: List[Dict[str, Any]]) -> List[str]:
    """Return what is no fault of the archive that was asked for, and yet is bad news; of a directory there are none."""
    single = [report for report in archives if report["path"] == path]
    return warn_of_certificates(single[0]["certificates"], time.time()) if single else []


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def body() -> Dict[str, Any]:
        with interruptible():
            archives = read_archives(module.params, module.params["tmpdir"] or module.tmpdir)
            return {"changed": False, "archives": archives, "warnings": list_warnings(module.params["path"], archives)}

    run(module, body)


if __name__ == "__main__":
    main()
