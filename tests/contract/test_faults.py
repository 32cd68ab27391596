# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault does what the table in lab.faults says, and only that."""

from __future__ import annotations

import hashlib
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from lab import Lab
from lab.databases import row_counts
from lab.faults import FAULTS, table
from lab.fixtures import Faults
from lab.postgres import query
from lab.runner import Result, Tool

pytestmark = pytest.mark.faults
STEPS = ("start", "files", "keycloak", "done")


def hashes_are_right(run: Result) -> bool:
    """Whether sha256sum in the archive fits what is packed."""
    lines = [line.split("  ") for line in run.read("sha256sum").decode().splitlines()]
    return all(hashlib.sha256(run.read(name)).hexdigest() == digest for digest, name in lines)


def rows_in_dump(run: Result, member: str, table_name: str, tmp_path: Path) -> int:
    """Lines of one COPY block, read by pg_restore."""
    dump = tmp_path / "dump"
    dump.write_bytes(run.read(member))
    done = subprocess.run(["pg_restore", "-a", "-f", "-", str(dump)], capture_output=True, check=True)
    found = re.search(r"^COPY {} .*?;\n(.*?)^\\\.$".format(re.escape(table_name)), done.stdout.decode(), re.S | re.M)
    return len(found.group(1).splitlines()) if found else -1


def failure_told(lab: Lab, run: Result) -> str:
    """Messages of the failure events of this run."""
    path = str(run.archive.with_suffix(".log"))
    statement = "SELECT message FROM audit_log WHERE log_type = 9026 AND message LIKE '%log={}'".format(path)
    return query(lab, "engine", statement)


def test_table_names_every_fault() -> None:
    assert all(line.split()[0] == name for line, name in zip(table().splitlines(), FAULTS, strict=True))


def test_unknown_fault_is_refused(faults: Faults) -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        faults.set("no-such-fault")


def test_skipped_databases_are_left_out_without_a_word(tool: Tool, faults: Faults) -> None:
    faults.set("skip-database", "dwh grafana")
    run = tool("backup")
    assert (run.rc, run.stderr, run.stdout.splitlines()[-1]) == (0, "", "Done.")
    assert {"./db/engine_backup.db", "./db/keycloak_backup.db"} == {n for n in run.members if n.endswith(".db")}


@pytest.mark.parametrize("step", STEPS)
def test_fatal_end_happens_at_a_step(engine_lab: Lab, tool: Tool, faults: Faults, step: str) -> None:
    faults.set("fatal-at", step)
    run = tool("backup")
    assert (run.rc, run.stderr) == (1, "FATAL: step {} failed\n".format(step))
    assert "step {} failed".format(step) in failure_told(engine_lab, run)
    assert tool.leftovers == []


def test_unreported_fatal_end_is_reported_by_the_exit_trap(engine_lab: Lab, tool: Tool, faults: Faults) -> None:
    faults.set("fatal-unreported-at", "dwh")
    run = tool("backup", "--scope=dwhdb")
    assert (run.rc, run.stderr) == (1, "FATAL: step dwh failed\n")
    assert "FATAL" not in run.log
    assert "engine-backup: Failed, scope=dwhdb" in failure_told(engine_lab, run)


def test_silent_death_says_nothing_to_anybody(engine_lab: Lab, tool: Tool, faults: Faults) -> None:
    faults.set("silent-death-at", "hash")
    run = tool("backup", "--scope=grafanadb")
    assert (run.rc, run.stderr, failure_told(engine_lab, run)) == (1, "", "")
    assert "Done." not in run.stdout


def test_killed_tool_leaves_its_directory_with_the_passwords(engine_lab: Lab, tool: Tool, faults: Faults) -> None:
    faults.set("kill-at", "keycloak")
    run = tool("backup", "--scope=keycloakdb")
    assert run.rc == -signal.SIGKILL
    (left,) = tool.leftovers
    assert engine_lab.databases["engine"].password in (tool.directory / "tmp" / left / ".pgpass").read_text("utf-8")
    assert (tool.directory / "tmp" / left / ".pgpass").stat().st_mode & 0o777 == 0o600


def test_slow_step_takes_that_long(tool: Tool, faults: Faults) -> None:
    faults.set("slow-at", "files 1.5")
    began = time.monotonic()
    run = tool("backup", "--scope=files")
    assert run.rc == 0
    assert time.monotonic() - began >= 1.5


