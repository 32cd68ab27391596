# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All the resources: importing them fills the table of routes."""

from __future__ import annotations

from . import attachments, disks, events, imports, infrastructure, nics, permissions, snapshots, vms
from .routing import ROUTES, find_route

MODULES = (attachments, disks, events, imports, infrastructure, nics, permissions, snapshots, vms)


def table() -> str:
    """The kinds of requests as text, one per line."""
    rows = sorted((route.name, route.method, route.pattern.pattern) for route in ROUTES)
    return "\n".join("{:<32} {:<7} {}".format(*row).replace("([^/]+)", "ID") for row in rows)


__all__ = ["find_route", "table"]
