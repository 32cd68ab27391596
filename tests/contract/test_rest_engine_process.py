# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in engine as a process: started, stopped, killed, started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab import rest_engine
from lab.rest_engine import DiskPlan, RestLab, VmPlan
from lab.rest_engine.lifecycle import is_running

sdk = pytest.importorskip("ovirtsdk4")
from contract.rest_client import MIB, Client, wait  # noqa: E402

TESTS = Path(__file__).parents[1]


def test_it_comes_back_as_it_was_and_ends_cleanly(tmp_path: Path) -> None:
    home = tmp_path / "lab"
    lab = rest_engine.start(home, (VmPlan("only", "up", (DiskPlan("only_Disk1", MIB),)),), snapshot=0.1)
    assert rest_engine.start(home) == lab
    client = Client(lab)
    vm = rest_engine.identify("vm", "only")
    client.make_snapshot(vm)
    rest_engine.stop(home)
    assert not is_running(home)
    assert (home / "server.log").read_text(encoding="utf-8") == ""
    with pytest.raises(sdk.Error):
        client.vm(vm).get()
    again = rest_engine.start(home)
    assert again.url == lab.url
    assert again.pid != lab.pid
    assert [one.description for one in Client(again).snapshots(vm).list()] == ["Active VM", "made by a test"]
    rest_engine.stop(home, remove=True)
    assert not home.exists()


def test_the_number_of_a_dead_process_is_not_taken_for_a_lab(tmp_path: Path) -> None:
    home = tmp_path / "lab"
    lab = rest_engine.start(home, ())
    os.kill(lab.pid, signal.SIGKILL)
    os.waitpid(lab.pid, 0)
    assert not is_running(home)
    (home / "pid").write_text(str(os.getpid()), encoding="ascii")
    assert not is_running(home)
    again = rest_engine.start(home, ())
    assert again.pid != os.getpid()
    assert Client(again).vms.list() == []
    rest_engine.stop(home, remove=True)


def test_it_does_not_begin_among_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(rest_engine.RestLabError, match="holds files"):
        rest_engine.start(tmp_path)
    with pytest.raises(rest_engine.RestLabError, match="unknown delay"):
        rest_engine.start(tmp_path / "lab", nonsense=1.0)


def test_many_machines_start_in_seconds_and_are_listed_at_once(tmp_path: Path) -> None:
    home = tmp_path / "lab"
    began = time.monotonic()
    lab = rest_engine.start(home, rest_engine.many_vms(40))
    client = Client(lab)
    assert len(client.vms.list(search="name=bulk-*", follow="disk_attachments.disk")) == 40
    assert time.monotonic() - began < 30
    vms = [rest_engine.identify("vm", "bulk-{:03d}".format(number)) for number in range(1, 11)]
    for vm in vms:
        client.begin_snapshot(vm)
    wait(lambda: {one.status for one in rest_engine.world(home).snapshots.values()}, lambda seen: seen == {"ok"})
    rest_engine.stop(home, remove=True)


def test_the_command_line_says_how_to_use_it(rest_lab: RestLab, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "lab.rest_engine", *words], cwd=TESTS, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert "lost-reply" in run("faults")
    assert "create-snapshot" in run("requests")
    assert "running" in run("status", rest_lab.home)
    assert "app" in {vm["name"] for vm in json.loads(run("status", rest_lab.home, "--json"))["vms"].values()}
    run("write", rest_lab.home, "app", "app_Disk1", "512", "by hand")
    disk = rest_engine.identify("disk", "app_Disk1")
    assert Client(rest_lab).bytes_of(disk, tmp_path)[512:519] == b"by hand"
    Client(rest_lab).vms.list()
    secret = rest_lab.password
    assert secret not in Path(rest_lab.requests).read_text(encoding="utf-8")
    assert secret in Path(rest_lab.inventory).read_text(encoding="utf-8")
    assert Path(rest_lab.inventory).stat().st_mode & 0o077 == 0
