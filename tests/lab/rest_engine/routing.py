# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which function answers which request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree.ElementTree import Element

from .engine import Engine
from .refusals import NotFound, Refusal
from .xml import find, is_true


@dataclass
class Request:
    """What was asked, and by whom."""

    method: str
    path: str  # below /ovirt-engine/api, without slashes at its ends
    query: dict[str, str] = field(default_factory=dict)
    body: Element | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def is_set(self, name: str, default: bool = False) -> bool:
        """A boolean of the query."""
        return is_true(self.query[name]) if name in self.query else default

    def wants_all_content(self) -> bool:
        """Whether the configuration is asked for, too."""
        return self.is_set("all_content", is_true(self.headers.get("all-content", "false")))

    def demand(self, kind: str, *names: str) -> None:
        """Refuse a body that lacks one of these elements; "a|b" is one of both."""
        for name in names:
            if not any(self._has(path) for path in name.split("|")):
                raise Refusal(
                    400, "{} [{}] required for add".format(kind, name.replace("/", ".")), "Incomplete parameters"
                )

    def _has(self, path: str) -> bool:
        if self.body is None:
            return False
        if path.endswith("/id"):
            named = self.body.find(path[:-3])
            return named is not None and bool(named.get("id"))
        return find(self.body, path) is not None


class Answer(NamedTuple):
    """What is answered: a status and a document."""

    status: int
    root: Element | None


Handler = Callable[..., Answer]


class Route(NamedTuple):
    """A kind of request: its name is what faults and counts know it by."""

    method: str
    pattern: re.Pattern[str]
    name: str
    handler: Handler


ROUTES: list[Route] = []


def route(method: str, template: str, name: str) -> Callable[[Handler], Handler]:
    """Register a function for a path; {} stands for an id, given to the function."""

    def register(handler: Handler) -> Handler:
        pattern = re.compile(re.escape(template).replace(r"\{\}", "([^/]+)"))
        ROUTES.append(Route(method, pattern, name, handler))
        return handler

    return register


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route of a request and the ids in its path."""
    for candidate in ROUTES:
        match = candidate.pattern.fullmatch(path)
        if match and candidate.method == method:
            return candidate, match.groups()
    return None


def answer(engine: Engine, request: Request) -> Answer:
    """Let the right function answer."""
    hit = find_route(request.method, request.path)
    if hit is None:
        raise NotFound
    chosen, identities = hit
    return chosen.handler(engine, request, *identities)
