# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_backup_directory: devices are found before anything is made, and files are proven before they get a manifest."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any, Dict

import pytest

pytest.importorskip("ansible")

from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import NotProven, Refused
from ansible_collections.ovirt.backup.plugins.modules.vm_backup_directory import act

pytestmark = pytest.mark.ansible

DISK = "0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1"
SIZE = 1024 * 1024
OVF = "<ovf/>"
WHEN = "2026-11-22T21:00:00Z"


def options(folder: Path, state: str, **given: Any) -> Dict[str, Any]:
    disk = {
        "id": DISK, "alias": "a", "provisioned_size": SIZE, "format": "cow", "sparse": True, "interface": "virtio",
        "bootable": True, "active": True, "devices": ["scsi-0QEMU_" + DISK],
    }  # fmt: skip
    configuration = {"type": "ovf", "path": "/none", "sha256": hashlib.sha256(OVF.encode()).hexdigest()}
    backup = {
        "vm": {"id": "1", "name": "app"}, "snapshot": {"id": "2"}, "configuration": configuration, "disks": [disk],
    }  # fmt: skip
    places = {"directory": str(folder / "app" / "unfinished"), "path": str(folder / "app" / "20261122T210000Z")}
    names = {"state": state, "name": "nightly", "started": WHEN, "configuration": OVF, "backup": backup, "images": {}}
    return {**names, **places, "device_directory": None, "device_timeout": 0, "verify": "none", "timeout": 60, **given}


@pytest.fixture
def devices(tmp_path: Path) -> str:
    """A directory where udev named the device of the disk."""
    (tmp_path / "sdb").write_bytes(b"\0" * SIZE)
    (tmp_path / "by-id").mkdir()
    os.symlink("../sdb", tmp_path / "by-id" / ("scsi-0QEMU_" + DISK))
    return str(tmp_path / "by-id")


def save_image(directory: Path) -> Dict[str, Any]:
    """Put an image of the disk there, and return what vm_disk_image says of it."""
    path = directory / (DISK + ".qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), str(SIZE)], check=True)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return {DISK: {
        "path": str(path), "format": "qcow2", "virtual_size": SIZE, "size": path.stat().st_size, "sha256": sha256,
    }}  # fmt: skip


def test_a_directory_begins_with_the_devices_found(tmp_path: Path, devices: str) -> None:
    done = act(options(tmp_path, "begun", device_directory=devices), False)
    assert done["disks"] == [{"id": DISK, "device": str(tmp_path / "sdb"), "size": SIZE}]
    assert (tmp_path / "app" / "unfinished" / "configuration.ovf").read_text() == OVF
    assert "disks" not in act(options(tmp_path, "begun"), True)


def test_a_disk_without_a_device_begins_no_directory(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        act(options(tmp_path, "begun", device_directory=str(tmp_path / "none")), False)
    assert caught.value.code == "device_missing"
    assert not (tmp_path / "app").exists()


def test_a_backup_that_is_not_what_was_saved_gets_no_manifest(tmp_path: Path) -> None:
    act(options(tmp_path, "begun"), False)
    directory = tmp_path / "app" / "unfinished"
    images = save_image(directory)
    saved = (directory / (DISK + ".qcow2")).read_bytes()
    (directory / (DISK + ".qcow2")).write_bytes(saved[:-1] + b"x")
    with pytest.raises(NotProven) as caught:
        act(options(tmp_path, "finished", images=images, verify="checksums"), False)
    assert caught.value.code == "image_damaged"
    assert not list(tmp_path.glob("app/*/manifest.json"))


def test_a_finished_backup_is_proven_again(tmp_path: Path) -> None:
    act(options(tmp_path, "begun"), False)
    given = options(tmp_path, "finished", images=save_image(tmp_path / "app" / "unfinished"), verify="full")
    assert act(given, False)["changed"]
    assert not act(given, False)["changed"]
    (tmp_path / "app" / "20261122T210000Z" / "configuration.ovf").write_text("<OVF/>")
    with pytest.raises(NotProven):
        act(given, False)
