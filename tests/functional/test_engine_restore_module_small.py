# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_restore of an engine with its Data Warehouse only: no Keycloak, no Grafana, a server at another port.

An engine without any of them is in test_engine_restore_roles_kinds.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, start, stop
from lab.databases import create_database, empty, row_counts
from lab.layout import Database
from lab.systemctl import change

from .installation import ASSIGNMENT, read_site
from .otopi_tasks import leftovers
from .playbooks import Engine, backup, checked
from .restore_tasks import DOWN, KEYCLOAK, restore, said
from .side_effects import processes

pytestmark = pytest.mark.faults

PASSWORD = "Its.own-secret_1"


@pytest.fixture
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """An engine with a Data Warehouse."""
    home = tmp_path_factory.mktemp("lonely") / "lab"
    yield start(home, components="engine+dwh")
    stop(home, remove=True)


def test_engine_without_keycloak_moves_to_other_credentials(lonely: Lab, tmp_path: Path) -> None:
    site, archive = read_site(lonely.inventory), tmp_path / "x.backup"
    for name in DOWN:
        change(lonely.home, "stop", name)
    known = row_counts(lonely, "engine")
    before = sorted((lonely.prefix / "etc").rglob("*"))
    keycloak = (lonely.prefix / KEYCLOAK).read_text(encoding="utf-8")
    vault = looked_up(tmp_path)
    engine, running = Engine(site, tmp_path / "ansible"), processes(site)
    (made,) = engine.play(backup(path=archive))
    assert made["changed"], made.get("msg")
    history = row_counts(lonely, "dwh")
    for kind in lonely.databases:
        empty(lonely, kind)
    create_database(lonely, Database("other", "other", PASSWORD))
    given = {"host": "localhost", "port": lonely.port, "name": "other", "user": "other", "password": vault}
    task = restore(archive, credentials={"engine": given})
    planned, done, again = engine.play(checked(task), task, task)
    assert [said(result) for result in (planned, done, again)] == [""] * 3
    assert [result["changed"] for result in (planned, done, again)] == [True, True, False]
    assert done["restore"]["scopes"] == ["files", "db", "dwhdb"]
    assert row_counts(lonely, "dwh") == history
    live = row_counts(lonely._replace(databases={"engine": Database("other", "other", PASSWORD)}), "engine")
    assert live.keys() == known.keys() and live["public.vm_static"] == known["public.vm_static"]
    assert row_counts(lonely, "engine") == {}
    assert sorted((lonely.prefix / "etc").rglob("*")) == before, "no placeholder, no copy"
    assert (lonely.prefix / KEYCLOAK).read_text(encoding="utf-8") == keycloak == "KEYCLOAK_BUNDLED=false\n"
    text = (lonely.prefix / "etc/ovirt-engine/engine.conf.d/10-setup-database.conf").read_text(encoding="utf-8")
    assert dict(ASSIGNMENT.findall(text))["ENGINE_DB_PASSWORD"] == PASSWORD
    assert leftovers(site) == []
    engine.assert_left_no_trace(tmp_path / "ansible", running)


def looked_up(folder: Path) -> str:
    """What makes Ansible look the password up."""
    path = folder / "password"
    path.write_text(PASSWORD, encoding="utf-8")
    return "{{ lookup('ansible.builtin.file', '%s') }}" % path
