# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin of pytest: several of them take the files of one list until none is left.

    pytest -p tooling.work_queue --queue=DIRECTORY [--from-the-end] FILE...

All are given the same files in the same order, and an empty directory that they share. A file belongs to the one that
could make a file of its name there. One that begins at the end of the list meets the other where the work is done.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--queue", type=Path, required=True, help="the directory in which files are claimed")
    parser.addoption("--from-the-end", action="store_true", help="take the last file first")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what is claimed; pytest itself says and does everything else."""
    if session.testsfailed or session.config.option.collectonly:
        return None
    option = session.config.option
    items = claim(session.items, option.queue, option.from_the_end)
    item = next(items, None)
    while item is not None:
        # Known before the last test of a file runs: otherwise what the session shares would be torn down after it.
        following = next(items, None)
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def claim(items: list[pytest.Item], queue: Path, from_the_end: bool) -> Iterator[pytest.Item]:
    """The tests of each file that nobody else has claimed when its turn comes."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    for name in reversed(files) if from_the_end else files:
        try:
            os.close(os.open(queue / name.replace("/", "-"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        yield from files[name]
