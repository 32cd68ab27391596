# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""--mode=backup: what it prints, packs and tells the engine."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from lab import Lab
from lab.databases import row_counts
from lab.postgres import query
from lab.runner import Result, Tool

EVENTS_457 = ["files", "db", "dwhdb", "cinderlib", "keycloak", "grafanadb"]
CONFIG = """DB_DUMP_COMPRESSOR={0}
DB_DUMP_FORMAT={1}
DWH_DB_DUMP_COMPRESSOR={0}
DWH_DB_DUMP_FORMAT={1}
KEYCLOAK_DB_DUMP_COMPRESSOR=
KEYCLOAK_DB_DUMP_FORMAT=custom
CINDERLIB_DB_DUMP_COMPRESSOR=
CINDERLIB_DB_DUMP_FORMAT=custom
"""
DUMPS = ["./db/dwh_backup.db", "./db/engine_backup.db", "./db/grafana.db", "./db/keycloak_backup.db"]
FRAME = ["./", "./config", "./db/", "./files", "./os_version", "./sha256sum", "./version"]


def events_of(lab: Lab, run: Result) -> list[str]:
    """Rows of audit_log that name the log of this run."""
    path = str(run.archive.with_suffix(".log"))
    statement = "SELECT log_type FROM audit_log WHERE message LIKE '%log={}' ORDER BY audit_log_id".format(path)
    return query(lab, "engine", statement).split()


