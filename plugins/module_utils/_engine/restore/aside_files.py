# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy the files of an engine aside, put them back, remove the copy. This file is private to the collection."""

import errno
import json
import os
import shutil
import stat
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..._common import files
from ..._common.errors import BackupError, Problem, Refused
from ..._common.times import to_iso
from .aside_files_plan import (
    DIRECTORY,
    FILE,
    LINK,
    SCHEMA,
    SINGLES,
    TREES,
    Actions,
    Entry,
    Listing,
    differences,
    from_json,
    is_left_out,
    plan_back,
    sizes,
    to_json,
)

INDEX = "index.json"
INDEX_LIMIT = 256 * 1024 * 1024
COPIES = "files"
REMOVING = ".removing"
ATTEMPTS = 5
MOST_NAMED = 20


class AsideFiles(NamedTuple):
    """What was done: paths that were restored and removed, and what could not be set aside."""

    changed: bool
    entries: Listing
    is_aside: bool
    restored: List[str]
    removed: List[str]
    reported: List[str]


def list_live(prefix: str, reported: Optional[List[str]] = None) -> Listing:
    """Return the files that belong to an engine as they are now; sockets and pipes are only reported."""
    root = prefix or "/"
    found: Listing = {}
    for path in _walk(root):
        try:
            entry = read_entry(os.path.join(root, path))
        except FileNotFoundError:
            continue  # it went in this moment; the next listing tells
        if entry is not None:
            found[path] = entry
        elif reported is not None:
            reported.append(path)
    return found


def _walk(root: str) -> Iterator[str]:
    for path in SINGLES + TREES:
        if os.path.lexists(os.path.join(root, path)):
            yield path
    for tree in TREES:
        top = os.path.join(root, tree)
        if os.path.islink(top):
            continue
        for directory, names, others in os.walk(top):
            base = os.path.relpath(directory, root)
            names[:] = sorted(name for name in names if not is_left_out(os.path.join(base, name)))
            for name in names + sorted(others):
                path = os.path.join(base, name)
                if not is_left_out(path):
                    yield path


