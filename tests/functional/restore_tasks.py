# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks for engine_restore, and a host that is ready for one: archives of its engine, services down, databases empty.

pytest_plugins = ["functional.restore_tasks"]

def test_something(yard: Yard, tmp_path: Path) -> None:
    yard.emptied()
    with yard.driven(tmp_path) as engine:
        result = engine.play(restore(yard.archives["stock"]))[0]
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, machines
from lab.databases import create_database, empty, row_counts
from lab.layout import Database
from lab.postgres import query
from lab.systemctl import change

from .archive_store import PROFILES, manifest_of
from .lab_engine import LabEngine
from .otopi_tasks import leftovers
from .playbooks import Engine, Result, Task, backup, plain
from .side_effects import files_with

EMPTIED = "emptied"
DOWN = ("ovirt-engine", "ovirt-engine-dwhd", "ovirt-engine-notifier", "grafana-server")
KINDS = ("engine", "dwh", "keycloak")
KEYCLOAK = "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf"
PASSWORD = "New.Secret-%s,1+2=3_@%%/~^"  # everything that is no letter and that all of the tools read alike


def restore(path: Path, **options: Any) -> Task:
    """Restore an archive."""
    return {"ovirt.backup.engine_restore": {"prefix": "{{ ovirt_prefix }}", **plain({"path": path, **options})}}


class Yard:
    """The ground with archives of its engine; its databases are emptied before a test."""

    def __init__(self, lab_engine: LabEngine, archives: dict[str, Path], vault: Path) -> None:
        self.lab_engine = lab_engine
        self.lab, self.site = lab_engine.lab, lab_engine.site
        self.archives = archives
        self.vault = vault
        self.secrets: set[str] = set()  # that a test made, besides those of the installation

    def emptied(self) -> None:
        """Services down, databases empty, files as they were."""
        machines.rewind(self.lab, EMPTIED)

    def empty_databases(self) -> None:
        """The databases alone, which is quicker."""
        for kind in KINDS:
            empty(self.lab, kind)

    @contextmanager
    def driven(self, folder: Path) -> Iterator[Engine]:
        """Ansible with this host; afterwards no secret, process, work directory or placeholder of a run is left."""
        archives = [(path, path.stat().st_mtime_ns) for path in self.archives.values()]
        with self.lab_engine.driven(folder) as engine:
            yield engine
        assert leftovers(self.site) == []
        assert [(path, path.stat().st_mtime_ns) for path, _time in archives] == archives
        assert not list(self.site.prefix.rglob("*.unfinished"))
        assert not [secret for play in engine.plays for secret in self.secrets if secret in play.output]
        assert files_with(self.secrets, [folder, self.site.logs]) == []

    def rows(self) -> dict[str, dict[str, int]]:
        """What the databases hold now."""
        return {kind: row_counts(self.lab, kind) for kind in KINDS}

    def make_target(self, server: Any, kind: str, password: str = "", name: str = "") -> dict[str, Any]:
        """Make an empty database with its owner; return the credentials for it."""
        made = name or f"{kind}_new"
        secret = password or PASSWORD % kind
        query(server, "postgres", f'DROP DATABASE IF EXISTS "{made}" WITH (FORCE)')
        query(server, "postgres", f'DROP ROLE IF EXISTS "{made}"')
        create_database(server, Database(made, made, secret))
        self.secrets.add(secret)
        host = "localhost" if isinstance(server, Lab) else server.address
        return {"host": host, "port": server.port, "name": made, "user": made, "password": secret}

    def hidden(self, given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Credentials whose passwords Ansible looks up, as in a vault: a playbook holds none."""
        found = {}
        for kind, item in given.items():
            path = self.vault / f"{len(list(self.vault.iterdir()))}.password"
            path.write_text(item["password"], encoding="utf-8")
            found[kind] = {**item, "password": "{{ lookup('ansible.builtin.file', '%s') }}" % path}
        return found


@pytest.fixture(scope="session")
def yard(lab_engine: LabEngine, tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """The archives are made once, and the host that waits for a restore is kept once."""
    folder = tmp_path_factory.mktemp("archives")
    archives = {profile: folder / f"{profile}.backup" for profile in PROFILES}
    lab_engine.in_use()
    for name in DOWN:
        assert change(lab_engine.lab.home, "stop", name) == 0
    with lab_engine.driven(folder) as engine:
        results = engine.play(*(backup(path=path, profile=profile) for profile, path in archives.items()))
    assert [result.get("msg", "") for result in results] == ["", "", ""]
    for kind in KINDS:
        empty(lab_engine.lab, kind)
    machines.checkpoint(lab_engine.lab, EMPTIED)
    return Yard(lab_engine, archives, tmp_path_factory.mktemp("vault"))


def copied(archive: Path, folder: Path, with_manifest: bool = True) -> Path:
    """A copy of an archive that a test may damage."""
    target = folder / archive.name
    shutil.copy2(archive, target)
    if with_manifest:
        shutil.copy2(manifest_of(archive), manifest_of(target))
    return target


def said(result: Result) -> str:
    """What a result complains of, for the message of a failed test."""
    return str(result.get("msg", "")) + "\n".join(result.get("last_lines", []))
