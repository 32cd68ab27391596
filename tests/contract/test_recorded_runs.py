# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in against recorded runs of the real engine-backup: the same words on every channel.

The recordings come from a development installation of 4.5.8 with an engine and nothing else, whose setup code could
not be imported; the lab is made like it. Times, process ids, random names and row numbers are taken out of both sides.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from lab import Lab, start, stop
from lab.databases import empty, fill
from lab.faults import clear, set_fault
from lab.postgres import query

RECORDED = Path(__file__).resolve().parents[1] / "unit" / "recorded"
MANY_ROWS = (
    "INSERT INTO audit_log (log_time, log_type, severity, message)"
    " SELECT now(), 30, 0, 'row ' || g FROM generate_series(1, 200000) g"
)
NO_OTOPI = "\n" * 15 + "from otopi import util\n"


class Site:
    """The lab made like the recorded installation."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.backups = lab.prefix / "var/lib/ovirt-engine-backup"

    def run(self, *arguments: str, path: str = "") -> dict[str, str]:
        """One run with the environment of the recordings: stdout, stderr, rc; log and members where there are any."""
        program = str(self.lab.prefix / "bin/engine-backup")
        environment = {"PATH": path or "{}/bin:/usr/bin:/bin".format(self.lab.prefix)}
        done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
        found = {"stdout": done.stdout, "stderr": done.stderr, "rc": str(done.returncode)}
        log = self.argument(arguments, "--log=")
        if log and log.exists():
            found["log"] = log.read_text(encoding="utf-8")
        archive = self.argument(arguments, "--file=")
        if archive and archive.exists():
            listed = subprocess.run(["tar", "-tf", str(archive)], capture_output=True, text=True, check=False).stdout
            found["members"] = "\n".join(sorted(listed.splitlines()))
        return {channel: self.normalise(text) for channel, text in found.items()}

    @staticmethod
    def argument(arguments: tuple[str, ...], name: str) -> Path | None:
        """Value of an option."""
        return next((Path(word[len(name) :]) for word in arguments if word.startswith(name)), None)

    def mode(self, mode: str, name: str, log: str, *arguments: str, path: str = "") -> dict[str, str]:
        """A run on one archive with one log in the backup directory."""
        archive, log_path = self.backups / (name + ".backup"), self.backups / (log + ".log")
        log_path.unlink(missing_ok=True)
        return self.run(
            "--mode=" + mode, "--file={}".format(archive), "--log={}".format(log_path), *arguments, path=path
        )

    def normalise(self, text: str) -> str:
        """Without what differs from run to run."""
        text = text.replace(str(self.lab.prefix), "").replace(str(self.lab.port), "5432")
        for pattern, replacement in (
            (r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+: ", "TIME PID: "),
            (r"engine-backup\.\w{10}", "engine-backup.X"),
            (r"line \d+: ", "line N: "),
            (r"\.\d{14}", ".STAMP"),
            (r"backed up at .* \.", "backed up at DATE ."),
            (r"^UPDATE \d+$", "UPDATE N"),
            (r"^NOTICE: .*\n", ""),
            (r"^ *\^+ *\n", ""),
        ):
            text = re.sub(pattern, replacement, text, flags=re.M)
        return text.rstrip("\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An engine without Data Warehouse, Keycloak and Grafana, with archives of the recorded names."""
    home = tmp_path_factory.mktemp("recorded")
    lab = start(home, components="engine", version="4.5.8_master")
    constants = lab.prefix / "share/ovirt-engine/setup/ovirt_engine_setup/engine/constants.py"
    constants.write_text(NO_OTOPI, encoding="ascii")
    query(lab, "engine", "UPDATE dwh_history_timekeeping SET var_value = '0' WHERE var_name = 'DwhCurrentlyRunning'")
    found = Site(lab)
    found.mode("backup", "a", "a", "--scope=all")
    query(lab, "engine", MANY_ROWS)
    found.mode("backup", "big", "big", "--scope=all")
    found.mode("backup", "pl", "pl", "--db-dump-format=plain")
    content = (found.backups / "a.backup").read_bytes()
    (found.backups / "cut.backup").write_bytes(content[: len(content) // 2])
    yield found
    stop(home, remove=True)


def without_query_tool(site: Site) -> dict[str, str]:
    """A backup whose PATH lacks otopi-config-query."""
    clients = site.lab.home / "clients"
    clients.mkdir(exist_ok=True)
    for name in ("psql", "pg_dump"):
        shutil.copy2(site.lab.prefix / "bin" / name, clients / name, follow_symlinks=False)
    return site.mode("backup", "nodb", "nodb", "--scope=all", path="{}:/usr/bin:/bin".format(clients))


def restore_into_empty(site: Site, log: str, *arguments: str) -> dict[str, str]:
    """A restore of the big archive into an empty database, which is filled anew afterwards."""
    empty(site.lab, "engine")
    try:
        return site.mode("restore", "big", log, *arguments)
    finally:
        empty(site.lab, "engine")
        fill(site.lab, "engine")


def restore_killed(site: Site) -> dict[str, str]:
    """A restore whose pg_restore is killed."""
    set_fault(site.lab.faults, "kill-child", "pg_restore engine public.audit_log 50000")
    try:
        return restore_into_empty(site, "f1", "--restore-permissions")
    finally:
        clear(site.lab.faults)


def restore_elsewhere(site: Site) -> dict[str, str]:
    """A restore into another database with other credentials."""
    query(site.lab, "postgres", "CREATE ROLE engine2 LOGIN PASSWORD 'secret2'")
    query(site.lab, "postgres", "CREATE DATABASE engine2 OWNER engine2 TEMPLATE template0")
    query(site.lab, "engine2", 'CREATE EXTENSION "uuid-ossp"')
    conf = site.lab.prefix / "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
    text = conf.read_text(encoding="utf-8")
    try:
        words = "--no-restore-permissions --change-db-credentials --db-host=localhost --db-user=engine2"
        port = "--db-port={}".format(site.lab.port)
        return site.mode("restore", "big", "rcc", *words.split(), port, "--db-name=engine2", "--db-password=secret2")
    finally:
        conf.write_text(text, encoding="utf-8")
        query(site.lab, "postgres", "DROP DATABASE engine2 WITH (FORCE)")
        query(site.lab, "postgres", "DROP ROLE engine2")


class Recording(NamedTuple):
    """A recorded run and how to repeat it."""

    name: str
    repeat: Callable[[Site], dict[str, str]]


RECORDINGS = (
    Recording("backup-all", lambda site: site.mode("backup", "a", "a", "--scope=all")),
    Recording("backup-big", lambda site: site.mode("backup", "big", "big", "--scope=all")),
    Recording("backup-files-db", lambda site: site.mode("backup", "fd", "fd", "--scope=files", "--scope=db")),
    Recording("backup-plain", lambda site: site.mode("backup", "pl", "pl", "--db-dump-format=plain")),
    Recording("backup-silently-without-database", without_query_tool),
    Recording("verify-ok", lambda site: site.mode("verify", "a", "v")),
    Recording("verify-cut", lambda site: site.mode("verify", "cut", "vc")),
    Recording("verify-plain", lambda site: site.mode("verify", "pl", "v2")),
    Recording("restore-ok", lambda site: restore_into_empty(site, "rok", "--restore-permissions")),
    Recording("restore-killed-pg_restore", restore_killed),
    Recording("restore-no-perm-flag", lambda site: site.mode("restore", "a", "rp")),
    Recording("restore-not-empty", lambda site: site.mode("restore", "a", "rn", "--no-restore-permissions")),
    Recording("restore-changed-credentials", restore_elsewhere),
    Recording("bad-scope", lambda site: site.run("--scope=foo")),
    Recording("unknown-option", lambda site: site.run("--frobnicate")),
    Recording(
        "change-cred-missing",
        lambda site: site.run("--mode=restore", "--file=/dev/null", "--change-db-credentials", "--db-host=localhost"),
    ),
)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_run_says_what_was_recorded(site: Site, recording: Recording) -> None:
    repeated = recording.repeat(site)
    channels = [path.suffix[1:] for path in sorted(RECORDED.glob(recording.name + ".*"))]
    assert "rc" in channels
    for channel in channels:
        recorded = (RECORDED / "{}.{}".format(recording.name, channel)).read_text(encoding="utf-8")
        if channel == "members":
            recorded = "\n".join(sorted(recorded.split()))
        assert repeated[channel].splitlines() == site.normalise(recorded).splitlines(), channel


def test_every_recording_of_the_tool_is_repeated() -> None:
    others = ("cleanup-", "setup-", "README")
    stems = {os.path.splitext(path.name)[0] for path in RECORDED.iterdir() if not path.name.startswith(others)}
    assert stems == {recording.name for recording in RECORDINGS}
