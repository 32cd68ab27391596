# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device is a disk: by the whole id or 20 characters of it; never a guess."""

from typing import Any, Dict, List, Set

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.image.devices import (
    WantedDevice,
    check_size,
    check_targets,
    find_targets,
    read_wanted,
)

DISK = "0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1"
WHOLE = "scsi-0QEMU_QEMU_HARDDISK_" + DISK
SHORT = "virtio-" + DISK[:20]


@pytest.mark.parametrize(
    ("links", "targets"),
    [
        ({WHOLE: "/dev/sdb"}, {"/dev/sdb"}),
        ({SHORT: "/dev/vdb"}, {"/dev/vdb"}),
        ({WHOLE: "/dev/sdb", SHORT: "/dev/sdb"}, {"/dev/sdb"}),
        ({WHOLE: "/dev/sdb", SHORT: "/dev/vdb"}, {"/dev/sdb", "/dev/vdb"}),
        ({"scsi-SQEMU_QEMU_HARDDISK_" + DISK: "/dev/sdb", WHOLE: "/dev/sdb"}, {"/dev/sdb"}),
        ({"scsi-SQEMU_" + DISK: "/dev/sdb", WHOLE: "/dev/sdc"}, {"/dev/sdb", "/dev/sdc"}),
        ({"scsi-0QEMU_QEMU_HARDDISK_" + DISK[:20]: "/dev/sdb"}, {"/dev/sdb"}),
        ({WHOLE + "-part1": "/dev/sdb1", SHORT + "-part1": "/dev/vdb1"}, set()),
        ({"odd-name": "/dev/xvdb"}, {"/dev/xvdb"}),
        ({"virtio-" + DISK[1:21]: "/dev/vdc", "ata-QEMU_HARDDISK": "/dev/sda"}, set()),
        ({}, set()),
    ],
)
def test_a_device_is_told_by_the_whole_id_or_its_beginning(links: Dict[str, str], targets: Set[str]) -> None:
    assert find_targets(WantedDevice(DISK, 0, ["odd-name"]), links) == targets


@pytest.mark.parametrize(
    ("targets", "codes"),
    [(set(), ["device_missing"]), ({"/dev/sdb"}, []), ({"/dev/sdb", "/dev/sdc"}, ["device_ambiguous"])],
)
def test_none_and_two_are_named(targets: Set[str], codes: List[str]) -> None:
    found = check_targets(WantedDevice(DISK, 0, []), targets, "/dev/disk/by-id", 60)
    assert [problem.code for problem in found] == codes
    assert all(DISK in problem.message and all(one in problem.message for one in targets) for problem in found)


def test_a_device_of_another_size_is_not_the_disk() -> None:
    assert check_size(WantedDevice(DISK, 1024, []), "/dev/sdb", 1024) == []
    assert check_size(WantedDevice(DISK, 0, []), "/dev/sdb", 1024) == []
    assert [problem.code for problem in check_size(WantedDevice(DISK, 2048, []), "/dev/sdb", 1024)] == [
        "device_size_wrong"
    ]


def test_a_disk_is_read_from_what_a_module_says() -> None:
    assert read_wanted({"id": 7, "provisioned_size": "512", "alias": "a"}) == WantedDevice("7", 512, [])
    assert read_wanted({"id": DISK, "devices": ["scsi-a"]}) == WantedDevice(DISK, 0, ["scsi-a"])


@pytest.mark.parametrize("disk", [{}, {"id": "a", "provisioned_size": "large"}, {"id": "a", "devices": None}])
def test_what_is_no_disk_is_refused(disk: Any) -> None:
    with pytest.raises(Refused) as caught:
        read_wanted(disk)
    assert caught.value.code == "disk_invalid"
