# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device of a guest is a given disk. This file is private to the collection.

The serial number of a virtual disk is its whole id, of which virtio-blk keeps 20 characters; udev makes names of it.
"""

from typing import Any, List, Mapping, NamedTuple, Sequence, Set

from ..._common.errors import Problem, Refused

SHORT = 20


class WantedDevice(NamedTuple):
    """A disk to be found: its id, its size in bytes (0: any), and names to try first, relative to /dev/disk/by-id."""

    disk_id: str
    size: int
    names: Sequence[str]


def read_wanted(disk: Mapping[str, Any]) -> WantedDevice:
    """Return what the result of a module says of a disk; raise Refused where that is no disk."""
    try:
        names = [str(one) for one in disk.get("devices", [])]
        return WantedDevice(str(disk["id"]), int(disk.get("provisioned_size", 0)), names)
    except (KeyError, TypeError, ValueError):
        raise Refused([Problem("disk_invalid", "a disk needs an id, and a size in bytes if any: %r" % disk)]) from None


def find_targets(wanted: WantedDevice, links: Mapping[str, str]) -> Set[str]:
    """Return the devices that can be the disk; ``links`` maps the names in the directory to what they lead to.

    Names have the whole id or end with its first 20 characters. Where both are there they must lead to one device:
    two that look like one disk are nothing to choose from.
    """
    return {target for name, target in links.items() if name in wanted.names or _can_be(name, wanted.disk_id)}


def _can_be(name: str, disk_id: str) -> bool:
    return "-part" not in name and (disk_id in name or name.endswith(disk_id[:SHORT]))


def check_targets(wanted: WantedDevice, targets: Set[str], directory: str, waited: float) -> List[Problem]:
    """Return why the disk can not be told among the devices."""
    if not targets:
        text = (
            "no device of disk %s appeared in %s within %.0f seconds: is the disk attached and active on this virtual "
            "machine, and does its operating system know hot plug?"
        )
        return [Problem("device_missing", text % (wanted.disk_id, directory, waited))]
    if len(targets) > 1:
        text = "%d devices in %s look like disk %s: %s. None of them is read or written"
        listed = ", ".join(sorted(targets))
        return [Problem("device_ambiguous", text % (len(targets), directory, wanted.disk_id, listed))]
    return []


def check_size(wanted: WantedDevice, path: str, size: int) -> List[Problem]:
    """Return whether a device is of another size than the engine says."""
    if not wanted.size or size == wanted.size:
        return []
    text = "device %s of disk %s has %d bytes, the engine says %d: it is not that disk, or the guest kept an old size"
    return [Problem("device_size_wrong", text % (path, wanted.disk_id, size, wanted.size))]
