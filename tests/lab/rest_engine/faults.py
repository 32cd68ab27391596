# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the stand-in engine: one file per fault in its fault directory, its content the parameter.

Without a file the engine behaves faithfully. REQUEST is the name of a kind of request (python3 -m lab.rest_engine
requests lists them), any, or each: the first of each kind. Those that each has met are noted at the end of its
parameter; what stands there from the beginning is spared. A parameter that ends in TIMES counts down and the file goes
away at 0; without TIMES the fault stays until the file is removed. VM and DISK are names or ids; where they may be left
out, all are meant.
"""

from __future__ import annotations

from pathlib import Path

FAULTS = {
    "lost-reply": ("REQUEST [TIMES]", "carries the request out and cuts the connection before it answers"),
    "lost-request": ("REQUEST [TIMES]", "cuts the connection before it does anything"),
    "proxy-503": ("REQUEST [TIMES]", "answers with the HTML page 503 of a proxy, does nothing"),
    "reply-503": ("REQUEST [TIMES]", "carries the request out, answers with the HTML page 503 of a proxy"),
    "expire-at": ("REQUEST [TIMES]", "all sessions have expired when it comes: 401 with an HTML page"),
    "restart-at": ("REQUEST SECONDS [TIMES]", "goes down before the request, for that long; sessions are lost"),
    "restart-after": ("REQUEST SECONDS [TIMES]", "carries the request out and goes down before it answers"),
    "slow-request": ("REQUEST SECONDS [TIMES]", "answers that much later"),
    "refuse": ("REQUEST STATUS TEXT", "refuses it with that status and text, once"),
    "refuse-by-key": ("REQUEST KEY [TIMES]", "refuses it as in the facts; see refusals.py for requests and keys"),
    "vm-gone-at": ("REQUEST VM", "somebody has removed the virtual machine when it comes"),
    "session-seconds": ("SECONDS", "how long a session may be idle (1800)"),
    "login-fails": ("[TEXT]", "nobody can log in"),
    "snapshot-fails": ("[VM]", "making it fails: its id is the active one's again, 200, ok"),
    "snapshot-vanishes": ("[VM]", "making it fails and its id is gone: 404"),
    "snapshot-stays-locked": ("[VM]", "it never becomes ok"),
    "snapshot-slow": ("SECONDS", "it takes that long"),
    "snapshot-disk-illegal": ("[DISK]", "the disk is illegal afterwards"),
    "snapshot-lacks-disk": ("[DISK]", "the snapshot is ok and regular, and the disk is not in it"),
    "merge-fails": ("[TIMES]", "removing a snapshot fails: after a while it is ok again"),
    "merge-slow": ("SECONDS", "removing a snapshot takes that long"),
    "merge-stays-locked": ("nothing", "removing a snapshot never ends"),
    "merge-disk-illegal": ("[DISK]", "removing a snapshot fails and leaves the disk illegal"),
    "device-missing": ("[DISK]", "the guest never sees the disk"),
    "device-late": ("SECONDS", "the guest sees disks that much later"),
    "device-twice": ("[DISK]", "the guest sees two devices, by two names"),
    "device-wrong-size": ("BYTES [DISK]", "the guest sees a device of another size"),
    "device-short-serial": ("nothing", "virtio-scsi devices are named after 20 characters of the disk's id"),
    "device-other-bytes": ("[DISK]", "the device has other bytes than the disk"),
    "device-loses-writes": ("[DISK]", "what was written to the device is not in the disk after the detach"),
    "plug-fails": ("[DISK]", "attached, not plugged: active is false, event 2017"),
    "detach-late": ("SECONDS", "the attachment stays that long after the answer"),
    "disk-fails": ("nothing", "a new disk becomes illegal"),
    "disk-stays-locked": ("nothing", "a new disk never becomes ok"),
    "freeze-fails": ("[TEXT]", "freezing the guest's file systems is refused, 409"),
    "freeze-hangs": ("SECONDS", "freezing takes that long"),
    "thaw-fails": ("[TIMES]", "thawing is refused, 409"),
    "configuration-missing": ("[VM]", "the configuration is left out though nothing is locked"),
    "import-fails": ("[TEXT]", "making a virtual machine from a configuration is refused, 400"),
    "auto-attach-fails": ("nothing", "the disks of a configuration are not attached: event 175"),
    "search-ignored": ("nothing", "a search finds everything, as old engines do with fields they do not know"),
}


class Faults:
    """The faults that are switched on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, name: str) -> str | None:
        """The parameter of a fault; None where it is off."""
        assert name in FAULTS, name
        try:
            return (self._directory / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def seconds(self, name: str) -> float | None:
        """The parameter as a number of seconds."""
        parameter = self.get(name)
        return None if parameter is None else float(parameter)

    def hits(self, name: str, *things: str) -> bool:
        """Whether a fault is on for a thing known by these names."""
        parameter = self.get(name)
        return parameter is not None and (not parameter or bool(set(parameter.split()) & set(things)))

    def take(self, name: str) -> bool:
        """Whether a fault whose parameter is [TIMES] happens now."""
        parameter = self.get(name)
        if parameter is None:
            return False
        self._count(name, [], parameter.split())
        return True

    def take_for(self, name: str, request: str, values: int = 0) -> list[str] | None:
        """The values that follow REQUEST if the fault happens at this request; None if not."""
        words = (self.get(name) or "").split()
        if words and words[0] == "each" and request not in words[1 + values :]:
            self.set(name, " ".join([*words, request]))
        elif not words or words[0] not in (request, "any"):
            return None
        else:
            self._count(name, words[: 1 + values], words[1 + values :])
        return words[1 : 1 + values]

    def take_text(self, name: str, request: str) -> str | None:
        """All that follows REQUEST; the fault happens once."""
        words = (self.get(name) or "").split(None, 1)
        if not words or words[0] not in (request, "any"):
            return None
        self.end(name)
        return words[1] if len(words) > 1 else ""

    def set(self, name: str, parameter: str) -> None:
        """Switch a fault on, or give it another parameter."""
        _write(self._directory / name, parameter)

    def end(self, name: str) -> None:
        """Switch a fault off."""
        (self._directory / name).unlink(missing_ok=True)

    def _count(self, name: str, kept: list[str], times: list[str]) -> None:
        if not times:
            return
        left = int(times[0]) - 1
        if left > 0:
            self.set(name, " ".join([*kept, str(left)]))
        else:
            self.end(name)


def set_fault(directory: Path | str, name: str, parameter: str = "") -> None:
    """Switch one fault on."""
    if name not in FAULTS:
        raise ValueError("unknown fault {!r}; known: {}".format(name, ", ".join(FAULTS)))
    _write(Path(directory) / name, parameter)


def _write(path: Path, text: str) -> None:
    # At once, or the engine may read an empty parameter.
    new = path.with_name("." + path.name)
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def clear(directory: Path | str) -> None:
    """Switch all faults off."""
    for name in FAULTS:
        (Path(directory) / name).unlink(missing_ok=True)


def table() -> str:
    """The faults as text, one per line."""
    return "\n".join("{:<24} {:<27} {}".format(name, *row) for name, row in FAULTS.items())
