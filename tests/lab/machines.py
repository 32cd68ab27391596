# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More than one state of one machine: checkpoints of it, a fresh reinstallation of it, a second database server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import copies, postgres, processes
from .installation import install_packages
from .inventory import write_inventory
from .layout import Lab, LabError, Server, load_server, save_server
from .systemctl import FOREIGN_SERVICES, SERVICES, write_state

DATABASE_ADDRESS = "127.0.0.2"
RUNNING = "running"
DATA = ("data", "database")


def checkpoint(lab: Lab, name: str) -> None:
    """Keep a copy of the whole machine under a name: files, databases, services. An older one of that name goes."""
    target = lab.checkpoints / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    running = _stop(lab, in_a_hurry=False)
    (target / RUNNING).write_text("\n".join(running), encoding="ascii")
    _at_once([_copier(source, target / part) for part, source in _parts(lab).items()])
    _start(lab, running)


def rewind(lab: Lab, name: str) -> None:
    """Make the machine what it was at the checkpoint."""
    source = lab.checkpoints / name
    if not (source / RUNNING).exists():
        raise LabError("there is no checkpoint {!r} of the lab below {}".format(name, lab.home))
    _stop(lab, in_a_hurry=True)
    # A database server that was started since then is left alone.
    parts = {part: place for part, place in _parts(lab).items() if (source / part).exists()}
    _at_once([_replacer(source / part, place) for part, place in parts.items()])
    _start(lab, (source / RUNNING).read_text(encoding="ascii").split())


def reinstall(lab: Lab) -> None:
    """The same machine installed anew: packages only, engine-setup not run, a server with no engine's role in it."""
    _stop(lab, in_a_hurry=True)
    _at_once([lambda: shutil.rmtree(lab.prefix), lambda: shutil.rmtree(lab.server_home / "data")])
    _at_once([lambda: install_packages(lab), lambda: postgres.make_cluster(lab)])
    for name in SERVICES:
        write_state(lab.services, name, active=name in FOREIGN_SERVICES, enabled=name in FOREIGN_SERVICES)
    _start(lab, [])


def start_services(lab: Lab) -> None:
    """Start the background programs of the services that the lab's components have."""
    for name in service_names(lab):
        if not processes.is_alive(lab.home, name) and not processes.start(lab.home, name):
            raise LabError("service {} of the lab below {} did not start".format(name, lab.home))
        write_state(lab.services, name, active=True, enabled=True)


def service_names(lab: Lab) -> list[str]:
    """The services with programs, in the order in which they start."""
    return ["ovirt-engine", *(["ovirt-engine-dwhd"] if "dwh" in lab.components else [])]


def start_database_server(
    lab: Lab, port: int = 0, address: str = DATABASE_ADDRESS, open_to_clients: bool = True
) -> Server:
    """A second PostgreSQL server, without any engine's role; the inventory then has a group "database".

    Port 0 is any free one. Without open_to_clients its pg_hba.conf lets nobody in over the network.
    """
    if load_server(lab.home) is not None:
        raise LabError("the lab below {} has a database server already".format(lab.home))
    home = postgres.make_server_home(lab.home, lab.server_user, "database")
    chosen = postgres.take_port(port, address)
    server = Server(home, lab.server_user, lab.server_programs, chosen, address)
    save_server(lab.home, server)
    try:
        postgres.create(server, open_to_clients)
        postgres.start(server)
    except BaseException:
        stop_database_server(lab)
        raise
    write_inventory(lab, server)
    return server


def stop_database_server(lab: Lab) -> None:
    """Stop it and delete what it held."""
    server = load_server(lab.home)
    if server is None:
        return
    postgres.stop(server, forever=True)
    shutil.rmtree(server.server_home, ignore_errors=True)
    save_server(lab.home, None)
    write_inventory(lab, None)


def servers_of(lab: Lab) -> list[Lab | Server]:
    """The PostgreSQL servers: of the engine host, and the second one where there is one."""
    server = load_server(lab.home)
    return [lab, *([server] if server else [])]


def _parts(lab: Lab) -> dict[str, Path]:
    parts = {"prefix": lab.prefix, "services": lab.services, "data": lab.server_home / "data"}
    server = load_server(lab.home)
    if server is not None:
        parts["database"] = server.server_home / "data"
    return parts


def _stop(lab: Lab, in_a_hurry: bool) -> list[str]:
    running = [name for name in service_names(lab) if processes.is_alive(lab.home, name)]
    for name in reversed(service_names(lab)):
        processes.stop(lab.home, name, force=in_a_hurry)
    _at_once([_stopper(server, in_a_hurry) for server in servers_of(lab)])
    return running


def _start(lab: Lab, running: list[str]) -> None:
    _at_once([_starter(server) for server in servers_of(lab)])
    for name in running:
        if not processes.start(lab.home, name):
            raise LabError("service {} of the lab below {} did not start".format(name, lab.home))


def _stopper(server: Lab | Server, in_a_hurry: bool) -> Callable[[], None]:
    return lambda: postgres.stop(server, forever=in_a_hurry)


def _starter(server: Lab | Server) -> Callable[[], None]:
    return lambda: postgres.start(server)


def _copier(source: Path, target: Path) -> Callable[[], None]:
    return lambda: copies.copy(source, target)


def _replacer(source: Path, place: Path) -> Callable[[], None]:
    # Files of the host may be backdated by a test; those of a server are many and large, and mostly the same.
    marks = [(path / "PG_VERSION").stat().st_mtime_ns for path in (source, place) if source.name in DATA]
    work = copies.bring_back if marks and marks[0] == marks[1] else copies.replace
    return lambda: work(source, place)


def _at_once(jobs: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor() as pool:
        for result in [pool.submit(job) for job in jobs]:
            result.result()
