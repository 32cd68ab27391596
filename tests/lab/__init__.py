# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: an oVirt engine host to make backups of, without an oVirt engine.

A real PostgreSQL server with the databases of an engine, an engine installation below a prefix with real
keys and certificates, and stand-ins for engine-backup, engine-cleanup, engine-setup, engine-config,
otopi-config-query, ovirt-engine-provisiondb and systemctl, with services that are real processes where wanted.
It imports nothing of the collection: a stand-in that shares code with the tested side proves nothing.

    python3 -m lab start DIR [--scale N] [--components all] [--engine-version 4.5.7] [--port 5432] [--services]
    python3 -m lab status DIR
    python3 -m lab stop DIR [--remove]
    python3 -m lab checkpoint|rewind DIR NAME     # keep a copy of the machine, go back to it
    python3 -m lab reinstall DIR                  # packages only, engine-setup not run
    python3 -m lab database DIR [--port 5432]     # a second server on 127.0.0.2
    python3 -m lab move-on DIR                    # rows come and go, as in an engine in use
    python3 -m lab faults

From Python:

    from lab import start, stop, load
    from lab.postgres import query            # SQL as superuser
    from lab.databases import row_counts      # live rows per table
    from lab.machines import checkpoint, rewind, reinstall, start_database_server, start_services
    from lab.history import move_on
    from lab.driver import Machine            # runs the host's programs, looks at what they left
    from lab.faults import set_fault, clear   # switch faults on and off

Scale 1 is a few MB and starts in seconds; scale 100 gives about 700 MB of databases.
Components: engine, dwh, keycloak, grafana, block (cinderlib on 4.5.7, managed block on 4.5.8_master), joined by "+".
"""

TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    from .layout import Database, Lab, LabError, load
    from .lifecycle import start, stop

__all__ = ["Database", "Lab", "LabError", "load", "start", "stop"]
HOMES = {"start": "lifecycle", "stop": "lifecycle"}

if not TYPE_CHECKING:

    def __getattr__(name):
        """Import what is asked for, not before: the stand-in programs are in this package, and start often."""
        if name not in __all__:
            raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))
        from importlib import import_module

        return getattr(import_module("." + HOMES.get(name, "layout"), __name__), name)
