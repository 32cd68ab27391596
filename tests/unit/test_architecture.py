# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that no linter can hold: which files may do I/O, one exit of a module, and the budget of size.

import-linter holds the imports between packages and ruff the single places of libraries (pyproject.toml).
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tooling.io_files import IO_FILES, MODULE_UTILS, is_pure
from tooling.places import ROOT

# The part of the standard library that does no I/O and knows no clock, no environment and no machine.
PURE = frozenset(
    """
    __future__ abc base64 binascii bisect calendar codecs collections copy datetime decimal difflib enum fnmatch
    functools hashlib heapq io itertools json keyword math numbers operator posixpath re shlex string struct textwrap
    types typing unicodedata uuid xml.etree zlib
    """.split()
)
# What of those, and of time, reaches outside all the same. "time" itself may only be imported to convert a time.
CONVERTS_TIMES = "_common/times.py"
IMPURE_CALLS = frozenset(
    "open print input exec eval compile __import__ time.time time.sleep time.monotonic uuid.uuid1 uuid.uuid4".split()
)
NOW = ("now", "utcnow", "today")

EXITS = frozenset(["fail_json", "exit_json"])
EXIT = "_common/module_runner.py"
FOREIGN_ERRORS = frozenset(["Exception", "BaseException", "RuntimeError", "SystemExit"])

FILE_LINES, MODULE_LINES, FUNCTION_LINES = 300, 150, 50
DOCUMENTATION = frozenset(["DOCUMENTATION", "EXAMPLES", "RETURN"])


