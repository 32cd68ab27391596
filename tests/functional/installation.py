# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installation under test, known from its inventory alone."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lab import Lab, load
from tooling.places import BUILD, link_checkout

INVENTORY = "OVIRT_BACKUP_INVENTORY"  # names the installation under test; without it a lab is started
COLLECTION = Path("ansible_collections/ovirt/backup")
CONFIGURATION = Path(__file__).with_name("ansible.cfg")
QUICK_START = Path(__file__).with_name("quick_start")
COMPILED = BUILD / "cache" / "compiled"
OPTIONAL = {
    "dwhdb": "OVESETUP_DWH_CORE/enable", "keycloakdb": "OVESETUP_CONFIG/keycloakEnable",
    "grafanadb": "OVESETUP_GRAFANA_CORE/enable",
}  # fmt: skip
ASSIGNMENT = re.compile(r'^(\w+)="?([^"\n]*)"?$', re.MULTILINE)


class Site(NamedTuple):
    """What the tests need to know of an engine host."""

    inventory: Path
    name: str  # of the host in the inventory
    prefix: Path
    fqdn: str
    faults: Path | None
    is_expendable: bool = False

    @property
    def lab(self) -> Lab:
        """The lab behind the inventory; only tests marked 'faults' may ask for it."""
        assert self.faults is not None, "this installation is no lab"
        return load(self.faults.parent)

    @property
    def logs(self) -> Path:
        return self.prefix / "var/log/ovirt-engine-backup"

    @property
    def setup_state(self) -> Path:
        return self.prefix / "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"

    @property
    def scopes(self) -> list[str]:
        """What is set up and can be backed up, the least work last."""
        state = self.setup_state.read_text(encoding="utf-8")
        return ["files", "db", *(scope for scope, key in OPTIONAL.items() if f"{key}=bool:True" in state)]

    @property
    def block_scopes(self) -> tuple[str, str]:
        """The scope of block storage that its engine-backup backs up, and the one that it does not."""
        text = (self.prefix / "share/ovirt-engine/setup/ovirt_engine_setup/config.py").read_text(encoding="utf-8")
        found = re.search(r"^PACKAGE_VERSION = '4\.5\.(\d+)", text, re.MULTILINE)
        scopes = ("cinderlibdb", "managedblockdb")
        return scopes if found and int(found[1]) < 8 else scopes[::-1]

    def configuration(self) -> dict[str, str]:
        """The engine's own settings, those of the Data Warehouse included."""
        folders = ("etc/ovirt-engine/engine.conf.d", "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d")
        found: dict[str, str] = {}
        for folder in folders:
            for path in sorted((self.prefix / folder).glob("*.conf")):
                found.update(ASSIGNMENT.findall(path.read_text(encoding="utf-8")))
        return found

    def secrets(self) -> set[str]:
        """Every password of the installation."""
        found = {value for name, value in self.configuration().items() if re.search("PASSWORD|SECRET", name)}
        if self.faults is not None:
            found |= {*self.lab.secrets, *(database.password for database in self.lab.databases.values())}
        return {value for value in found if len(value) > 8}


@cache
def read_site(inventory: Path) -> Site:
    """Ask Ansible what the inventory says of the first host of the group 'engine'."""
    done = subprocess.run(
        [program("ansible-inventory"), "-i", str(inventory), "--list"], check=True, stdout=subprocess.PIPE,
        env=environment({}),
    )  # fmt: skip
    listed = json.loads(done.stdout)
    name = listed["engine"]["hosts"][0]
    known: dict[str, Any] = listed["_meta"]["hostvars"][name]
    faults = Path(known["lab_faults"]) if "lab_faults" in known else None
    prefix, is_expendable = Path(known.get("ovirt_prefix", "/")), known.get("engine_may_be_destroyed", False)
    return Site(inventory, name, prefix, known.get("engine_fqdn", ""), faults, is_expendable)


def program(name: str) -> str:
    """The program of the Ansible that the tests run with."""
    return str(Path(sys.executable).with_name(name))


def collections_path() -> Path:
    """Where the collection is: as told, or the checkout itself."""
    for name in ("OVIRT_BACKUP_COLLECTIONS", "ANSIBLE_COLLECTIONS_PATH"):
        path = Path(os.environ.get(name) or "nowhere").absolute()
        if (path / COLLECTION).is_dir():
            return path
    return link_checkout()


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of Ansible: nothing of the user's own configuration of it and of Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    own = {"ANSIBLE_CONFIG": str(CONFIGURATION), "ANSIBLE_COLLECTIONS_PATH": str(collections_path())}
    return {**kept, **own, **quick_start(), **more}


@cache
def quick_start() -> dict[str, str]:
    """What makes modules start sooner on this machine; a host that is reached by SSH knows nothing of it."""
    COMPILED.mkdir(parents=True, exist_ok=True)
    return {"PYTHONPATH": str(QUICK_START), "OVIRT_BACKUP_COMPILED": str(COMPILED)}
