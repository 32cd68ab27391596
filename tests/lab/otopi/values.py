# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed values as they stand in answer files and on the command line: type:value."""

from __future__ import annotations

from typing import Union

Value = Union[None, bool, int, str, list[str]]
FALSE = ("f", "F", "false", "False")


def parse(text: str) -> Value:
    """The value; every bool but a few words is true, also "no" and "0"."""
    kind, colon, value = text.partition(":")
    if not colon:
        raise ValueError("Missing variable type")
    if kind == "none":
        return None
    if kind == "bool":
        return value not in FALSE
    if kind == "int":
        return int(value)
    if kind == "str":
        return value
    if kind == "multi-str":
        return value.splitlines()
    raise KeyError("Invalid variable type {}".format(kind))


def type_name(value: Value) -> str:
    """The word in front of the colon."""
    if value is None:
        return "none"
    for kind, name in ((bool, "bool"), (int, "int"), (str, "str")):
        if isinstance(value, kind):
            return name
    return "multi-str"
