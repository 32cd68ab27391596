# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: an oVirt engine host to make backups of, without an oVirt engine.

A real PostgreSQL server with the databases of an engine, an engine installation below a prefix with real
keys and certificates, and stand-ins for engine-backup, otopi-config-query, ovirt-engine-provisiondb and
systemctl. It imports nothing of the collection: a stand-in that shares code with the tested side proves nothing.

    python3 -m lab start DIR [--scale N] [--components all] [--engine-version 4.5.7]
    python3 -m lab status DIR
    python3 -m lab stop DIR [--remove]
    python3 -m lab faults

From Python:

    from lab import start, stop, load
    from lab.postgres import query            # SQL as superuser
    from lab.databases import row_counts      # live rows per table
    from lab.faults import set_fault, clear   # switch faults on and off

Scale 1 is a few MB and starts in seconds; scale 100 gives about 700 MB of databases.
Components: engine, dwh, keycloak, grafana, block (cinderlib on 4.5.7, managed block on 4.5.8_master), joined by "+".
"""

from .layout import Database, Lab, LabError, load
from .lifecycle import start, stop

__all__ = ["Database", "Lab", "LabError", "load", "start", "stop"]
