# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_restore into the emptied databases of its own engine: check, run, check, run, and everything is there."""

import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from lab.postgres import query

from .archive_store import read_manifest
from .db_probe import fingerprints
from .playbooks import checked
from .restore_tasks import KINDS, Yard, restore, said
from .side_effects import Witness

pytest_plugins = ["functional.restore_tasks"]
pytestmark = pytest.mark.faults

EMPTIED = {
    "public." + name
    for name in (
        "async_tasks", "async_tasks_entities", "business_entity_snapshot", "command_assoc_entities", "command_entities",
        "job", "job_subject_entity", "step", "step_subject_entity",
    )
}  # fmt: skip


def assert_holds_archive(yard: Yard, archive: Path) -> None:
    """Every row that the manifest counts is there, but for the tables that a restore empties."""
    live, counted = yard.rows(), read_manifest(archive)["databases"]
    for kind in KINDS:
        wanted = {name: 0 if name in EMPTIED and kind == "engine" else rows
                  for name, rows in counted[kind]["tables"].items()}  # fmt: skip
        assert live[kind].keys() == wanted.keys()
        gained = {name: live[kind][name] - rows for name, rows in wanted.items() if live[kind][name] != rows}
        assert gained in ({}, {"public.vdc_options": 1})


def files_of(prefix: Path) -> dict[str, tuple[int, int, int, int]]:
    """Size, mode and owner of each ordinary file below the directories that a backup packs."""
    found = {}
    for top in ("etc", "var/lib/ovirt-engine"):
        for path in sorted((prefix / top).rglob("*")):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found[str(path)] = (status.st_size, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    return found


def test_check_run_check_run(yard: Yard, tmp_path: Path) -> None:
    yard.emptied()
    prefix, archive = yard.site.prefix, yard.archives["stock"]
    before = files_of(prefix)
    lost = prefix / "etc/ovirt-engine/engine.conf.d/11-setup-sso.conf"
    open_to_all = prefix / "etc/ovirt-engine/aaa/internal.properties"
    lost.unlink()
    open_to_all.chmod(0o644)
    task = restore(archive)
    bare = Path(shutil.copy2(archive, tmp_path / "bare.backup"))  # without a manifest: read to its last row
    with yard.driven(tmp_path) as engine, Witness() as witness:
        read, planned, done, planned_again, again = engine.play(
            checked(restore(bare)), checked(task), task, checked(task), task
        )
    assert [said(result) for result in (read, planned, done, planned_again, again)] == [""] * 5
    assert [result["changed"] for result in (planned, done, planned_again, again)] == [True, True, False, False]
    assert_holds_archive(yard, archive)
    assert files_of(prefix) == before, "every file is back with its mode and owner"
    by_reading, by_manifest = ({**result["restore"], "path": "", "log_path": ""} for result in (read, planned))
    assert by_manifest == by_reading, "what the manifest recalls is what is in the archive"
    for key in ("path", "identity", "version", "scopes", "permissions", "provisioned", "extra_users", "files"):
        assert planned["restore"][key] == done["restore"][key] == again["restore"][key]
    assert done["restore"]["identity"] == read_manifest(archive)["log_path"]
    assert done["restore"]["scopes"] == ["files", "db", "dwhdb", "keycloakdb", "grafanadb"]
    assert {kind: item["rows"] for kind, item in done["restore"]["databases"].items() if kind in KINDS} == {
        kind: sum(rows.values()) for kind, rows in yard.rows().items()
    }
    assert (done["restore"]["already"], again["restore"]["already"]) == (False, True)
    assert (again["cmd"], again["diff"]["after"]) == ([], {"leftovers": []})
    assert Path(done["log_path"]).stat().st_size > 0
    secrets = [secret.encode() for secret in yard.site.secrets()]
    assert not [text for text in witness.seen for secret in secrets if secret in text]


def test_archives_of_other_profiles(yard: Yard, tmp_path: Path) -> None:
    yard.empty_databases()
    (yard.site.prefix / "var/lib/grafana/grafana.db").unlink(missing_ok=True)
    fast, small = (restore(yard.archives[profile], restore_jobs=1, permissions="restore")
                   for profile in ("fast", "small"))  # fmt: skip
    options = {"configured": list(KINDS), "clear": True, "prefix": "{{ ovirt_prefix }}"}
    emptied = {"ovirt.backup.engine_restore_target": options}
    with yard.driven(tmp_path) as engine:
        first, _emptied, second, again = engine.play(fast, emptied, small, small)
    assert [said(first), said(second)] == ["", ""]
    assert [result["changed"] for result in (first, second, again)] == [True, True, False]
    assert_holds_archive(yard, yard.archives["small"])
    assert [result["restore"]["permissions"] for result in (first, second)] == [True, True]


def test_every_value_comes_back_with_kept_temporary_data(yard: Yard, tmp_path: Path) -> None:
    yard.empty_databases()
    task = restore(yard.archives["stock"], keep_temporary_data=True, scope=["db", "dwhdb", "keycloakdb"],
                   permissions="skip")  # fmt: skip
    with yard.driven(tmp_path) as engine:
        (done,) = engine.play(task)
    assert (said(done), done["changed"]) == ("", True)
    live = {kind: fingerprints(yard.site, kind) for kind in KINDS}
    counted: dict[str, Any] = read_manifest(yard.archives["stock"])["databases"]
    assert {kind: {name: int(text.split()[0]) for name, text in live[kind].items()} for kind in KINDS} == {
        kind: counted[kind]["tables"] for kind in KINDS
    }
    assert done["restore"]["databases"]["engine"]["emptied"] == []
    assert done["restore"]["permissions"] is False
    granted = "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'engine_reporting'"
    assert query(yard.lab, yard.lab.databases["engine"].name, granted) == "0"
