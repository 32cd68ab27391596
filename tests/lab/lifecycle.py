# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, stop and status of a lab."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import postgres, processes
from .configuration import is_managed_block
from .databases import make_password, plan_databases, populate
from .installation import install
from .inventory import write_inventory
from .layout import Lab, LabError, load, load_server, save, state_path
from .machines import servers_of, start_services
from .systemctl import SERVICES, write_state

FQDN = "engine.lab.test"
VERSIONS = ("4.5.7", "4.5.8_master")
COMPONENTS = ("engine", "dwh", "keycloak", "grafana", "block")
ALL = ("engine", "dwh", "keycloak", "grafana")


def start(
    home: Path,
    scale: int = 1,
    components: str = "all",
    version: str = "4.5.7",
    port: int = 0,
    services: bool = False,
    odd: bool = False,
) -> Lab:
    """Start a lab below home: a new one, or one that was stopped there.

    Port 0 is any free one. Without services they are recorded as running and no program of them runs.
    With odd the engine's database also holds what no engine has and engine-cleanup cannot drop.
    """
    home = Path(os.path.abspath(home))
    if state_path(home).exists():
        return _restart(load(home), services)
    if home.exists() and any(home.iterdir()):
        raise LabError("{} holds files that are not a lab; name a new or empty directory".format(home))
    chosen = postgres.take_port(port)
    home.mkdir(parents=True, exist_ok=True)
    lab = _plan(home, scale, parse_components(components), version, chosen)._replace(odd=odd)
    save(lab)
    try:
        _make(lab)
        if services:
            start_services(lab)
    except BaseException:
        stop(home, remove=False)
        raise
    return lab


def parse_components(text: str) -> tuple[str, ...]:
    """ "all", "engine", "engine+dwh", "all+block" ... as a tuple."""
    found: list[str] = ["engine"]
    for word in text.split("+"):
        if word not in ("all", *COMPONENTS):
            raise LabError("unknown component {!r}; choose from all, {}".format(word, ", ".join(COMPONENTS)))
        found += ALL if word == "all" else (word,)
    return tuple(name for name in COMPONENTS if name in found)


def _plan(home: Path, scale: int, components: tuple[str, ...], version: str, port: int) -> Lab:
    if version not in VERSIONS:
        raise LabError("unknown version {!r}; choose from {}".format(version, ", ".join(VERSIONS)))
    block = "managedblock" if is_managed_block(version) else "cinderlib"
    kinds = tuple({"block": block}.get(name, name) for name in components if name != "grafana")
    user = postgres.server_user()
    programs = postgres.find_programs()
    return Lab(
        home=home,
        version=version,
        components=components,
        scale=scale,
        fqdn=FQDN,
        port=port,
        server_home=postgres.make_server_home(home, user),
        server_user=user,
        server_programs=programs,
        databases=plan_databases(kinds),
        secrets=tuple(make_password() for _number in range(4)),
        http_port=postgres.free_port(),
    )


def _make(lab: Lab) -> None:
    lab.faults.mkdir()
    lab.services.mkdir()
    with ThreadPoolExecutor() as pool:
        installed = pool.submit(install, lab)
        postgres.create(lab)
        postgres.start(lab)
        populate(lab, lab.secrets[0])
        installed.result()
    for name in SERVICES:
        write_state(lab.services, name, active=True, enabled=True)
    write_inventory(lab)


def _restart(lab: Lab, services: bool) -> Lab:
    for server in servers_of(lab):
        if not postgres.is_running(server):
            postgres.start(server)
    if services:
        start_services(lab)
    return lab


def stop(home: Path, remove: bool = False) -> None:
    """Stop the lab's processes; with remove, delete its files too."""
    home = Path(os.path.abspath(home))
    lab = load(home)
    processes.stop_all(lab.home)
    database = load_server(lab.home)
    if database is not None:
        postgres.stop(database, forever=remove)
    postgres.stop(lab, forever=remove)
    if remove:
        if database is not None:
            shutil.rmtree(database.server_home, ignore_errors=True)
        # Outside home where home was closed to the server's user.
        shutil.rmtree(lab.server_home, ignore_errors=True)
        shutil.rmtree(home)


def status(home: Path) -> str:
    """One line about the lab."""
    lab = load(Path(os.path.abspath(home)))
    state = "running" if postgres.is_running(lab) else "stopped"
    return "{}: {}, engine {}, {}, port {}".format(lab.home, state, lab.version, "+".join(lab.components), lab.port)
