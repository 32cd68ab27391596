# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of "tests/demo vm": a guest that writes, and its disks as the snapshot held them, at the end, and restored.

    python3 -m tooling.restored_machine write LAB VM FOLDER          write until stopped, keep what the snapshot holds
    python3 -m tooling.restored_machine lose LAB VM FOLDER           keep the last state, remove machine and disks
    python3 -m tooling.restored_machine show LAB VM FOLDER BACKUP    compare

The stand-in engine exports the bytes itself; nothing of the collection takes part in it.
"""

import hashlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import rest_engine
from lab.rest_engine import RestLabError

MARK = "ovirt.backup: "
PAUSE = 0.1
BLOCK = 4096
READ_AT_ONCE = 1 << 20
ROW = "  {:<11}{:>12}{:>12}   {:<19}   {:<16}   {}"


class Guest:
    """A virtual machine that writes into all its disks, all the time."""

    def __init__(self, home: Path, vm: str, folder: Path) -> None:
        self.home = home
        self.vm = vm
        self.folder = folder
        self.disks = disks_of(home, vm)
        self.writes = {"before": 0, "behind": 0}
        self.snapshot = ""

    def work(self, is_over: threading.Event) -> None:
        """Write until it is over, and note how often: before there was a snapshot, and behind it."""
        while not is_over.wait(PAUSE):
            if not self.snapshot:
                self.snapshot = self.keep_snapshot()
            self.write()
        (self.folder / "writes.json").write_text(json.dumps(self.writes), encoding="utf-8")

    def write(self) -> None:
        count = sum(self.writes.values())
        try:
            for disk, size in self.disks.items():
                offset = count * 37 * BLOCK % size
                rest_engine.write(self.home, self.vm, disk, offset, os.urandom(BLOCK))
        except RestLabError:
            return  # its file systems are frozen
        self.writes["behind" if self.snapshot else "before"] += 1

    def keep_snapshot(self) -> str:
        """Export what the snapshot of the backup holds as soon as there is one; return its id, empty without."""
        for snapshot in rest_engine.world(self.home).snapshots.values():
            if snapshot.description.startswith(MARK) and snapshot.status == "ok":
                for disk, image in snapshot.images.items():
                    rest_engine.export(self.home, disk, self.folder / f"{disk}.snapshot", image)
                return snapshot.id
        return ""


def disks_of(home: Path, vm: str) -> dict[str, int]:
    """The disks of a virtual machine with their sizes."""
    world = rest_engine.world(home)
    (machine,) = [one for one in world.vms.values() if one.name == vm]
    return {one.disk: world.disks[one.disk].size for one in world.attached_to(machine.id)}


def write(home: Path, vm: str, folder: Path) -> int:
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_signal: is_over.set())
    Guest(home, vm, folder).work(is_over)
    return 0


def lose(home: Path, vm: str, folder: Path) -> int:
    for disk in disks_of(home, vm):
        rest_engine.export(home, disk, folder / f"{disk}.last")
    rest_engine.remove_vm(home, vm)
    return 0


def show(home: Path, vm: str, folder: Path, backup: Path) -> int:
    manifest: dict[str, Any] = json.loads((backup / "manifest.json").read_text(encoding="utf-8"))
    writes: dict[str, int] = json.loads((folder / "writes.json").read_text(encoding="utf-8"))
    restored = list(disks_of(home, vm))
    lines = describe(vm, backup, manifest, writes)
    is_good = len(restored) == len(manifest["disks"])
    for disk, now in zip(manifest["disks"], restored, strict=False):
        rest_engine.export(home, now, folder / f"{now}.restored")
        hashes = [sha256(folder / name) for name in (f"{disk['id']}.snapshot", f"{now}.restored")]
        is_good = is_good and hashes[0] == hashes[1]
        changed = count_changed(folder / f"{disk['id']}.snapshot", folder / f"{disk['id']}.last")
        sizes = f"{disk['provisioned_size']:,}", f"{disk['image']['size']:,}"
        lines.append(ROW.format(disk["alias"], *sizes, hashes[0][:16], hashes[1][:16], f"{changed:,} bytes"))
    verdict = "GOOD: every byte of every disk is what the snapshot held" if is_good else "NOT GOOD"
    print("\n".join([*lines, "", f"  {verdict}", ""]))
    return 0 if is_good else 1


def describe(vm: str, backup: Path, manifest: dict[str, Any], writes: dict[str, int]) -> list[str]:
    snapshot = manifest["snapshot"]
    frozen = "frozen" if snapshot["consistency"]["frozen"] else "not frozen"
    return [
        "",
        f"The virtual machine {vm}, backed up while it wrote, lost, and restored",
        "",
        f"  backup    {backup}",
        f"  snapshot  {snapshot['date']}, file systems {frozen} while it was made, removed again",
        f"  writes    {writes['before']} before the snapshot, {writes['behind']} behind it while the backup ran",
        "",
        ROW.format("disk", "size", "image", "SHA-256 in snapshot", "SHA-256 restored", "changed behind it"),
    ]


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def count_changed(one: Path, other: Path) -> int:
    """How many bytes lie in blocks that differ."""
    changed = 0
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(BLOCK):
            changed += len(block) if block != right.read(BLOCK) else 0
    return changed


def main(arguments: Sequence[str]) -> int:
    home, vm, folder = Path(arguments[1]), arguments[2], Path(arguments[3])
    if arguments[0] == "show":
        return show(home, vm, folder, Path(arguments[4]))
    return {"write": write, "lose": lose}[arguments[0]](home, vm, folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
