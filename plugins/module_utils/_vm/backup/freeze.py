# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freeze the file systems of a guest while its snapshot is made, and thaw them whatever happens.

This file is private to the collection.
"""

from typing import List

from ..api_errors import ApiError, Forbidden, NotFound, Unauthorized, Untrusted
from ..model import Vm
from .plan import BackupContext

# How long an engine that is not there is waited for when file systems are to be thawed, in seconds.
THAW_PATIENCE = 600.0


class FileSystems:
    """The file systems of one virtual machine; ``warnings`` tell where they could not be thawed."""

    def __init__(self, vm: Vm, timeout: float, tools: BackupContext) -> None:
        self.warnings: List[str] = []
        self._vm = vm
        self._timeout = timeout
        self._tools = tools
        self._began = 0.0
        self._may_be_frozen = False

    def freeze(self) -> str:
        """Freeze them; return why that did not work, empty where it did."""
        self._began = self._tools.waiter.monotonic()
        self._may_be_frozen = True
        try:
            self._tools.api.freeze_filesystems(self._vm.id)
        except (NotFound, Unauthorized, Untrusted):
            self._may_be_frozen = False
            raise
        except Forbidden as error:
            self._may_be_frozen = False
            return error.message
        except ApiError as error:
            # Some of them may be frozen, or a run that was killed left them frozen, and that is why it was refused.
            self.thaw(is_sure=False)
            return error.message
        if self.seconds_left() <= 0:
            self.thaw()
            return "freezing alone took longer than freeze_timeout (%d seconds)" % self._timeout
        return ""

    def seconds_left(self) -> float:
        """Return how long they may still stay frozen."""
        return self._began + self._timeout - self._tools.waiter.monotonic()

    def thaw(self, is_sure: bool = True) -> float:
        """Thaw what may be frozen; return for how many seconds it was. ``is_sure``: a refusal is worth a warning."""
        if self._may_be_frozen:
            what = "the file systems of virtual machine %s to be thawed" % self._vm.name
            waiter = self._tools.new_waiter(THAW_PATIENCE)
            try:
                waiter.until(what, self._send, lambda seen: seen, str)
            except ApiError as error:
                if is_sure:
                    text = (
                        "The file systems of virtual machine %s could not be thawed, look at once whether it hangs and "
                        "thaw them (POST .../vms/%s/thawfilesystems): %s"
                    )
                    self.warnings.append(text % (self._vm.name, self._vm.id, error.message))
            self._may_be_frozen = False  # not before: a signal in between leads here once more
        return self._tools.waiter.monotonic() - self._began

    def thaw_unasked(self) -> None:
        """Thaw them where a run that was killed may have left them frozen."""
        self._began, self._may_be_frozen = self._tools.waiter.monotonic(), True
        self.thaw(is_sure=False)

    def _send(self) -> bool:
        self._tools.api.thaw_filesystems(self._vm.id)
        return True
