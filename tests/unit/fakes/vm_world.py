# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ids of what the world of the lab's engine consists of."""

from lab.rest_engine.state import identify

APP, BACKUP, COLD, SHARED = (identify("vm", name) for name in ("app", "backup", "cold", "shared"))
APP_BOOT, APP_DATA, BACKUP_BOOT, COLD_BOOT = (
    identify("disk", alias) for alias in ("app_Disk1", "app_Disk2", "backup_Disk1", "cold_Disk1")
)
CLUSTER, OTHER_CLUSTER = identify("cluster", "Default"), identify("cluster", "Second")
DATA = identify("domain", "data")
PROFILE, OTHER_PROFILE = identify("profile", "Defaultovirtmgmt"), identify("profile", "Defaultstorage")
