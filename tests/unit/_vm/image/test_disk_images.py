# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices and images with the real qemu-img; a device is a file here."""

import os
import resource
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.image.disk_images import STATE, DiskImages
from ansible_collections.ovirt.backup.plugins.module_utils._vm.image.run import ImageRequest, save_image, write_image

SIZE = 8 * 1024 * 1024


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A device with some data and much nothing."""
    path = tmp_path / "sdb"
    with open(path, "wb") as stream:
        stream.truncate(SIZE)
        stream.seek(1024 * 1024)
        stream.write(os.urandom(64 * 1024))
    return path


def request(disk: Path, **changes: Any) -> ImageRequest:
    return ImageRequest(str(disk), str(disk.with_name("disk.qcow2")), SIZE, "", "zstd")._replace(**changes)


def host(wanted: ImageRequest) -> DiskImages:
    return DiskImages(wanted.path, 60)


def names(folder: Path) -> "list[str]":
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("compression", ["zstd", "zlib", "none"])
def test_a_saved_device_comes_back_byte_by_byte(device: Path, tmp_path: Path, compression: str) -> None:
    wanted = request(device, compression=compression)
    saved = save_image(wanted, host(wanted), True)
    assert saved.image["virtual_size"] == SIZE
    assert saved.image["size"] < SIZE // 10
    assert os.stat(wanted.path).st_mode & 0o777 == 0o600
    assert not save_image(wanted, host(wanted), True).changed
    other = tmp_path / "sdc"
    other.write_bytes(b"x" * SIZE)
    back = request(device, device=str(other), sha256=saved.image["sha256"])
    assert write_image(back, host(back), True).changed
    assert other.read_bytes() == device.read_bytes()
    assert not write_image(back, host(back), True).changed
    assert names(tmp_path) == ["disk.qcow2", "sdb", "sdc"]


def test_an_image_takes_the_place_of_another_only_when_it_is_proven(device: Path) -> None:
    wanted = request(device)
    save_image(wanted, host(wanted), True)
    with open(device, "r+b") as stream:
        stream.write(b"new")
    assert save_image(wanted, host(wanted), True).changed
    assert host(wanted).compare(wanted.path, wanted.device) == []


def test_a_larger_device_takes_a_smaller_image(device: Path, tmp_path: Path) -> None:
    wanted = request(device)
    save_image(wanted, host(wanted), True)
    larger = tmp_path / "sdc"
    larger.write_bytes(b"\0" * (2 * SIZE))
    back = request(device, device=str(larger), size=0)
    assert write_image(back, host(back), True).changed
    assert larger.read_bytes()[:SIZE] == device.read_bytes()


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    wanted = request(tmp_path / "none")
    with pytest.raises(Refused) as caught:
        save_image(wanted, host(wanted), True)
    assert caught.value.code == "device_missing"


def test_a_file_that_is_no_image_is_not_written(device: Path) -> None:
    wanted = request(device)
    Path(wanted.path).write_text("no image")
    with pytest.raises(Refused) as caught:
        write_image(wanted, host(wanted), True)
    assert caught.value.code == "image_unreadable"


def test_a_cut_image_is_no_success(device: Path) -> None:
    wanted = request(device, compression="none")
    save_image(wanted, host(wanted), True)
    os.truncate(wanted.path, os.path.getsize(wanted.path) - 65536)
    with open(device, "r+b") as stream:
        stream.truncate(0)
        stream.truncate(SIZE)
    with pytest.raises(Refused) as caught:
        write_image(wanted, host(wanted), True)
    assert caught.value.code == "image_damaged"


def test_a_second_run_on_one_image_is_refused(device: Path) -> None:
    wanted = request(device)
    first = host(wanted)
    unfinished = first.begin(wanted.path)
    with pytest.raises(BackupError) as caught:
        save_image(wanted, host(wanted), True)
    assert caught.value.code == "locked"
    first.discard(unfinished)
    assert save_image(wanted, host(wanted), True).changed


def test_what_a_killed_run_left_is_taken_over(device: Path, tmp_path: Path) -> None:
    wanted = request(device)
    left = tmp_path / ".disk.qcow2.unfinished"
    left.write_bytes(b"half")
    (tmp_path / ("disk.qcow2" + STATE)).write_text("{}")
    save_image(wanted, host(wanted), True)
    assert names(tmp_path) == ["disk.qcow2", "sdb"]


def test_a_run_that_was_overtaken_touches_nothing_of_the_next_one(device: Path, tmp_path: Path) -> None:
    wanted = request(device)
    first, second = host(wanted), host(wanted)
    unfinished = first.begin(wanted.path)
    os.unlink(unfinished)  # as vm_backup_directory does where a run has died
    second.begin(wanted.path)
    second._report("save", 0.5)
    with pytest.raises(BackupError, match="Another run has taken over"):
        first.finish(unfinished, wanted.path)
    first.discard(unfinished)
    assert names(tmp_path) == [".disk.qcow2.unfinished", "disk.qcow2" + STATE, "sdb"]
    second.discard(unfinished)
    assert names(tmp_path) == ["sdb"]


def test_a_limit_on_the_size_of_files_ends_in_a_named_failure_and_leaves_nothing(device: Path, tmp_path: Path) -> None:
    wanted = request(device, compression="none")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(BackupError) as caught:
            save_image(wanted, host(wanted), True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.code in ("tool_failed", "tool_killed")
    assert names(tmp_path) == ["sdb"]


def test_only_who_holds_an_image_tells_how_far_it_is(device: Path, tmp_path: Path) -> None:
    wanted = request(device)
    run = host(wanted)
    run._report("compare", 0.5)
    assert names(tmp_path) == ["sdb"]
    unfinished = run.begin(wanted.path)
    run._report("save", 0.5)
    assert (tmp_path / ("disk.qcow2" + STATE)).exists()
    run.discard(unfinished)
    run._report("compare", 1.0)
    assert names(tmp_path) == ["sdb"]
