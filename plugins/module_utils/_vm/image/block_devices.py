# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The block devices of a guest, by the names that udev gives them. This file is private to the collection."""

import os
import shutil
import time
from typing import Dict, List, Sequence, Set

from ..._common.command import run_command
from ..._common.errors import BackupError, Problem, Refused
from .devices import WantedDevice, check_size, check_targets, find_targets

PAUSE = 0.5
UDEV = "/run/udev"


def list_links(directory: str) -> Dict[str, str]:
    """Return what the names in a directory such as /dev/disk/by-id lead to; empty where it is not there (yet)."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return {}
    return {name: os.path.realpath(os.path.join(directory, name)) for name in names}


def settle(timeout: float) -> None:
    """Wait until udev has named all devices that the kernel announced, where udev is."""
    if os.path.isdir(UDEV) and shutil.which("udevadm"):
        run_command(["udevadm", "settle", "--timeout=%d" % max(1, int(timeout))], dict(os.environ), timeout + 5)


def size_of(path: str) -> int:
    """Return the bytes of a device or file."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise BackupError("Device %s can not be read: %s" % (path, error.strerror), "device_missing") from None
    try:
        return os.lseek(handle, 0, os.SEEK_END)
    finally:
        os.close(handle)


def find_devices(wanted: Sequence[WantedDevice], directory: str, timeout: float) -> List[Dict[str, object]]:
    """Return id, device and its size of each disk, in that order; raise Refused with every disk that can not be told.

    A device that is not there yet is waited for, ``timeout`` seconds for all together. What is there is judged only
    after udev has settled.
    """
    began = time.monotonic()
    while not all(_look(wanted, directory).values()) and time.monotonic() - began < timeout:
        time.sleep(PAUSE)
    waited = time.monotonic() - began
    settle(timeout)
    targets = _look(wanted, directory)
    problems: List[Problem] = []
    devices: List[Dict[str, object]] = []
    for one in wanted:
        complaints = check_targets(one, targets[one.disk_id], directory, waited)
        if not complaints:
            path = next(iter(targets[one.disk_id]))
            size = size_of(path)
            devices.append({"id": one.disk_id, "device": path, "size": size})
            complaints = check_size(one, path, size)
        problems += complaints
    if problems:
        raise Refused(problems)
    return devices


def _look(wanted: Sequence[WantedDevice], directory: str) -> Dict[str, Set[str]]:
    links = list_links(directory)
    return {one.disk_id: find_targets(one, links) for one in wanted}
