# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests that want a running lab: pytest_plugins = ["lab.fixtures"].

With LAB_HOME in the environment a running lab is used and left running; otherwise one is made for the session.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import faults as switches
from .layout import Lab, load
from .lifecycle import start, stop


class Faults:
    """Switches faults of the stand-in tool on."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def set(self, name: str, parameter: str = "") -> None:
        """Switch one on until the end of the test."""
        switches.set_fault(self.directory, name, parameter)

    def clear(self) -> None:
        """Switch all off."""
        switches.clear(self.directory)


@pytest.fixture(scope="session")
def engine_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running lab with engine, Data Warehouse, Keycloak and Grafana at scale 1, and objects that no engine has."""
    given = os.environ.get("LAB_HOME")
    if given:
        yield load(Path(given))
        return
    home = tmp_path_factory.mktemp("lab")
    yield start(home, odd=True)
    stop(home, remove=True)


@pytest.fixture
def faults(engine_lab: Lab) -> Iterator[Faults]:
    """The switchboard of the session's lab; everything is off again after the test."""
    switchboard = Faults(engine_lab.faults)
    switchboard.clear()
    yield switchboard
    switchboard.clear()
