# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real host of a restore: its files."""

import os
from pathlib import Path
from typing import Any

import pytest
from unit.fakes import world
from unit.fakes.restore_host import configuration, make_reading, make_request

pytest.importorskip("psycopg2")

from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import FileEntry
from ansible_collections.ovirt.backup.plugins.module_utils._engine.credential_files import replace_credentials
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore import host as host_module
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore import restored_files
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.host import RestoreHost, choose_original
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import (
    DWH_FILE,
    ENGINE_FILE,
    RestoreTarget,
)

KEYCLOAK = "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf"
CINDERLIB = "etc/ovirt-engine/engine.conf.d/10-setup-cinderlib-database.conf"
ME = (os.getuid(), os.getgid())
NEW = world.settings("new", "New.Secret_1")


def put(prefix: Path, path: str, text: str, mode: int = 0o640) -> Path:
    real = prefix / path
    real.parent.mkdir(parents=True, exist_ok=True)
    real.write_text(text)
    real.chmod(mode)
    return real


def reading(**texts: str) -> Any:
    """Return an archive whose configuration files are these: engine, dwh, keycloak."""
    paths = {"engine": ENGINE_FILE, "dwh": DWH_FILE, "keycloak": KEYCLOAK}
    found = make_reading()
    assert found.files is not None
    named = {paths[kind]: text for kind, text in texts.items()}
    entries = {path: FileEntry(len(text), 0o640, 1, "", ME[0], "", ME[1]) for path, text in named.items()}
    return found._replace(files=found.files._replace(configuration=named, entries=entries))


TEXTS = configuration("engine", "dwh", "keycloak")


def test_configuration_that_the_tool_emptied_is_whole_again_with_the_new_credentials(tmp_path: Path) -> None:
    host, prefix = RestoreHost(str(tmp_path)), str(tmp_path)
    both = replace_credentials(TEXTS[ENGINE_FILE], "dwh", world.settings("ovirt_engine_history"))
    archive = reading(engine=TEXTS[ENGINE_FILE], dwh=both, keycloak=TEXTS[KEYCLOAK])
    paths = [ENGINE_FILE, DWH_FILE, KEYCLOAK, CINDERLIB]
    originals = host.config.read_originals(prefix, paths, ["files", "db"], archive)
    assert sorted(originals) == sorted([ENGINE_FILE, DWH_FILE, KEYCLOAK])
    put(tmp_path, ENGINE_FILE, replace_credentials("", "engine", NEW), 0o600)
    put(tmp_path, DWH_FILE, both)
    put(tmp_path, KEYCLOAK, "\n")
    copy = put(tmp_path, KEYCLOAK + ".20261122134650", TEXTS[KEYCLOAK])
    target = RestoreTarget("engine", NEW, True, False)
    broken = host.config.find_broken(prefix, originals, [target])
    assert copy.exists()
    repaired = host.config.repair_config_files(prefix, originals, [target])
    assert broken == repaired == sorted(str(tmp_path / path) for path in (DWH_FILE, ENGINE_FILE, KEYCLOAK))
    assert (tmp_path / KEYCLOAK).read_text() == TEXTS[KEYCLOAK]
    assert (tmp_path / ENGINE_FILE).read_text() == replace_credentials(TEXTS[ENGINE_FILE], "engine", NEW)
    assert (tmp_path / DWH_FILE).read_text() == replace_credentials(both, "engine", NEW)
    assert (tmp_path / ENGINE_FILE).stat().st_mode & 0o777 == 0o640
    assert not copy.exists()
    assert host.config.repair_config_files(prefix, originals, [target]) == []


def test_database_that_a_file_does_not_name_is_not_added_to_it(tmp_path: Path) -> None:
    host = RestoreHost(str(tmp_path))
    put(tmp_path, KEYCLOAK, "\n")
    originals = host.config.read_originals(
        str(tmp_path), [KEYCLOAK], ["files"], reading(keycloak="KEYCLOAK_BUNDLED=false\n")
    )
    host.config.repair_config_files(str(tmp_path), originals, [RestoreTarget("keycloak", NEW, True, False)])
    assert (tmp_path / KEYCLOAK).read_text() == "KEYCLOAK_BUNDLED=false\n"


@pytest.mark.parametrize(
    ("here", "there", "files", "chosen"),
    [
        ("A=1\n", "A=2\n", True, "A=2\n"),
        (None, "A=2\n", True, "A=2\n"),
        ("A=1\n", None, True, None),
        ("A=1\n", "A=2\n", False, "A=1\n"),
        ("A=1\n", None, False, "A=1\n"),
        (None, "A=2\n", False, None),
        ("A=1\n", "A=2\nB=3\n", False, "A=2\nB=3\n"),
        ("\n", "A=2\n", False, "A=2\n"),
    ],
)
def test_original_is_the_archives_or_the_hosts(here: Any, there: Any, files: bool, chosen: Any) -> None:
    def file(text: Any) -> Any:
        return None if text is None else restored_files.TextFile(text, 0o640, *ME)

    assert choose_original(file(here), file(there), files) == file(chosen)


