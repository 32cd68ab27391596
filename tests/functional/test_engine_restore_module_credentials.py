# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_restore with other credentials: the data is there, and the configuration is what it was but for them."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import machines
from lab.databases import row_counts
from lab.layout import Server
from lab.postgres import query

from .installation import ASSIGNMENT
from .playbooks import checked, codes
from .restore_tasks import KEYCLOAK, KINDS, Yard, restore, said
from .side_effects import Witness

pytest_plugins = ["functional.restore_tasks"]
pytestmark = pytest.mark.faults

PREFIXES = {"engine": "ENGINE_DB_", "dwh": "DWH_DB_", "keycloak": "KEYCLOAK_DB_"}
FOLDERS = ("etc/ovirt-engine/engine.conf.d", "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d")
LEFT_OLD = "10-setup-dwh-database.conf"  # engine-setup makes it anew


@pytest.fixture(scope="module")
def server(yard: Yard) -> Iterator[Server]:
    """A second database server, on the address 127.0.0.2; the Data Warehouse gets in there encrypted only."""
    found = machines.start_database_server(yard.lab, port=yard.lab.port)
    data = found.server_home / "data"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=database",
             "-addext", "subjectAltName=IP:" + found.address, "-keyout", data / "server.key",
             "-out", data / "server.crt"]  # fmt: skip
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    account = pwd.getpwnam(found.server_user)
    for path in (data / "server.key", data / "server.crt"):
        path.chmod(0o600)
        os.chown(path, account.pw_uid, account.pw_gid)
    access = data / "pg_hba.conf"
    access.write_text("hostnossl dwh_new all all reject\n" + access.read_text())
    query(found, "postgres", "ALTER SYSTEM SET ssl = 'on'")
    query(found, "postgres", "SELECT pg_reload_conf()")
    yield found
    machines.stop_database_server(yard.lab)


def configuration(prefix: Path) -> dict[str, tuple[int, int, int, list[str]]]:
    """Mode, owner and lines of every file in the directories of configuration."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((prefix / folder).iterdir()):
            status = path.stat()
            found[path.name if "dwhd" not in folder else "dwhd/" + path.name] = (
                status.st_mode,
                status.st_uid,
                status.st_gid,
                path.read_text(encoding="utf-8").splitlines(),
            )
    return found


def assert_only_credentials_changed(yard: Yard, before: Any, given: dict[str, dict[str, Any]]) -> None:
    """Files, modes, owners and lines are those from before; the lines of the given databases hold what was given."""
    now = configuration(yard.site.prefix)
    assert now.keys() == before.keys(), "no copy, no placeholder"
    assert {name: item[:3] for name, item in now.items()} == {name: item[:3] for name, item in before.items()}
    for name, (_mode, _user, _group, lines) in now.items():
        old = before[name][3]
        assert [line.partition("=")[0] for line in lines] == [line.partition("=")[0] for line in old]
        for line, was in zip(lines, old, strict=True):
            kind = next((kind for kind in given if line.startswith(PREFIXES[kind])), "")
            changes = kind and name != LEFT_OLD and "MAX_CONNECTIONS" not in line
            if not changes:
                assert line == was
    for kind, item in given.items():
        path = KEYCLOAK if kind == "keycloak" else f"{FOLDERS[kind == 'dwh']}/10-setup-database.conf"
        found = dict(ASSIGNMENT.findall((yard.site.prefix / path).read_text(encoding="utf-8")))
        wanted = {"HOST": item["host"], "PORT": str(item["port"]), "USER": item["user"], "DATABASE": item["name"],
                  "PASSWORD": item["password"]}  # fmt: skip
        assert {name: found[PREFIXES[kind] + name] for name in wanted} == wanted


def rows_at(server: Any, name: str) -> int:
    """Tables with rows, asked as superuser."""
    query(server, name, "ANALYZE")
    return int(query(server, name, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND reltuples > 0"))


def test_all_databases_on_another_server(yard: Yard, server: Server, tmp_path: Path) -> None:
    yard.emptied()
    before = configuration(yard.site.prefix)
    given = {kind: yard.make_target(server, kind) for kind in KINDS}
    given["dwh"].update(secured=True, secured_validation=True)
    unknown = restore(yard.archives["stock"], credentials=yard.hidden(given), restore_jobs=2)
    task = {**unknown, "environment": {"PGSSLROOTCERT": str(server.server_home / "data/server.crt")}}
    with yard.driven(tmp_path) as engine, Witness() as witness:
        refused, planned, done, planned_again, again = engine.play(unknown, checked(task), task, checked(task), task)
    assert not [text for text in witness.seen for secret in yard.secrets if secret.encode() in text]
    assert codes(refused) == ["database_unreachable"] and "root.crt" in refused["msg"], said(refused)
    assert [said(result) for result in (planned, done, planned_again, again)] == [""] * 4
    assert [result["changed"] for result in (planned, done, planned_again, again)] == [True, True, False, False]
    assert_only_credentials_changed(yard, before, given)
    assert all(rows_at(server, given[kind]["name"]) > 3 for kind in KINDS)
    assert {kind: row_counts(yard.lab, kind) for kind in KINDS} == {kind: {} for kind in KINDS}
    assert {item["host"] for kind, item in done["restore"]["databases"].items() if kind in KINDS} == {"127.0.0.2"}
    assert done["restore"]["permissions"] is False
    assert any("owners and grants are not restored" in note for note in done["restore"]["notes"])
    assert str(yard.site.prefix / KEYCLOAK) in done["mended"]
    configured = yard.site.configuration()
    assert [configured[f"{name}_DB_SECURED"] for name in ("ENGINE", "DWH")] == ["False", "True"]
    assert "ssl=true" in configured["DWH_DB_URL"] and "NonValidating" not in configured["DWH_DB_URL"]


def test_databases_alone_keep_the_files_of_the_host(yard: Yard, tmp_path: Path) -> None:
    yard.emptied()
    own = yard.site.prefix / KEYCLOAK
    own.write_text(own.read_text() + 'MY_OWN_LINE="kept"\n')
    before = configuration(yard.site.prefix)
    given = {"engine": yard.make_target(yard.lab, "engine")}  # with the files: in test_engine_restore_module_faults
    with yard.driven(tmp_path) as engine:
        (done,) = engine.play(restore(yard.archives["stock"], scope=["db", "dwhdb"], credentials=yard.hidden(given)))
    assert (said(done), done["changed"]) == ("", True)
    assert_only_credentials_changed(yard, before, given)
    assert 'MY_OWN_LINE="kept"' in own.read_text().splitlines()
    assert row_counts(yard.lab, "keycloak") == {}
