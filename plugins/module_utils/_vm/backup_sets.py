# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of virtual machines on this host: a directory with a manifest, a configuration and images.

This file is private to the collection.
"""

import hashlib
import os
import shutil
import time
from typing import Any, Dict, List, Mapping, Optional

from .._common.errors import BackupError, NotProven, Problem, Refused
from .._common.files import check_directory, hash_file, read_json, remove_file, sync_directory, write_json
from .._common.times import to_iso
from .image.qemu_img import QemuImg
from .manifest import LIMIT, NAME, check_vm_manifest, list_files

LEVELS = ("none", "checksums", "full")
BAD = "The backup can not be trusted"


def now() -> str:
    """Return the time in UTC, ISO 8601."""
    return to_iso(time.time())


def tool_of_host() -> str:
    """Return name and version of the program that makes images here."""
    qemu = QemuImg(60, lambda _phase, _share: None)
    return "qemu-img %s" % qemu.version() if qemu.is_there() else ""


def read_manifest(path: str) -> Dict[str, Any]:
    """Return the manifest in a directory; raise NotProven where it can not be used."""
    manifest = os.path.join(path, NAME)
    try:
        found = read_json(manifest, LIMIT)
    except (OSError, ValueError) as error:
        raise NotProven([Problem("manifest_unreadable", "%s can not be read: %s" % (manifest, error))], BAD) from None
    if found is None:
        text = "there is no manifest %s: no backup, or one that was not finished"
        raise NotProven([Problem("manifest_missing", text % manifest)], BAD)
    problems = check_vm_manifest(found)
    if problems:
        raise NotProven([Problem(item.code, "%s: %s" % (manifest, item.message)) for item in problems], BAD)
    return found


def verify_files(path: str, manifest: Mapping[str, Any], level: str, timeout: float) -> List[Problem]:
    """Return everything in which the files beside a manifest are not what it says, read as far as ``level`` asks."""
    problems: List[Problem] = []
    for item in list_files(manifest):
        problems += _verify_file(os.path.join(path, item["file"]), item, level)
    if level == "full" and not problems:
        for disk in (disk for disk in manifest["disks"] if disk["image"]):
            problems += _verify_image(os.path.join(path, disk["image"]["file"]), disk, timeout)
    return problems


def _verify_file(file: str, said: Mapping[str, Any], level: str) -> List[Problem]:
    try:
        size = os.path.getsize(file)
        sha256 = said["sha256"] if level == "none" else hash_file(file)
    except OSError as error:
        return [Problem("image_missing", "%s of the backup can not be read: %s" % (file, error.strerror))]
    if size != said["size"]:
        text = "%s has %d bytes, the manifest says %d: it is not what was backed up"
        return [Problem("image_damaged", text % (file, size, said["size"]))]
    if sha256 != said["sha256"]:
        text = "%s has SHA-256 %s, the manifest says %s: it is not what was backed up"
        return [Problem("image_damaged", text % (file, sha256, said["sha256"]))]
    return []


def _verify_image(file: str, disk: Mapping[str, Any], timeout: float) -> List[Problem]:
    qemu = QemuImg(timeout, lambda _phase, _share: None)
    try:
        info = qemu.info(file)
    except BackupError as error:
        return [Problem(error.code, error.message)]
    if info.virtual_size != disk["provisioned_size"]:
        text = "%s holds %d bytes, the disk has %d"
        return [Problem("image_damaged", text % (file, info.virtual_size, disk["provisioned_size"]))]
    return qemu.check(file)


def prove_files(path: str, manifest: Mapping[str, Any], level: str, timeout: float) -> None:
    """Raise NotProven with everything in which the files are not what the manifest says."""
    problems = verify_files(path, manifest, level, timeout)
    if problems:
        raise NotProven(problems, BAD)


def write_manifest(
    directory: str, manifest: Dict[str, Any], final: str, level: str = "none", timeout: float = 0
) -> None:
    """Prove the files, write their manifest beside them, read it back, and give the directory its name."""
    prove_files(directory, manifest, level, timeout)
    path = os.path.join(directory, NAME)
    write_json(path, manifest)
    try:
        read_manifest(directory)
    except NotProven:
        remove_file(path)
        raise
    if final != directory:
        os.rename(directory, final)
        sync_directory(os.path.dirname(final))


def check_places(directory: str, final: str) -> List[Problem]:
    """Return why a finished backup can not get its name."""
    problems = check_directory(directory, "target", "directory of the backup")
    if final != directory:
        problems += check_directory(os.path.dirname(final), "target", "directory of the backups")
        if os.path.lexists(final):
            text = "%s is there already; a backup takes the place of no other"
            problems.append(Problem("target_exists", text % final))
    return problems


def check_beginning(directory: str) -> List[Problem]:
    """Return why a backup can not begin in a directory: what is there is more than an unfinished one of ours."""
    above = os.path.dirname(os.path.dirname(directory))
    problems = check_directory(above, "target", "directory of the backups")
    if not os.path.lexists(directory):
        return problems
    entries = list(os.scandir(directory)) if os.path.isdir(directory) and not os.path.islink(directory) else None
    if entries is None or any(entry.name == NAME or entry.is_dir(follow_symlinks=False) for entry in entries):
        text = "%s is there and no unfinished backup; nothing is removed"
        problems.append(Problem("target_exists", text % directory))
    return problems


def begin_directory(directory: str, file: str, configuration: bytes) -> None:
    """Make a directory, anew where one is there, with the configuration of a virtual machine in it."""
    if os.path.isdir(directory):
        shutil.rmtree(directory)
    for path in (os.path.dirname(directory), directory):
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
    handle = os.open(os.path.join(directory, file), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(configuration)
        stream.flush()
        os.fsync(stream.fileno())


def read_configuration(said: Mapping[str, Any], text: Optional[bytes]) -> bytes:
    """Return the configuration, from where it was saved or from a text; raise Refused where it is not the engine's."""
    if text is None:
        text = _read(said["path"])
    sha256 = hashlib.sha256(text).hexdigest()
    if sha256 != said["sha256"]:
        words = "the configuration has SHA-256 %s, what the engine gave had %s"
        raise Refused([Problem("configuration_damaged", words % (sha256, said["sha256"]))])
    return text


def name_of_configuration(said: Mapping[str, Any]) -> str:
    """Return how the configuration is called beside a manifest."""
    return "configuration.%s" % said["type"]


def describe_configuration(directory: str, said: Mapping[str, Any]) -> Dict[str, Any]:
    """Return what a manifest says of the configuration beside it; raise Refused where it is not the engine's."""
    file = name_of_configuration(said)
    data = read_configuration(said, _read(os.path.join(directory, file)))
    return {"type": said["type"], "file": file, "sha256": said["sha256"], "size": len(data)}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        text = "the configuration %s can not be read: %s"
        raise Refused([Problem("configuration_file_missing", text % (path, error.strerror))]) from None
