# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a virtual machine's backup: whole, of this version, and as it was written."""

import json
from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.manifest import (
    build_vm_manifest,
    check_vm_manifest,
    digest_of,
    list_files,
)

DISK = "0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1"


def manifest() -> Dict[str, Any]:
    disk = {
        "id": DISK, "alias": "app_Disk1", "provisioned_size": 1024, "format": "cow", "sparse": True,
        "interface": "virtio", "bootable": True, "active": True, "device": "/dev/sdb", "devices": ["a"],
    }  # fmt: skip
    backup = {"vm": {"id": "1", "name": "app"}, "snapshot": {"id": "2"}, "disks": [disk], "engine_version": "4.5.7"}
    image = {"file": DISK + ".qcow2", "format": "qcow2", "size": 10, "sha256": "00", "virtual_size": 1024}
    configuration = {"type": "ovf", "file": "configuration.ovf", "sha256": "11", "size": 5}
    times = ("2026-11-22T21:00:00Z", "2026-11-22T21:05:00Z")
    return build_vm_manifest("nightly", backup, configuration, {DISK: image}, "qemu-img 7.2", *times)


def test_a_manifest_survives_its_file() -> None:
    assert check_vm_manifest(json.loads(json.dumps(manifest()))) == []


def test_what_only_this_run_knows_is_not_in_it() -> None:
    (disk,) = manifest()["disks"]
    assert "device" not in disk
    assert "devices" not in disk


def test_the_files_beside_it_are_the_configuration_and_the_images() -> None:
    assert [item["file"] for item in list_files(manifest())] == ["configuration.ovf", DISK + ".qcow2"]


def test_data_that_other_software_keeps_has_no_image() -> None:
    changed = manifest()
    changed["disks"][0]["image"] = {}
    assert codes(signed(changed)) == []
    assert [item["file"] for item in list_files(changed)] == ["configuration.ovf"]


def codes(changed: Dict[str, Any]) -> List[str]:
    return [problem.code for problem in check_vm_manifest(changed)]


def test_any_change_is_told() -> None:
    changed = manifest()
    changed["disks"][0]["provisioned_size"] = 2048
    assert codes(changed) == ["manifest_tampered"]
    assert codes(dict(manifest(), digest="")) == ["manifest_tampered"]


def test_a_newer_one_is_told_from_a_foreign_one() -> None:
    assert codes(dict(manifest(), schema_version=2)) == ["manifest_newer"]
    assert codes(dict(manifest(), collection="other")) == ["manifest_unreadable"]
    assert codes({}) == ["manifest_unreadable"]


@pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "", ".."])
def test_no_file_of_it_leads_elsewhere(file: str) -> None:
    changed = manifest()
    changed["disks"][0]["image"]["file"] = file
    assert codes(signed(changed)) == ["manifest_unreadable"]


@pytest.mark.parametrize("key", ["vm", "disks", "started", "configuration"])
def test_what_is_missing_is_named(key: str) -> None:
    changed = manifest()
    del changed[key]
    (problem,) = check_vm_manifest(signed(changed))
    assert (problem.code, key in problem.message) == ("manifest_unreadable", True)


@pytest.mark.parametrize("disk", [None, {}, {"id": DISK}])
def test_a_disk_that_is_none_is_named(disk: Any) -> None:
    assert codes(signed(dict(manifest(), disks=[disk]))) == ["manifest_unreadable"]


def test_a_time_that_is_none_is_named() -> None:
    assert codes(signed(dict(manifest(), started="yesterday"))) == ["manifest_unreadable"]


def signed(changed: Dict[str, Any]) -> Dict[str, Any]:
    return dict(changed, digest=digest_of(changed))
