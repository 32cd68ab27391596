# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services are brought into a state and proven to be in it: a small systemctl with real files, and real processes."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, CommandError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine import services
from ansible_collections.ovirt.backup.plugins.module_utils._engine.services import (
    Services,
    engine_is_running,
    read_services,
    read_up_mark,
)
from unit.fakes.errors import error_of
from unit.fakes.machine import Clock

# Each unit is a file with its LoadState and ActiveState. Beside it UNIT.slow says after how many readings a change is
# done, UNIT.fails what a change fails with, UNIT.also what else happens with it.
SYSTEMCTL = r"""#!/bin/sh
cd "$(dirname "$0")/../units" || exit 9
show () {
    [ -e "$1" ] || { printf 'LoadState=not-found\nActiveState=inactive\n\n'; return; }
    if [ -e "$1.left" ]; then
        left=$(cat "$1.left")
        if [ "$left" -gt 0 ]; then echo $((left - 1)) > "$1.left"; else mv "$1.next" "$1"; rm "$1.left"; fi
    fi
    read -r load active < "$1"
    printf 'LoadState=%s\nActiveState=%s\n\n' "$load" "$active"
}
enter () {
    echo "$1 $2" >> calls
    [ -e "$2.fails" ] && { cat "$2.fails" >&2; exit 1; }
    if [ -e "$2.slow" ]; then
        echo "loaded $4" > "$2"; echo "loaded $3" > "$2.next"; cp "$2.slow" "$2.left"
    else
        echo "loaded $3" > "$2"
    fi
    [ -e "$2.also" ] && . "./$2.also"
    exit 0
}
case "$1" in
    show) shift; for unit in "$@"; do case "$unit" in -*) ;; *) show "$unit" ;; esac; done ;;
    start) enter start "$2" active activating ;;
    stop) enter stop "$2" inactive deactivating ;;
esac
"""
NAMES = ["ovirt-engine-dwhd", "ovirt-engine", "grafana-server"]


