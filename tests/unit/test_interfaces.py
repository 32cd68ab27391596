# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented is what there is: defaults of roles, examples of modules, and every name in the docs."""

from collections.abc import Iterator

import pytest
from tooling import interfaces
from tooling.places import ROOT

pytestmark = pytest.mark.ansible

MODULES = interfaces.modules(ROOT)
ROLES = interfaces.roles(ROOT)


def documentation() -> Iterator[str]:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        yield path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODULES)
def test_examples_use_the_module(name: str) -> None:
    assert interfaces.check_examples(interfaces.read_examples(ROOT, name), name) == []


@pytest.mark.parametrize("name", ROLES)
def test_role_defaults_are_as_documented(name: str) -> None:
    assert interfaces.compare_defaults(*interfaces.read_role(ROOT / "roles" / name)) == []


@pytest.mark.parametrize("name", ROLES)
def test_role_has_a_readme_that_names_its_variables(name: str) -> None:
    readme = (ROOT / "roles" / name / "README.md").read_text(encoding="utf-8")
    options = interfaces.read_role(ROOT / "roles" / name)[1]
    assert [option for option in options if option not in readme] == []


def test_documentation_mentions_every_module_role_and_playbook() -> None:
    names = [*MODULES, *ROLES, *interfaces.playbooks(ROOT)]
    assert interfaces.unmentioned(names, documentation()) == []


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


def test_planted_example_without_the_full_name_is_named() -> None:
    assert interfaces.check_examples("- ovirt.backup.engine_backup: {}", "engine_backup") == []
    found = interfaces.check_examples("- engine_backup: {}", "engine_backup")
    assert found[0] == "uses engine_backup without the name of its collection"


def test_name_that_no_document_mentions_is_named() -> None:
    assert interfaces.unmentioned(["engine_backup", "engine_restore"], ["x ovirt.backup.engine_backup"]) == [
        "engine_restore"
    ]
