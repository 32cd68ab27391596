# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook for many runs: imported once, forked for each: fork_server.py DESCRIPTOR.

A request on the socket with that descriptor is a JSON object and two descriptors: one for the output of the run, one
that is told its process id and, when it has ended, its wait status. The server ends when the socket is closed.

A run has the environment, the folder and the session that it asks for. The one thing that it shares with the runs
before it are the zips of modules, which Ansible keeps for one run and this server for all: the code stays the same.
"""

import atexit
import gc
import json
import os
import signal
import socket
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.cli import playbook
from ansible.plugins import loader
from ansible.utils.path import cleanup_tmp_file

ZIPS = "ansiballz_cache"  # below the local temporary folder of a run
LARGEST_REQUEST = 1 << 20


def warm_up() -> None:
    """Load what every run loads."""
    loader.init_plugin_loader()
    for name in constants.INVENTORY_ENABLED:
        loader.inventory_loader.get(name)
    for plugins, name in (
        (loader.strategy_loader, "linear"), (loader.callback_loader, "default"), (loader.connection_loader, "local"),
        (loader.shell_loader, "sh"), (loader.action_loader, "normal"), (loader.action_loader, "debug"),
    ):  # fmt: skip
        plugins.get(name, class_only=True)


def serve(control: socket.socket) -> None:
    """Fork for each request; return in the process of a run, end in the server."""
    zips = Path(constants.DEFAULT_LOCAL_TMP) / ZIPS
    zips.mkdir()
    while True:
        request, descriptors, _flags, _address = socket.recv_fds(control, LARGEST_REQUEST, 2)
        if not request:
            sys.exit()
        if os.fork() == 0:
            control.close()
            keep(json.loads(request), zips, *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def keep(wanted: dict[str, Any], zips: Path, output: int, told: int) -> None:
    """Fork once more and wait for it; return in the process of the run."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(told)
        become(wanted, zips, output)
        return
    os.close(output)
    os.write(told, b"%d\n" % pid)
    os.write(told, b"%d\n" % os.waitpid(pid, 0)[1])
    os._exit(0)


def become(wanted: dict[str, Any], zips: Path, output: int) -> None:
    """Make this process what it would be, had it been started."""
    if wanted["session"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = wanted["command"]
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    tempfile.tempdir = None
    # The server's own folder is the server's to remove.
    atexit.unregister(cleanup_tmp_file)
    constants.DEFAULT_LOCAL_TMP = constants.config.get_config_value("DEFAULT_LOCAL_TMP")
    (Path(constants.DEFAULT_LOCAL_TMP) / ZIPS).symlink_to(zips, target_is_directory=True)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as control:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the runs
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        warm_up()
        gc.collect()
        gc.freeze()  # nothing of it is looked at again, and so nothing of it is copied
        warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
        serve(control)
    playbook.main()
