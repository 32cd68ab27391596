# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command with a loopback of its own, so that several suites can have the port that provisioning insists on.

    python3 -m tooling.private_network COMMAND [ARGUMENTS...]

Source: unshare(2), netdevice(7).
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys

CLONE_NEWNET = 0x40000000
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 0x1


def enter() -> None:
    """Leave the machine's network for an empty one with a loopback; raise OSError where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(control, GET_FLAGS, request), 16)
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sh14x", b"lo", flags | UP))


def is_available() -> bool:
    """Whether this user of this machine may make networks."""
    return subprocess.run([sys.executable, __file__, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    enter()
    os.execvp(sys.argv[1], sys.argv[1:])
