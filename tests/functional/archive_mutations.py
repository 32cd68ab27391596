# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make damaged and malicious archives out of a good one."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HASHES = {"sha256sum": hashlib.sha256, "md5sum": hashlib.md5}


class Part(NamedTuple):
    info: tarfile.TarInfo
    content: bytes

    @property
    def name(self) -> str:
        return self.info.name.removeprefix("./")


Parts = list[Part]


def unpack(archive: Path) -> Parts:
    """The members of an archive, in its order."""
    with tarfile.open(archive) as opened:
        return [Part(info, read(opened, info)) for info in opened]


def read(opened: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    stream = opened.extractfile(info)
    return stream.read() if stream is not None else b""


def pack(parts: Parts, target: Path, compress: Callable[[bytes], bytes] = gzip.compress) -> Path:
    """Write an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as opened:
        for one in parts:
            opened.addfile(one.info, io.BytesIO(one.content))
    target.write_bytes(compress(buffer.getvalue()))
    return target


def part(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Part:
    """A member of any kind."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mode = len(content), kind, link, 0o600
    return Part(info, content)


def replace(parts: Parts, name: str, change: Callable[[bytes], bytes]) -> Parts:
    """Change the content of one member."""
    assert name in [old.name for old in parts]
    return [resized(old, change(old.content)) if old.name == name else old for old in parts]


def resized(old: Part, content: bytes) -> Part:
    info = tarfile.TarInfo.frombuf(old.info.tobuf(), tarfile.ENCODING, "surrogateescape")
    info.size = len(content)
    return Part(info, content)


def without(parts: Parts, *names: str) -> Parts:
    return [old for old in parts if old.name not in names]


def hashed(parts: Parts, hash_file: str = "sha256sum") -> Parts:
    """Make the list of hashes anew, as an attacker would."""
    rest = without(parts, *HASHES)
    lines = [
        f"{HASHES[hash_file](old.content).hexdigest()}  {old.name}\n" for old in rest if old.info.isreg()
    ]  # fmt: skip
    return [*rest, part("./" + hash_file, "".join(lines).encode())]


def flip(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0x40]) + content[position + 1 :]
