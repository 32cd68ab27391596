# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup through a snapshot works with, in memory: a file, a clock, and which runs live."""

from typing import Any, Dict, List, Optional

from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Problem
from ansible_collections.ovirt.backup.plugins.module_utils._common.times import from_iso
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.plan import BackupContext, VmBackupRequest

from .vm_engine import FakeEngine, FakeWaiter

RUN = "controller/0badc0de/4026531836/4711/987654"
OTHER_RUN = "controller/0badc0de/4026531836/1234/123456"
MARK = "ovirt.backup: nightly [%s]" % RUN
OTHER_MARK = "ovirt.backup: nightly [%s]" % OTHER_RUN


class FakeFile:
    """A configuration file; ``error`` is raised when it is to be saved."""

    path = "/srv/backup/app/configuration.ovf"

    def __init__(self) -> None:
        self.text: Optional[str] = None
        self.problems: List[Problem] = []
        self.error: Optional[BaseException] = None
        self.saves = 0

    def check(self) -> List[Problem]:
        return self.problems

    def read(self) -> Optional[str]:
        return self.text

    def save(self, text: str) -> None:
        if self.error is not None:
            raise self.error
        self.text = text
        self.saves += 1


class World:
    """An engine, a file, and runs; ``living`` says of a run whether it lives (not in it: nobody knows)."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.file = FakeFile()
        self.living: Dict[str, bool] = {}
        self.timeout = 3600.0

    def tools(self) -> BackupContext:
        engine = self.engine
        return BackupContext(
            engine, FakeWaiter(engine, self.timeout), lambda seconds: FakeWaiter(engine, seconds), self.file,
            self.living.get, lambda: from_iso("2026-01-02T00:00:00Z") + engine.time,
        )  # fmt: skip


def request(**changes: Any) -> VmBackupRequest:
    """Return the request of a nightly backup of the virtual machine app."""
    return VmBackupRequest(
        vm="app", backup_vm="backup", name="nightly", run=RUN, stale_after=86400, disks=None,
        interface="virtio_scsi", consistency="auto", freeze_timeout=60, skips_unsupported=False, outcome="",
        message="", events=True, timeout=3600, poll_interval=3.0, settle=15.0,
    )._replace(**changes)  # fmt: skip


def codes(error: BackupError) -> List[str]:
    """Return the codes of all problems of a refusal."""
    return [item["code"] for item in error.facts["problems"]]