def test_placeholders_are_removed_with_the_copies_of_them(tmp_path: Path) -> None:
    host, prefix = RestoreHost(str(tmp_path)), str(tmp_path)
    put(tmp_path, ENGINE_FILE, TEXTS[ENGINE_FILE])
    made = host.config.make_placeholders(prefix, [ENGINE_FILE, CINDERLIB, KEYCLOAK])
    assert made == [CINDERLIB, KEYCLOAK]
    copy = put(tmp_path, CINDERLIB + ".20261122134650", "")
    put(tmp_path, CINDERLIB, "\n")
    put(tmp_path, KEYCLOAK, TEXTS[KEYCLOAK])
    wanted = {path: restored_files.TextFile(TEXTS[KEYCLOAK], 0o640, *ME) for path in (CINDERLIB, KEYCLOAK)}
    host.config.remove_placeholders(prefix, made, wanted)  # and nothing was written into one
    assert [(tmp_path / path).exists() for path in (ENGINE_FILE, CINDERLIB, KEYCLOAK)] == [True, False, True]
    assert not copy.exists()


def test_a_file_that_is_wanted_without_a_password_stays(tmp_path: Path) -> None:
    host, prefix = RestoreHost(str(tmp_path)), str(tmp_path)
    made = host.config.make_placeholders(prefix, [KEYCLOAK])
    wanted = {KEYCLOAK: restored_files.TextFile("KEYCLOAK_BUNDLED=false\n", 0o640, *ME)}
    kept = put(tmp_path, KEYCLOAK, wanted[KEYCLOAK].text)
    host.config.remove_placeholders(prefix, made[-1:], wanted)
    assert kept.read_text() == wanted[KEYCLOAK].text
    put(tmp_path, KEYCLOAK, "")  # the restore came to nothing
    host.config.remove_placeholders(prefix, made[-1:], wanted)
    assert not kept.exists()


def test_directories_that_were_made_for_placeholders_go_with_them(tmp_path: Path) -> None:
    host, prefix = RestoreHost(str(tmp_path)), str(tmp_path)
    (tmp_path / "etc/ovirt-engine").mkdir(parents=True)
    made = host.config.make_placeholders(prefix, [DWH_FILE, CINDERLIB])
    assert made == [
        "etc/ovirt-engine-dwh",
        "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d",
        DWH_FILE,
        "etc/ovirt-engine/engine.conf.d",
        CINDERLIB,
    ]
    kept = put(tmp_path, "etc/ovirt-engine/engine.conf.d/of-the-archive.conf", "A=1\n")
    host.config.remove_placeholders(prefix, made, {})
    assert sorted(os.listdir(str(tmp_path / "etc"))) == ["ovirt-engine"]
    assert kept.exists()


def test_databases_are_those_of_the_archive_where_its_files_are_restored(tmp_path: Path) -> None:
    host = RestoreHost(str(tmp_path))
    put(tmp_path, ENGINE_FILE, replace_credentials("", "engine", NEW))
    archive = reading(engine=TEXTS[ENGINE_FILE])
    request = make_request(prefix=str(tmp_path), credentials={"dwh": world.settings("dwh")})
    assert host.engine.configured(request, ["db"], archive)["engine"] == NEW
    assert host.engine.configured(request, ["files"], archive)["engine"] == world.settings("engine")
    assert {"New.Secret_1", "secret-of-engine", "secret-of-dwh"} <= set(host.passwords)


def test_times_of_the_archive_are_put_back_whatever_happens(tmp_path: Path) -> None:
    path = put(tmp_path, "x.backup", "x")
    os.utime(str(path), ns=(10**18, 10**18 + 1))
    with pytest.raises(ValueError, match="x"), RestoreHost("").archives.same_times(str(path)):
        path.write_text("y")
        raise ValueError("x")
    assert path.stat().st_mtime_ns == 10**18 + 1


def test_places_are_below_the_prefix(tmp_path: Path) -> None:
    host, prefix = RestoreHost(str(tmp_path)), str(tmp_path)
    assert host.engine.lock_directory(prefix) == prefix + "/var/lib/ovirt-engine-backup"
    assert host.engine.data_directory(prefix) == ""
    (tmp_path / "var/lib/pgsql").mkdir(parents=True)
    assert host.engine.data_directory(prefix) == prefix + "/var/lib/pgsql"
    (tmp_path / "var/lib/pgsql/data").mkdir()
    assert host.engine.data_directory(prefix) == prefix + "/var/lib/pgsql/data"
    put(tmp_path, "var/lib/grafana/grafana.db", "x")
    assert host.engine.grafana_file(prefix) == prefix + "/var/lib/grafana/grafana.db"


@pytest.mark.parametrize(
    ("text", "version"),
    [('ID="rocky"\nVERSION_ID="9.4"\n', "rocky9"), ("VERSION_ID=8\nID=centos\n", "centos8"), ("", "")],
)
def test_system_is_named_as_the_tool_names_it(
    text: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "OS_RELEASE", str(tmp_path / "os-release"))
    assert RestoreHost("").engine.os_version() == ""
    put(tmp_path, "os-release", text)
    assert RestoreHost("").engine.os_version() == version


@pytest.mark.parametrize(("said", "version"), [("pg_restore (PostgreSQL) 15.4", 15), ("nothing", 0)])
def test_client_says_its_version(said: str, version: int, tmp_path: Path) -> None:
    put(tmp_path, "bin/pg_restore", "#!/bin/sh\necho '%s'\n" % said, 0o755)
    assert RestoreHost(str(tmp_path)).engine.client_version(str(tmp_path)) == version
