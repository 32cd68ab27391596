# Copyright (c) 2026, oVirt backup contributors
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

from .layout import LabError, PostgresServer

UNPRIVILEGED_USERS = ("postgres", "nobody")
SOCKET_PATH_LIMIT = 90
LOCALE = "en_US.UTF-8"

SETTINGS = """
listen_addresses = '{address}'
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
min_wal_size = 8MB
log_timezone = 'UTC'
timezone = 'UTC'
"""

ACCESS = """
local  all  postgres                trust
local  all  all                     scram-sha-256
"""
CLIENTS = "host   all  all       127.0.0.0/8   scram-sha-256\n"


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


def make_server_home(home: Path, user: str, name: str = "postgres") -> Path:
    """A directory the server's user can reach: below home, or a private one if home is closed or its path too long."""
    inside = home / name
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


def free_port(address: str = "127.0.0.1") -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def take_port(port: int, address: str = "127.0.0.1") -> int:
    """That very port, or any free one where it is 0."""
    if not port:
        return free_port(address)
    with socket.socket() as probe:
        # As the server does: what an ended connection left behind is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise LabError("port {} of {} can not be had: {}".format(port, address, error.strerror)) from None
    return port


def create(lab: PostgresServer, open_to_clients: bool = True) -> None:
    """Make locale, data directory and configuration; needs no running server."""
    locales = lab.server_home / "locale"
    locales.mkdir(mode=0o755)
    lab.socket.mkdir(mode=0o700)
    _own(lab, locales, lab.socket)
    if not _system_has_locale():
        _make_locale(locales)
    make_cluster(lab, open_to_clients)


def make_cluster(lab: PostgresServer, open_to_clients: bool = True) -> None:
    """The data directory of a server that holds nothing yet, and its configuration."""
    _as_server_user(
        lab,
        str(lab.server_programs / "initdb"),
        "--pgdata",
        str(lab.server_home / "data"),
        "--username",
        "postgres",
        "--locale",
        LOCALE,
        "--encoding",
        "UTF8",
        "--auth",
        "trust",
        "--no-sync",
        "--wal-segsize",
        "4",
    )
    data = lab.server_home / "data"
    with open(data / "postgresql.conf", "a", encoding="utf-8") as stream:
        stream.write(SETTINGS.format(port=lab.port, socket=lab.socket, address=lab.address))
    (data / "pg_hba.conf").write_text(ACCESS + (CLIENTS if open_to_clients else ""), encoding="utf-8")


def _own(lab: PostgresServer, *paths: Path) -> None:
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
        capture_output=True,
        text=True,
        check=False,
    )
    # localedef exits 1 for mere warnings; what counts is that the locale is there.
    if not (target / "LC_MESSAGES").is_dir():
        raise LabError("localedef made no {} in {}: {}".format(LOCALE, locales, made.stderr.strip()))
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def give_to_server(lab: PostgresServer, path: Path) -> None:
    """Make a file that was put among those of the server one that it may delete."""
    _own(lab, path)


def start(lab: PostgresServer, wait: bool = True) -> None:
    """Start the server and wait until it answers, or only start it."""
    pg_ctl = str(lab.server_programs / "pg_ctl")
    log = str(lab.server_home / "server.log")
    how = "--wait" if wait else "--no-wait"
    _as_server_user(lab, pg_ctl, "start", "--pgdata", str(lab.server_home / "data"), how, "--silent", "--log", log)


def stop(lab: PostgresServer, forever: bool) -> None:
    """Stop the server; no process of it is left. What will not be started again need not be written to disk."""
    if is_running(lab):
        pg_ctl = str(lab.server_programs / "pg_ctl")
        data = str(lab.server_home / "data")
        mode = "immediate" if forever else "fast"
        pid = (lab.server_home / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0]
        _as_server_user(lab, pg_ctl, "stop", "--pgdata", data, "--mode", mode, "--wait", "--silent")
        # pg_ctl waits for the pid file to go, which the server removes shortly before it ends.
        while is_running_process(pid):
            time.sleep(0.01)


def is_running_process(pid: str) -> bool:
    """Whether a process lives; one that nobody has taken leave of yet does not."""
    try:
        return Path("/proc", pid, "stat").read_text(errors="replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_running(lab: PostgresServer) -> bool:
    """Whether the server of this lab runs."""
    if not (lab.server_home / "data" / "PG_VERSION").exists():
        return False
    arguments = [str(lab.server_programs / "pg_ctl"), "status", "--pgdata", str(lab.server_home / "data")]
    return subprocess.run(_demote(lab, arguments), capture_output=True, check=False, cwd="/").returncode == 0


def _as_server_user(lab: PostgresServer, *arguments: str) -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    if (lab.server_home / "locale" / LOCALE).is_dir():
        environment["LOCPATH"] = str(lab.server_home / "locale")
    # Files, not pipes: the server inherits them and a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        done = subprocess.run(
            _demote(lab, list(arguments)),
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            start_new_session=True,
        )
        if done.returncode != 0:
            output.seek(0)
            raise LabError("{} failed with {}: {}".format(arguments[0], done.returncode, output.read().strip()))


def _demote(lab: PostgresServer, arguments: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return arguments
    group = grp.getgrgid(pwd.getpwnam(lab.server_user).pw_gid).gr_name
    if shutil.which("setpriv"):
        return ["setpriv", "--reuid", lab.server_user, "--regid", group, "--clear-groups", *arguments]
    return ["runuser", "-u", lab.server_user, "--", *arguments]


def superuser_command(lab: PostgresServer, database: str) -> list[str]:
    """The psql call that enters as superuser, stops at the first error and prints bare values."""
    return [
        str(lab.server_programs / "psql"),
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set",
        "ON_ERROR_STOP=1",
        "-h",
        str(lab.socket),
        "-p",
        str(lab.port),
        "-U",
        "postgres",
        "-d",
        database,
    ]


def query(lab: PostgresServer, database: str, statement: str, variables: dict[str, str] | None = None) -> str:
    """Run SQL as superuser; what it prints."""
    command = superuser_command(lab, database)
    for name, value in (variables or {}).items():
        command += ["--set", "{}={}".format(name, value)]
    done = subprocess.run(command, input=statement, capture_output=True, text=True, check=False, encoding="utf-8")
    if done.returncode != 0:
        raise LabError("psql on {} failed: {}".format(database, done.stderr.strip()))
    return done.stdout.rstrip("\n")
