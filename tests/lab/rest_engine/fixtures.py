# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of tests that need a stand-in engine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from . import faults
from .layout import RestLab, load
from .lifecycle import start, stop


class RestFaults:
    """Switches faults of the stand-in engine on."""

    def __init__(self, lab: RestLab) -> None:
        self.directory = lab.faults

    def set(self, name: str, parameter: str = "") -> None:
        """Switch one on until the end of the test."""
        faults.set_fault(self.directory, name, parameter)

    def clear(self) -> None:
        """Switch all off."""
        faults.clear(self.directory)


@pytest.fixture(scope="session")
def rest_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestLab]:
    """A stand-in engine with the default world and short delays."""
    given = os.environ.get("REST_LAB_HOME")
    if given:
        yield load(given)
        return
    home = tmp_path_factory.mktemp("rest") / "lab"
    yield start(home, snapshot=0.1, merge=0.1, attach=0.05, disk=0.05, remove=0.02)
    stop(home, remove=True)


@pytest.fixture
def rest_faults(rest_lab: RestLab) -> Iterator[RestFaults]:
    """The switchboard of that engine; everything is off again after the test."""
    switchboard = RestFaults(rest_lab)
    switchboard.clear()
    yield switchboard
    switchboard.clear()
