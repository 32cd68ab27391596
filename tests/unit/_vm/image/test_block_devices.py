# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices by the names that udev gives them: waited for, told apart, measured."""

import os
import threading
from pathlib import Path

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.image.block_devices import find_devices, size_of
from ansible_collections.ovirt.backup.plugins.module_utils._vm.image.devices import WantedDevice

DISK = "0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1"
NAME = "scsi-0QEMU_QEMU_HARDDISK_" + DISK


def plug(folder: Path, name: str, target: str, size: int) -> str:
    """A device, by a name in a directory."""
    device = folder / target
    device.write_bytes(b"\0" * size)
    names = folder / "by-id"
    names.mkdir(exist_ok=True)
    os.symlink("../" + target, names / name)
    return str(device)


def test_a_disk_is_found_and_measured(tmp_path: Path) -> None:
    device = plug(tmp_path, NAME, "sdb", 512)
    plug(tmp_path, "virtio-other", "vdb", 512)
    found = find_devices([WantedDevice(DISK, 512, [])], str(tmp_path / "by-id"), 0)
    assert found == [{"id": DISK, "device": device, "size": 512}]


def test_a_disk_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    timer = threading.Timer(0.2, plug, (tmp_path, NAME, "sdb", 512))
    timer.start()
    found = find_devices([WantedDevice(DISK, 512, [])], str(tmp_path / "by-id"), 30)
    timer.join()
    assert [disk["size"] for disk in found] == [512]


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    plug(tmp_path, NAME, "sdb", 512)
    missing = DISK.replace("0f3b", "ffff")
    with pytest.raises(Refused) as caught:
        find_devices([WantedDevice(DISK, 1024, []), WantedDevice(missing, 0, [])], str(tmp_path / "by-id"), 0)
    assert [problem["code"] for problem in caught.value.facts["problems"]] == ["device_size_wrong", "device_missing"]


def test_a_directory_that_is_not_there_has_no_devices(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        find_devices([WantedDevice(DISK, 0, [])], str(tmp_path / "none"), 0)
    assert caught.value.code == "device_missing"


def test_a_name_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError) as caught:
        size_of(str(tmp_path / "gone"))
    assert caught.value.code == "device_missing"