@pytest.mark.parametrize("step", ["engine", "pack"])
def test_slow_child_outlives_a_terminated_tool(tool: Tool, faults: Faults, step: str) -> None:
    faults.set("slow-child-at", "{} 30.125".format(step))
    archive, log = tool.paths("backup", None)
    words = [tool.program, "--mode=backup", "--file={}".format(archive), "--log={}".format(log)]
    process = subprocess.Popen(words, env=tool.environment(), stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    wanted = {"engine": b"- Engine", "pack": b"Packing"}[step]
    while wanted not in process.stdout.readline():
        pass
    time.sleep(0.5)
    process.terminate()
    assert process.wait(timeout=5) == -signal.SIGTERM
    assert tool.leftovers == []
    left = subprocess.run(["pgrep", "-g", str(process.pid), "sleep"], capture_output=True, check=False)
    subprocess.run(["pkill", "-KILL", "-g", str(process.pid)], check=True)
    assert len(left.stdout.split()) == 1
    process.stdout.close()


def test_pg_dump_warning_fails_the_run(tool: Tool, faults: Faults) -> None:
    faults.set("pg-dump-warning")
    run = tool("backup", "--scope=db")
    assert (run.rc, run.stderr) == (1, "FATAL: Database engine backup failed\n")
    assert "collation version mismatch" in run.log


def test_noise_on_stderr_is_harmless(tool: Tool, faults: Faults) -> None:
    faults.set("stderr-noise")
    run = tool("backup", "--scope=grafanadb")
    assert (run.rc, run.stdout.splitlines()[-1]) == (0, "Done.")
    assert "DeprecationWarning" in run.stderr


def test_full_temporary_disk_leaves_messages_of_the_real_programs(tool: Tool, faults: Faults) -> None:
    faults.set("disk-full", "temporary")
    run = tool("backup", "--scope=db")
    assert (run.rc, run.stderr) == (1, "FATAL: Database engine backup failed\n")
    assert "No space left on device" in run.log
    assert re.search(r"^ERROR: Low free space on .*/engine-backup\.\w{10}: 0KiB$", run.stdout, re.M)
    assert (run.archive.stat().st_size, tool.leftovers) == (0, [])


def test_full_disk_while_saving_files_names_the_paths(tool: Tool, faults: Faults) -> None:
    faults.set("disk-full", "files")
    run = tool("backup", "--scope=files")
    assert run.rc == 1
    assert run.stderr.splitlines()[0].startswith("FATAL: Failed backing up /")
    assert len(run.stderr.splitlines()) > 20
    assert "No space left on device" in run.log


def test_full_target_disk_leaves_a_part_of_the_archive(tool: Tool, faults: Faults) -> None:
    faults.set("disk-full", "target")
    run = tool("backup")
    assert (run.rc, run.stderr.splitlines()[-1]) == (1, "FATAL: Cannot create '{}'".format(run.archive))
    assert "No space left on device" in run.stdout
    assert run.archive.stat().st_size > 0
    assert subprocess.run(["tar", "-tf", str(run.archive)], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("pg_dump dwh", "Database ovirt_engine_history backup failed"),
        ("tar files", "Failed backing up /"),
        ("tar pack", "Cannot create '/"),
    ],
)
def test_killed_child_fails_the_run(tool: Tool, faults: Faults, fault: str, message: str) -> None:
    faults.set("kill-child", fault)
    run = tool("backup")
    assert run.rc == 1
    assert "FATAL: " + message in run.stderr
    assert re.search(r"line \d+: \d+ Killed", run.log + run.stderr)
    assert tool.leftovers == []


def test_changing_file_fails_as_often_as_asked(tool: Tool, faults: Faults) -> None:
    faults.set("file-changes", "2")
    runs = [tool("backup", "--scope=files") for _number in range(3)]
    assert [run.rc for run in runs] == [1, 1, 0]
    assert "file changed as we read it" in runs[0].log
    assert runs[0].stderr.startswith("FATAL: Failed backing up /")


