# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in engine per test; afterwards no secret of it is in anything that a run said or left."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import rest_engine

from ..side_effects import files_with
from .machines import Machines, wait_until
from .snapshots import Machine, SharedEngine


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A proven backup of the machine app, which is the same in each new engine."""
    home = tmp_path_factory.mktemp("saved")
    lab = rest_engine.start(home / "engine")
    (home / "scratch").mkdir()
    try:
        site = Machines(lab, home / "scratch")
        site.back_up("app").made()
        yield site.finished("app")[0]
    finally:
        rest_engine.stop(lab.home, remove=True)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """An engine with virtual machines that nobody has touched."""
    lab = rest_engine.start(tmp_path / "engine")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    site = Machines(lab, scratch)
    try:
        yield site
        assert not [output for output in site.outputs for secret in site.secrets if secret in output]
        wait_until(lambda: not files_with(site.secrets, [scratch]))
    finally:
        rest_engine.stop(lab.home, remove=True)


@pytest.fixture(scope="module")
def one_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedEngine]:
    """An engine for all tests of a file, each with a virtual machine of its own."""
    home = tmp_path_factory.mktemp("shared")
    (home / "scratch").mkdir()
    lab = rest_engine.start(home / "engine", snapshot=0.05, merge=0.05, attach=0.05)
    engine = SharedEngine(lab, home / "scratch")
    try:
        yield engine
        assert not [said for said in engine.said if lab.password in said]
        assert not files_with([lab.password], [home / "scratch"])
    finally:
        rest_engine.stop(lab.home, remove=True)


@pytest.fixture
def shared(one_lab: SharedEngine) -> Iterator[SharedEngine]:
    """The shared engine; afterwards without faults, and the backup VM up."""
    yield one_lab
    rest_engine.clear(one_lab.lab.faults)
    rest_engine.change(one_lab.lab.home, "vms", "backup", status="up")


@pytest.fixture(scope="module")
def foreign(one_lab: SharedEngine) -> Machine:
    """A machine that another tool backs up by the same backup VM."""
    other = one_lab.machine(disks=("Disk1",))
    one_lab.attach(other, one_lab.snapshot(other, "of another tool"), other.disks[0])
    return other


@pytest.fixture
def machine(shared: SharedEngine, foreign: Machine) -> Iterator[Machine]:
    """A machine of which somebody else has a snapshot, too. What is foreign is there afterwards as it was."""
    own = shared.machine()
    shared.snapshot(own, "before the upgrade")
    yield own
    rest_engine.clear(shared.lab.faults)
    foreign.is_clean()
    assert [one.id for one in own.snapshots() if one.id in own.foreign_snapshots] == own.foreign_snapshots
