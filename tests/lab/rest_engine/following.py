# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The follow parameter: links in an answer are replaced by what they lead to."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from .engine import Engine
from .refusals import NotFound
from .routing import Request, answer
from .xml import ROOT


def follow(engine: Engine, request: Request, root: Element) -> None:
    """Replace the links that the request names."""
    paths = [path for path in request.query.get("follow", "").split(",") if path]
    if not paths:
        return
    objects = list(root) if root.get("id") is None and root.get("href") is None else [root]
    for item in objects:
        for path in paths:
            _follow_path(engine, request, item, path.strip().split("."))


def _follow_path(engine: Engine, request: Request, item: Element, path: list[str]) -> None:
    target = _replace(engine, request, item, path[0])
    if target is None or len(path) == 1:
        return
    for inner in list(target) if target.get("id") is None else [target]:
        _follow_path(engine, request, inner, path[1:])


def _replace(engine: Engine, request: Request, item: Element, name: str) -> Element | None:
    """Put in the object or collection of that name; return it."""
    child = item.find(name)
    if child is not None:
        return _fill(engine, request, child)
    for linked in item.findall("link"):
        if linked.get("rel") == name.replace("_", ""):
            content = _read(engine, request, linked.get("href", ""))
            if content is None:
                return None
            item.remove(linked)
            item.append(content)
            return content
    return None


def _fill(engine: Engine, request: Request, child: Element) -> Element:
    href = child.get("href", "")
    # Followed already, by another path that begins the same way.
    content = None if len(child) or not href else _read(engine, request, href)
    if content is not None:
        child.attrib.update(content.attrib)
        child.extend(list(content))
    return child


def _read(engine: Engine, request: Request, href: str) -> Element | None:
    inner = Request("GET", href[len(ROOT) :], {}, None, request.headers)
    try:
        return answer(engine, inner).root
    except NotFound:
        return None
