# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs and tools of the contract tests.

The contract is about the stand-in, and holds of the real tool too: with ENGINE_BACKUP_PROGRAM in the environment
the same tests run that program on the lab; those that inject faults are skipped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, machines, start, stop
from lab.databases import empty, fill
from lab.driver import Machine
from lab.runner import Tool
from tooling.places import link_checkout

# The contract of the engine's API is about the collection, too.
sys.path.insert(0, str(link_checkout()))

pytest_plugins = ["lab.fixtures", "lab.rest_engine.fixtures"]


@pytest.fixture
def tool(engine_lab: Lab, tmp_path: Path) -> Tool:
    """engine-backup on the session's lab."""
    return Tool(engine_lab, tmp_path)


@pytest.fixture
def emptied(engine_lab: Lab) -> Iterator[Lab]:
    """A lab whose databases can be emptied; they are filled anew after the test."""
    yield engine_lab
    for kind in engine_lab.databases:
        empty(engine_lab, kind)
        fill(engine_lab, kind)


@pytest.fixture(scope="session")
def running_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose services run, to be changed by tests and rewound."""
    home = tmp_path_factory.mktemp("machine") / "lab"
    lab = start(home, services=True)
    machines.checkpoint(lab, "in_use")
    yield lab
    stop(home, remove=True)


@pytest.fixture
def machine(running_lab: Lab, tmp_path: Path) -> Machine:
    """That lab as it was at first."""
    for path in running_lab.faults.iterdir():
        path.unlink()
    machines.rewind(running_lab, "in_use")
    return Machine(running_lab, tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these need the servers; faults are the stand-in's own."""
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        item.add_marker(pytest.mark.postgresql)
        if os.environ.get("ENGINE_BACKUP_PROGRAM") and "faults" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="faults can be injected into the stand-in only"))
