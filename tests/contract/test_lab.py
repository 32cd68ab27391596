# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself: starts, stops, leaves nothing, and is what its inventory says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lab import Lab, load, processes
from lab.databases import row_counts
from lab.postgres import query
from lab.runner import Tool
from lab.traffic import busy

TESTS = Path(__file__).resolve().parents[1]


def lab_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the lab's command line."""
    words = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(words, cwd=TESTS, capture_output=True, text=True, check=False)


def processes_of(lab: Lab) -> list[str]:
    """Process ids whose command line names the lab's server directory."""
    done = subprocess.run(["pgrep", "-f", str(lab.server_home)], capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_stopped_lab_keeps_its_rows_and_a_removed_one_keeps_nothing(engine_lab: Lab, tmp_path: Path) -> None:
    """The second of two that run side by side, of another version, with services."""
    home = tmp_path / "lab"
    options = ("--components", "engine", "--engine-version", "4.5.8_master", "--services")
    started = lab_command("start", str(home), *options)
    assert started.returncode == 0, started.stderr
    lab = load(home)
    assert str(lab.inventory) in started.stdout and lab.port != engine_lab.port
    run = Tool(lab, tmp_path)("backup")
    assert (run.rc, run.read("version")) == (0, b"4.5.8_master\n")
    assert b"MANAGEDBLOCK_DB_DUMP_FORMAT=custom\n" in run.read("config")
    rows, pid = row_counts(lab, "engine"), processes.pid_of(home, "ovirt-engine")
    assert lab_command("stop", str(home)).returncode == 0
    assert (processes_of(lab), pid is None, processes.is_alive(home, "ovirt-engine")) == ([], False, False)
    assert "stopped" in lab_command("status", str(home)).stdout
    assert lab_command("start", str(home), "--services").returncode == 0
    assert row_counts(lab, "engine").keys() == rows.keys()
    assert row_counts(lab, "engine")["public.vm_static"] == rows["public.vm_static"] > 0
    assert processes.is_alive(home, "ovirt-engine")
    assert lab_command("stop", str(home), "--remove").returncode == 0
    assert processes_of(lab) == []
    assert (home.exists(), lab.server_home.exists()) == (False, False)


def test_command_line_errors_are_one_line(tmp_path: Path) -> None:
    done = lab_command("stop", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("lab: there is no lab below ")


def test_inventory_names_prefix_faults_and_fqdn(engine_lab: Lab) -> None:
    text = engine_lab.inventory.read_text(encoding="utf-8")
    assert 'ovirt_prefix: "{}"'.format(engine_lab.prefix) in text
    assert 'lab_faults: "{}"'.format(engine_lab.faults) in text
    assert 'engine_fqdn: "engine.lab.test"' in text


def test_server_is_set_up_as_an_engine_wants_it(engine_lab: Lab) -> None:
    settings = {"lc_messages": "en_US.UTF-8", "password_encryption": "scram-sha-256", "listen_addresses": "127.0.0.1"}
    assert {name: query(engine_lab, "engine", "SHOW " + name) for name in settings} == settings


def test_passwords_are_scram_and_needed_over_the_network(engine_lab: Lab) -> None:
    stored = query(engine_lab, "postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'engine'")
    assert stored.startswith("SCRAM-SHA-256$")
    words = [str(engine_lab.server_programs / "psql"), "-w", "-h", "127.0.0.1", "-p", str(engine_lab.port)]
    words += ["-U", "engine", "engine", "-c", "select 1"]
    done = subprocess.run(words, env={"PGPASSFILE": "/dev/null"}, capture_output=True, check=False)
    assert b"no password supplied" in done.stderr


HARD_TO_COUNT = {
    ("engine", "public.no_columns"): 5,
    ("engine", "public.no_rows"): 0,
    ("engine", "public.single_text"): 12,
    ("engine", "Odd Schema.1.two\nlines"): 3,
    ("engine", 'Odd Schema.1.Table with "quotes", dots. and spaces'): 7,
    ("engine", "public.event_parent"): 4,
    ("engine", "public.event_child"): 9,
    ("engine", "public.measurement_2025"): 213,
    ("engine", "aaa_jdbc.users"): 6,
    ("dwh", "public.calendar"): 745,
    ("keycloak", "public.realm"): 2,
}


def test_tables_hold_the_rows_that_are_hard_to_count(engine_lab: Lab) -> None:
    counts = {kind: row_counts(engine_lab, kind) for kind, _table in HARD_TO_COUNT}
    assert {(kind, table): counts[kind][table] for kind, table in HARD_TO_COUNT} == HARD_TO_COUNT


def test_certificates_are_real_and_signed_by_the_authority(engine_lab: Lab) -> None:
    pki = engine_lab.prefix / "etc/pki/ovirt-engine"
    certificates = sorted(pki.glob("certs/*.cer"))
    assert len(certificates) == 4
    done = subprocess.run(
        ["openssl", "verify", "-CAfile", str(pki / "ca.pem"), *map(str, certificates)], capture_output=True, check=False
    )
    assert done.returncode == 0
    store = ["openssl", "pkcs12", "-in", str(pki / "keys/engine.p12"), "-passin", "pass:mypass", "-noout"]
    assert subprocess.run(store, capture_output=True, check=False).returncode == 0


def test_backup_of_a_busy_engine_goes_well(engine_lab: Lab, tool: Tool) -> None:
    with busy(engine_lab) as traffic:
        run = tool("backup")
    assert (run.rc, traffic.rounds > 0) == (0, True)
