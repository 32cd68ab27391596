# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that engine-config knows, and how it is asked. This file is private to the collection.

Source: oVirt engine-config, EngineConfigLogic and engine-config.properties.
"""

import re
from typing import List

from .._common.errors import Problem

PASSWORD_TYPES = ("Password", "CompositePassword")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_VERSION = re.compile(r"(general|\d+\.\d+)\Z")
_SOUNDS_SECRET = re.compile(r"passw|pass\Z|secret", re.IGNORECASE)


def type_of_option(properties: str, name: str) -> str:
    """Return the type that the properties give an option, String where they give none, empty for an unknown option."""
    found = ""
    for line in properties.splitlines():
        key, separator, value = line.partition("=")
        option, dot, attribute = key.strip().partition(".")
        if separator and dot and option == name:
            found = value.strip() if attribute == "type" else found or "String"
    return found


def check_option(name: str, version: str, kind: str) -> List[Problem]:
    """Return why an option is not read or set with engine-config; ``kind`` is its type."""
    problems = []
    if not _NAME.match(name):
        problems.append(Problem("option_name_invalid", "'%s' can not be the name of an option of engine-config" % name))
    if not _VERSION.match(version):
        text = "'%s' is no version of an option: write general, or a compatibility version such as 4.7" % version
        problems.append(Problem("option_version_invalid", text))
    if kind in PASSWORD_TYPES or _SOUNDS_SECRET.search(name):
        text = "%s is a password: engine-config does not show it, and a value in its command line is seen by everybody"
        problems.append(Problem("option_is_secret", text % name))
    return problems


def get_arguments(name: str, version: str) -> List[str]:
    """Return the arguments that read an option."""
    return ["-g", name, "--cver=" + version]


def set_arguments(name: str, version: str, value: str) -> List[str]:
    """Return the arguments that set an option."""
    return ["-s", "%s=%s" % (name, value), "--cver=" + version]
