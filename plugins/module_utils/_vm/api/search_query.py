# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's search language: what a text must look like to be searched for. This file is private to the collection.

The engine compares without regard to case, knows no way to write a quote within quotes, and refuses what looks to it
like SQL. So every other character becomes the wildcard, and who searches compares what was found with what was meant.
"""

import re
from typing import Sequence

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
# Letters and digits of every language, and what is a plain character to the engine. Two dashes begin a comment in SQL.
NOT_PLAIN = re.compile(r"(?:[^\w .@:-]|--+)+")


def is_id(text: str) -> bool:
    """Is it an id of the engine, not a name?"""
    return bool(UUID.match(text))


def quote(text: str) -> str:
    """Return a text as a value of a search."""
    return '"%s"' % NOT_PLAIN.sub("*", text)


def equals(field: str, text: str) -> str:
    """Return the search for objects whose field is a text, and for some more."""
    return "%s=%s" % (field, quote(text))


def begins(field: str, text: str) -> str:
    """Return the search for objects whose field begins with a text, and for some more."""
    return "%s=%s" % (field, quote(text.rstrip() + "*"))


def named(names: Sequence[str]) -> str:
    """Return the search for objects of these names or ids, and for some more."""
    return " or ".join(equals("id" if is_id(name) else "name", name) for name in names)


def any_equals(field: str, texts: Sequence[str]) -> str:
    """Return the search for objects whose field is one of the texts, and for some more."""
    return " or ".join(equals(field, text) for text in texts)
