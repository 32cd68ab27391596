# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that another program fills up while a restore is at work: the temporary one, that of the files, PostgreSQL's.

That a disk is full before the restore begins is seen in test_engine_restore_module_refusals.py.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from lab.faults import set_fault
from lab.postgres import query

from .restore_tasks import Yard, restore
from .side_effects import release, sleepers, wait_for
from .small_disks import fill, mounted

pytest_plugins = ["functional.restore_tasks"]
pytestmark = pytest.mark.faults

SIZE = 256 << 20


@contextmanager
def tablespace_of_engine(yard: Yard, directory: Path) -> Iterator[Path]:
    """A small file system for what the engine's database will hold."""
    directory.mkdir()
    with mounted(directory, SIZE):
        account = pwd.getpwnam(yard.lab.server_user)
        os.chown(directory, account.pw_uid, account.pw_gid)
        query(yard.lab, "postgres", f"CREATE TABLESPACE small LOCATION '{directory}'")
        try:
            query(yard.lab, "postgres", "ALTER DATABASE engine SET TABLESPACE small")
            yield directory
        finally:
            yard.empty_databases()
            query(yard.lab, "postgres", "ALTER DATABASE engine SET TABLESPACE pg_default")
            query(yard.lab, "postgres", "DROP TABLESPACE small")


def test_disk_that_fills_up_during_the_restore_is_named(yard: Yard, tmp_path: Path) -> None:
    yard.emptied()
    stock, temporary = yard.archives["stock"], tmp_path / "temporary"
    temporary.mkdir(mode=0o700)
    content = yard.site.prefix / "var/lib/ovirt-engine/content"
    with ExitStack() as stack, yard.driven(tmp_path) as engine:
        stack.enter_context(mounted(temporary, SIZE))
        stack.enter_context(mounted(content, SIZE))
        data = stack.enter_context(tablespace_of_engine(yard, yard.lab.server_home / "small"))
        disks = {"unpack": temporary, "restore-files": content, "engine": data}
        steps = list(disks)
        set_fault(yard.lab.faults, "slow-at", f"{steps[0]} 100")
        running = engine.start(
            restore(stock, scope=["dwhdb"], tmpdir=temporary), restore(stock, scope=["files"]),
            restore(stock, scope=["db"]),
        )  # fmt: skip
        for step, following in zip(steps, [*steps[1:], ""], strict=True):
            wait_for(step, lambda: sleepers(yard.site) or running.process.poll() is not None)
            fill(disks[step])
            set_fault(yard.lab.faults, "slow-at", f"{following} 100")
            release(yard.site)
            wait_for("the end of the pause", lambda: not sleepers(yard.site))
        unpacked, files, loaded = engine.finish(running)
        found = [(result.get("code"), result["changed"]) for result in (unpacked, files, loaded)]
        assert found == [("disk_full", False), ("disk_full", False), ("disk_full", False)]
        assert loaded["standing"]["engine"]
    (yard.lab.faults / "slow-at").unlink()
