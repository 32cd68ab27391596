# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search parameter: fields, blanks in quotes, an asterisk for anything, "and" and "or"."""

from __future__ import annotations

import fnmatch
import re
from typing import TypeVar

from .engine import Engine
from .refusals import Refusal
from .routing import Request

TERM = re.compile(r'([\w.]+)\s*(!?=)\s*(?:"([^"]*)"|(\S+))')
Record = TypeVar("Record")


def search(engine: Engine, request: Request, records: list[Record], fields: dict[str, str]) -> list[Record]:
    """Those of the records that the request asks for, as many as it wants."""
    text = request.query.get("search", "").strip()
    if text and engine.faults.get("search-ignored") is None:
        records = [record for record in records if _matches(record, text, fields)]
    most = int(request.query.get("max", "-1"))
    return records[:most] if most >= 0 else records


def _matches(record: object, text: str, fields: dict[str, str]) -> bool:
    text = re.sub(r"\s+(page \d+|sortby \w+( asc| desc)?)", "", " " + text, flags=re.IGNORECASE).strip()
    if not TERM.search(text):
        bare = "*" + text.strip('"*') + "*"
        return any(_is_like(str(getattr(record, name)), bare) for name in fields.values())
    alternatives = re.split(r"\s+or\s+", text, flags=re.IGNORECASE)
    return any(all(_holds(record, term, fields) for term in TERM.findall(one)) for one in alternatives)


def _holds(record: object, term: tuple[str, str, str, str], fields: dict[str, str]) -> bool:
    name, operator, quoted, plain = term
    if name.lower() not in fields:
        raise Refusal(400, "[Cannot search. The field {} is unknown.]".format(name))
    value = getattr(record, fields[name.lower()])
    values = value if isinstance(value, list) else [value]
    return any(_is_like(str(one), quoted or plain) for one in values) == (operator == "=")


def _is_like(value: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(value.lower(), re.sub(r"([\[?])", r"[\1]", pattern.lower()))
