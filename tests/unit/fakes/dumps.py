# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps that are read from memory.

Python 3.6 syntax: the tests of the pure layers run on the Pythons of the managed hosts.
"""

from typing import Any, Callable

from ansible_collections.ovirt.backup.plugins.module_utils._dump.reader import DumpContents, DumpError, read_dump

from .errors import error_of


def read_bytes(data: bytes, read: Callable[..., DumpContents] = read_dump) -> DumpContents:
    pieces = [data]
    return read(lambda _size: pieces.pop() if pieces else b"")


def refused(data: bytes, read: Callable[..., DumpContents] = read_dump) -> Any:
    """Return the error that a dump is refused with."""
    return error_of(DumpError, read_bytes, data, read)
