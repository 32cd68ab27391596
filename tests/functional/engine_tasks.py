# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that look at an engine and steer it."""

from .playbooks import Task, plain

PREFIX = {"prefix": "{{ ovirt_prefix }}"}


def facts(**options: object) -> Task:
    """Read the engine."""
    return {"ovirt.backup.engine_info": {**PREFIX, **plain(options)}}


def services(state: str, *names: str, **options: object) -> Task:
    """Start or stop services."""
    return {"ovirt.backup.engine_service": {**PREFIX, "names": list(names), "state": state, **plain(options)}}


def option(name: str, **options: object) -> Task:
    """Read or set an option."""
    return {"ovirt.backup.engine_config": {**PREFIX, "name": name, **plain(options)}}
