# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The follow parameter: what links lead to is sent along.

As in the engine: in lists and in single objects, nested; the links themselves stay. A link that is not there, or that
leads to nothing, makes the whole request fail.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from .engine import Engine
from .refusals import NotFound, Refusal
from .routing import Request, answer
from .xml import ROOT

Tree = dict[str, "Tree"]
# Below a list of virtual machines snapshots come plain: without their virtual machine, all of them with their links.
PLAIN = {("vms", "snapshots"): {"plain": "true"}}


def follow(engine: Engine, request: Request, root: Element) -> None:
    """Send along what the links lead to that the request names."""
    paths = [path.strip().split(".") for path in request.query.get("follow", "").split(",") if path.strip()]
    objects = list(root) if is_collection(root) else [root]
    _Follower(engine, request, root.tag).follow(objects, _grow(paths))


def is_collection(item: Element) -> bool:
    """Is it a list of objects?"""
    return item.get("id") is None and item.get("href") is None


def _grow(paths: list[list[str]]) -> Tree:
    tree: Tree = {}
    for path in paths:
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
    return tree


class _Follower:
    """One request that follows links, from a list or an object of that tag."""

    def __init__(self, engine: Engine, request: Request, root: str) -> None:
        self._engine = engine
        self._request = request
        self._root = root

    def follow(self, objects: list[Element], tree: Tree) -> None:
        for name, branch in tree.items():
            reached = [self._bring(item, name) for item in objects]
            inner = [one for found in reached for one in (list(found) if is_collection(found) else [found])]
            self.follow(inner, branch)

    def _bring(self, item: Element, name: str) -> Element:
        """Put in the object or list of that name; return it."""
        child = item.find(name)
        if child is not None:
            content = self._read(child.get("href"), name)
            child.attrib.update(content.attrib)
            child[:] = list(content)
            return child
        hrefs = [one.get("href") for one in item.findall("link") if one.get("rel") == name.replace("_", "")]
        content = self._read(hrefs[0] if hrefs else None, name)
        item.append(content)
        return content

    def _read(self, href: str | None, name: str) -> Element:
        if href is None:
            raise _failure()
        inner = Request("GET", href[len(ROOT) :], PLAIN.get((self._root, name), {}), None, self._request.headers)
        try:
            content = answer(self._engine, inner).root
        except (NotFound, Refusal):
            raise _failure() from None
        if content is None:
            raise _failure()
        return content


def _failure() -> Refusal:
    return Refusal(500, "[Internal Engine Error]")