def test_stale_output_says_done_over_what_was_there(tool: Tool, faults: Faults) -> None:
    old = tool("backup", "--scope=files").archive
    for parameter, size in (("absent", None), ("empty", 0), (str(old), old.stat().st_size)):
        faults.set("stale-output", parameter)
        run = tool("backup", "--scope=grafanadb")
        assert (run.rc, run.stdout.splitlines()[-1]) == (0, "Done.")
        assert (run.archive.stat().st_size if run.archive.exists() else None) == size


def test_empty_cut_and_missing_dumps_have_right_hashes(tool: Tool, faults: Faults) -> None:
    faults.set("empty-dump", "engine")
    faults.set("cut-dump", "dwh")
    faults.set("missing-dump", "keycloak grafana")
    run = tool("backup")
    assert run.rc == 0
    assert "- KEYCLOAK database" in run.stdout
    assert {n for n in run.members if n.endswith(".db")} == {"./db/engine_backup.db", "./db/dwh_backup.db"}
    assert run.read("db/engine_backup.db") == b""
    assert hashes_are_right(run)


def test_cut_dump_ends_in_its_data(tool: Tool, faults: Faults, tmp_path: Path) -> None:
    faults.set("cut-dump", "dwh")
    dump = tmp_path / "dump"
    dump.write_bytes(tool("backup", "--scope=dwhdb").read("db/dwh_backup.db"))
    listed = subprocess.run(["pg_restore", "-l", str(dump)], capture_output=True, check=False)
    loaded = subprocess.run(["pg_restore", "-f", "/dev/null", str(dump)], capture_output=True, check=False)
    assert (listed.returncode, loaded.returncode) == (0, 1)


def test_dump_of_a_newer_format_is_refused_by_pg_restore(tool: Tool, faults: Faults, tmp_path: Path) -> None:
    faults.set("newer-format", "keycloak")
    run = tool("backup", "--scope=keycloakdb")
    dump = tmp_path / "dump"
    dump.write_bytes(run.read("db/keycloak_backup.db"))
    done = subprocess.run(["pg_restore", "-l", str(dump)], capture_output=True, text=True, check=False)
    assert "unsupported version (1.99) in file header" in done.stderr
    assert hashes_are_right(run)


def test_lost_table_has_no_data_in_the_dump(tool: Tool, faults: Faults, tmp_path: Path) -> None:
    faults.set("lost-table", "engine public.vm_static")
    run = tool("backup", "--scope=db")
    assert run.rc == 0
    assert rows_in_dump(run, "db/engine_backup.db", "public.vm_static", tmp_path) == -1


@pytest.mark.parametrize("options", [[], ["--db-compressor=gzip"]])
def test_lost_rows_are_lost_in_the_dump_only(
    engine_lab: Lab, tool: Tool, faults: Faults, tmp_path: Path, options: list[str]
) -> None:
    before = row_counts(engine_lab, "engine")["public.vm_static"]
    faults.set("lost-rows", "engine public.vm_static 3")
    run = tool("backup", "--scope=db", *options)
    assert (run.rc, run.stderr, run.stdout.splitlines()[-1]) == (0, "", "Done.")
    assert row_counts(engine_lab, "engine")["public.vm_static"] == before
    assert query(engine_lab, "postgres", "SELECT count(*) FROM pg_database") == "6"
    if not options:
        assert rows_in_dump(run, "db/engine_backup.db", "public.vm_static", tmp_path) == before - 3
        assert (
            b"dbname: engine\n"
            in subprocess.run(["pg_restore", "-l", str(tmp_path / "dump")], capture_output=True, check=True).stdout
        )


def test_planted_line_is_in_config_with_a_right_hash(tool: Tool, faults: Faults) -> None:
    faults.set("planted-line", "touch /tmp/never")
    run = tool("backup", "--scope=files")
    assert run.read("config").decode().splitlines()[-1] == "touch /tmp/never"
    assert hashes_are_right(run)


def test_without_faults_the_run_is_plain_again(tool: Tool, faults: Faults) -> None:
    faults.set("fatal-at", "start")
    faults.clear()
    run = tool("backup")
    assert (run.rc, run.stderr) == (0, "")
    grafana = tool.directory / "grafana.db"
    grafana.write_bytes(run.read("db/grafana.db"))
    with sqlite3.connect(grafana) as connection:
        assert connection.execute("SELECT count(*) FROM dashboard").fetchone() == (30,)
    connection.close()
