# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the functional tests share: the installation, a directory with an older archive, and the search for traces."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import faults, start, stop

from .archive_store import PROFILES, ArchiveStore, Made, fill_archive_store
from .installation import INVENTORY, Site, read_site
from .lab_engine import LabEngine, make_lab_engine
from .playbooks import Engine, backup
from .side_effects import Witness, processes


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The installation that the environment names, or a lab of our own."""
    if os.environ.get(INVENTORY):
        yield read_site(Path(os.environ[INVENTORY]))
        return
    home = tmp_path_factory.mktemp("functional") / "lab"
    lab = start(home, odd=True)
    try:
        yield read_site(lab.inventory)
    finally:
        stop(home, remove=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first: the last one to be handed out decides when all are through."""
    items.sort(key=lambda item: not item.path.stem.endswith(("_role", "_faults", "_kinds", "_stages", "_documents")))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A real installation has no faults to inject; this is known before any fixture wants some."""
    given = os.environ.get(INVENTORY)
    if given and item.get_closest_marker("faults") and read_site(Path(given)).faults is None:
        pytest.skip("injects faults; this installation is no lab")


@pytest.fixture
def engine(site: Site, tmp_path: Path) -> Iterator[Engine]:
    """The engine host; afterwards nothing of what ran on it may be left."""
    before = processes(site)
    host = Engine(site, tmp_path / "ansible")
    yield host
    host.assert_left_no_trace(tmp_path, before)


@pytest.fixture
def fault(site: Site) -> Iterator[Callable[..., Path]]:
    """Switch a fault of the tool on; returns the file that makes it so."""

    def switch_on(name: str, parameter: str = "") -> Path:
        assert site.faults is not None
        faults.set_fault(site.faults, name, parameter)
        return site.faults / name

    yield switch_on
    if site.faults is not None:
        faults.clear(site.faults)


@pytest.fixture(scope="session")
def made(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One good archive of each profile with everything in it, and what could be seen while they were made."""
    folder = tmp_path_factory.mktemp("proven")
    paths = {profile: folder / f"{profile}.backup" for profile in PROFILES}
    host, before = Engine(site, folder / "ansible"), processes(site)
    with Witness() as witness:
        results = host.play(*(backup(path=path, profile=profile) for profile, path in paths.items()))
    assert [result.get("msg", "") for result in results] == ["", "", ""]
    host.assert_left_no_trace(folder, before)
    return Made(paths, dict(zip(PROFILES, results, strict=True)), witness.seen)


@pytest.fixture(scope="session")
def proven(made: Made) -> dict[str, Path]:
    """The good archives; tests work on copies."""
    return made.paths


@pytest.fixture
def archive_store(proven: dict[str, Path], tmp_path: Path) -> ArchiveStore:
    """A directory that holds an older proven archive."""
    directory = tmp_path / "shelf"
    directory.mkdir(mode=0o700)
    return fill_archive_store(directory, proven["stock"])


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """An empty private directory."""
    directory = tmp_path / "closed"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture(scope="session")
def lab_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabEngine]:
    """A lab that tests may destroy; each rewinds it first."""
    if os.environ.get(INVENTORY):
        pytest.skip("needs a lab of its own; the inventory names an installation")
    yield from make_lab_engine(tmp_path_factory)


@pytest.fixture
def kept() -> Iterator[Callable[[Path], Path]]:
    """Lets a test change or remove a file of the installation, which is put back."""
    originals: list[tuple[Path, bytes, int]] = []

    def keep(path: Path) -> Path:
        originals.append((path, path.read_bytes(), path.stat().st_mode))
        return path

    yield keep
    for path, content, mode in originals:
        path.write_bytes(content)
        path.chmod(mode)
