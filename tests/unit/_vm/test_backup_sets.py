# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup on the disk: finished by its manifest, and not what it was when one byte is."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, NotProven, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup_sets import (
    begin_directory,
    check_beginning,
    check_places,
    describe_configuration,
    read_configuration,
    read_manifest,
    verify_files,
    write_manifest,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.manifest import NAME, build_vm_manifest

DISK = "0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1"
SIZE = 1024 * 1024
OVF = b"<ovf/>"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory with an image and a configuration, and no manifest yet."""
    folder = tmp_path / "unfinished"
    folder.mkdir(mode=0o700)
    image = folder / (DISK + ".qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(image), str(SIZE)], check=True)
    (folder / "configuration.ovf").write_bytes(OVF)
    return folder


def manifest(work: Path) -> Dict[str, Any]:
    image = work / (DISK + ".qcow2")
    disk = {
        "id": DISK, "alias": "a", "provisioned_size": SIZE, "format": "cow", "sparse": True, "interface": "virtio",
        "bootable": True, "active": True,
    }  # fmt: skip
    said = {"file": image.name, "format": "qcow2", "size": image.stat().st_size, "virtual_size": SIZE}
    said["sha256"] = sha256(image)
    configuration = {
        "type": "ovf", "file": "configuration.ovf", "size": len(OVF), "sha256": hashlib.sha256(OVF).hexdigest()
    }  # fmt: skip
    backup = {"vm": {"id": "1", "name": "app"}, "snapshot": {"id": "2"}, "disks": [disk]}
    when = "2026-11-22T21:00:00Z"
    return build_vm_manifest("nightly", backup, configuration, {DISK: said}, "qemu-img", when, when)


@pytest.fixture
def final(work: Path) -> Path:
    """The same, finished."""
    path = work.with_name("20261122T210000Z")
    write_manifest(str(work), manifest(work), str(path))
    return path


def test_a_finished_backup_is_proven_at_each_level(work: Path, final: Path) -> None:
    found = read_manifest(str(final))
    assert [verify_files(str(final), found, level, 60) for level in ("none", "checksums", "full")] == [[], [], []]
    assert not work.exists()
    assert (final / NAME).stat().st_mode & 0o777 == 0o600


def test_a_directory_without_a_manifest_is_no_backup(work: Path) -> None:
    with pytest.raises(NotProven) as caught:
        read_manifest(str(work))
    assert caught.value.code == "manifest_missing"


@pytest.mark.parametrize("text", ['{"schema', "[]"])
def test_a_cut_manifest_is_named(final: Path, text: str) -> None:
    (final / NAME).write_text(text)
    with pytest.raises(NotProven) as caught:
        read_manifest(str(final))
    assert caught.value.code == "manifest_unreadable"


def test_an_edited_manifest_is_named(final: Path) -> None:
    content = json.loads((final / NAME).read_text())
    content["disks"][0]["image"]["sha256"] = "00"
    (final / NAME).write_text(json.dumps(content))
    with pytest.raises(NotProven) as caught:
        read_manifest(str(final))
    assert caught.value.code == "manifest_tampered"


@pytest.mark.parametrize("name", [DISK + ".qcow2", "configuration.ovf"])
def test_one_other_byte_is_found(final: Path, name: str) -> None:
    data = bytearray((final / name).read_bytes())
    data[-1] ^= 1
    (final / name).write_bytes(data)
    found = read_manifest(str(final))
    assert verify_files(str(final), found, "none", 60) == []
    assert [problem.code for problem in verify_files(str(final), found, "checksums", 60)] == ["image_damaged"]


def test_files_that_are_cut_or_gone_are_found_at_each_level(final: Path) -> None:
    found = read_manifest(str(final))
    (final / "configuration.ovf").unlink()
    (final / (DISK + ".qcow2")).write_bytes(b"")
    codes = [problem.code for problem in verify_files(str(final), found, "none", 60)]
    assert codes == ["image_missing", "image_damaged"]


def test_a_manifest_is_not_written_beside_files_that_it_does_not_describe(work: Path) -> None:
    described = manifest(work)
    (work / "configuration.ovf").write_bytes(b"<longer/>")
    with pytest.raises(NotProven):
        write_manifest(str(work), described, str(work))
    assert not (work / NAME).exists()


def test_a_backup_takes_the_place_of_no_other(work: Path) -> None:
    taken = work.with_name("taken")
    taken.mkdir()
    assert [problem.code for problem in check_places(str(work), str(taken))] == ["target_exists"]
    assert check_places(str(work), str(work.with_name("free"))) == []


SAID = {"type": "ovf", "path": "/none", "sha256": hashlib.sha256(OVF).hexdigest()}


def test_the_configuration_must_be_the_one_that_was_read(work: Path) -> None:
    assert describe_configuration(str(work), SAID)["size"] == len(OVF)
    assert read_configuration(dict(SAID, path=str(work / "configuration.ovf")), None) == OVF
    with pytest.raises(Refused) as caught:
        describe_configuration(str(work), dict(SAID, sha256="00"))
    assert caught.value.code == "configuration_damaged"
    with pytest.raises(BackupError) as missing:
        read_configuration(SAID, None)
    assert missing.value.code == "configuration_file_missing"


def test_an_unfinished_backup_is_made_anew(work: Path) -> None:
    assert check_beginning(str(work)) == []
    begin_directory(str(work), "configuration.ovf", OVF)
    assert [path.name for path in work.iterdir()] == ["configuration.ovf"]
    assert (work / "configuration.ovf").stat().st_mode & 0o777 == 0o600


def test_the_directory_of_a_virtual_machine_is_made(tmp_path: Path) -> None:
    directory = tmp_path / "app" / "unfinished"
    assert check_beginning(str(directory)) == []
    begin_directory(str(directory), "configuration.ovf", OVF)
    assert [path.stat().st_mode & 0o777 for path in (directory, directory.parent)] == [0o700, 0o700]


def test_nothing_but_an_unfinished_backup_is_removed(work: Path, final: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "inside").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(other)
    for directory in (final, other, link):
        assert [problem.code for problem in check_beginning(str(directory))] == ["target_exists"]
