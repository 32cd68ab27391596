# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that keeps a virtual machine's configuration. This file is private to the collection."""

import errno
import os
from typing import List, Optional

from .._common.errors import BackupError, Problem
from .._common.files import check_directory, write_bytes


class ConfigurationFile:
    """A text of the engine on this machine, 0600, whole or not at all."""

    def __init__(self, path: str, directory_may_be_made: bool = False) -> None:
        self.path = path
        self._directory_may_be_made = directory_may_be_made  # an earlier task of a preview has not made it

    def check(self) -> List[Problem]:
        """Return why the file can not be written."""
        if os.path.lexists(self.path) and (os.path.islink(self.path) or not os.path.isfile(self.path)):
            text = "configuration_path %s is there and no regular file: choose another"
            return [Problem("configuration_path_taken", text % self.path)]
        where = os.path.dirname(os.path.abspath(self.path))
        if self._directory_may_be_made and not os.path.lexists(where):
            return []
        return check_directory(where, "configuration_directory", "directory of configuration_path")

    def read(self) -> Optional[str]:
        """Return what is saved; None where nothing is, or nothing that is a text."""
        try:
            with open(self.path, encoding="utf-8", newline="") as stream:
                return stream.read()
        except (OSError, UnicodeDecodeError):
            return None

    def save(self, text: str) -> None:
        """Save a text under a temporary name, flush it, and give it its name."""
        try:
            write_bytes(self.path, text.encode("utf-8"))
        except OSError as error:
            code = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "os_error"
            raise BackupError("The configuration could not be saved as %s: %s" % (self.path, error), code) from None
