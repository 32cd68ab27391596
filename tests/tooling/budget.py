# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The budget of size and complexity: small files, short functions, few decisions in each."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILE_LINES = 300
MODULE_LINES = 150
FUNCTION_LINES = 50
MEDIAN_FUNCTION_LINES = 12
MAIN_LINES = 20
COMPLEXITY = 10

DOCUMENTATION = frozenset(["DOCUMENTATION", "EXAMPLES", "RETURN"])
AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef
DECISIONS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.comprehension)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class Function(NamedTuple):
    name: str
    lines: int
    complexity: int


def find_excesses(root: Path, folders: tuple[str, ...] = ("plugins", "tests/lab", "tests/tooling")) -> list[str]:
    """Return what is over the budget below the folders as "path: what"."""
    found = []
    for folder in folders:
        lengths = []
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            text = path.read_text(encoding="utf-8")
            functions = list(measure_functions(ast.parse(text, name)))
            lengths += [function.lines for function in functions]
            found += [f"{name}: {excess}" for excess in (*file_excess(name, text), *function_excesses(functions))]
        if lengths and statistics.median(lengths) > MEDIAN_FUNCTION_LINES:
            found.append(f"{folder}: the median function has {statistics.median(lengths)} lines")
    return found


def file_excess(name: str, text: str) -> Iterator[str]:
    lines = count_code_lines(text)
    allowed = MODULE_LINES if name.startswith("plugins/modules/") else FILE_LINES
    if lines > allowed:
        yield f"{lines} code lines, {allowed} are allowed"


def function_excesses(functions: list[Function]) -> Iterator[str]:
    for name, lines, complexity in functions:
        allowed = MAIN_LINES if name == "main" else FUNCTION_LINES
        if lines > allowed:
            yield f"{name}() has {lines} lines, {allowed} are allowed"
        if complexity > COMPLEXITY:
            yield f"{name}() has complexity {complexity}, {COMPLEXITY} is allowed"


def count_code_lines(text: str) -> int:
    """Count lines that are neither blank, comment, docstring nor a module's documentation."""
    apart: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt) and is_documentation(node):
            apart.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for number, line in lines if number not in apart and line.strip() and line.strip()[0] != "#")


def is_documentation(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id in DOCUMENTATION for target in node.targets)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def measure_functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, AnyFunction):
            yield Function(node.name, (node.end_lineno or node.lineno) - node.lineno + 1, measure_complexity(node))


def measure_complexity(function: AnyFunction) -> int:
    """Count the decisions in a function, plus one; functions inside it count for themselves."""
    return 1 + sum(decisions(node) for node in walk_scope(function))


def walk_scope(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, SCOPES):
            yield from walk_scope(child)


def decisions(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    return int(isinstance(node, DECISIONS))
