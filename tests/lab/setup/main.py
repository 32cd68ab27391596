# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-setup: looks, asks, checks, stops, upgrades, writes, starts."""

from __future__ import annotations

from pathlib import Path

from .. import systemctl
from ..databases import NAMES
from ..host import clearing, uninstall
from ..host.sql import DUMPERS, SqlError
from ..host.version import display_version
from ..installation import setup_groups
from ..otopi.options import SETUP
from ..otopi.program import Program
from . import brandnew
from .questions import Questions
from .state import State
from .validation import TITLES, Validation, own_uuid
from .writing import POST, Files, write_all, write_post_install

STARTED = ("ovirt-websocket-proxy", "ovirt-fence-kdump-listener", "ovirt-imageio")
OPTION = "UPDATE vdc_options SET option_value = '{1}' WHERE option_name = '{0}' AND version = 'general';"
TIMEKEEPING = "UPDATE dwh_history_timekeeping SET var_value = '{1}' WHERE var_name = '{0}';"


class Setup:
    """The events of one run."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.dialog = program.dialog
        self.state = State(program)
        self.files = Files(program.prefix)

    def run(self) -> int:
        """All of it."""
        state = self.state
        return self.program.run(
            {
                "setup": [state.look_at_engine_database, state.look_at_other_databases],
                "customization": [Questions(state).ask_all],
                "validation": [Validation(state).run],
                "transaction": [self.stop_services, self.refuse_running_dwh],
                "misc": [
                    self.begin,
                    self.make_keys,
                    self.provide_databases,
                    self.upgrade_engine,
                    self.upgrade_dwh,
                    self.write_files,
                    self.finish_database,
                ],
                "closeup": [self.start_services, self.summarise],
            }
        )

    def _service(self, verb: str, name: str) -> None:
        known = systemctl.read_state(self.state.lab.services, name)
        if known is not None and systemctl.change(self.program.home, verb, name) != 0:
            raise RuntimeError("Failed to {} service '{}'".format(verb, name))

    def stop_services(self) -> None:
        """What works with the databases; of a development installation nothing."""
        if self.program.is_developer_mode:
            return
        if self.state.has_engine:
            self.dialog.info("Stopping engine service")
            self._service("stop", "ovirt-engine")
        if self.state.has_dwh:
            self.dialog.info("Stopping dwh service")
            self._service("stop", "ovirt-engine-dwhd")
        self.dialog.info("Stopping websocket-proxy service")

    def refuse_running_dwh(self) -> None:
        """One that runs elsewhere, or that ended without taking its mark away."""
        state = self.state
        if not state.has_dwh or state.is_new["engine"] or state.timekeeping("DwhCurrentlyRunning") != "1":
            return
        text = "dwhd is currently running.\nIts hostname is {}.\nPlease stop it before running Setup."
        self.dialog.error(text.format(state.timekeeping("dwhHostname")))
        raise RuntimeError("dwhd is currently running")

    def begin(self) -> None:
        """From here on a failure is rolled back."""
        self.program.rollbacks.append(self.files.take_back)

    def make_keys(self) -> None:
        """New keys where there are none."""
        if not self.state.has_engine:
            return
        if (self.state.prefix / "etc/pki/ovirt-engine/ca.pem").exists():
            self.dialog.info("Upgrading CA")
        else:
            self.dialog.info("Creating CA")
            brandnew.make_keys(self.state)
        self.dialog.info("Configuring WebSocket Proxy")

    def provide_databases(self) -> None:
        """Those that no configuration names."""
        wanted = {"engine": self.state.has_engine, "dwh": self.state.has_dwh, "keycloak": self.state.has_keycloak}
        for kind, is_wanted in wanted.items():
            known = self.state.credentials.get(kind)
            if is_wanted and (known is None or not known.password):
                self.dialog.info("Creating PostgreSQL '{}' database".format(NAMES[kind][0]))
                brandnew.provision(self.state, kind)
        self.program.step("provision")

    def _save(self, kind: str, directory: str, prefix: str) -> Path:
        database, credentials = self.state.database(kind), self.state.credentials[kind]
        path = database.dump(self.state.prefix / directory, prefix)
        self.dialog.info("Backing up database {}:{} to '{}'.".format(credentials.host, credentials.database, path))
        self.program.step("dump-" + kind)
        database.write_dump(path, self._dumper(kind))
        return path

    def _dumper(self, kind: str) -> str:
        return str(self.program.environment.get(DUMPERS[kind]) or "pg_custom")

    def _roll_back(self, kind: str, path: Path | None) -> None:
        title = TITLES[kind]
        self.dialog.info("Rolling back {}database schema".format("" if kind == "engine" else title + " "))
        name = self.state.credentials[kind].database
        try:
            self.program.step("rollback-" + kind)
            self.dialog.info("Clearing {} database {}".format(title, name))
            clearing.clear(self.state.database(kind), lambda name: self.program.step("drop-{}-{}".format(kind, name)))
            if path is not None:
                self.dialog.info("Restoring {} database {}".format(title, name))
                self.state.database(kind).restore(path, self._dumper(kind))
        except (SqlError, RuntimeError) as error:
            self.dialog.error("{} database rollback failed: {}".format(title, error))

    def upgrade_engine(self) -> None:
        """Dump, schema."""
        state = self.state
        if not state.has_engine:
            return
        path = None if state.is_new["engine"] else self._save("engine", "var/lib/ovirt-engine/backups", "engine")
        self.program.rollbacks.append(lambda: self._roll_back("engine", path))
        self.dialog.info("Creating/refreshing Engine database schema")
        self.program.step("schema")
        if state.is_new["engine"]:
            brandnew.create_engine_schema(state)
        self.dialog.note("Unregistering existing client registration info.")

    def upgrade_dwh(self) -> None:
        """The same for the Data Warehouse, its dump only where wanted."""
        state = self.state
        if not state.has_dwh:
            return
        path = None
        if not state.is_new["dwh"] and state.wants("OVESETUP_DWH_DB/performBackup"):
            path = self._save("dwh", "var/lib/ovirt-engine-dwh/backups", "dwh")
        if state.is_new["dwh"] or path is not None:
            self.program.rollbacks.append(lambda: self._roll_back("dwh", path))
        self.dialog.info("Creating/refreshing DWH database schema")
        self.program.step("schema-dwh")
        if state.is_new["dwh"]:
            brandnew.create_dwh_schema(state)

    def write_files(self) -> None:
        """Configuration, and the files by which the next runs know what is set up."""
        state = self.state
        self.program.step("write")
        if self.program.is_unprivileged and self.program.environment.get("OVESETUP_APACHE/configureRootRedirection"):
            raise RuntimeError("[Errno 13] Permission denied: '/etc/httpd'")
        if state.has_engine:
            write_all(state, self.files)
        self.dialog.info("Generating post install configuration file '{}'".format(state.prefix / POST))
        self.program.step("post")
        write_post_install(state, self.files)
        uninstall.write(state.prefix, setup_groups(state.prefix))

    def finish_database(self) -> None:
        """The options that show that this run went through."""
        state = self.state
        if not state.has_engine:
            return
        statements = [
            OPTION.format("DbJustRestored", "0"),
            OPTION.format("ProductRPMVersion", display_version(state.prefix)),
        ]
        if state.has_dwh:
            statements += [
                TIMEKEEPING.format("dwhUuid", own_uuid(state)),
                TIMEKEEPING.format("dwhHostname", state.text_fqdn),
            ]
        state.database("engine").query("".join(statements))

    def start_services(self) -> None:
        """And enable them."""
        self.program.rollbacks.clear()
        if self.program.is_developer_mode:
            return
        names = []
        if self.state.has_engine:
            names += [("engine", "ovirt-engine"), *((name, name) for name in STARTED)]
        if self.state.has_dwh:
            names.append(("dwh", "ovirt-engine-dwhd"))
        if self.state.has_grafana:
            names.append(("grafana", "grafana-server"))
        for title, name in names:
            self.dialog.info("Starting {} service".format(title))
            self._service("enable", name)
            self._service("start", name)
        self.dialog.info("Restarting httpd")

    def summarise(self) -> None:
        """Where the engine is."""
        name = self.state.text_fqdn
        self.dialog.title("SUMMARY")
        if self.state.has_engine:
            self.dialog.note(
                "Web access is enabled at:\n    http://{0}:80/ovirt-engine\n    https://{0}:443/ovirt-engine\n"
                "Internal CA fingerprint: SHA256: 00:11:22".format(name)
            )
        self.dialog.note("The following network ports should be opened:\n    tcp:443\n    tcp:80")
        self.dialog.title("END OF SUMMARY")


def main(home: Path, name: str, arguments: list[str]) -> int:
    """Run the tool; its exit status."""
    return Setup(Program(home, SETUP, name, arguments)).run()
