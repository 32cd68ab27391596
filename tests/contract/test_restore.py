# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""--mode=restore: order, refusals, what comes back, and what succeeds without coming back."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from lab import Lab
from lab.databases import empty, row_counts
from lab.postgres import query
from lab.runner import Result, Tool

CLEANED = ("async_tasks", "async_tasks_entities", "business_entity_snapshot", "command_entities", "job", "step")
FRAME = ["Start", "scope:", "archive", "log"]


def empty_all(lab: Lab) -> None:
    """What a restore wants to find."""
    for kind in lab.databases:
        empty(lab, kind)


def noise_aside(run: Result) -> list[str]:
    """stderr without the complaints about SELinux programs that this system may lack."""
    return [line for line in run.stderr.splitlines() if not line.endswith(": command not found")]


class Whole(NamedTuple):
    archive: Path
    rows: dict[str, dict[str, int]]  # of each database before it was made


@pytest.fixture(scope="module")
def whole(engine_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """An archive with everything."""
    rows = {kind: row_counts(engine_lab, kind) for kind in engine_lab.databases}
    return Whole(Tool(engine_lab, tmp_path_factory.mktemp("whole"))("backup").archive, rows)


def test_restore_brings_back_every_row(emptied: Lab, tool: Tool, whole: Whole) -> None:
    archive, before = whole
    started = 6
    empty_all(emptied)
    run = tool("restore", "--restore-permissions", file=archive)
    assert (run.rc, noise_aside(run)) == (0, [])
    assert row_counts(emptied, "dwh") == before["dwh"]
    assert row_counts(emptied, "keycloak") == before["keycloak"]
    after = row_counts(emptied, "engine")
    assert all(after["public." + name] == 0 for name in CLEANED)
    assert after["public.audit_log"] == before["engine"]["public.audit_log"] + started
    untouched = set(after) - {"public." + name for name in (*CLEANED, "audit_log")}
    changed = {name for name in untouched if after[name] != before["engine"][name]}
    # Emptied along with their parents.
    assert changed == {"public.command_assoc_entities", "public.job_subject_entity", "public.step_subject_entity"}


def test_restored_engine_database_is_marked_and_cleaned(emptied: Lab, tool: Tool) -> None:
    run = tool("backup", "--scope=db")
    empty_all(emptied)
    restored = tool("restore", "--no-restore-permissions", file=run.archive)
    assert [line for line in restored.stdout.splitlines() if line.startswith("  - ")] == [
        "  - Cleaning up temporary tables in engine database 'engine'",
        "  - Updating DbJustRestored VdcOption in engine database",
        "  - Resetting DwhCurrentlyRunning in dwh_history_timekeeping in engine database",
        "  - Resetting HA VM status",
    ]
    assert query(emptied, "engine", "SELECT option_value FROM vdc_options WHERE option_name = 'DbJustRestored'") == "1"
    path = run.archive.with_suffix(".log")
    found = query(emptied, "engine", "SELECT log_type FROM audit_log WHERE message LIKE '%log={}'".format(path))
    assert found == "9024"


def test_files_come_back_and_strangers_stay(engine_lab: Lab, tool: Tool) -> None:
    archive = tool("backup", "--scope=files").archive
    key = engine_lab.prefix / "etc/pki/ovirt-engine/keys/engine.p12"
    stranger = engine_lab.prefix / "etc/ovirt-engine/stranger"
    content, owner = key.read_bytes(), key.stat().st_uid
    template = engine_lab.prefix / "etc/pki/ovirt-engine/openssl.conf"
    before = template.read_bytes()
    key.unlink()
    stranger.write_text("stays", encoding="ascii")
    template.write_text("not restored", encoding="ascii")
    run = tool("restore", "--no-restore-permissions", file=archive)
    assert run.rc == 0
    assert (key.read_bytes(), key.stat().st_uid, stranger.exists()) == (content, owner, True)
    assert template.read_text("ascii") == "not restored"
    stranger.unlink()
    template.write_bytes(before)
    assert "  - Check complete (no legacy certificates found)" in run.stdout.splitlines()


def test_filled_database_is_refused_after_the_files(engine_lab: Lab, tool: Tool, whole: Whole) -> None:
    archive = whole.archive
    lost = engine_lab.prefix / "etc/ovirt-engine/logger.properties"
    lost.unlink()
    run = tool("restore", "--no-restore-permissions", file=archive)
    assert (run.rc, noise_aside(run)) == (1, ["FATAL: Database 'engine' is not empty"])
    assert lost.exists()


def test_live_engine_is_refused_before_anything_else(engine_lab: Lab, tool: Tool, tmp_path: Path) -> None:
    archive = tool("backup", "--scope=files").archive
    script = tmp_path / "ovirt-engine.py"
    script.write_text("import time; time.sleep(60)\n", encoding="ascii")
    engine = subprocess.Popen(["python3", str(script)])
    mark = engine_lab.prefix / "var/lib/ovirt-engine/engine.up"
    mark.write_text("{}\n".format(engine.pid), encoding="ascii")
    try:
        run = tool("restore", "--no-restore-permissions", file=archive)
    finally:
        mark.unlink()
        engine.kill()
        engine.wait()
    assert (run.rc, run.stderr) == (1, "FATAL: Engine service is active - can not restore backup\n")
    assert run.stdout.splitlines()[4:] == ["Preparing to restore:"]


def test_scope_that_the_archive_lacks_is_restored_without_a_word(engine_lab: Lab, tool: Tool) -> None:
    archive = tool("backup", "--scope=files").archive
    run = tool("restore", "--scope=db", "--no-restore-permissions", file=archive)
    assert (run.rc, run.stdout.splitlines()[-1], "Engine database" in run.stdout) == (0, "Done.", False)


def test_cut_dwh_dump_ends_in_success_and_an_empty_database(
    emptied: Lab, tool: Tool, whole: Whole, tmp_path: Path
) -> None:
    good, root, cut = whole.archive, tmp_path / "unpacked", tmp_path / "cut.backup"
    root.mkdir()
    subprocess.run(["tar", "-C", str(root), "-xpf", str(good)], check=True)
    os.truncate(root / "db/dwh_backup.db", 3000)
    names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != "sha256sum"]
    done = subprocess.run(["sha256sum", *names], cwd=root, capture_output=True, check=True)
    (root / "sha256sum").write_bytes(done.stdout)
    subprocess.run(["tar", "-C", str(root), "-czf", str(cut), "."], check=True)
    empty_all(emptied)
    run = tool("restore", "--restore-permissions", file=cut)
    assert (run.rc, run.stdout.splitlines()[-1]) == (0, "Done.")
    assert row_counts(emptied, "dwh") == {}


def test_provisioning_creates_what_is_gone_and_resets_other_passwords(emptied: Lab, tool: Tool, whole: Whole) -> None:
    archive, before = whole.archive, whole.rows["dwh"]
    for database in emptied.databases.values():
        query(emptied, "postgres", 'DROP DATABASE "{}" WITH (FORCE)'.format(database.name))
        query(emptied, "postgres", 'DROP ROLE "{}"'.format(database.owner))
    run = tool("restore", "--provision-all-databases", file=archive)
    assert run.rc == 0
    block = run.stdout.split("Provisioning PostgreSQL users/databases:\n", 1)[1].split("Restoring:", 1)[0]
    assert block.splitlines() == [
        "- user 'engine', database 'engine'",
        "- extra user 'engine_reporting' having grants on database engine, created with a random password",
        "- user 'ovirt_engine_history', database 'ovirt_engine_history'",
        "- user 'ovirt_engine_history_grafana' on database 'ovirt_engine_history'",
        "- user 'ovirt_engine_keycloak', database 'ovirt_engine_keycloak'",
    ]
    assert row_counts(emptied, "dwh") == before
