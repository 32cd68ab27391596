# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of disks as files: real chains, made, merged and read by qemu-img and qemu-io."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

from .state import MIB, Disk, Image

FORMATS = {"cow": "qcow2", "raw": "raw"}


class ImageError(Exception):
    """A program of qemu said no."""


def path_of(disks: Path, disk: Disk, image: Image | None = None) -> Path:
    """The file of a layer; of the active one if none is named."""
    return disks / disk.id / (image or disk.images[-1]).id


def create(disks: Path, disk: Disk) -> None:
    """Make the only layer of a new disk."""
    path = path_of(disks, disk)
    path.parent.mkdir(parents=True, exist_ok=True)
    _qemu_img("create", "-q", "-f", FORMATS[disk.images[-1].format], path, str(disk.size))


def fill(disks: Path, disk: Disk, pieces: int = 4) -> None:
    """Make the only layer of a new disk, with contents that depend on its id only."""
    source = random.Random(disk.id)
    raw = path_of(disks, disk).with_suffix(".raw")
    raw.parent.mkdir(parents=True, exist_ok=True)
    with open(raw, "wb") as file:
        file.truncate(disk.size)
        for number in range(pieces):
            file.seek(disk.size * number // pieces)
            file.write(source.randbytes(min(256 * 1024, disk.size // pieces)))
    _qemu_img("convert", "-q", "-f", "raw", "-O", FORMATS[disk.images[-1].format], raw, path_of(disks, disk))
    raw.unlink()


def lay_over(disks: Path, disk: Disk, image: Image) -> None:
    """Put a new active layer on top."""
    below = disk.images[-1]
    new = path_of(disks, disk, image)
    # Relative, so that the whole laboratory can be moved.
    _qemu_img("create", "-q", "-f", "qcow2", "-b", below.id, "-F", FORMATS[below.format], new)
    disk.images.append(image)


def merge(disks: Path, disk: Disk, image_id: str) -> str:
    """Merge the layer above into this one; return the id of the layer that is gone."""
    position = [image.id for image in disk.images].index(image_id)
    base, top = disk.images[position : position + 2]
    _qemu_img("commit", "-q", "-d", "-f", FORMATS[top.format], path_of(disks, disk, top))
    if position + 2 < len(disk.images):
        above = path_of(disks, disk, disk.images[position + 2])
        _qemu_img("rebase", "-q", "-u", "-f", "qcow2", "-b", base.id, "-F", FORMATS[base.format], above)
    path_of(disks, disk, top).unlink()
    del disk.images[position + 1]
    return top.id


def copy_out(disks: Path, disk: Disk, image_id: str, target: Path) -> None:
    """The bytes of a layer and all below it, as a raw file."""
    image = next(image for image in disk.images if image.id == image_id)
    _qemu_img("convert", "-q", "-f", FORMATS[image.format], "-O", "raw", path_of(disks, disk, image), target)


def copy_in(disks: Path, disk: Disk, source: Path) -> None:
    """Write a raw file into the active layer."""
    active = disk.images[-1]
    _qemu_img("convert", "-q", "-n", "-f", "raw", "-O", FORMATS[active.format], source, path_of(disks, disk))


def write(disks: Path, disk: Disk, offset: int, data: bytes) -> None:
    """Write into the active layer, as the guest does."""
    path = path_of(disks, disk)
    source = path.with_suffix(".data")
    source.write_bytes(data)
    try:
        order = "write -q -s {} {} {}".format(source, offset, len(data))
        _run(["qemu-io", "-f", FORMATS[disk.images[-1].format], "-c", order, str(path)])
    finally:
        source.unlink()


def allocated(disks: Path, disk: Disk, image: Image | None = None) -> int:
    """The bytes that a layer takes."""
    try:
        return os.stat(path_of(disks, disk, image)).st_blocks * 512
    except FileNotFoundError:
        return 0


def room_for(size: int) -> int:
    """A size that a disk can have: whole MiB."""
    return max(MIB, -(-size // MIB) * MIB)


def _qemu_img(*arguments: str | Path) -> None:
    _run(["qemu-img", *map(str, arguments)])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise ImageError("{}: {}".format(" ".join(command), (done.stderr or done.stdout).strip()))