def read_entry(path: str) -> Optional[Entry]:
    """Return what is at a path; None where it is neither file, directory nor link."""
    status = os.lstat(path)
    mode, owner, group = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    if stat.S_ISLNK(status.st_mode):
        return Entry(LINK, 0, owner, group, 0, 0, os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return Entry(DIRECTORY, mode, owner, group, status.st_mtime_ns, 0, "")
    if stat.S_ISREG(status.st_mode):
        return Entry(FILE, mode, owner, group, status.st_mtime_ns, status.st_size, files.hash_file(path))
    return None


def preview_aside_files(state: str, directory: str, prefix: str) -> AsideFiles:
    """Return what a run would do. Writes nothing."""
    if state == "aside":
        if os.path.isdir(directory):
            return AsideFiles(False, read_index(directory), True, [], [], [])
        reported: List[str] = []
        found = list_live(prefix, reported)
        check_room(directory, found)
        return AsideFiles(True, found, False, [], [], reported)
    if state == "absent":
        there = [path for path in (directory, directory + files.UNFINISHED, directory + REMOVING) if is_ours(path)]
        return AsideFiles(bool(there), {}, False, [], [], [])
    return describe_back(*plan_files_back(directory, prefix))


def plan_files_back(directory: str, prefix: str) -> Tuple[Listing, Actions]:
    """Return the index, every copy compared with its hash, and what makes the live files those of the index."""
    index = check_copies(directory)
    return index, plan_back(index, list_live(prefix))


def describe_back(index: Listing, actions: Actions) -> AsideFiles:
    """Return what putting back comes to."""
    return AsideFiles(any(actions), index, True, actions.made, actions.removed, [])


def set_files_aside(directory: str, prefix: str) -> AsideFiles:
    """Copy the files of the engine below ``directory``: all of them, or none."""
    planned = preview_aside_files("aside", directory, prefix)
    if not planned.changed:
        return planned
    unfinished = directory + files.UNFINISHED
    remove_copy(unfinished)
    os.makedirs(os.path.join(unfinished, COPIES), 0o700)
    os.chmod(unfinished, 0o700)
    index = planned.entries
    for _attempt in range(ATTEMPTS):
        for path, entry in sorted(index.items()):
            copy_entry(os.path.join(prefix or "/", path), copy_of(unfinished, path), entry)
        now = list_live(prefix)
        if now == index:
            break
        index = now
    else:
        raise BackupError("Files of the engine change all the time; stop what writes them", "files_changed")
    content = {"schema": SCHEMA, "made": to_iso(time.time()), "prefix": prefix, "entries": to_json(index)}
    files.write_bytes(os.path.join(unfinished, INDEX), json.dumps(content).encode("ascii"))
    sync_tree(unfinished)
    os.rename(unfinished, directory)
    files.sync_directory(os.path.dirname(directory))
    return planned._replace(entries=index, is_aside=True)


def put_files_back(directory: str, prefix: str) -> AsideFiles:
    """Make the files of the engine what they were; every copy is compared with its hash before the first write."""
    root = prefix or "/"
    index, actions = plan_files_back(directory, prefix)
    for path in actions.removed:
        remove_entry(os.path.join(root, path))
    for path in actions.made:
        target = os.path.join(root, path)
        if index[path].kind == DIRECTORY:
            if not os.path.isdir(target):
                os.makedirs(target)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            replace_entry(copy_of(directory, path), target, index[path])
    for path in actions.touched:
        dress(os.path.join(root, path), index[path])
        files.sync_directory(os.path.join(root, path))
    left = differences(index, list_live(prefix))
    if left:
        text = "The files were put back, but %d are not as they were: %s"
        raise BackupError(text % (len(left), ", ".join(left[:MOST_NAMED])), "aside_differs", changed=True)
    return describe_back(index, actions)


def remove_aside_files(directory: str) -> AsideFiles:
    """Remove the copy; one that was being made or removed when a run was killed, too."""
    planned = preview_aside_files("absent", directory, "")
    removing = directory + REMOVING
    remove_copy(removing)
    if os.path.isdir(directory):
        os.rename(directory, removing)
        files.sync_directory(os.path.dirname(directory))
    for path in (removing, directory + files.UNFINISHED):
        remove_copy(path)
    return planned


def remove_copy(directory: str) -> None:
    """Remove what is_ours."""
    if is_ours(directory):
        shutil.rmtree(directory)


def is_ours(directory: str) -> bool:
    """Is this a copy that this module made, or had begun? Anything else is refused."""
    if not os.path.isdir(directory):
        return False
    if set(os.listdir(directory)) <= {INDEX, INDEX + files.UNFINISHED, COPIES}:
        return True
    text = "%s holds something else than files that were set aside; it is left as it is"
    raise Refused([Problem("aside_damaged", text % directory)], phase="plan")


def read_index(directory: str) -> Listing:
    """Return the index of a copy."""
    path = os.path.join(directory, INDEX)
    try:
        content = files.read_json(path, INDEX_LIMIT)
        if content is None:
            raise ValueError("it is not there")
        return from_json(content)
    except (ValueError, TypeError) as error:
        text = "the index of the files that were set aside, %s, cannot be used: %s"
        raise Refused([Problem("aside_damaged", text % (path, error))], phase="plan") from None


def check_copies(directory: str) -> Listing:
    """Return the index; refuse where a copy is not what its hash says."""
    if not os.path.isdir(directory):
        text = "the files that were set aside in %s are not there any more"
        raise Refused([Problem("aside_missing", text % directory)], phase="plan")
    index = read_index(directory)
    damaged = []
    for path, entry in sorted(index.items()):
        try:
            found = read_entry(copy_of(directory, path))
        except OSError:
            found = None
        if found is None or (found.kind, found.content) != (entry.kind, entry.content):
            damaged.append(path)
    if damaged:
        text = "%d files that were set aside in %s are damaged: %s"
        named = ", ".join(damaged[:MOST_NAMED])
        raise Refused([Problem("aside_damaged", text % (len(damaged), directory, named))], phase="plan")
    return index


def check_room(directory: str, found: Listing) -> None:
    """Refuse where the copy does not fit."""
    parent = os.path.dirname(directory)
    if not os.path.isdir(parent):
        raise Refused([Problem("directory_missing", "the directory %s is not there" % parent)], phase="plan")
    needed, free = sizes(found)[1], files.free_space(parent)
    if needed > free:
        text = "the copy of the engine's files needs %d bytes in %s, %d are free"
        raise Refused([Problem("space_aside", text % (needed, parent, free))], phase="plan")


def copy_of(directory: str, path: str) -> str:
    """Return where the copy of a path is."""
    return os.path.join(directory, COPIES, path)


def copy_entry(source: str, target: str, entry: Entry) -> None:
    """Copy one file, directory or link; a copy from an earlier attempt is replaced."""
    if entry.kind == DIRECTORY:
        os.makedirs(target, 0o700, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)
    replace_entry(source, target, entry)


def replace_entry(source: str, target: str, entry: Entry) -> None:
    """Give a path the content of another, whole or not at all."""
    name = target + files.UNFINISHED
    files.remove_file(name)
    try:
        if entry.kind == LINK:
            os.symlink(entry.content, name)
        else:
            shutil.copyfile(source, name)
            copy_labels(source, name)
        dress(name, entry)
        if entry.kind == FILE:
            files.sync_file(name)
    except FileNotFoundError:
        return  # it went while it was copied; the listing afterwards tells
    os.rename(name, target)


def copy_labels(source: str, target: str) -> None:
    """Take the extended attributes along, the label of SELinux among them, as far as the file system has them."""
    for name in os.listxattr(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.ENODATA):
                raise


def dress(path: str, entry: Entry) -> None:
    """Give a path the owner, mode and time of an entry; an ordinary user owns all that it has anyway."""
    if os.geteuid() == 0:
        os.lchown(path, entry.owner, entry.group)
    if entry.kind != LINK:
        os.chmod(path, entry.mode)
        os.utime(path, ns=(entry.mtime, entry.mtime))


def remove_entry(path: str) -> None:
    """Remove a file, a link, or a directory that is empty by now but for what is not set aside."""
    if os.path.islink(path) or not os.path.isdir(path):
        files.remove_file(path)
        return
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise


def sync_tree(directory: str) -> None:
    """Write every directory of a tree to the disk; its files are there already."""
    for current, _names, _others in os.walk(directory, topdown=False):
        files.sync_directory(current)


def describe_aside(result: AsideFiles, directory: str) -> Dict[str, Any]:
    """Return the facts of a module result; names only."""
    number, size = sizes(result.entries)
    return {
        "directory": directory,
        "files": number,
        "size": size,
        "is_aside": result.is_aside,
        "restored": result.restored[:MOST_NAMED],
        "restored_count": len(result.restored),
        "removed": result.removed[:MOST_NAMED],
        "removed_count": len(result.removed),
        "reported": result.reported[:MOST_NAMED],
    }
