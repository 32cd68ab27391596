# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find and remove archives that are proven to be ours. This file is private to the collection."""

import contextlib
import os
from typing import Dict, Iterator, List, Tuple

from .._common import files
from .._common.errors import BackupError
from .._common.times import from_iso
from .catalog import list_archives
from .manifest import SUFFIX
from .reader import hash_file, read_manifest
from .retention import Candidate


@contextlib.contextmanager
def hold_directory(directory: str, read_only: bool) -> Iterator[None]:
    """Hold the lock of a directory, or only see that nobody else does."""
    if not os.path.isdir(directory):
        raise BackupError("There is no directory %s" % directory, "directory_missing")
    if read_only:
        if files.is_locked(directory):
            raise BackupError(files.locked_text(os.path.join(directory, files.LOCK_NAME)), "locked")
        yield
        return
    lock = files.Lock(directory)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def find_candidates(directory: str, fqdn: str) -> Tuple[List[Candidate], List[Dict[str, str]]]:
    """Return the proven archives, and what was left out and why."""
    candidates = []
    ignored = []
    for path in list_archives(directory):
        manifest, problems = read_manifest(path)
        if manifest is None:
            reason = problems[0].message if problems else "it has no manifest: this collection did not make it"
        elif fqdn and manifest["fqdn"] != fqdn:
            reason = "it is of the engine %s" % manifest["fqdn"]
        elif os.path.getsize(path) != manifest["size"] or hash_file(path) != manifest["sha256"]:
            reason = "it is not the archive that its manifest proves: its size or SHA-256 differs"
        else:
            candidates.append(Candidate(path, manifest["fqdn"], from_iso(manifest["created"])))
            continue
        ignored.append({"path": path, "reason": reason})
    for path in list_orphans(directory):
        ignored.append({"path": path, "reason": "it is a manifest whose archive is gone"})
    return candidates, ignored


def list_orphans(directory: str) -> List[str]:
    """Return the manifests in a directory that have no archive beside them."""
    names = files.list_names(directory)
    orphans = [name for name in names if name.endswith(SUFFIX) and name[: -len(SUFFIX)] not in names]
    return [os.path.join(directory, name) for name in sorted(orphans) if not name.startswith(".")]


def remove_archives(paths: List[str]) -> None:
    """Remove archives and their manifests, oldest first, each archive before its proof."""
    for path in reversed(paths):
        files.remove_file(path)
        files.remove_file(path + SUFFIX)
        files.sync_directory(os.path.dirname(path))
