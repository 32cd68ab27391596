# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users see, held against what the code does: options and their documentation, defaults and argument specs."""

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import yaml

# What an option has where neither side says anything.
SILENT = {"type": "str", "required": False, "default": None, "elements": None, "choices": None, "aliases": None}
# The doc fragment whose options the modules of an action group share.
GROUPS = {"ovirt.backup.engine_host": "engine", "ovirt.backup.connection": "ovirt"}
Options = Mapping[str, Mapping[str, Any]]


class Seen(BaseException):
    """Carries the arguments of AnsibleModule out of a module's main(), which then does nothing more."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.arguments = arguments


def modules(collection: Path) -> list[str]:
    return sorted(path.stem for path in collection.glob("plugins/modules/*.py") if path.stem != "__init__")


def roles(collection: Path) -> list[str]:
    return sorted(path.parent.name for path in collection.glob("roles/*/tasks"))


def playbooks(collection: Path) -> list[str]:
    return sorted(path.stem for path in collection.glob("playbooks/*.yml"))


def load_module(name: str) -> ModuleType:
    return importlib.import_module(f"ansible_collections.ovirt.backup.plugins.modules.{name}")


def read_fragments(name: str) -> list[str]:
    """Return the doc fragments that a module extends."""
    documentation = yaml.safe_load(load_module(name).DOCUMENTATION)
    return list(documentation.get("extends_documentation_fragment", []))


def read_argument_spec(module: ModuleType) -> Options:
    """Run the module up to the point where it creates its AnsibleModule."""

    def capture(_self: object, argument_spec: Options, **_others: object) -> None:
        raise Seen(argument_spec)

    with mock.patch("ansible.module_utils.basic.AnsibleModule.__init__", capture):
        try:
            module.main()
        except Seen as seen:
            return seen.arguments
    raise AssertionError(f"{module.__name__} creates no AnsibleModule")


def read_documented_options(module: ModuleType) -> Options:
    """Return the documented options, those of the doc fragments included."""
    documentation = yaml.safe_load(module.DOCUMENTATION)
    options: dict[str, Mapping[str, Any]] = {}
    for fragment in documentation.get("extends_documentation_fragment", []):
        options.update(read_fragment(fragment).get("options", {}))
    options.update(documentation.get("options", {}))
    return options


def read_fragment(name: str) -> dict[str, Any]:
    """Read ovirt.backup.attributes or ovirt.backup.attributes.part."""
    name, _dot, part = name.removeprefix("ovirt.backup.").partition(".")
    fragment = importlib.import_module(f"ansible_collections.ovirt.backup.plugins.doc_fragments.{name}")
    text = getattr(fragment.ModuleDocFragment, part.upper() or "DOCUMENTATION")
    return yaml.safe_load(text) or {}


def compare_options(spec: Options, documented: Options, above: str = "") -> list[str]:
    """Return each way in which an argument spec and its documentation disagree."""
    found = [f"{above}{name} is not documented" for name in sorted(set(spec) - set(documented))]
    found += [f"{above}{name} is documented and does not exist" for name in sorted(set(documented) - set(spec))]
    for name in sorted(set(spec) & set(documented)):
        real, said = spec[name], documented[name]
        for key, silent in SILENT.items():
            if normal(real.get(key, silent)) != normal(said.get(key, silent)):
                found.append(f"{above}{name}: {key} is {real.get(key, silent)!r}, documented {said.get(key, silent)!r}")
        inner = real.get("options") or {}, said.get("suboptions") or said.get("options") or {}
        found += compare_options(*inner, above=f"{above}{name}.")
    return found


def normal(value: Any) -> Any:
    return list(value) or None if isinstance(value, (list, tuple)) else value


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


def check_returns(returns: Mapping[str, Any], above: str = "") -> list[str]:
    """Return what the documentation of the return values leaves unsaid."""
    found = []
    for name, value in returns.items():
        wanted = {"description", "type"} | (set() if above else {"returned"})
        wanted |= {"elements"} if value.get("type") == "list" else set()
        found += [f"{above}{name} has no {key}" for key in sorted(wanted - set(value))]
        found += check_returns(value.get("contains") or {}, f"{above}{name}.")
    return found


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


def compare_action_groups(runtime: Mapping[str, Any], modules: Mapping[str, Iterable[str]]) -> list[str]:
    """Every module with the options of a group is in that group, and nothing else is."""
    wanted: dict[str, list[str]] = {}
    for name, fragments in sorted(modules.items()):
        for fragment, group in GROUPS.items():
            if fragment in fragments:
                wanted.setdefault(group, []).append(name)
    groups = {group: sorted(members) for group, members in runtime.get("action_groups", {}).items()}
    return [
        f"the action group {group} is {groups.get(group)}, the modules are {wanted.get(group)}"
        for group in sorted(set(groups) | set(wanted))
        if groups.get(group) != wanted.get(group)
    ]


def unmentioned(names: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Return the names that none of the texts mentions by its full name."""
    whole = "\n".join(texts)
    return [name for name in names if f"ovirt.backup.{name}" not in whole]
