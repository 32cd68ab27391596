# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks for engine-cleanup and engine-setup, and what is left of a run on the host."""

from pathlib import Path
from typing import Any

from .installation import Site
from .playbooks import Task, plain
from .side_effects import LOCK, STATE

PREFIX = {"prefix": "{{ ovirt_prefix }}"}


def cleanup(**options: Any) -> Task:
    """Remove the set-up."""
    return {"ovirt.backup.engine_cleanup": {**PREFIX, **plain(options)}}


def setup(**options: Any) -> Task:
    """Set the engine up."""
    return {"ovirt.backup.engine_setup": {**PREFIX, **plain(options)}}


def state_directory(site: Site) -> Path:
    """Where a run keeps its lock, its state and its work directory."""
    return site.prefix / "var/lib/ovirt-engine-backup"


def leftovers(site: Site) -> list[str]:
    """What runs left beside their lock."""
    names = (path.name for path in state_directory(site).iterdir())
    return sorted(name for name in names if name.startswith(".") and name != LOCK)


def state_file(site: Site) -> Path:
    """What says that a run is under way."""
    return state_directory(site) / STATE


def setup_logs(site: Site) -> list[Path]:
    """The logs that engine-setup and engine-cleanup left."""
    return sorted((site.prefix / "var/log/ovirt-engine/setup").glob("*.log"))
