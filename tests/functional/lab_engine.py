# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab that tests may destroy, and its two states that they begin with. It is made once and rewound, not made anew.

    from .lab_engine import LabEngine

    def test_something(lab_engine: LabEngine, tmp_path: Path) -> None:
        lab_engine.in_use()
        with lab_engine.driven(tmp_path) as engine:
            result = engine.play(...)[0]

The server listens at port 5432, because engine-backup provisions no other one: one lab engine at a time on a network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import Lab, faults, machines, start, stop

from .installation import Site, read_site
from .playbooks import Engine
from .side_effects import Process, processes

PORT = 5432
IN_USE, FRESH = "in_use", "fresh"
SERVICE = "/services/"  # in the command line of every service of the lab


class LabEngine:
    """An engine host with its PostgreSQL, in whatever state the last test left it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.site: Site = read_site(lab.inventory)
        self._has_fresh = False
        machines.checkpoint(lab, IN_USE)

    def in_use(self) -> None:
        """Go back to an engine that is set up, with Data Warehouse, Keycloak and Grafana, its services running."""
        faults.clear(self.lab.faults)
        machines.rewind(self.lab, IN_USE)

    def fresh(self) -> None:
        """Go back to the same machine reinstalled: packages only, a PostgreSQL without roles and databases."""
        faults.clear(self.lab.faults)
        if self._has_fresh:
            machines.rewind(self.lab, FRESH)
            return
        machines.reinstall(self.lab)
        machines.checkpoint(self.lab, FRESH)
        self._has_fresh = True

    def fault(self, name: str, parameter: str = "") -> Path:
        """Switch a fault on, until the next rewinding; return the file that makes it so."""
        faults.set_fault(self.lab.faults, name, parameter)
        return self.lab.faults / name

    @contextmanager
    def driven(self, folder: Path) -> Iterator[Engine]:
        """Ansible with this host; afterwards no secret, process or temporary file of a run may be left.

        A service that a run started stays, of course.
        """
        before = processes(self.site)
        host = Engine(self.site, folder / "ansible")
        yield host
        host.assert_left_no_trace(folder, before | self.services())

    def services(self) -> set[Process]:
        """The running services of the host that a run of the collection started."""
        return {process for process in processes(self.site) if SERVICE in process.command}


def make_lab_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabEngine]:
    """Start the lab; it is stopped when the session ends."""
    home = tmp_path_factory.mktemp("lab_engine") / "lab"
    lab = start(home, port=PORT, services=True)
    try:
        yield LabEngine(lab)
    finally:
        stop(home, remove=True)
