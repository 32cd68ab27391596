# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users see, held against what the code does, where no tool does so: roles, playbooks, examples.

validate-modules (the session sanity) compares the options of modules, antsibull-nox the action groups.
"""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

Options = Mapping[str, Mapping[str, Any]]


def modules(collection: Path) -> list[str]:
    return sorted(path.stem for path in collection.glob("plugins/modules/*.py") if path.stem != "__init__")


def roles(collection: Path) -> list[str]:
    return sorted(path.parent.name for path in collection.glob("roles/*/tasks"))


def playbooks(collection: Path) -> list[str]:
    return sorted(path.stem for path in collection.glob("playbooks/*.yml"))


def compare_defaults(defaults: Mapping[str, Any], spec: Options) -> list[str]:
    """Return each way in which a role's defaults and its argument specs disagree."""
    documented = {name: option["default"] for name, option in spec.items() if "default" in option}
    found = [f"{name} has a default and no argument spec" for name in sorted(set(defaults) - set(spec))]
    found += [f"{name} is documented with a default and has none" for name in sorted(set(documented) - set(defaults))]
    for name in sorted(set(defaults) & set(spec)):
        if name not in documented:
            found.append(f"{name} has a default that its argument spec does not tell")
        elif defaults[name] != documented[name]:
            found.append(f"{name} is {defaults[name]!r} by default, documented {documented[name]!r}")
    return found


def read_role(role: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a role's defaults and the options of its argument spec."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}
    return defaults, specs["argument_specs"]["main"].get("options", {})


def read_examples(collection: Path, module: str) -> str:
    """Return the examples of a module's documentation."""
    text = (collection / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES":
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{module} has no examples")


def check_examples(text: str, module: str) -> list[str]:
    """Return what is wrong with a module's examples: they are tasks or plays, and use its full name."""
    used = set(find_keys(yaml.safe_load(text)))
    found = [f"uses {name} without the name of its collection" for name in sorted(used & {module})]
    return found if f"ovirt.backup.{module}" in used else [*found, f"no example uses ovirt.backup.{module}"]


def find_keys(data: Any) -> Iterable[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield str(key)
            yield from find_keys(value)
    elif isinstance(data, list):
        for item in data:
            yield from find_keys(item)


def unmentioned(names: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Return the names that none of the texts mentions by its full name."""
    whole = "\n".join(texts)
    return [name for name in names if f"ovirt.backup.{name}" not in whole]
