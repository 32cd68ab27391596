# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents say what the code says: every error code, no other; options that exist; commands that parse."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from functional import documents
from tooling import interfaces
from tooling.places import ROOT

CODE = re.compile(r"[a-z]+(_[a-z]+)*")
ROW = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
ROLE_VARIABLE = re.compile(r"\bengine_backup_[a-z_]+")
FIRST, SECOND = 0, 1
LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")

DOCUMENTS = documents.list_documents(ROOT)
BLOCKS = [block for path in DOCUMENTS for block in documents.read_blocks(path)]
TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"
EXPECTED = ("architecture.md", "engine_backup.md", "proof.md", "quick_start.md", "troubleshooting.md")


def find_codes(trees: list[ast.AST]) -> set[str]:
    """Return every error code that the code can give, from where codes stand: see the planted source below."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    values = [value for call in calls for value in codes_of_call(call)]
    values += [node.value for node in nodes if is_code_assignment(node)]
    values = [value.value if isinstance(value, ast.Starred) else value for value in values]
    makers = {called_name(value) for value in values if isinstance(value, ast.Call)}
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name in makers]
    values += [node.value for function in functions for node in ast.walk(function) if isinstance(node, ast.Return)]
    found = {text for value in values for text in constants(value)}
    suffixes = {text for value in values if isinstance(value, ast.BinOp) for text in constants(value.right)}
    checks = [call for call in calls if called_name(call) == "check_directory" and len(call.args) > SECOND]
    prefixes = {text for call in checks for text in constants(call.args[SECOND])}
    return {text for text in found | {p + s for p in prefixes for s in suffixes} if CODE.fullmatch(text)}


def codes_of_call(call: ast.Call) -> Iterator[ast.expr]:
    name = called_name(call)
    if name in ("Problem", "problem", "ToolReport"):
        yield from call.args[FIRST : FIRST + 1]
    elif name.endswith("Error"):
        yield from call.args[SECOND : SECOND + 1]
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "code")


def is_code_assignment(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == "code" for target in targets)


def called_name(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def constants(value: ast.AST | None) -> Iterator[str]:
    """The texts that an expression can be, where it is a text, a choice between texts, or a tuple that begins so."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from constants(value.body)
        yield from constants(value.orelse)
    elif isinstance(value, ast.Tuple) and value.elts:
        yield from constants(value.elts[0])


def plugin_trees() -> list[ast.AST]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "plugins").rglob("*.py"))]


def documented_codes() -> list[str]:
    return ROW.findall(TROUBLESHOOTING.read_text(encoding="utf-8"))


def test_the_documents_are_there() -> None:
    assert [name for name in EXPECTED if not (ROOT / "docs" / name).is_file()] == []


def test_every_error_code_is_explained() -> None:
    assert sorted(find_codes(plugin_trees()) - set(documented_codes())) == []


def test_no_unknown_error_code_is_explained() -> None:
    assert sorted(set(documented_codes()) - find_codes(plugin_trees())) == []


def test_each_error_code_is_explained_once() -> None:
    codes = documented_codes()
    assert sorted({code for code in codes if codes.count(code) > 1}) == []


def test_planted_codes_are_found() -> None:
    source = """
class Gone(BackupError):
    code = "as_attribute"

def check_directory(path, code, what):
    return [Problem(code + "_missing", "text")]

def name_it(status):
    return "returned_one" if status else "returned_two"

def check_it(error):
    return "returned_three"

def explain(error):
    return "returned_four", "text"

def body(error):
    code = "assigned"
    code = name_it(1)
    self.problem("by_method", "text")
    self.problem(check_it(error), "text")
    self.problem(*explain(error))
    check_directory("/x", "prefix", "text")
    raise BackupError("text", "second_argument", phase="not_a_code")
    raise CommandError("text", code="as_keyword")
    return [Problem("first_argument", "text"), Problem("yes" if error else "no", "text"), Problem(error.code, "text")]
"""
    planted = """
        as_attribute prefix_missing returned_one returned_two returned_three returned_four by_method assigned
        second_argument as_keyword first_argument yes no
    """
    assert find_codes([ast.parse(source)]) == set(planted.split())


@pytest.mark.ansible
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_only_variables_that_the_role_has(path: Path) -> None:
    known = {*interfaces.read_role(ROOT / "roles" / "engine_backup")[1], "engine_backup_hosts"}
    known |= {*interfaces.modules(ROOT)} | {f"engine_backup_{word}" for word in ("log", "fetch")}
    text = path.read_text(encoding="utf-8")
    assert sorted(set(ROLE_VARIABLE.findall(text)) - known) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = [target for target, _anchor in LINK.findall(path.read_text(encoding="utf-8"))]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block_of_a_document_parses(block: documents.Block) -> None:
    assert block.language in ("console", "yaml", "text"), f"say what {block} is"
    if block.language == "yaml":
        assert yaml.safe_load(block.text)
    if block.language == "console":
        done = subprocess.run(["bash", "-n", "-c", block.text], stderr=subprocess.PIPE, check=False, text=True)
        assert done.stderr == ""


def test_planted_blocks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text(
        "text\n\n<!-- file: site.yml -->\n```yaml\na: 1\n```\n\n<!-- not run by the tests: no bus -->\n"
        "```console\nfly\n```\n\n```console\nwalk\n```\n"
    )
    assert [(block.language, block.text, block.file, block.is_run) for block in documents.read_blocks(path)] == [
        ("yaml", "a: 1\n", "site.yml", False),
        ("console", "fly\n", "", False),
        ("console", "walk\n", "", True),
    ]