@pytest.fixture(scope="module")
def everything(engine_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run with every scope."""
    return Tool(engine_lab, tmp_path_factory.mktemp("everything"))("backup")


def test_backup_of_everything_prints_one_line_per_database(engine_lab: Lab, everything: Result) -> None:
    run = everything
    assert run.rc == 0
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "Start of engine-backup with mode 'backup'",
        "scope: all",
        "archive file: {}".format(run.archive),
        "log file: {}".format(run.archive.with_suffix(".log")),
        "Backing up:",
        "Notifying engine",
        "- Files",
        "- Engine database 'engine'",
        "- DWH database 'ovirt_engine_history'",
        "- KEYCLOAK database 'ovirt_engine_keycloak'",
        "- Grafana database '{}/var/lib/grafana/grafana.db'".format(engine_lab.prefix),
        "Packing into file '{}'".format(run.archive),
        "Notifying engine",
        "Done.",
    ]


def test_archive_holds_the_members_and_right_hashes_of_them(everything: Result) -> None:
    run = everything
    assert sorted(run.members) == sorted(FRAME + DUMPS)
    pairs = (line.split("  ") for line in run.read("sha256sum").decode().splitlines())
    listed = {name: digest for digest, name in pairs}
    packed = {name[2:] for name in run.members if not name.endswith("/")}
    assert set(listed) == packed - {"sha256sum"}
    assert all(hashlib.sha256(run.read(name)).hexdigest() == digest for name, digest in listed.items())
    assert run.read("version") == b"4.5.7\n"
    assert run.read("config").decode() == CONFIG.format("", "custom")


def test_files_member_holds_paths_relative_to_the_root_with_their_owners(engine_lab: Lab, tool: Tool) -> None:
    run = tool("backup", "--scope=files")
    listing = subprocess.run(
        ["tar", "-tvJ", "--numeric-owner"], input=run.read("files"), capture_output=True, check=True
    ).stdout.decode()
    names = [line.split()[5] for line in listing.splitlines()]
    assert not [name for name in names if name.startswith(("/", "./"))]
    assert {"etc/pki/ovirt-engine/ca.pem", "etc/pki/ovirt-engine/keys/engine.key.nopass"} <= set(names)
    assert "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf" in names
    assert not [name for name in names if "/backups" in name or name.endswith("grafana.db")]
    owner = (engine_lab.prefix / "etc/ovirt-engine/aaa/internal.properties").stat().st_uid
    assert [line for line in listing.splitlines() if "internal.properties" in line][0].split()[1].startswith(str(owner))


def test_dump_holds_every_row_of_the_live_database(engine_lab: Lab, tool: Tool, tmp_path: Path) -> None:
    run = tool("backup", "--scope=dwhdb")
    dump = tmp_path / "dump"
    dump.write_bytes(run.read("db/dwh_backup.db"))
    text = subprocess.run(["pg_restore", "-f", "-", str(dump)], capture_output=True, check=True).stdout.decode()
    block = text.split("COPY public.vm_samples_history (", 1)[1].split("\n", 1)[1].split("\n\\.\n", 1)[0]
    assert len(block.splitlines()) == row_counts(engine_lab, "dwh")["public.vm_samples_history"]


def test_small_size_makes_compressed_plain_dumps_and_says_so_first(tool: Tool) -> None:
    run = tool("backup", "--small-size")
    assert run.stdout.splitlines()[1].startswith("Please note: permissions are not backed up")
    assert run.read("config").decode() == CONFIG.format("xz", "plain")
    dump = subprocess.run(["xz", "-dc"], input=run.read("db/engine_backup.db"), capture_output=True, check=True).stdout
    assert b"COPY public.vm_static (" in dump
    assert run.read("db/keycloak_backup.db").startswith(b"PGDMP")


def test_scopes_add_up_and_only_they_are_packed(tool: Tool) -> None:
    run = tool("backup", "--scope=files", "--scope=db")
    assert "scope: files,db" in run.stdout.splitlines()
    for path in (run.archive, run.archive.with_suffix(".log")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tool.leftovers == []
    assert sorted(run.members) == sorted([*FRAME, "./db/engine_backup.db"])


def test_engine_is_told_of_start_and_end_per_requested_scope(engine_lab: Lab, everything: Result) -> None:
    run = everything
    assert events_of(engine_lab, run) == ["9024"] * 6 + ["9025"] * 6
    rows = query(
        engine_lab,
        "engine",
        "SELECT scope FROM engine_backup_log WHERE is_passed AND log_path = '{}' ORDER BY done_at".format(
            run.archive.with_suffix(".log")
        ),
    )
    assert rows.split() == EVENTS_457


def test_engine_is_told_of_scopes_that_hold_nothing(engine_lab: Lab, tool: Tool) -> None:
    run = tool("backup", "--scope=cinderlibdb")
    assert (run.rc, sorted(run.members)) == (0, sorted(set(FRAME) - {"./files"}))
    assert events_of(engine_lab, run) == ["9024", "9025"]


def test_dropped_enable_flag_means_a_database_less_and_success(engine_lab: Lab, tool: Tool) -> None:
    state = engine_lab.prefix / "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
    before = state.read_text(encoding="utf-8")
    state.write_text(before.replace("OVESETUP_DWH_CORE/enable=bool:True\n", ""), encoding="utf-8")
    try:
        run = tool("backup", "--scope=db", "--scope=dwhdb")
    finally:
        state.write_text(before, encoding="utf-8")
    assert (run.rc, "DWH" in run.stdout) == (0, False)
    assert "./db/dwh_backup.db" not in run.members


def test_unreachable_engine_database_fails_every_scope(engine_lab: Lab, tool: Tool) -> None:
    # The Data Warehouse's copy of the engine's credentials is sourced last and wins.
    extra = engine_lab.prefix / "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/99-wrong.conf"
    extra.write_text("ENGINE_DB_PASSWORD=wrong\n", encoding="utf-8")
    try:
        run = tool("backup", "--scope=files")
    finally:
        extra.unlink()
    assert (run.rc, run.stderr) == (1, "FATAL: Failed notifying engine\n")
    assert run.archive.stat().st_size == 0
    assert "password authentication failed" in run.log


def test_failed_dump_is_told_to_the_engine_and_leaves_an_empty_file(engine_lab: Lab, tool: Tool) -> None:
    extra = engine_lab.prefix / "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/99-wrong.conf"
    extra.write_text("DWH_DB_PASSWORD=wrong\n", encoding="utf-8")
    try:
        run = tool("backup", "--scope=dwhdb")
    finally:
        extra.unlink()
    assert (run.rc, run.stderr) == (1, "FATAL: Database ovirt_engine_history backup failed\n")
    assert events_of(engine_lab, run) == ["9024", "9026"]
    assert (run.archive.stat().st_size, tool.leftovers) == (0, [])


def test_termination_removes_the_temporary_directory_and_leaves_children(
    engine_lab: Lab, tool: Tool, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "pg_dump").write_text("#!/bin/sh\nexec sleep 7.25\n", encoding="ascii")
    (slow / "pg_dump").chmod(0o755)
    archive, log = tool.paths("backup", None)
    environment = tool.environment("{}:{}".format(slow, engine_lab.environment()["PATH"]))
    process = subprocess.Popen(
        [tool.program, "--mode=backup", "--scope=db", "--file={}".format(archive), "--log={}".format(log)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for_line(log, "pg_cmd running: pg_dump")
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=5) == -signal.SIGTERM
    assert tool.leftovers == []
    survivors = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False)
    assert len(survivors.stdout.split()) == 1
    os.killpg(process.pid, signal.SIGKILL)
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert "FATAL" not in log.read_text(encoding="utf-8")


def wait_for_line(log: Path, text: str) -> None:
    """Until the log holds the text, for at most ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if log.exists() and text in log.read_text(encoding="utf-8"):
            return
        time.sleep(0.02)
    raise AssertionError("{} never said {!r}".format(log, text))


def test_omitted_mode_overwrites_an_existing_file(tool: Tool, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="ascii")
    log = tmp_path / "omitted.log"
    words = [tool.program, "--scope=files", "--file={}".format(victim), "--log={}".format(log)]
    done = subprocess.run(words, env=tool.environment(), capture_output=True, check=False)
    assert done.returncode == 0
    assert victim.read_bytes().startswith(b"\x1f\x8b")


def test_passwords_in_the_environment_do_not_arrive(tool: Tool) -> None:
    environment = {**tool.environment(), "OVIRT_ENGINE_DATABASE_PASSWORD": "secret"}
    words = [tool.program, "--mode=restore", "--file=/dev/null"]
    words += ["--change-db-credentials", "--db-host=h", "--db-user=u"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == "FATAL: --db-passfile or --db-password is missing\n"