class Host:
    """A prefix with the small systemctl."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.units = prefix / "units"
        self.units.mkdir()
        (prefix / "bin").mkdir()
        (prefix / "bin/systemctl").write_text(SYSTEMCTL)
        (prefix / "bin/systemctl").chmod(0o755)
        self.clock = Clock()

    def set(self, **units: str) -> None:
        for name, state in units.items():
            (self.units / name.replace("_", "-")).write_text(state + "\n")

    def write(self, name: str, text: str) -> None:
        (self.units / name).write_text(text)

    def calls(self) -> List[str]:
        path = self.units / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def mark(self, text: str) -> None:
        path = self.prefix / "var/lib/ovirt-engine/engine.up"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def services(self, timeout: float = 30) -> Services:
        return Services(str(self.prefix), timeout, self.clock, self.clock.sleep)

    def change(self, names: List[str], state: str, timeout: float = 30) -> Dict[str, str]:
        found = self.services(timeout)
        units = found.change(found.plan(names, state), state)
        return {name: unit.active for name, unit in units.items()}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def engine(host: Host) -> Iterator[Callable[..., int]]:
    """Starts a process that looks like the engine to whoever reads its command line."""
    running = []

    def start(program: str = "ovirt-engine.py") -> int:
        path = host.prefix / program
        path.write_text("import time\ntime.sleep(600)\n")
        running.append(subprocess.Popen([sys.executable, str(path), "start"]))
        command = Path("/proc/%d/cmdline" % running[-1].pid)
        while not command.read_bytes():  # a process shows its command line a moment after it has begun
            time.sleep(0.01)
        return running[-1].pid

    yield start
    for process in running:
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()


def test_services_are_read(host: Host) -> None:
    host.set(ovirt_engine="loaded active", httpd="loaded failed")
    found = read_services(str(host.prefix))
    assert (found["ovirt-engine"], found["httpd"], found["grafana-server"]) == ("active", "inactive", "missing")
    assert read_services(str(host.prefix), []) == {}
    assert host.change(["ovirt-engine.service"], "stopped") == {"ovirt-engine": "inactive"}
    assert error_of(Refused, host.change, NAMES, "stopped", timeout=0).code == "option_out_of_range"


@pytest.mark.parametrize("has_systemctl", [True, False])
def test_without_systemd_all_is_unknown_and_nothing_can_be_changed(
    host: Host, monkeypatch: pytest.MonkeyPatch, has_systemctl: bool
) -> None:
    (host.prefix / "bin/systemctl").write_text("#!/bin/sh\necho 'Not booted with systemd' >&2\nexit 1\n")
    if not has_systemctl:
        monkeypatch.setattr(services, "find_program", lambda name, env: "")
    assert set(read_services(str(host.prefix)).values()) == {"unknown"}
    error = error_of(Refused, host.services().plan, NAMES, "stopped")
    assert (error.code, "no systemctl" in error.message) == ("service_control_missing", not has_systemctl)


def test_services_are_stopped_in_the_given_order_and_only_once(host: Host) -> None:
    host.set(ovirt_engine="loaded active", ovirt_engine_dwhd="loaded active")
    for _run in range(2):
        assert host.change(NAMES, "stopped") == dict.fromkeys(NAMES, "inactive")
        assert host.calls() == ["stop ovirt-engine-dwhd", "stop ovirt-engine"]


def test_a_service_is_waited_for_until_it_is_really_there(host: Host) -> None:
    host.set(ovirt_engine="loaded inactive")
    host.write("ovirt-engine.slow", "7")
    assert host.change(["ovirt-engine"], "started") == {"ovirt-engine": "active"}
    assert 3 <= host.clock.now - 1000 <= 5


def test_a_service_that_never_comes_up_ends_the_wait_with_what_was_seen_last(host: Host) -> None:
    host.set(ovirt_engine="loaded inactive", ovirt_engine_dwhd="loaded inactive")
    host.write("ovirt-engine.slow", "100000")
    error = error_of(BackupError, host.change, ["ovirt-engine-dwhd", "ovirt-engine"], "started", timeout=20)
    assert (error.code, error.facts["service"]) == ("service_timeout", "ovirt-engine")
    assert "20 seconds" in error.message and "'activating'" in error.message
    assert error.facts["services"]["ovirt-engine-dwhd"] == {"before": "inactive", "after": "active"}
    assert 20 <= host.clock.now - 1000 <= 21


def test_what_systemctl_says_of_a_failure_is_told(host: Host) -> None:
    host.set(ovirt_engine="loaded inactive")
    host.write("ovirt-engine.fails", "Job for ovirt-engine.service failed.\nSee journalctl.\n")
    error = error_of(CommandError, host.change, ["ovirt-engine"], "started")
    assert (error.code, error.facts["rc"], error.facts["service"]) == ("service_failed", 1, "ovirt-engine")
    assert "Job for ovirt-engine.service failed. See journalctl." in error.message


def test_a_service_that_falls_over_again_is_found_at_the_end(host: Host) -> None:
    host.set(ovirt_engine="loaded inactive", httpd="loaded inactive")
    host.write("httpd.also", "echo 'loaded failed' > ovirt-engine\n")
    error = error_of(BackupError, host.change, ["ovirt-engine", "httpd"], "started")
    assert (error.code, error.facts["service"]) == ("service_not_steady", "ovirt-engine")
    assert error.facts["services"]["ovirt-engine"] == {"before": "inactive", "after": "inactive"}


def test_the_mark_is_looked_for_where_the_configuration_says(host: Host, engine: Callable[..., int]) -> None:
    place = host.prefix / "share/ovirt-engine/services/ovirt-engine"
    place.mkdir(parents=True)
    text = 'ENGINE_VAR="%s/elsewhere"\nENGINE_UP_MARK="${ENGINE_VAR}/engine.up"\n' % host.prefix
    (place / "ovirt-engine.conf").write_text(text)
    (host.prefix / "elsewhere").mkdir()
    pid = engine()
    (host.prefix / "elsewhere/engine.up").write_text("%d" % pid)
    assert engine_is_running(str(host.prefix)) == pid


@pytest.mark.parametrize("text", ["", "no number", "999999999\n", "-1"])
def test_a_mark_without_a_process_is_stale(host: Host, text: str) -> None:
    assert (read_up_mark(str(host.prefix)).state, engine_is_running(str(host.prefix))) == ("missing", 0)
    host.mark(text)
    assert (read_up_mark(str(host.prefix)).state, engine_is_running(str(host.prefix))) == ("stale", 0)


def test_a_mark_counts_where_it_names_an_engine(host: Host, engine: Callable[..., int]) -> None:
    marked = {os.getpid(): "stale", engine("ovirt-engine.py.bak"): "stale", engine(): "running"}
    for pid, state in marked.items():
        host.mark("%d\n" % pid)
        assert read_up_mark(str(host.prefix))[1:] == (pid, state)
        assert engine_is_running(str(host.prefix)) == (pid if state == "running" else 0)


def test_a_stopped_engine_has_no_process_left(host: Host, engine: Callable[..., int]) -> None:
    pid = engine()
    host.mark("%d\n" % pid)
    host.set(ovirt_engine="loaded active")
    error = error_of(BackupError, host.change, ["ovirt-engine"], "stopped", timeout=5)
    assert (error.code, error.facts["service"]) == ("service_timeout", "ovirt-engine")
    assert "process %d" % pid in error.message
    assert error_of(Refused, host.change, ["ovirt-engine"], "stopped").code == "engine_outside_service"

    host.set(ovirt_engine="loaded active")
    host.write("ovirt-engine.also", "kill %d\n" % pid)
    assert host.change(["ovirt-engine"], "stopped") == {"ovirt-engine": "inactive"}
    assert engine_is_running(str(host.prefix)) == 0


def test_an_engine_that_runs_is_in_nobodys_way_when_others_are_stopped(host: Host, engine: Callable[..., int]) -> None:
    host.mark("%d\n" % engine())
    host.set(httpd="loaded active", ovirt_engine="loaded active")
    assert host.change(["httpd"], "stopped") == {"httpd": "inactive"}
    assert host.change(["ovirt-engine"], "started") == {"ovirt-engine": "active"}
