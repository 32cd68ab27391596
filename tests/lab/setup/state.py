# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What engine-setup finds out about the host before it asks anything."""

from __future__ import annotations

from .. import systemctl
from ..host import configured
from ..host.configured import Credentials
from ..host.sql import Database, SqlError
from ..layout import load
from ..otopi.program import Program

DBS = {"dwh": "OVESETUP_DWH_DB", "keycloak": "OVESETUP_KEYCLOAK_DB"}
JUST_RESTORED = "SELECT option_value FROM vdc_options WHERE option_name = 'DbJustRestored' AND version = 'general'"
TIMEKEEPING = "SELECT var_value FROM dwh_history_timekeeping WHERE var_name = '{}'"


class State:
    """The host as it is, and the run that looks at it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.dialog = program.dialog
        self.environment = program.environment
        self.prefix = program.prefix
        self.lab = load(program.home)
        self.credentials: dict[str, Credentials] = {}
        self.is_new = {"engine": True, "dwh": True, "keycloak": True}
        self.is_restored = False

    def wants(self, key: str) -> bool:
        """Whether a component is to be set up."""
        return bool(self.environment.get(key))

    @property
    def has_engine(self) -> bool:
        """The engine itself."""
        return self.wants("OVESETUP_ENGINE_CORE/enable")

    @property
    def has_dwh(self) -> bool:
        """The Data Warehouse."""
        return self.wants("OVESETUP_DWH_CORE/enable")

    @property
    def has_keycloak(self) -> bool:
        """Keycloak."""
        return self.wants("OVESETUP_CONFIG/keycloakEnable")

    @property
    def has_grafana(self) -> bool:
        """Grafana."""
        return self.wants("OVESETUP_GRAFANA_CORE/enable")

    @property
    def keycloak_is_configured(self) -> bool:
        """Known from its configuration file alone."""
        return configured.read(self.prefix).get("KEYCLOAK_BUNDLED") == "true"

    @property
    def text_fqdn(self) -> str:
        """The host's name."""
        return self.program.text("OVESETUP_CONFIG/fqdn")

    def database(self, kind: str) -> Database:
        """One of the databases with the credentials in effect."""
        return Database(self.lab, self.credentials[kind])

    def look_at_engine_database(self) -> None:
        """The configuration's credentials win over any answer; without a password there is no database yet."""
        engine = configured.engine(self.prefix)
        self.credentials["engine"] = engine
        if not engine.password:
            return
        self._connect("engine", "Engine database")
        if not self.is_new["engine"]:
            self.is_restored = self.database("engine").query(JUST_RESTORED) == "1"
        if self.is_restored and self.program.faults.text("silent") is None:
            self.dialog.info("The engine DB has been restored from a backup")

    def look_at_other_databases(self) -> None:
        """Of these, answers win over the configuration."""
        for kind, found in (("dwh", configured.dwh(self.prefix)), ("keycloak", configured.keycloak(self.prefix))):
            if kind == "keycloak" and not self.keycloak_is_configured:
                continue
            used = self._with_answers(found, DBS[kind])
            self.credentials[kind] = used
            if used.password:
                title = "DWH database" if kind == "dwh" else "Keycloak database '{}'".format(used.database)
                self._connect(kind, title)

    def _with_answers(self, found: Credentials, key: str) -> Credentials:
        given = {name: self.program.text("{}/{}".format(key, name)) for name in Credentials._fields}
        return found._replace(**{name: value for name, value in given.items() if value})

    def _connect(self, kind: str, title: str) -> None:
        try:
            self.is_new[kind] = self.database(kind).is_new()
        except SqlError as error:
            self.dialog.debug("Existing credential use failed: {}".format(error))
            text = "Cannot connect to {} using existing credentials: {}"
            raise RuntimeError(text.format(title, self.credentials[kind])) from error

    def timekeeping(self, name: str) -> str:
        """What the engine's database says of the Data Warehouse."""
        database = self.database("engine")
        return database.query(TIMEKEEPING.format(name)) if database.has_table("dwh_history_timekeeping") else ""

    def service_is_active(self, name: str) -> bool:
        """Whether a service runs."""
        return systemctl.active_word(self.program.home, name) == "active"
