# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of dependency between the layers, read from the syntax tree. docs/architecture.md says why they are so."""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

COLLECTION = "ansible_collections.ovirt.backup."


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The part of the standard library that does no I/O and knows no clock, no environment and no machine ...
PURE = words("""
    __future__ abc base64 binascii bisect calendar codecs collections copy datetime decimal difflib enum fnmatch
    functools hashlib heapq io itertools json keyword math numbers operator posixpath re shlex string struct textwrap
    types typing unicodedata zlib
""")
# ... and what is pure in the rest. The clocks among these want the time as an argument.
PURE_PARTS = words("""
    os.path.basename os.path.commonprefix os.path.dirname os.path.isabs os.path.join os.path.normpath os.path.sep
    os.path.split os.path.splitext pathlib.PurePath pathlib.PurePosixPath time.gmtime time.strftime time.strptime
    uuid.UUID uuid.uuid5 xml.etree.ElementTree.Element xml.etree.ElementTree.ParseError xml.etree.ElementTree.SubElement
    xml.etree.ElementTree.fromstring xml.etree.ElementTree.register_namespace xml.etree.ElementTree.tostring
""")
CLOCKS = {"time.gmtime": 1, "time.strftime": 2}
CLOCK_METHODS = words("now utcnow today")
IMPURE_BUILTINS = words("open input print exec eval compile __import__")
PROCESSES = words("system popen fork forkpty posix_spawn posix_spawnp startfile")


class Layer(NamedTuple):
    may_import: frozenset[str]
    foreign: frozenset[str] = frozenset()
    pure: bool = False


def layer(may_import: str, foreign: str = "", pure: bool = False) -> Layer:
    return Layer(words(may_import), words(foreign), pure)


LAYERS = {
    "_core": layer("_core", pure=True),
    "_flows": layer("_core _flows", pure=True),
    "_host": layer("_core _host", "psycopg2"),
    "_api": layer("_core _api", "ovirtsdk4 pycurl ovirt_imageio"),
    "_ansible": layer("_core _ansible", "ansible"),
    "modules": layer("_core _host _api _flows _ansible", "ansible"),
    "lookup": layer("_core _host", "ansible"),
    "action": layer("_core", "ansible"),
}

# What only one place may import or call.
ONLY_IN = {
    "subprocess": "plugins/module_utils/_host/command.py",
    "psycopg2": "plugins/module_utils/_host/database.py",
    "ovirtsdk4": "plugins/module_utils/_api/",
    "pycurl": "plugins/module_utils/_api/",  # what the SDK itself stands on
    "ovirt_imageio": "plugins/module_utils/_api/",
}
EXITS = words("fail_json exit_json")
EXITS_ONLY_IN = "plugins/module_utils/_ansible/run.py"


class Source(NamedTuple):
    """One file; ``name`` is its path below the collection, with slashes."""

    name: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        parts = self.name.split("/")
        return parts[2] if parts[1] == "module_utils" else parts[1]


class Import(NamedTuple):
    """One imported name, absolute: plugins.module_utils._core.errors, json, ansible.module_utils.basic."""

    target: str
    line: int

    @property
    def top(self) -> str:
        return self.target.split(".")[0]


Rule = Callable[[Source], Iterator[str]]


def find_breaches(collection: Path) -> list[str]:
    """Return every breach below plugins/ and tests/lab/ as "path:line: what"."""
    found = []
    for source in read_sources(collection, "plugins"):
        for rule in PLUGIN_RULES:
            found += [f"{source.name}:{breach}" for breach in rule(source)]
    for source in read_sources(collection, "tests/lab"):
        found += [f"{source.name}:{breach}" for breach in lab_shares_nothing(source)]
    return found


def read_sources(collection: Path, folder: str) -> Iterator[Source]:
    for path in sorted((collection / folder).rglob("*.py")):
        yield Source(path.relative_to(collection).as_posix(), ast.parse(path.read_text(encoding="utf-8"), str(path)))


def list_imports(source: Source) -> Iterator[Import]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name.removeprefix(COLLECTION), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            start = resolve(source, node).removeprefix(COLLECTION)
            for alias in node.names:
                yield Import(f"{start}.{alias.name}", node.lineno)


def resolve(source: Source, node: ast.ImportFrom) -> str:
    """Make a relative import absolute."""
    if not node.level:
        return node.module or ""
    package = source.name.split("/")[: -node.level]
    return ".".join([*package, *filter(None, [node.module])])


def layer_of(target: str) -> str | None:
    """Return the layer of an import of our own; None for the rest."""
    parts = target.split(".")
    if parts[0] != "plugins" or len(parts) < 3:
        return None
    return parts[2] if parts[1] == "module_utils" else parts[1]


def layers_are_kept(source: Source) -> Iterator[str]:
    for one in list_imports(source) if source.layer in LAYERS else ():
        other = layer_of(one.target)
        if other and other not in LAYERS[source.layer].may_import:
            yield f"{one.line}: {source.layer} imports {other} ({one.target})"


