# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML as the API speaks it: building, reading and writing elements."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

ROOT = "/ovirt-engine/api/"
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")

Scalar = str | int | bool | None


def element(tag: str, *children: Element | None, **attributes: str) -> Element:
    """An element; children that are None are left out."""
    made = Element(tag, attributes)
    made.extend(child for child in children if child is not None)
    return made


def text(tag: str, value: Scalar) -> Element | None:
    """An element with a text; nothing where there is no value."""
    if value is None:
        return None
    made = Element(tag)
    made.text = NOT_IN_XML.sub("", str(value).lower() if isinstance(value, bool) else str(value))
    return made


def texts(**values: Scalar) -> list[Element]:
    """One element per value that is there."""
    return [made for made in (text(tag, value) for tag, value in values.items()) if made is not None]


def reference(tag: str, collection: str, identity: str) -> Element:
    """A reference to another object: its id and where to read it."""
    return element(tag, href=ROOT + collection + "/" + identity, id=identity)


def link(path: str, name: str) -> Element:
    """A link to what belongs to an object."""
    return element("link", href=ROOT + path + "/" + name, rel=name)


def write(root: Element) -> bytes:
    """The document as the engine sends it."""
    ElementTree.indent(root, "    ")
    return b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + ElementTree.tostring(root) + b"\n"


def find(root: Element | None, path: str) -> str | None:
    """The text at a path; None where there is no such element."""
    found = None if root is None else root.find(path)
    return None if found is None else (found.text or "").strip()


def find_true(root: Element | None, path: str, default: bool = False) -> bool:
    """A boolean at a path."""
    value = find(root, path)
    return default if value is None else is_true(value)


def is_true(value: str) -> bool:
    """What the API takes for true."""
    return value.lower() in ("true", "t", "yes", "y", "1")


def find_id(root: Element | None, path: str) -> str:
    """The id of a reference at a path; empty where there is none."""
    found = None if root is None else root.find(path)
    return "" if found is None else found.get("id", "")
