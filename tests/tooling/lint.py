# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lint and the types part: one check per tool and per thing looked at."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from .collection import copy_sources, project_files
from .places import BUILD, COLLECTIONS, ROOT, link_checkout
from .steps import Check, Tally, check_all, tool

COLLECTION = "ovirt.backup"


def lint() -> Tally:
    return check_all([*style_checks(), *collection_checks(copy_sources()), *documentation_checks(), *image_checks()])


def types() -> Tally:
    packages = ["-p", f"ansible_collections.{COLLECTION}.plugins"]
    paths = {"MYPYPATH": str(link_checkout())}
    return check_all(
        [
            Check("mypy --strict plugins", [tool("mypy"), *packages], environment=paths),
            Check("mypy --strict tests/lab tests/tooling", [tool("mypy"), "-p", "lab", "-p", "tooling"],
                  environment={"MYPYPATH": str(ROOT / "tests")}),
        ]
    )  # fmt: skip


def style_checks() -> Iterator[Check]:
    yield Check("ruff check", [tool("ruff"), "check", "--output-format", "concise", "."])
    yield Check("yamllint", [tool("yamllint"), "--strict", "."])
    yield Check("shellcheck", [tool("shellcheck"), "-x", *shell_scripts()])


def shell_scripts() -> list[str]:
    return [str(name) for name in project_files() if not name.suffix and is_shell_script(ROOT / name)]


def is_shell_script(path: Path) -> bool:
    with path.open("rb") as script:
        first = script.readline(80)
    return first.startswith(b"#!") and b"sh" in first and b"python" not in first


def collection_checks(sources: Path) -> Iterator[Check]:
    above = {"ANSIBLE_COLLECTIONS_PATH": str(sources.parents[2])}
    yield Check("ansible-lint, production profile", [tool("ansible-lint"), "--offline", "--strict"], sources, above)
    yield Check("antsibull-changelog lint", [tool("antsibull-changelog"), "lint"], sources)
    docs = ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", "."]
    yield Check("antsibull-docs lint-collection-docs", [tool("antsibull-docs"), *docs], sources, above)
    yield Check(
        "collection builds, holds no stray file and installs",
        [sys.executable, "-m", "tooling.collection"],
        environment={"PYTHONPATH": str(ROOT / "tests")},
    )


def documentation_checks() -> Iterator[Check]:
    installed = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    for kind, name in documented():
        command = [tool("ansible-doc"), "-t", kind, f"{COLLECTION}.{name}"]
        yield Check(f"ansible-doc renders {kind} {name}", command, environment=installed)


def documented() -> Iterator[tuple[str, str]]:
    for module in sorted((ROOT / "plugins" / "modules").glob("*.py")):
        yield "module", module.stem
    for role in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        yield "role", role.parents[1].name


def image_checks() -> Iterator[Check]:
    # The paths in it begin at the collection, those in the definition of an image at the folder of the definition.
    folder = BUILD / "image-definition"
    shutil.copytree(ROOT / "meta", folder / "meta", dirs_exist_ok=True)
    definition = str(shutil.copy2(ROOT / "meta" / "execution-environment.yml", folder))
    context = str(BUILD / "image")
    yield Check("ansible-builder create", [tool("ansible-builder"), "create", "-f", definition, "-c", context])
    yield Check("ansible-builder introspect", [tool("ansible-builder"), "introspect", str(COLLECTIONS)])
