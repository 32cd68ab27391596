# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the parts of one lab are, and what is remembered about it between start and stop."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple, Protocol

KINDS = ("engine", "dwh", "cinderlib", "managedblock", "keycloak")


class LabError(Exception):
    """Something about the lab itself went wrong."""


class Database(NamedTuple):
    """One PostgreSQL database of the lab and the role that owns it."""

    name: str
    owner: str
    password: str


class PostgresServer(Protocol):
    """What the functions about a server need to know of it."""

    @property
    def server_home(self) -> Path:
        """Everything of the server is below it."""

    @property
    def server_user(self) -> str:
        """The account it runs as."""

    @property
    def server_programs(self) -> Path:
        """Where its programs are."""

    @property
    def port(self) -> int:
        """The port it listens on."""

    @property
    def address(self) -> str:
        """The address it listens on."""

    @property
    def socket(self) -> Path:
        """Directory of its Unix socket."""


class Server(NamedTuple):
    """A database server that is no engine host."""

    server_home: Path
    server_user: str
    server_programs: Path
    port: int
    address: str

    @property
    def socket(self) -> Path:
        """Directory of its Unix socket; the superuser postgres enters there without a password."""
        return self.server_home / "run"


class Lab(NamedTuple):
    """A lab as start() made it; load() reads it back from its home directory."""

    home: Path
    version: str
    components: tuple[str, ...]
    scale: int
    fqdn: str
    port: int
    server_home: Path
    server_user: str
    server_programs: Path
    databases: dict[str, Database]
    secrets: tuple[str, ...]
    http_port: int = 80
    address: str = "127.0.0.1"
    odd: bool = False

    @property
    def prefix(self) -> Path:
        """The root of the engine installation."""
        return self.home / "prefix"

    @property
    def faults(self) -> Path:
        """The directory whose files switch faults on."""
        return self.home / "faults"

    @property
    def services(self) -> Path:
        """State of the services as the stand-in systemctl keeps it."""
        return self.home / "services"

    @property
    def checkpoints(self) -> Path:
        """Copies of the whole machine, by name."""
        return self.home / "checkpoints"

    @property
    def inventory(self) -> Path:
        """The Ansible inventory that describes this lab."""
        return self.home / "inventory" / "hosts.yml"

    @property
    def socket(self) -> Path:
        """Directory of the server's Unix socket; the superuser postgres enters there without a password."""
        return self.server_home / "run"

    def environment(self) -> dict[str, str]:
        """The caller's environment with the lab's programs first in PATH."""
        path = "{}{}{}".format(self.prefix / "bin", os.pathsep, os.environ.get("PATH", os.defpath))
        return {**os.environ, "PATH": path}


def state_path(home: Path) -> Path:
    """The file that holds what load() needs."""
    return home / "lab.json"


def save(lab: Lab) -> None:
    """Write the state file, readable by the owner only: it holds the passwords."""
    state: dict[str, Any] = lab._asdict()
    for key in ("home", "server_home", "server_programs"):
        state[key] = str(state[key])
    state["databases"] = {kind: list(database) for kind, database in lab.databases.items()}
    descriptor = os.open(state_path(lab.home), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(state, stream, indent=2)
        stream.write("\n")


def load(home: Path) -> Lab:
    """The lab whose home directory this is."""
    path = state_path(home)
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError("there is no lab below {}: {} is missing".format(home, path)) from None
    for key in ("home", "server_home", "server_programs"):
        state[key] = Path(state[key])
    for key in ("components", "secrets"):
        state[key] = tuple(state[key])
    state["databases"] = {kind: Database(*values) for kind, values in state["databases"].items()}
    return Lab(**state)


def save_server(home: Path, server: Server | None) -> None:
    """Remember the second server of a lab, or that there is none."""
    path = home / "database.json"
    if server is None:
        path.unlink(missing_ok=True)
        return
    path.write_text(json.dumps([str(value) for value in server]), encoding="utf-8")


def load_server(home: Path) -> Server | None:
    """The second server of a lab."""
    try:
        place, user, programs, port, address = json.loads((home / "database.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Server(Path(place), user, Path(programs), int(port), address)
