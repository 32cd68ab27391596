# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find archives in a directory. This file is private to the collection."""

import os
from typing import List

from .._common.errors import BackupError
from .._common.files import list_names
from .manifest import SUFFIX

ENDINGS = (".backup", ".bck", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


def list_archives(path: str) -> List[str]:
    """Return the path itself, or the archives in it: files with a usual ending or with a manifest beside them."""
    if not os.path.exists(path):
        raise BackupError("There is no %s" % path, "archive_missing")
    if not os.path.isdir(path):
        return [path]
    names = list_names(path)
    found = [name for name in names if name.endswith(ENDINGS) or name + SUFFIX in names]
    paths = [os.path.join(path, name) for name in sorted(found) if not name.startswith(".")]
    return [name for name in paths if os.path.isfile(name)]
