# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for roles and playbooks: modules of this collection and ansible.builtin, no shell, playbooks call roles."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

OWN = "ovirt.backup."
BUILTIN = "ansible.builtin."
SHELLS = frozenset(BUILTIN + name for name in ("command", "shell", "raw", "script"))
CALLS_OF_ROLES = frozenset(BUILTIN + name for name in ("include_role", "import_role"))

# Keywords of a task or a block; the one key beside them is the module.
KEYWORDS = frozenset(
    """
    action any_errors_fatal args async become become_exe become_flags become_method become_user changed_when check_mode
    collections connection debugger delay delegate_facts delegate_to diff environment failed_when ignore_errors
    ignore_unreachable listen local_action loop loop_control module_defaults name no_log notify poll port register
    remote_user retries run_once tags throttle timeout until vars when
    """.split()
)
BLOCKS = ("block", "rescue", "always")
LISTS_OF_TASKS = ("pre_tasks", "tasks", "post_tasks", "handlers")
ONE_EXPRESSION = re.compile(r"\{\{[^{}]*\}\}")


def find_breaches(collection: Path) -> list[str]:
    """Return every breach below roles/ and playbooks/ as "path: what"."""
    found = []
    for path in sorted([*collection.glob("roles/*/tasks/**/*.yml"), *collection.glob("roles/*/handlers/**/*.yml")]):
        name = path.relative_to(collection).as_posix()
        found += [f"{name}: {breach}" for task in list_tasks(load(path)) for breach in task_breaches(task)]
    for path in sorted(collection.glob("playbooks/*.yml")):
        name = path.relative_to(collection).as_posix()
        found += [f"{name}: {breach}" for play in load(path) for breach in play_breaches(play)]
    return found


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=TolerantLoader) or []


class TolerantLoader(yaml.SafeLoader):
    """Reads Ansible's own tags (!unsafe, !vault) as plain values."""


def plain_value(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    del suffix
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


TolerantLoader.add_multi_constructor("!", plain_value)


def list_tasks(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        if "block" in task:
            for part in BLOCKS:
                yield from list_tasks(task.get(part, []))
        else:
            yield task


def task_breaches(task: dict[str, Any]) -> Iterator[str]:
    title = task.get("name", "a task without a name")
    for word in ("action", "local_action"):
        if word in task:
            yield f"'{title}' hides its module behind {word}:"
    for module in set(task) - KEYWORDS:
        if module.startswith("with_"):
            yield f"'{title}' uses {module}; loop: is the word"
        elif module in SHELLS:
            yield f"'{title}' calls {module}"
        elif not module.startswith((OWN, BUILTIN)):
            yield f"'{title}' calls {module}, which is neither of this collection nor of ansible.builtin"
        elif module == BUILTIN + "set_fact":
            yield from string_facts(title, task[module])


def string_facts(title: str, facts: dict[str, Any]) -> Iterator[str]:
    """A fact is one expression; one that is glued together from text hides a computation that belongs into a module."""
    for name, value in facts.items():
        if isinstance(value, str) and "{{" in value and not ONE_EXPRESSION.fullmatch(value.strip()):
            yield f"'{title}' builds the string {name} with set_fact"


def play_breaches(play: dict[str, Any]) -> Iterator[str]:
    title = play.get("name", "a play without a name")
    for part in LISTS_OF_TASKS:
        for task in list_tasks(play.get(part, [])):
            if not set(task) & CALLS_OF_ROLES:
                yield f"the play '{title}' has a task of its own ('{task.get('name')}'); plays call roles only"
