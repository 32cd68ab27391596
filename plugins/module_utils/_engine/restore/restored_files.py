# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the files of a host against the files part of an archive; give configuration files another content.

This file is private to the collection.
"""

import grp
import os
import pwd
import stat
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from ..._archive.model import FileEntry
from ..._common import files
from ..._common.errors import Problem
from .model import is_time_stamp

MOST_NAMED = 20  # files in one message


class TextFile(NamedTuple):
    """A text file with its mode and numeric owner and group."""

    text: str
    mode: int
    owner: int
    group: int


def compare_files(root: str, entries: Mapping[str, FileEntry]) -> List[Problem]:
    """Return a problem for the files that are missing, and for those that are not what the archive holds."""
    missing: List[str] = []
    different: List[str] = []
    for path, entry in sorted(entries.items()):
        try:
            status = os.lstat(os.path.join(root, path))
        except OSError:
            missing.append(path)
            continue
        wrong = differences(status, entry)
        if wrong:
            different.append("%s (%s)" % (path, ", ".join(wrong)))
    problems = []
    if missing:
        problems.append(
            Problem(
                "file_missing",
                "%d files of the archive are missing: %s" % (len(missing), ", ".join(missing[:MOST_NAMED])),
            )
        )
    if different:
        problems.append(
            Problem(
                "file_differs",
                "%d files are not as in the archive: %s" % (len(different), ", ".join(different[:MOST_NAMED])),
            )
        )
    return problems


def differences(status: os.stat_result, entry: FileEntry) -> List[str]:
    """Return what of a file is not as tar restores it: size, time, mode, and for root the owner."""
    pairs: List[Tuple[str, object, object]] = [
        ("type", stat.S_IFMT(status.st_mode), stat.S_IFREG),
        ("size", status.st_size, entry.size),
        ("time", int(status.st_mtime), entry.mtime),
        ("mode", stat.S_IMODE(status.st_mode), entry.mode),
    ]
    if os.geteuid() == 0:
        pairs.append(("owner", status.st_uid, _number_of(_user, entry.owner, entry.owner_id)))
        pairs.append(("group", status.st_gid, _number_of(_group, entry.group, entry.group_id)))
    return [name for name, found, wanted in pairs if found != wanted]


def _user(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    return grp.getgrnam(name).gr_gid


def _number_of(look_up: Callable[[str], int], name: str, number: int) -> int:
    """Return the id that tar gives a file: by name where this host knows it, else the number."""
    try:
        return look_up(name) if name else number
    except KeyError:
        return number


def read_text_file(path: str) -> Optional[TextFile]:
    """Return a configuration file with its mode and owner, None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            status = os.fstat(stream.fileno())
            return TextFile(stream.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    except FileNotFoundError:
        return None


def write_text_file(path: str, content: TextFile) -> None:
    """Give a configuration file another content whole or not at all, with this mode and owner."""
    name = path + files.UNFINISHED
    files.remove_file(name)
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(content.text)
        stream.flush()
        if os.geteuid() == 0:
            os.fchown(stream.fileno(), content.owner, content.group)
        os.fchmod(stream.fileno(), content.mode)
        os.fsync(stream.fileno())
    os.rename(name, path)
    files.sync_directory(os.path.dirname(path))


def content_like(entry: FileEntry, text: str) -> TextFile:
    """Return a text with the mode and owner of a file of the archive."""
    owner = _number_of(_user, entry.owner, entry.owner_id)
    return TextFile(text, entry.mode, owner, _number_of(_group, entry.group, entry.group_id))


def write_secrets(secrets: Mapping[str, str]) -> None:
    """Write files for this user alone, one line each, into a private directory."""
    for path, text in secrets.items():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")


def make_placeholders(paths: Iterable[str]) -> List[str]:
    """Make empty files where there are none; return those that are empty now, after the directories made for them."""
    empty = []
    for path in paths:
        empty += make_directories(os.path.dirname(path))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if not os.fstat(handle).st_size:  # or one that a killed run has left
            empty.append(path)
        os.close(handle)
    return empty


def make_directories(path: str) -> List[str]:
    """Make a directory and those above it; return those that were missing, the uppermost first."""
    missing: List[str] = []
    while not os.path.isdir(path):
        missing.insert(0, path)
        path = os.path.dirname(path)
    for directory in missing:
        os.mkdir(directory, 0o755)
    return missing


def list_copies(paths: Iterable[str]) -> Dict[str, List[str]]:
    """Return path -> the time-stamped copies that the tool made beside it when it changed credentials."""
    found: Dict[str, List[str]] = {}
    for path in paths:
        directory, name = os.path.split(path)
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        copies = [other for other in names if other.startswith(name + ".") and is_time_stamp(other[len(name) + 1 :])]
        found[path] = [os.path.join(directory, copy) for copy in copies]
    return found
