# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine, a database server to move to, and the role, run as AWX does or as its documents show it."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab import faults, machines
from lab.layout import Lab, Server
from lab.postgres import query
from lab.systemctl import active_word

from .documents import read_blocks
from .lab_engine import LabEngine
from .playbooks import Engine
from .restore_roles import RestoreRole
from .role import Ran
from .side_effects import Photo, files_with, photograph

PORT = 5432
READY = "ready"
ROLE = "engine_database_migration"
NAMES = {"engine": "engine", "dwh": "ovirt_engine_history", "keycloak": "ovirt_engine_keycloak"}
KINDS = tuple(NAMES)
GRAFANA = "ovirt_engine_history_grafana"
PASSWORDS = {kind: f"New.{kind}-Secret,1+2=3_@%/~^" for kind in KINDS}
READER = "New.grafana-Secret"
SERVICES = ("ovirt-engine", "ovirt-engine-dwhd", "grafana-server", "ovirt-engine-notifier")
COMMAND = ["ansible-playbook", "-i", "inventory.yml"]
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


class Migration(RestoreRole):
    """The role, with the variables that all runs share."""

    def __init__(self, lab_engine: LabEngine, engine: Engine, server: Server, folder: Path) -> None:
        super().__init__(ROLE, lab_engine, engine, folder)
        self.server = server
        self.configuration = engine.site.configuration()
        # How the lab is entered; a real one has a user postgres and sudo.
        self.circumstances: dict[str, Any] = {
            "become_user": "",
            "login_socket": str(server.socket),
            "old_become_user": "",
            "old_login_socket": str(lab_engine.lab.socket),
            "health_timeout": 30,
            "session_timeout": 30,
        }
        self.variables: dict[str, Any] = {
            "server": server.address,
            "port": server.port,
            **{f"{kind}_password": password for kind, password in PASSWORDS.items()},
            "client_addresses": ["127.0.0.1"],
            "database_host": "db.lab.test",
            **self.circumstances,
        }

    @classmethod
    @contextmanager
    def in_progress(cls, lab_engine: LabEngine, folder: Path) -> Iterator["Migration"]:
        """An engine in use, and a server without any role whose pg_hba.conf lets nobody in over the network."""
        lab_engine.in_use()
        server = machines.start_database_server(lab_engine.lab, PORT, open_to_clients=False)
        try:
            machines.checkpoint(lab_engine.lab, READY)
            with lab_engine.driven(folder) as engine:
                found = cls(lab_engine, engine, server, folder)
                yield found
                machines.stop_database_server(lab_engine.lab)  # the tool may have been who restarted it
            found.assert_left_no_secret()
        finally:
            machines.stop_database_server(lab_engine.lab)

    def ready(self) -> None:
        """Go back to the beginning."""
        self.rewind(READY)

    def rewind(self, name: str) -> None:
        """Go back to a checkpoint, without faults."""
        faults.clear(self.lab_engine.lab.faults)
        machines.rewind(self.lab_engine.lab, name)

    def read_document(self, path: Path) -> list[str]:
        """Take the file that a document shows; return the commands that it shows."""
        blocks = read_blocks(path)
        (text,) = [block.text for block in blocks if block.file == "migrate.yml"]
        places = {
            "database_host: db.example.com": "database_host: db.lab.test",
            "_server: db.example.com": f"_server: {self.server.address}",
            "[192.0.2.10]": "[127.0.0.1]",
        }
        for shown, here in places.items():
            assert text.count(shown) == 1, shown
            text = text.replace(shown, here)
        (self.engine.scratch / "migrate.yml").write_text(text, encoding="utf-8")
        return [line for block in blocks if block.language == "console" for line in block.text.splitlines()]

    def follow(self, command: str) -> Ran:
        """Type a command of a document that was read; passwords come from a vault."""
        words = shlex.split(command)
        assert words[:3] == COMMAND
        vault = self.engine.scratch / "vault.json"
        secrets = {**PASSWORDS, "grafana": READER}
        vault.write_text(json.dumps({f"vault_{name}_password": secret for name, secret in secrets.items()}))
        usual, self.variables, self.playbook = (self.variables, self.playbook), self.circumstances, words[3]
        try:
            return self.run("-e", f"@{vault}", *words[4:])
        finally:
            self.variables, self.playbook = usual
            vault.unlink()

    @property
    def state_directory(self) -> Path:
        return self.lab_engine.lab.prefix / "var/lib/ovirt-engine-backup"

    def stage(self) -> str:
        """How far it has come, as the journal says."""
        return str(self.noted().get("stage", ""))

    def standing(self) -> tuple[list[str], dict[str, Photo], dict[str, str]]:
        """Everything that a run could change: both servers, the configuration, the services."""
        servers: list[Lab | Server] = [self.lab_engine.lab, self.server]
        services = {name: active_word(self.lab_engine.lab.home, name) for name in SERVICES}
        texts = [query(server, "postgres", STANDING) for server in servers]
        return texts, photograph(self.lab_engine.lab.prefix / "etc"), services

    def rows_on(self, server: Lab | Server) -> dict[str, dict[str, int]]:
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

    def in_use_by_host(self) -> tuple[set[str], set[str]]:
        """The databases in use on the engine host, and those on the new server."""
        return self.used(self.lab_engine.lab), self.used(self.server)

    def assert_left_no_secret(self) -> None:
        """No new password in what was said or left behind, but where the engine keeps it."""
        secrets = {*PASSWORDS.values(), READER}
        assert not [secret for play in self.engine.plays for secret in secrets if secret in play.output]
        assert not files_with(secrets, [self.archives, self.state_directory, self.engine.site.logs])
