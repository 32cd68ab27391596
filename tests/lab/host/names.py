# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of the host's name that engine-setup and engine-cleanup share."""

from __future__ import annotations

import socket

from ..otopi.dialog import Dialog

NO_DOMAIN = "Host name {} has no domain suffix"
INVALID = "Host name is not valid: {} did not resolve into an IP address"
NOT_IN_DNS = "Failed to resolve {} using DNS, it can be resolved only locally"


def validate(dialog: Dialog, name: str, own: str) -> None:
    """The system must find an address; that of the lab itself counts as found. No name of a lab stands in a DNS."""
    if "." not in name:
        dialog.warning(NO_DOMAIN.format(name))
    if name != own and not _resolves(name):
        raise RuntimeError(INVALID.format(name))
    dialog.warning(NOT_IN_DNS.format(name))


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False
