# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Save a disk's device as an image, or write an image to a device, and prove by reading both that they are equal.

This file is private to the collection.
"""

from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple

from ..._common.errors import BackupError, NotProven, Problem, Refused
from .qemu_output import ImageInfo, describe_image

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class ImageRequest(NamedTuple):
    """What is to be saved or written: the options of vm_disk_image."""

    device: str
    path: str
    size: int  # bytes the device must have; 0: any
    sha256: str  # of the image, lower case; empty: any
    compression: str  # zstd, zlib, none


class ImageResult(NamedTuple):
    """What was saved or written."""

    changed: bool
    image: Dict[str, Any]
    device: Dict[str, Any]


NOT_SAVED = "The device was read but the image is not proven, and was discarded"
NOT_WRITTEN = "The image was written but the device does not hold it"


class ImageHost(Protocol):
    """The host of the devices: _vm.image.disk_images.DiskImages, and the fake of the unit tests."""

    def check_device(self, device: str, writes: bool) -> List[Problem]:
        """Why a device can not be read, or be written to."""

    def size_of(self, path: str) -> int:
        """Bytes of a device or file."""

    def check_directory(self, path: str) -> List[Problem]:
        """Why no image can be written beside this path."""

    def exists(self, path: str) -> bool:
        """Is anything there?"""

    def read_info(self, path: str) -> ImageInfo:
        """What an image is; BackupError (image_unreadable) where it is none."""

    def check(self, path: str) -> List[Problem]:
        """What is wrong inside an image."""

    def hash_file(self, path: str) -> str:
        """SHA-256 in hexadecimal, lower case."""

    def begin(self, path: str) -> str:
        """Make and lock the unfinished file beside a path, or raise BackupError (locked)."""

    def save(self, device: str, unfinished: str, compression: str) -> None:
        """Convert a device into an image."""

    def write(self, path: str, device: str) -> None:
        """Convert an image onto a device, and flush it."""

    def compare(self, path: str, device: str) -> List[Problem]:
        """Read both from the disk; nothing where they hold the same bytes."""

    def finish(self, unfinished: str, path: str) -> None:
        """Give a proven file its final name, 0600 and on disk."""

    def discard(self, unfinished: str) -> None:
        """Remove an unfinished file and the state file, and let the lock go."""


def save_image(request: ImageRequest, host: ImageHost, acts: bool) -> ImageResult:
    """Make the image hold what the device holds; ``acts`` is false for a preview."""
    problems = host.check_device(request.device, False) + host.check_directory(request.path)
    problems = problems or _check_size(request, host)
    if problems:
        raise Refused(problems)
    if host.exists(request.path) and not _differs(request, host):
        return _result(False, request, host)
    if acts:
        _save(request, host)
        return _result(True, request, host)
    return ImageResult(True, describe_image(request.path, host.size_of(request.device), 0, ""), _device(request, host))


def _save(request: ImageRequest, host: ImageHost) -> None:
    unfinished = host.begin(request.path)
    try:
        host.save(request.device, unfinished, request.compression)
        problems = host.compare(unfinished, request.device)
        if problems:
            raise NotProven(problems, NOT_SAVED, phase="compare")
        host.finish(unfinished, request.path)
    finally:
        host.discard(unfinished)


def write_image(request: ImageRequest, host: ImageHost, acts: bool) -> ImageResult:
    """Make the device hold what the image holds; ``acts`` is false for a preview."""
    problems = host.check_device(request.device, True) or _check_size(request, host)
    problems += _check_image(request, host)
    if problems:
        raise Refused(problems)
    if not host.compare(request.path, request.device):
        return _result(False, request, host, request.sha256.lower())
    if acts:
        unfinished = host.begin(request.path)
        try:
            host.write(request.path, request.device)
            problems = host.compare(request.path, request.device)
        finally:
            host.discard(unfinished)
        if problems:
            raise NotProven(problems, NOT_WRITTEN, phase="compare")
    return _result(True, request, host, request.sha256.lower())


def _check_size(request: ImageRequest, host: ImageHost) -> List[Problem]:
    size = host.size_of(request.device)
    if not request.size or size == request.size:
        return []
    text = "device %s has %d bytes, not %d: it is not the disk that was meant"
    return [Problem("device_size_wrong", text % (request.device, size, request.size))]


def _check_image(request: ImageRequest, host: ImageHost) -> List[Problem]:
    """Return why an image must not be written: damaged, of another kind, larger than the device."""
    if not host.exists(request.path):
        return [Problem("image_missing", "the image %s is not there" % request.path)]
    return _first(
        lambda: _check_hash(request, host),
        lambda: _check_info(request, host),
        lambda: host.check(request.path),  # what lies behind the end of a cut file would be read as nothing
    )


def _first(*checks: Callable[[], List[Problem]]) -> List[Problem]:
    """Return what the first check with a complaint says; the later ones rely on the earlier."""
    for check in checks:
        problems = check()
        if problems:
            return problems
    return []


def _check_hash(request: ImageRequest, host: ImageHost) -> List[Problem]:
    found = host.hash_file(request.path) if request.sha256 else ""
    if found == request.sha256.lower():
        return []
    text = "the image %s has SHA-256 %s, not %s: it is damaged, or not the one that was backed up"
    return [Problem("image_damaged", text % (request.path, found, request.sha256))]


def _check_info(request: ImageRequest, host: ImageHost) -> List[Problem]:
    try:
        info = host.read_info(request.path)
    except BackupError as error:
        return [Problem(error.code, error.message)]
    if info.format != "qcow2" or info.backing_file:
        text = "the image %s is %s with backing file %r; only a qcow2 image without one is written"
        return [Problem("image_unreadable", text % (request.path, info.format, info.backing_file))]
    size = host.size_of(request.device)
    if size < info.virtual_size:
        text = "device %s has %d bytes, the image %s needs %d"
        return [Problem("device_too_small", text % (request.device, size, request.path, info.virtual_size))]
    return []


def _differs(request: ImageRequest, host: ImageHost) -> bool:
    """Is the image that stands there another one, or none at all?"""
    try:
        return host.read_info(request.path).format != "qcow2" or bool(host.compare(request.path, request.device))
    except BackupError:
        return True


def _result(changed: bool, request: ImageRequest, host: ImageHost, proven: str = "") -> ImageResult:
    """Return the result; ``proven`` is the SHA-256 that was found in the image already, empty where it was not read."""
    info, sha256 = host.read_info(request.path), proven or host.hash_file(request.path)
    image = describe_image(request.path, info.virtual_size, host.size_of(request.path), sha256)
    return ImageResult(changed, image, _device(request, host))


def _device(request: ImageRequest, host: ImageHost) -> Dict[str, Any]:
    return {"path": request.device, "size": host.size_of(request.device)}