def sources(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def runtime_imports(name: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each import as a module of the standard library or as a file of module_utils."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "", node.lineno
        elif isinstance(node, ast.ImportFrom):
            package = name.split("/")[: -node.level]
            start = "/".join([*package, *filter(None, (node.module or "").split("."))])
            for alias in node.names:
                file = f"{start}.py"
                yield (file if (MODULE_UTILS / file).is_file() else f"{start}/{alias.name}.py"), node.lineno
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from runtime_imports(name, node)


def impurities(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield why a file is not pure."""
    for target, line in runtime_imports(name, tree):
        allowed = (
            is_pure(target) if target.endswith(".py") else target in PURE or (target, name) == ("time", CONVERTS_TIMES)
        )
        if not allowed:
            yield f"{name}:{line}: imports {target}"
    for node in ast.walk(tree):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called in IMPURE_CALLS or (called.startswith("datetime.") and called.rpartition(".")[2] in NOW):
            yield f"{name}:{node.lineno}: calls {called}()"


def exits(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in EXITS and not name.endswith(EXIT):
            yield f"{name}:{node.lineno}: {node.attr} belongs into {EXIT}"


def foreign_errors(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield what is raised and is no child of BackupError."""
    for node in ast.walk(tree):
        raised = node.exc if isinstance(node, ast.Raise) else None
        error = raised.func if isinstance(raised, ast.Call) else raised
        if isinstance(error, ast.Name) and error.id in FOREIGN_ERRORS:
            yield f"{name}:{error.lineno}: raises {error.id}"


def excesses(name: str, text: str) -> Iterator[str]:
    """Yield what of a file is too long: lines of code without documentation, and functions."""
    tree = ast.parse(text)
    apart: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and is_documentation(node):
            apart.update(range(node.lineno, (node.end_lineno or 0) + 1))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES:
            yield f"{name}:{node.lineno}: {node.name}() has more than {FUNCTION_LINES} lines"
    lines = enumerate(text.splitlines(), 1)
    code = sum(1 for number, line in lines if number not in apart and line.strip() and line.strip()[0] != "#")
    allowed = MODULE_LINES if "plugins/modules/" in name else FILE_LINES
    if code > allowed:
        yield f"{name}: {code} lines of code, {allowed} are allowed"


def is_documentation(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id in DOCUMENTATION for target in node.targets)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_files_that_are_not_listed_do_no_io() -> None:
    assert [found for name, tree in sources(MODULE_UTILS) if is_pure(name) for found in impurities(name, tree)] == []


def test_every_listed_file_needs_its_place() -> None:
    needless = [name for name, tree in sources(MODULE_UTILS) if name in IO_FILES and not list(impurities(name, tree))]
    assert needless == []
    assert [name for name in IO_FILES if not (MODULE_UTILS / name).is_file()] == []


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("import os\n", "imports os"),
        ("import subprocess\n", "imports subprocess"),
        ("import time\n", "imports time"),
        ("from .._common.files import Lock\n", "imports _common/files.py"),
        ("from .._common import files\n", "imports _common/files.py"),
        ("def f():\n    import socket\n", "imports socket"),
        ("open('x')\n", "calls open()"),
        ("import datetime\ndatetime.datetime.now()\n", "calls datetime.datetime.now()"),
        ("import uuid\nuuid.uuid4()\n", "calls uuid.uuid4()"),
    ],
)
def test_planted_impurity_is_named(code: str, named: str) -> None:
    (found,) = impurities("_engine/rules.py", ast.parse(code))
    assert named in found


def test_types_alone_make_nothing_impure() -> None:
    code = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .._common.files import Lock\n"
    assert list(impurities("_engine/rules.py", ast.parse(code))) == []


def test_results_leave_through_one_door() -> None:
    assert [found for name, tree in sources(ROOT / "plugins") for found in exits(name, tree)] == []
    assert list(exits("modules/x.py", ast.parse("def f(module):\n    module.fail_json(msg='x')\n")))


def test_errors_are_of_one_family() -> None:
    assert [found for name, tree in sources(ROOT / "plugins") for found in foreign_errors(name, tree)] == []
    assert list(foreign_errors("modules/x.py", ast.parse("raise RuntimeError('x')\n")))


@pytest.mark.parametrize("folder", ["plugins", "tests/lab"])
def test_files_and_functions_are_short(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    names = [(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
    assert [found for name, text in names for found in excesses(name, text)] == []


def test_planted_length_is_named() -> None:
    assert list(excesses("plugins/modules/x.py", '"""' + "text\n" * 200 + '"""\n' + "x = 1\n" * 150)) == []
    assert list(excesses("plugins/modules/x.py", "x = 1\n" * 151)) == [
        "plugins/modules/x.py: 151 lines of code, 150 are allowed"
    ]
    assert list(excesses("x.py", "def f():\n" + "    x = 1\n" * 50)) == ["x.py:1: f() has more than 50 lines"]


@pytest.mark.parametrize(
    ("name", "code", "rule"),
    [
        ("plugins/module_utils/_engine/services.py", "import subprocess\n", "TID251"),
        ("plugins/module_utils/_engine/services.py", "import os\n\nos.system('x')\n", "TID251"),
        ("plugins/module_utils/_engine/state.py", "from psycopg2 import sql\n", "TID251"),
        ("plugins/module_utils/_vm/permits.py", "import ovirtsdk4\n", "TID251"),
        ("plugins/modules/x.py", "try:\n    pass\nexcept Exception as error:\n    print(error)\n", "BLE001"),
        ("plugins/modules/x.py", "try:\n    pass\nexcept:\n    pass\n", "E722"),
    ],
)
def test_ruff_names_what_is_planted(name: str, code: str, rule: str) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--stdin-filename", name, "-"]
    said = subprocess.run(ruff, cwd=ROOT, input=code, stdout=subprocess.PIPE, text=True, check=False).stdout
    assert rule in said


PLANTED_IMPORTS = {
    "module_utils/_engine/planted.py": "from .._vm import model",
    "module_utils/_vm/planted.py": "from .._postgres import model",
    "module_utils/_dump/planted.py": "from .._archive import model",
    "module_utils/_common/planted.py": "from ansible.module_utils.basic import AnsibleModule",
    "module_utils/_other/planted.py": "import re",
    "modules/planted.py": "from . import engine_info",
    "lookup/planted.py": "from ..modules import engine_info",
}


def test_import_linter_names_what_is_planted(tmp_path: Path) -> None:
    collection = tmp_path / "ansible_collections" / "ovirt" / "backup"
    shutil.copytree(ROOT / "plugins", collection / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    for name, code in PLANTED_IMPORTS.items():
        (collection / "plugins" / name).parent.mkdir(exist_ok=True)
        (collection / "plugins" / name).write_text(code + "\n", encoding="utf-8")
    lint = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(lint, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    planted = [name[:-3].replace("/", ".") for name in PLANTED_IMPORTS]
    assert done.returncode == 1
    assert [name for name in planted if f"{name} -> " not in done.stdout and "_other" not in name] == []
    assert "_other" in done.stdout
