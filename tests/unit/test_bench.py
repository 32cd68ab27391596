# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What measurements and the demo make of what they see."""

from pathlib import Path

from bench.measure_vm import FIRST, merge, seconds_of_work
from bench.vm_site import Usage, sum_tasks
from tooling.restored_machine import BLOCK, count_changed

SAID = [
    (0.5, "PLAY [Back up] ***\n"),
    (1.0, "TASK [ovirt.backup.vm_backup : Save each disk] ***\n"),
    (2.5, "changed: [backup]\n"),
    (3.0, "TASK [ovirt.backup.vm_backup : Show it: app, since 2026-11-22T21:00:00Z] ***\n"),
    (3.25, "TASK [ovirt.backup.vm_backup : Save each disk] ***\n"),
    (4.0, "TASK ["),
]


def test_a_task_takes_from_its_heading_to_the_next_one() -> None:
    assert sum_tasks(SAID) == {"Save each disk": 2.75, "Show it": 0.25}


def test_what_a_run_takes_once_is_no_work_on_a_virtual_machine() -> None:
    assert seconds_of_work({"Check the settings": 3.0, FIRST: 1.0, "Save each disk": 0.5}) == 1.5


def test_runs_of_a_module_are_one_row_of_sums_and_peaks() -> None:
    runs = [Usage("b", 10, 3, 0.5, 100), Usage("a", 1, 1, 1.0, 1), Usage("b", 7, 4, 0.25, 11)]
    assert merge(runs) == [Usage("b", 10, 4, 0.75, 111), Usage("a", 1, 1, 1.0, 1)]


def test_blocks_that_differ_are_counted_to_the_last_byte(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"a" * BLOCK + b"b" * BLOCK + b"c" * 5)
    other.write_bytes(b"a" * BLOCK + b"x" + b"b" * (BLOCK - 1) + b"c" * 4 + b"y")
    assert count_changed(one, one) == 0
    assert count_changed(one, other) == BLOCK + 5
