# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of engine-backup --mode=restore. This file is private to the collection."""

import re
from typing import Dict, FrozenSet, List, Sequence

from ..._archive.databases import BY_NAME, SCOPES
from .model import RestoreRequest, RestoreTarget


def restore_command(
    tool: str,
    request: RestoreRequest,
    scopes: Sequence[str],
    targets: Sequence[RestoreTarget],
    with_permissions: bool,
    log_path: str,
    work: str,
) -> List[str]:
    """Return the argument list of a restore. It holds no password and no empty argument: the tool stops at one."""
    argv = [tool, "--mode=restore", "--file=" + request.path, "--log=" + log_path, "--tmpdir=" + work]
    argv += ["--scope=" + scope for scope in scopes]
    argv.append("--restore-permissions" if with_permissions else "--no-restore-permissions")
    for target in targets:
        argv += target_options(target, request.restore_jobs, work)
    flags = {
        "--keep-temporary-data": request.keep_temporary_data,
        "--he-remove-storage-vm": request.remove_storage_vm,
        "--he-remove-hosts": request.remove_hosts,
    }
    return argv + [flag for flag, is_set in flags.items() if is_set]


def target_options(target: RestoreTarget, jobs: int, work: str) -> List[str]:
    """Return the options of one database."""
    stem = BY_NAME[target.kind].option  # such as --dwh-db-
    argv = ["%srestore-jobs=%d" % (stem, jobs)] if jobs else []
    if target.is_provisioned:
        argv.append("--provision-" + stem.strip("-"))
    if target.is_changed:
        settings = target.settings
        argv.append("--change-%s-credentials" % stem.strip("-"))
        argv += [
            "%shost=%s" % (stem, settings.host),
            "%sport=%d" % (stem, settings.port),
            "%suser=%s" % (stem, settings.user),
            "%sname=%s" % (stem, settings.database),
            "%spassfile=%s" % (stem, password_file(target.kind, work)),
        ]
        # The help calls the second one --*-secured-validation, which the tool does not know.
        argv += [stem + "secured"] if settings.secured else []
        argv += [stem + "sec-validation"] if settings.secured_validation else []
    return argv


def password_file(kind: str, work: str) -> str:
    """Return where the password of a database is handed to the tool."""
    return "%s/%s.password" % (work, kind)


def password_files(targets: Sequence[RestoreTarget], work: str) -> Dict[str, str]:
    """Return path -> password of the files that the command refers to."""
    return {password_file(item.kind, work): item.settings.password for item in targets if item.is_changed}


def restorable_scopes(help_text: str) -> FrozenSet[str]:
    """Return the scopes that the installed tool can restore, read from its help."""
    return frozenset(scope for scope in SCOPES if re.search(r"^\s+%s\s+\S" % scope, help_text, re.MULTILINE))
