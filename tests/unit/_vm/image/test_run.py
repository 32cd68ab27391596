# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving and writing a disk: proven, or nothing takes the place of anything."""

from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import (
    BackupError,
    NotProven,
    Problem,
    Refused,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.image.qemu_output import ImageInfo
from ansible_collections.ovirt.backup.plugins.module_utils._vm.image.run import ImageRequest, save_image, write_image

DEVICE, IMAGE, UNFINISHED = "/dev/sdb", "/srv/app.qcow2", "/srv/.app.qcow2.unfinished"


class FakeHost:
    """Files by path as (format, bytes); what was done, in order."""

    def __init__(self, **files: Tuple[str, bytes]) -> None:
        self.files: Dict[str, Tuple[str, bytes]] = {DEVICE: ("raw", b"disk"), **files}
        self.done: List[str] = []
        self.fails_at = ""
        self.loses = False
        self.backing = ""

    def check_device(self, device: str, writes: bool) -> List[Problem]:
        return [] if device in self.files else [Problem("device_missing", device)]

    def size_of(self, path: str) -> int:
        return len(self.files[path][1])

    def check_directory(self, path: str) -> List[Problem]:
        return [] if path.startswith("/srv/") else [Problem("target_missing", path)]

    def exists(self, path: str) -> bool:
        return path in self.files

    def read_info(self, path: str) -> ImageInfo:
        kind, data = self.files[path]
        if kind == "text":
            raise BackupError("no image", "image_unreadable")
        return ImageInfo(kind, len(data), self.backing)

    def check(self, path: str) -> List[Problem]:
        return [Problem("image_damaged", path)] if self.files[path][1] == b"cut!" else []

    def hash_file(self, path: str) -> str:
        return self.files[path][1].hex()

    def begin(self, path: str) -> str:
        self.done.append("begin")
        return UNFINISHED

    def save(self, device: str, unfinished: str, compression: str) -> None:
        self.step("save " + compression)
        self.files[unfinished] = ("qcow2", b"half" if self.loses else self.files[device][1])

    def write(self, path: str, device: str) -> None:
        self.step("write")
        self.files[device] = ("raw", b"half" if self.loses else self.files[path][1])

    def compare(self, path: str, device: str) -> List[Problem]:
        self.step("compare")
        equal = self.files[path][1] == self.files[device][1]
        return [] if equal else [Problem("image_differs", path)]

    def finish(self, unfinished: str, path: str) -> None:
        self.step("finish")
        self.files[path] = self.files.pop(unfinished)

    def discard(self, unfinished: str) -> None:
        self.done.append("discard")
        self.files.pop(unfinished, None)

    def step(self, what: str) -> None:
        self.done.append(what)
        if self.fails_at == what:
            raise BackupError("it failed", "tool_failed")


def request(**changes: Any) -> ImageRequest:
    return ImageRequest(DEVICE, IMAGE, 4, "", "zstd")._replace(**changes)


def test_an_image_gets_its_name_after_it_was_compared() -> None:
    host = FakeHost()
    result = save_image(request(), host, True)
    assert (result.changed, result.image["virtual_size"], result.image["sha256"]) == (True, 4, b"disk".hex())
    assert host.done == ["begin", "save zstd", "compare", "finish", "discard"]


def test_an_image_that_equals_the_device_is_not_made_again() -> None:
    host = FakeHost(**{IMAGE: ("qcow2", b"disk")})
    assert not save_image(request(), host, True).changed
    assert host.done == ["compare"]


def test_a_preview_of_saving_writes_nothing() -> None:
    host = FakeHost(**{IMAGE: ("qcow2", b"old!")})
    assert save_image(request(), host, False).changed
    assert host.files[IMAGE] == ("qcow2", b"old!")
    assert host.done == ["compare"]


@pytest.mark.parametrize("old", [("qcow2", b"old!"), ("text", b"no image"), ("raw", b"disk")])
def test_an_image_that_differs_is_discarded_and_the_old_one_stays(old: Tuple[str, bytes]) -> None:
    host = FakeHost(**{IMAGE: old})
    host.loses = True
    with pytest.raises(NotProven) as caught:
        save_image(request(), host, True)
    assert caught.value.code == "image_differs"
    assert host.files == {DEVICE: ("raw", b"disk"), IMAGE: old}


@pytest.mark.parametrize("step", ["save zstd", "compare", "finish"])
def test_nothing_unfinished_stays_whatever_fails(step: str) -> None:
    host = FakeHost()
    host.fails_at = step
    with pytest.raises(BackupError):
        save_image(request(), host, True)
    assert host.files == {DEVICE: ("raw", b"disk")}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"size": 8}, ["device_size_wrong"]),
        ({"device": "/dev/none"}, ["device_missing"]),
        ({"path": "/nowhere/a", "device": "/dev/none"}, ["device_missing", "target_missing"]),
    ],
)
def test_saving_is_refused_before_anything_is_written(changes: Dict[str, Any], codes: List[str]) -> None:
    host = FakeHost()
    with pytest.raises(Refused) as caught:
        save_image(request(**changes), host, True)
    assert [problem["code"] for problem in caught.value.facts["problems"]] == codes
    assert host.done == []


def test_a_device_is_written_and_compared() -> None:
    host = FakeHost(**{IMAGE: ("qcow2", b"save")})
    assert write_image(request(sha256=b"save".hex().upper()), host, True).changed
    assert host.files[DEVICE] == ("raw", b"save")
    assert host.done == ["compare", "begin", "write", "compare", "discard"]


def test_a_device_that_equals_the_image_is_not_written() -> None:
    host = FakeHost(**{IMAGE: ("qcow2", b"disk")})
    assert not write_image(request(), host, True).changed
    assert host.done == ["compare"]


def test_a_preview_of_writing_writes_nothing() -> None:
    host = FakeHost(**{IMAGE: ("qcow2", b"save")})
    assert write_image(request(), host, False).changed
    assert host.files[DEVICE] == ("raw", b"disk")


def test_a_device_that_does_not_hold_the_image_afterwards_is_no_success() -> None:
    host = FakeHost(**{IMAGE: ("qcow2", b"save")})
    host.loses = True
    with pytest.raises(NotProven) as caught:
        write_image(request(), host, True)
    assert caught.value.code == "image_differs"


@pytest.mark.parametrize(
    ("image", "changes", "code"),
    [
        (None, {}, "image_missing"),
        (("text", b"text"), {}, "image_unreadable"),
        (("raw", b"disk"), {}, "image_unreadable"),
        (("qcow2", b"disk"), {"sha256": "00"}, "image_damaged"),
        (("qcow2", b"too large"), {}, "device_too_small"),
        (("qcow2", b"cut!"), {}, "image_damaged"),
    ],
)
def test_what_must_not_be_written_is_refused(image: Any, changes: Dict[str, Any], code: str) -> None:
    host = FakeHost(**({IMAGE: image} if image else {}))
    with pytest.raises(Refused) as caught:
        write_image(request(**changes), host, True)
    assert caught.value.code == code
    assert "write" not in host.done


def test_an_image_that_leans_on_another_file_is_refused() -> None:
    host = FakeHost(**{IMAGE: ("qcow2", b"disk")})
    host.backing = "/etc/shadow"
    with pytest.raises(Refused, match="/etc/shadow"):
        write_image(request(), host, True)