def foreign_libraries_stay_where_they_belong(source: Source) -> Iterator[str]:
    for one in list_imports(source) if source.layer in LAYERS else ():
        known = {"plugins", *sys.stdlib_module_names, *LAYERS[source.layer].foreign}
        if one.top not in known:
            yield f"{one.line}: {source.layer} imports the foreign library {one.top}"


def single_places_are_kept(source: Source) -> Iterator[str]:
    for one in list_imports(source):
        place = ONLY_IN.get(one.top)
        if place and not source.name.startswith(place):
            yield f"{one.line}: {one.top} is imported outside {place}"


def pure_layers_import_what_is_pure(source: Source) -> Iterator[str]:
    for one in list_imports(source) if must_be_pure(source) else ():
        if not is_pure(one.target):
            yield f"{one.line}: {source.layer} is pure and imports {one.target}"


def pure_layers_do_no_io(source: Source) -> Iterator[str]:
    imported = {one.top for one in list_imports(source)}
    for node in ast.walk(source.tree) if must_be_pure(source) else ():
        if isinstance(node, ast.Call) and reaches_outside(ast.unparse(node.func), len(node.args)):
            yield f"{node.lineno}: {source.layer} is pure and calls {ast.unparse(node.func)}()"
        elif isinstance(node, ast.Attribute) and is_impure_use(ast.unparse(node), imported):
            yield f"{node.lineno}: {source.layer} is pure and uses {ast.unparse(node)}"


def is_impure_use(dotted: str, imported: set[str]) -> bool:
    return dotted.split(".")[0] in imported and not is_pure(dotted)


def must_be_pure(source: Source) -> bool:
    return source.layer in LAYERS and LAYERS[source.layer].pure


def is_pure(dotted: str) -> bool:
    """Tell whether a dotted name of the standard library is pure; names of anything else are."""
    top = dotted.split(".")[0]
    if top in PURE or top not in sys.stdlib_module_names:
        return True
    return any(part == dotted or part.startswith(dotted + ".") or dotted.startswith(part + ".") for part in PURE_PARTS)


def reaches_outside(called: str, arguments: int) -> bool:
    if called in CLOCKS:
        return arguments < CLOCKS[called]
    if called.split(".")[0] in ("datetime", "date"):
        return called.split(".")[-1] in CLOCK_METHODS
    return called in IMPURE_BUILTINS


def processes_start_in_one_place(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            starts = node.attr in PROCESSES or node.attr.startswith(("exec", "spawn"))
            if starts and not source.name.startswith(ONLY_IN["subprocess"]):
                yield f"{node.lineno}: os.{node.attr} is used outside {ONLY_IN['subprocess']}"


def results_leave_through_one_door(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in EXITS and source.name != EXITS_ONLY_IN:
            yield f"{node.lineno}: {node.attr} is used outside {EXITS_ONLY_IN}"


def ansible_module_is_wrapped(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and any("AnsibleModule" in ast.unparse(base) for base in node.bases):
            yield f"{node.lineno}: {node.name} inherits from AnsibleModule; wrap it"


def nobody_swallows_exceptions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and catches_everything(node) and not ends_in_raise(node):
            yield f"{node.lineno}: catches every exception and does not raise it again"


def catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(one, ast.Name) and one.id in ("Exception", "BaseException") for one in caught)


def ends_in_raise(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise)


def errors_are_of_one_family(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        raised = node.exc if isinstance(node, ast.Raise) else None
        name = raised.func if isinstance(raised, ast.Call) else raised
        if isinstance(name, ast.Name) and name.id in ("Exception", "BaseException", "RuntimeError", "SystemExit"):
            yield f"{name.lineno}: raises {name.id}, not a child of BackupError"


def check_mode_is_decided_above(source: Source) -> Iterator[str]:
    if source.layer not in ("_core", "_host", "_api"):
        return
    for node in ast.walk(source.tree):
        names = (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "arg", None))
        if "check_mode" in names or (isinstance(node, ast.Constant) and node.value == "check_mode"):
            yield f"{getattr(node, 'lineno', 1)}: {source.layer} looks at check_mode"


def lab_shares_nothing(source: Source) -> Iterator[str]:
    for one in list_imports(source):
        if one.top in ("plugins", "ansible_collections") or ".plugins." in f".{one.target}.":
            yield f"{one.line}: the lab shares code with what it tests: it imports {one.target}"


PLUGIN_RULES: tuple[Rule, ...] = (
    layers_are_kept,
    foreign_libraries_stay_where_they_belong,
    single_places_are_kept,
    pure_layers_import_what_is_pure,
    pure_layers_do_no_io,
    processes_start_in_one_place,
    results_leave_through_one_door,
    ansible_module_is_wrapped,
    nobody_swallows_exceptions,
    errors_are_of_one_family,
    check_mode_is_decided_above,
)
