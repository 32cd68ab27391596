# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What qemu-img prints and how it ends. This file is private to the collection.

Source: qemu-img(1), "-p" and the exit statuses of "compare" and "check".
"""

import json
import re
from typing import Any, Dict, List, NamedTuple, Optional

from ..._common.errors import Problem

EQUAL, DIFFERENT = 0, 1
_PROGRESS = re.compile(r"\((\d+(?:\.\d+)?)/100%\)")
_FULL = ("No space left on device", "Disk quota exceeded")


class ImageInfo(NamedTuple):
    """What qemu-img says of an image; ``virtual_size`` in bytes."""

    format: str
    virtual_size: int
    backing_file: str


def read_progress(text: str) -> float:
    """Return the last share of the work that was reported, 0.0 to 1.0."""
    found = _PROGRESS.findall(text)
    return float(found[-1]) / 100 if found else 0.0


def without_progress(text: str) -> str:
    """Return what was said beside the progress."""
    return "\n".join(line.strip() for line in _PROGRESS.sub("", text).replace("\r", "\n").splitlines() if line.strip())


def read_info(text: str) -> ImageInfo:
    """Return what ``qemu-img info --output=json`` says; raise ValueError for anything else."""
    found: Any = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("virtual-size"), int):
        raise ValueError("not the output of qemu-img info")
    return ImageInfo(str(found.get("format", "")), found["virtual-size"], str(found.get("backing-filename", "")))


def read_version(text: str) -> str:
    """Return the version that ``qemu-img --version`` prints, such as 7.2.22."""
    found = re.search(r"qemu-img version (\d+(?:\.\d+)+)", text)
    return found.group(1) if found else ""


def check_end(what: str, returncode: Optional[int], said: str, timeout: float) -> List[Problem]:
    """Return why a run of qemu-img failed; a return code of None means that its time was up."""
    if returncode == 0:
        return []
    detail = without_progress(said) or "it said nothing"
    if returncode is None:
        return [Problem("timed_out", "%s took longer than %.0f seconds and was ended" % (what, timeout))]
    if any(words in said for words in _FULL):
        return [Problem("disk_full", "%s: no space is left: %s" % (what, detail))]
    if returncode < 0:
        return [Problem("tool_killed", "%s was killed by signal %d" % (what, -returncode))]
    return [Problem("tool_failed", "%s failed with exit status %d: %s" % (what, returncode, detail))]


def check_comparison(what: str, returncode: Optional[int], said: str, timeout: float) -> List[Problem]:
    """Return why a comparison does not prove equality."""
    if returncode == DIFFERENT:
        return [Problem("image_differs", "%s: %s" % (what, without_progress(said)))]
    return check_end(what, returncode, said, timeout)


def describe_image(path: str, virtual_size: int, size: int, sha256: str) -> Dict[str, Any]:
    """Return the result value 'image' of a module."""
    return {"path": path, "format": "qcow2", "virtual_size": virtual_size, "size": size, "sha256": sha256}
