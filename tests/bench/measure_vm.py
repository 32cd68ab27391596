# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what backups and restores of virtual machines cost, on the stand-in engine with realistic delays.

requests: what the roles ask of the API, counted by the engine, beside the modules of ovirt.ovirt. time: a backup of
many virtual machines, beside one after the other. bytes: what is read, and what memory it takes, for a large disk.
"""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from itertools import dropwhile
from pathlib import Path

from lab import rest_engine
from lab.rest_engine import DiskPlan, Logged, VmPlan

from . import vm_peer
from .vm_site import Played, Usage, site

MIB = 1 << 20
GIB = 1 << 30
VIRTUAL_SIZE = 8 * GIB
PIECE = 16 * MIB
PIECES = 16
FIRST = "Begin to make the snapshots"  # the first task of a backup
BEYOND = "beyond"  # the correlation id of what is more than the steps


def measure_requests(build: Path) -> None:
    """Count the requests of a backup and a restore of a virtual machine with two disks."""
    peer = str(vm_peer.install(build))
    with site(build / "bench") as place:
        ours = [place.back_up("app").requests]
        rest_engine.remove_vm(place.lab.home, "app")
        ours.append(place.restore(place.backup_of("app")).requests)
    with site(build / "bench") as place:
        lab = place.lab
        login = {"url": lab.url, "username": lab.username, "password": lab.password, "ca_file": lab.ca_file}
        theirs = [place.play(str(vm_peer.BACKUP), peer, login=login).requests]
        rest_engine.remove_vm(lab.home, "app")
        theirs.append(place.play(str(vm_peer.RESTORE), peer, login=login).requests)
    for name, one, other in zip(("backup", "restore"), ours, theirs, strict=True):
        print_requests(name, one, other)
    print("""
  The modules of ovirt.ovirt log in once. They can not attach the disk of a snapshot, freeze file systems or see
  checkpoints: ansible.builtin.uri does, one request each. They can not make a virtual machine from its configuration:
  ovirt_vm makes another one, by hand. They do not see permits, and look for no other restore of the same machine.""")


def print_requests(name: str, ours: Sequence[Logged], theirs: Sequence[Logged]) -> None:
    steps = [one for one in theirs if one.correlation != BEYOND]
    columns = [Counter(f"{one.method:<7} {one.name}" for one in requests) for requests in (ours, steps, theirs)]
    title = f"requests of a {name}, two disks"
    print(f"\n  {title:<50}{'ours':>6}{'ovirt.ovirt, steps alone':>26}{'and the rest':>14}")
    for kind in sorted({*columns[0], *columns[2]}):
        print(f"    {kind:<48}{columns[0][kind]:>6}{columns[1][kind]:>26}{columns[2][kind]:>14}")
    totals = [len(ours), len(steps), len(theirs)]
    print(f"    {'all':<48}{totals[0]:>6}{totals[1]:>26}{totals[2]:>14}")
    print(f"    {'ours, of theirs':<54}{totals[0] / totals[1]:>26.2f}{totals[0] / totals[2]:>14.2f}   limit 0.50")


def measure_time(build: Path, vms: int, parallel: int | None, sample: int) -> None:
    """Time a backup of many virtual machines, and of a few of them alone, each in a run of its own."""
    names = [f"bulk-{number + 1:03d}" for number in range(vms)]
    given = {"vm_backup_parallel": parallel} if parallel else {}
    with site(build / "bench", rest_engine.many_vms(vms)) as place:
        alone = [seconds_of_work(place.back_up(name).tasks) for name in names[:sample]]
        wave = place.back_up(*names, **given)
    each = sum(alone) / len(alone)
    waves = f"vm_backup_parallel {parallel or 'as it is'}"
    print(f"""
  {vms} virtual machines with a disk of 1 MiB; a snapshot takes 5 s, a merge 15 s, an attachment 3 s
    one after the other   {each * vms:>8.0f} s   {each:.1f} s each: measured on {len(alone)} of them, times {vms}
    all of them           {wave.seconds:>8.0f} s   {wave.seconds / vms:.1f} s each, {waves}
    share                 {wave.seconds / (each * vms):>8.2f}     limit 0.25""")
    print_tasks(wave, vms)


def seconds_of_work(tasks: dict[str, float]) -> float:
    """Return the seconds of a run without those that it takes once, however many virtual machines there are."""
    return sum(seconds for _name, seconds in dropwhile(lambda item: item[0] != FIRST, tasks.items()))


def print_tasks(played: Played, vms: int) -> None:
    print(f"\n    {'where the time goes':<62}{'seconds':>8}{'for each':>10}")
    for name, seconds in sorted(played.tasks.items(), key=lambda item: -item[1])[:12]:
        print(f"    {name:<62}{seconds:>8.1f}{seconds / vms:>10.2f}")
    cpu: Counter[str] = Counter()
    for one in played.usage:
        cpu[one.module] += round(one.cpu * 1000)
    for name, milliseconds in cpu.most_common():
        print(f"    {'CPU of module ' + name:<62}{milliseconds / 1000:>8.1f}{milliseconds / 1000 / vms:>10.2f}")


def measure_bytes(build: Path) -> None:
    """Back up and restore a large sparse disk; show the bytes read for each allocated one, and the peak memory."""
    plan = VmPlan("large", "up", (DiskPlan("large_Disk1", VIRTUAL_SIZE, bootable=True, filled=False),))
    with site(build / "bench", (*rest_engine.DEFAULT, plan)) as place:
        for number in range(PIECES):
            offset = VIRTUAL_SIZE // PIECES * number
            rest_engine.write(place.lab.home, "large", "large_Disk1", offset, os.urandom(PIECE))
        backup = place.back_up("large")
        rest_engine.remove_vm(place.lab.home, "large")
        restore = place.restore(place.backup_of("large"))
    allocated = PIECE * PIECES
    sizes = f"a disk of {VIRTUAL_SIZE // GIB} GiB, {allocated // MIB} MiB of it allocated"
    print(f"\n  {sizes}, bytes that nothing compresses")
    for name, played in (("backup", backup), ("restore", restore)):
        heading = f"{'bytes read':>14}{'of allocated':>14}{'memory':>10}{'of qemu-img':>13}"
        print(f"\n    {name:<28}{heading}   limit 150 MB")
        for usage in merge(played.usage):
            print_usage(usage, allocated)


def merge(usage: Sequence[Usage]) -> list[Usage]:
    """Return one row for each module, in the order of their first runs: sums, and peaks."""
    rows: dict[str, Usage] = {}
    for one in usage:
        old = rows.get(one.module, Usage(one.module, 0, 0, 0.0, 0))
        peaks = max(old.memory, one.memory), max(old.children, one.children)
        rows[one.module] = Usage(one.module, *peaks, old.cpu + one.cpu, old.read + one.read)
    return list(rows.values())


def print_usage(usage: Usage, allocated: int) -> None:
    memory = f"{usage.memory / MIB:>6.0f} MiB"
    children = f"{usage.children / MIB:.0f} MiB" if usage.module == "vm_disk_image" else "-"
    read = f"{usage.read / MIB:>10.1f} MiB{usage.read / allocated:>14.2f}"
    print(f"    {usage.module:<28}{read}{memory}{children:>13}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--part", choices=["requests", "time", "bytes"], action="append", help="only this one")
    parser.add_argument("--vms", type=int, default=100)
    parser.add_argument("--parallel", type=int, help="vm_backup_parallel, if not its default")
    parser.add_argument("--sample", type=int, default=3, help="so many of them are timed one after the other")
    options = parser.parse_args()
    parts = options.part or ["requests", "time", "bytes"]
    if "requests" in parts:
        measure_requests(options.build)
    if "time" in parts:
        measure_time(options.build, options.vms, options.parallel, options.sample)
    if "bytes" in parts:
        measure_bytes(options.build)


if __name__ == "__main__":
    main()
