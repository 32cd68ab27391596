# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Option specifications that the vm_* modules share; the doc fragments are their twins.

This file is private to the collection.
"""

from typing import Any, Dict

from ansible.module_utils.basic import env_fallback

# The options of the collection ovirt.ovirt: its fact ovirt_auth and its variables of the environment serve both.
CONNECTION: Dict[str, Dict[str, Any]] = {
    "auth": {
        "type": "dict",
        "apply_defaults": True,
        "options": {
            "url": {"type": "str", "fallback": (env_fallback, ["OVIRT_URL"])},
            "hostname": {"type": "str", "fallback": (env_fallback, ["OVIRT_HOSTNAME"])},
            "username": {"type": "str", "fallback": (env_fallback, ["OVIRT_USERNAME"])},
            "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["OVIRT_PASSWORD"])},
            "token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["OVIRT_TOKEN"])},
            "ca_file": {"type": "path", "fallback": (env_fallback, ["OVIRT_CAFILE"])},
            "insecure": {"type": "bool", "default": False},
            "headers": {"type": "dict"},
            "kerberos": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 0},
            "compress": {"type": "bool", "default": True},
        },
    }
}
WAITING: Dict[str, Dict[str, Any]] = {
    "timeout": {"type": "int", "default": 3600},
    "poll_interval": {"type": "float", "default": 3},
}
