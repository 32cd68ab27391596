# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private PostgreSQL server: real programs, own data directory, own port, own locale."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .layout import Lab, LabError

UNPRIVILEGED_USERS = ("postgres", "nobody")
SOCKET_PATH_LIMIT = 90
LOCALE = "en_US.UTF-8"

SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
lc_messages = 'en_US.UTF-8'
max_connections = 150
shared_buffers = 64MB
work_mem = 8192kB
maintenance_work_mem = 65536kB
autovacuum_max_workers = 6
autovacuum_vacuum_scale_factor = 0.01
autovacuum_analyze_scale_factor = 0.075
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
log_timezone = 'UTC'
timezone = 'UTC'
"""

ACCESS = """
local  all  postgres                trust
local  all  all                     scram-sha-256
host   all  all       127.0.0.1/32  scram-sha-256
"""


def find_programs() -> Path:
    """The directory of the newest server programs installed."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True)
    candidates += sorted(Path("/usr").glob("pgsql-*/bin"), key=_version_of, reverse=True)
    candidates += [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    for directory in candidates:
        if (directory / "initdb").is_file() and (directory / "postgres").is_file():
            return directory
    raise LabError("no PostgreSQL server programs found; install postgresql (Debian) or postgresql-server (EL)")


def _version_of(directory: Path) -> int:
    digits = "".join(c for c in directory.parent.name if c.isdigit())
    return int(digits or 0)


def server_user() -> str:
    """The account the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    for name in UNPRIVILEGED_USERS:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise LabError("running as root, but none of these users exists: {}".format(", ".join(UNPRIVILEGED_USERS)))


def make_server_home(home: Path, user: str) -> Path:
    """A directory the server's user can reach: below home, or a private one if home is closed or its path too long."""
    inside = home / "postgres"
    if len(str(inside / "run")) <= SOCKET_PATH_LIMIT and _can_reach(home):
        inside.mkdir()
        made = inside
    else:
        made = Path(tempfile.mkdtemp(prefix="lab-postgres-", dir="/tmp"))
    made.chmod(0o700)
    if os.geteuid() == 0:
        account = pwd.getpwnam(user)
        os.chown(made, account.pw_uid, account.pw_gid)
    return made


def _can_reach(directory: Path) -> bool:
    if os.geteuid() != 0:
        return True
    return all(parent.stat().st_mode & 0o001 for parent in [directory, *directory.parents])


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def create(lab: Lab) -> None:
    """Make locale, data directory and configuration; needs no running server."""
    locales = lab.server_home / "locale"
    locales.mkdir(mode=0o755)
    lab.socket.mkdir(mode=0o700)
    _own(lab, locales, lab.socket)
    if not _system_has_locale():
        _make_locale(locales)
    _as_server_user(
        lab,
        str(lab.server_programs / "initdb"), "--pgdata", str(lab.server_home / "data"), "--username", "postgres",
        "--locale", LOCALE, "--encoding", "UTF8", "--auth", "trust", "--no-sync",
    )
    data = lab.server_home / "data"
    with open(data / "postgresql.conf", "a", encoding="utf-8") as stream:
        stream.write(SETTINGS.format(port=lab.port, socket=lab.socket))
    (data / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")


def _own(lab: Lab, *paths: Path) -> None:
    if os.geteuid() == 0:
        account = pwd.getpwnam(lab.server_user)
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)


def _system_has_locale() -> bool:
    listed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    return "en_US.utf8" in listed.split()


def _make_locale(locales: Path) -> None:
    target = locales / LOCALE
    made = subprocess.run(
        ["localedef", "--no-archive", "-i", "en_US", "-f", "UTF-8", str(target)],
        capture_output=True, text=True, check=False,
    )
    # localedef exits 1 for mere warnings; what counts is that the locale is there.
    if not (target / "LC_MESSAGES").is_dir():
        raise LabError("localedef made no {} in {}: {}".format(LOCALE, locales, made.stderr.strip()))
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def start(lab: Lab) -> None:
    """Start the server and wait until it answers."""
    pg_ctl = str(lab.server_programs / "pg_ctl")
    log = str(lab.server_home / "server.log")
    _as_server_user(lab, pg_ctl, "start", "--pgdata", str(lab.server_home / "data"), "--wait", "--silent", "--log", log)


def stop(lab: Lab, forever: bool) -> None:
    """Stop the server; no process of it is left. What will not be started again need not be written to disk."""
    if is_running(lab):
        pg_ctl = str(lab.server_programs / "pg_ctl")
        data = str(lab.server_home / "data")
        mode = "immediate" if forever else "fast"
        pid = (lab.server_home / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0]
        _as_server_user(lab, pg_ctl, "stop", "--pgdata", data, "--mode", mode, "--wait", "--silent")
        # pg_ctl waits for the pid file to go, which the server removes shortly before it ends.
        while Path("/proc", pid).exists():
            time.sleep(0.01)


def is_running(lab: Lab) -> bool:
    """Whether the server of this lab runs."""
    if not (lab.server_home / "data" / "PG_VERSION").exists():
        return False
    arguments = [str(lab.server_programs / "pg_ctl"), "status", "--pgdata", str(lab.server_home / "data")]
    return subprocess.run(_demote(lab, arguments), capture_output=True, check=False, cwd="/").returncode == 0


def _as_server_user(lab: Lab, *arguments: str) -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    if (lab.server_home / "locale" / LOCALE).is_dir():
        environment["LOCPATH"] = str(lab.server_home / "locale")
    # Files, not pipes: the server inherits them and a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        done = subprocess.run(
            _demote(lab, list(arguments)), env=environment, cwd="/", stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, check=False, start_new_session=True,
        )
        if done.returncode != 0:
            output.seek(0)
            raise LabError("{} failed with {}: {}".format(arguments[0], done.returncode, output.read().strip()))


def _demote(lab: Lab, arguments: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return arguments
    group = grp.getgrgid(pwd.getpwnam(lab.server_user).pw_gid).gr_name
    if shutil.which("setpriv"):
        return ["setpriv", "--reuid", lab.server_user, "--regid", group, "--clear-groups", *arguments]
    return ["runuser", "-u", lab.server_user, "--", *arguments]


def superuser_command(lab: Lab, database: str) -> list[str]:
    """The psql call that enters as superuser, stops at the first error and prints bare values."""
    return [
        str(lab.server_programs / "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
        "--set", "ON_ERROR_STOP=1", "-h", str(lab.socket), "-p", str(lab.port), "-U", "postgres", "-d", database,
    ]


def query(lab: Lab, database: str, statement: str, variables: dict[str, str] | None = None) -> str:
    """Run SQL as superuser; what it prints."""
    command = superuser_command(lab, database)
    for name, value in (variables or {}).items():
        command += ["--set", "{}={}".format(name, value)]
    done = subprocess.run(command, input=statement, capture_output=True, text=True, check=False, encoding="utf-8")
    if done.returncode != 0:
        raise LabError("psql on {} failed: {}".format(database, done.stderr.strip()))
    return done.stdout.rstrip("\n")
