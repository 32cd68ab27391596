# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented is what there is: options, defaults, action groups, return values, and every name in the docs."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tooling import interfaces
from tooling.places import ROOT

pytestmark = pytest.mark.ansible

MODULES = interfaces.modules(ROOT)
ROLES = interfaces.roles(ROOT)

OPTIONS: dict[str, Any] = {
    "directory": {"type": "path"},
    "scope": {"type": "list", "elements": "str", "default": ["all"], "choices": ["all", "db"]},
    "timeout": {"type": "int", "default": 7200},
    "auth": {"type": "dict", "required": True, "options": {"url": {"type": "str"}}},
}
RETURNS: dict[str, Any] = {
    "archive": {
        "description": "The archive.",
        "returned": "success",
        "type": "dict",
        "contains": {"scopes": {"description": "What is in it.", "type": "list", "elements": "str"}},
    }
}


def documentation() -> Iterator[str]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        yield path.read_text(encoding="utf-8")


def test_collection_has_modules_a_role_and_a_playbook() -> None:
    assert MODULES
    assert ROLES
    assert interfaces.playbooks(ROOT)


@pytest.mark.parametrize("name", MODULES)
def test_options_are_as_documented(name: str) -> None:
    module = interfaces.load_module(name)
    spec = interfaces.read_argument_spec(module)
    assert interfaces.compare_options(spec, interfaces.read_documented_options(module)) == []


@pytest.mark.parametrize("name", MODULES)
def test_return_values_are_described(name: str) -> None:
    returns = yaml.safe_load(interfaces.load_module(name).RETURN)
    assert interfaces.check_returns(returns) == []


@pytest.mark.parametrize("name", MODULES)
def test_examples_use_the_module(name: str) -> None:
    assert interfaces.check_examples(interfaces.load_module(name).EXAMPLES, name) == []


@pytest.mark.parametrize("name", ROLES)
def test_role_defaults_are_as_documented(name: str) -> None:
    assert interfaces.compare_defaults(*interfaces.read_role(ROOT / "roles" / name)) == []


@pytest.mark.parametrize("name", ROLES)
def test_role_has_a_readme_that_names_its_variables(name: str) -> None:
    readme = (ROOT / "roles" / name / "README.md").read_text(encoding="utf-8")
    options = interfaces.read_role(ROOT / "roles" / name)[1]
    assert [option for option in options if option not in readme] == []


def test_action_groups_are_complete() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert interfaces.compare_action_groups(runtime, {name: interfaces.read_fragments(name) for name in MODULES}) == []


def test_documentation_mentions_every_module_role_and_playbook() -> None:
    names = [*MODULES, *ROLES, *interfaces.playbooks(ROOT)]
    assert interfaces.unmentioned(names, documentation()) == []


@pytest.mark.parametrize(
    ("option", "key", "value", "named"),
    [
        ("directory", "type", "str", "directory: type is 'path', documented 'str'"),
        ("timeout", "default", 3600, "timeout: default is 7200, documented 3600"),
        ("timeout", "required", True, "timeout: required is False, documented True"),
        ("scope", "choices", ["all"], "scope: choices is"),
        ("scope", "elements", "int", "scope: elements is"),
        ("auth", "suboptions", {"url": {"type": "path"}}, "auth.url: type is 'str', documented 'path'"),
        ("auth", "suboptions", {}, "auth.url is not documented"),
    ],
)
def test_planted_difference_of_an_option_is_named(option: str, key: str, value: object, named: str) -> None:
    said = copy.deepcopy(OPTIONS)
    said["auth"]["suboptions"] = said["auth"].pop("options")
    assert interfaces.compare_options(OPTIONS, said) == []
    said[option][key] = value
    found = interfaces.compare_options(OPTIONS, said)
    assert len(found) == 1
    assert found[0].startswith(named)


def test_planted_names_of_options_are_named() -> None:
    fewer = {name: option for name, option in OPTIONS.items() if name != "timeout"}
    assert interfaces.compare_options(OPTIONS, fewer) == ["timeout is not documented"]
    assert interfaces.compare_options(fewer, OPTIONS) == ["timeout is documented and does not exist"]


@pytest.mark.parametrize(
    ("defaults", "named"),
    [
        ({"keep": 7}, []),
        ({"keep": 8}, ["keep is 8 by default, documented 7"]),
        ({}, ["keep is documented with a default and has none"]),
        ({"keep": 7, "host": "x"}, ["host has a default that its argument spec does not tell"]),
        ({"keep": 7, "other": 1}, ["other has a default and no argument spec"]),
    ],
)
def test_planted_default_of_a_role_is_named(defaults: dict[str, object], named: list[str]) -> None:
    assert interfaces.compare_defaults(defaults, {"keep": {"default": 7}, "host": {"type": "str"}}) == named


@pytest.mark.parametrize("key", ["description", "returned", "type"])
def test_planted_gap_in_return_values_is_named(key: str) -> None:
    returns = copy.deepcopy(RETURNS)
    assert interfaces.check_returns(returns) == []
    del returns["archive"][key]
    assert interfaces.check_returns(returns) == [f"archive has no {key}"]


def test_planted_gap_in_a_nested_return_value_is_named() -> None:
    returns = copy.deepcopy(RETURNS)
    del returns["archive"]["contains"]["scopes"]["elements"]
    assert interfaces.check_returns(returns) == ["archive.scopes has no elements"]


def test_planted_example_without_the_full_name_is_named() -> None:
    assert interfaces.check_examples("- ovirt.backup.engine_backup: {}", "engine_backup") == []
    found = interfaces.check_examples("- engine_backup: {}", "engine_backup")
    assert found[0] == "uses engine_backup without the name of its collection"


def test_planted_gap_in_an_action_group_is_named() -> None:
    runtime = {"action_groups": {"engine": ["engine_backup"]}}
    backup = {"engine_backup": ["ovirt.backup.engine_host"]}
    assert interfaces.compare_action_groups(runtime, backup) == []
    assert interfaces.compare_action_groups(runtime, {**backup, "engine_other": ["ovirt.backup.attributes"]}) == []
    for name, fragment, said in (
        ("engine_new", "ovirt.backup.engine_host", "the action group engine is"),
        ("vm_new", "ovirt.backup.connection", "the action group ovirt is None"),
    ):
        assert said in interfaces.compare_action_groups(runtime, {**backup, name: [fragment]})[0]


def test_name_that_no_document_mentions_is_named() -> None:
    assert interfaces.unmentioned(["engine_backup", "engine_restore"], ["x ovirt.backup.engine_backup"]) == [
        "engine_restore"
    ]
