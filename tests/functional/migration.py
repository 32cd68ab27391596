# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine, a database server to move to, and the playbook of the role, run as AWX does."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lab import machines
from lab.layout import Lab, Server
from lab.postgres import query
from lab.systemctl import active_word

from .evidence import Photo, files_with, photograph
from .installation import environment, program
from .playbooks import DEADLINE
from .restore_ground import Ground

PORT = 5432
READY = "ready"
ROLE = "engine_database_migration"
NAMES = {"engine": "engine", "dwh": "ovirt_engine_history", "keycloak": "ovirt_engine_keycloak"}
KINDS = tuple(NAMES)
GRAFANA = "ovirt_engine_history_grafana"
PASSWORDS = {kind: f"New.{kind}-Secret,1+2=3" for kind in KINDS}
SECRETS = {*PASSWORDS.values(), "New.grafana-Secret"}
SERVICES = ("ovirt-engine", "ovirt-engine-dwhd", "grafana-server", "ovirt-engine-notifier")
RECAP = re.compile(r"^engine\S*\s+: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)
STATISTICS = re.compile(r"^\tRUN: (\{.*\})$", re.MULTILINE)
STANDING = (
    "SELECT rolname || ' ' || rolcanlogin || ' ' || coalesce(rolpassword, '') FROM pg_authid"
    " UNION ALL SELECT datname FROM pg_database UNION ALL SELECT rule::text FROM pg_hba_file_rules rule ORDER BY 1"
)
COUNTED = (
    "SELECT replace(n.nspname || '.' || c.relname, E'\\n', ' ') || E'\\t' ||"
    " (xpath('/row/c/text()', query_to_xml(format("
    "'SELECT count(*) AS c FROM ONLY %I.%I', n.nspname, c.relname), false, true, '')))[1]::text FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
)
USED = (
    "SELECT count(*) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid"
    " WHERE a.datname = '{}' AND NOT r.rolsuper"
)


class Ran(NamedTuple):
    """What a run of the playbook came to."""

    changed: int
    failed: int
    statistics: dict[str, Any]
    output: str

    def made(self) -> "Ran":
        """Insist that it did not fail."""
        assert self.failed == 0, self.output
        return self

    def refused(self, *words: str) -> "Ran":
        """Insist that it failed and said this."""
        assert self.failed == 1, self.output
        return self.says(*words)

    def says(self, *words: str) -> "Ran":
        """Insist that it said this, wherever the lines break."""
        said = " ".join(self.output.split())
        assert [word for word in words if word not in said] == [], self.output
        return self


class Migration:
    """The playbook, with the variables that all runs share."""

    def __init__(self, ground: Ground, server: Server, folder: Path) -> None:
        self.ground = ground
        self.server = server
        self.folder = folder
        self.outputs: list[str] = []
        self.configuration = ground.site.configuration()
        for name in ("tmp", "local", "remote"):
            (folder / name).mkdir()
        self.variables: dict[str, Any] = {
            "server": server.address,
            "port": server.port,
            **{f"{kind}_password": password for kind, password in PASSWORDS.items()},
            "readers": [{"database": "dwh", "name": GRAFANA, "password": "New.grafana-Secret"}],
            "client_addresses": ["127.0.0.1"],
            "database_host": "db.lab.test",
            "become_user": "",
            "login_socket": str(server.socket),
            "old_become_user": "",
            "old_login_socket": str(ground.lab.socket),
            "health_timeout": 30,
            "session_timeout": 30,
        }

    @classmethod
    @contextmanager
    def begun(cls, ground: Ground, folder: Path, open_to_clients: bool = False) -> Iterator["Migration"]:
        """An engine in use, and a server without any role that lets in only those that it is told to."""
        ground.in_use()
        server = machines.start_database_server(ground.lab, PORT, open_to_clients=open_to_clients)
        try:
            machines.checkpoint(ground.lab, READY)
            yield cls(ground, server, folder)
        finally:
            machines.stop_database_server(ground.lab)

    def ready(self) -> None:
        """Go back to the beginning."""
        self.rewind(READY)

    def rewind(self, name: str) -> None:
        """Go back to a checkpoint, without faults."""
        for path in self.ground.lab.faults.iterdir():
            path.unlink()
        machines.rewind(self.ground.lab, name)

    def run(self, *options: str, **variables: Any) -> Ran:
        """Run the playbook."""
        return self.finish(self.start(*options, **variables))

    def finish(self, process: "subprocess.Popen[str]") -> Ran:
        """Wait for a run."""
        try:
            output = process.communicate(timeout=DEADLINE)[0]
        except BaseException:
            process.kill()
            process.communicate()
            raise
        self.outputs.append(output)
        recap = RECAP.search(output)
        assert recap, output
        assert (process.returncode == 0) == (recap[2] == "0")
        said = STATISTICS.search(output)
        return Ran(int(recap[1]), int(recap[2]), json.loads(said[1]) if said else {}, output)

    def start(self, *options: str, **variables: Any) -> "subprocess.Popen[str]":
        """Begin to run the playbook."""
        given = {f"{ROLE}_{name}": value for name, value in {**self.variables, **variables}.items()}
        places = {
            "TMPDIR": str(self.folder / "tmp"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
            "ANSIBLE_SHOW_CUSTOM_STATS": "true",
            "ANSIBLE_PIPELINING": "true",
        }
        path = self.folder / "variables.json"
        path.write_text(json.dumps(given))
        command = [
            program("ansible-playbook"), "-i", str(self.ground.site.inventory), "-e", f"@{path}", *options,
            f"ovirt.backup.{ROLE}",
        ]  # fmt: skip
        return subprocess.Popen(
            command, env=environment(places), cwd=self.folder, start_new_session=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def state_directory(self) -> Path:
        return self.ground.lab.prefix / "var/lib/ovirt-engine-backup"

    @property
    def journal(self) -> Path:
        return self.state_directory / "engine_restore.journal.json"

    def stage(self) -> str:
        """How far it has come, as the journal says."""
        try:
            return str(json.loads(self.journal.read_text(encoding="utf-8"))["stage"])
        except FileNotFoundError:
            return ""

    def standing(self) -> tuple[list[str], dict[str, Photo], dict[str, str]]:
        """Everything that a run could change: both servers, the configuration, the services."""
        servers: list[Lab | Server] = [self.ground.lab, self.server]
        services = {name: active_word(self.ground.lab.home, name) for name in SERVICES}
        texts = [query(server, "postgres", STANDING) for server in servers]
        return texts, photograph(self.ground.lab.prefix / "etc"), services

    def rows(self, server: Lab | Server) -> dict[str, dict[str, int]]:
        """How many rows each table of each database has on a server."""
        found = {}
        for kind, name in NAMES.items():
            pairs = (line.rsplit("\t", 1) for line in query(server, name, COUNTED).splitlines())
            found[kind] = {table: int(rows) for table, rows in pairs}
        return found

    def used(self, server: Lab | Server) -> set[str]:
        """The databases of a server that somebody has a session in."""
        databases = set(query(server, "postgres", "SELECT datname FROM pg_database").split())
        return {
            kind
            for kind, name in NAMES.items()
            if name in databases and query(server, "postgres", USED.format(name)).strip() != "0"
        }

    def assert_left_no_secret(self) -> None:
        """No password in what was said or left behind, but where the engine keeps it and in the tests' own file."""
        secrets = SECRETS | self.ground.site.secrets()
        assert not [secret for output in self.outputs for secret in secrets if secret in output]
        places = [self.folder / name for name in ("tmp", "local", "remote")]
        assert not files_with(secrets, [*places, self.state_directory, self.ground.site.logs])
        assert not list((self.folder / "remote").iterdir())
