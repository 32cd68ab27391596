# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of engine-setup that the state of the host makes come up, in their order."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ..host import names
from ..otopi.values import Value
from .state import State

YEAR, TWO_MONTHS = 365, 60
RENEW = (
    "One or more of the certificates should be renewed, because they expire soon, or include an invalid expiry date, "
    "or do not include the subjectAltName extension.\nRenew certificates? (@VALUES@) [@DEFAULT@]: "
)
SKIP_RENEW = (
    "Are you really sure that you want to skip the PKI renewal process?\n"
    "Skip PKI renewal process? (@VALUES@) [@DEFAULT@]: "
)
VACUUM = (
    "Perform full vacuum on the {}?\nThis operation may take a while depending on this setup health and the\n"
    "configuration of the db vacuum process.\nSee https://www.postgresql.org/docs/12/sql-vacuum.html\n"
    "(@VALUES@) [@DEFAULT@]: "
)
BACKUP_DWH = (
    "Backing up the DWH database can take a long time and need much space.\n"
    "Would you like to backup the existing database before upgrading it? (@VALUES@) [@DEFAULT@]: "
)
CONFIGURE = "Configure {} on this host (@VALUES@) [@DEFAULT@]: "


class Questions:
    """Each method is one heading of the dialog."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.dialog = state.dialog
        self.environment = state.environment

    def ask_all(self) -> None:
        """From the product options to the end of the configuration."""
        for title, ask in (
            ("PRODUCT OPTIONS", self.components),
            ("NETWORK CONFIGURATION", self.network),
            ("DATABASE CONFIGURATION", self.databases),
            ("OVIRT ENGINE CONFIGURATION", self.engine),
            ("STORAGE CONFIGURATION", self.storage),
            ("PKI CONFIGURATION", self.certificates),
            ("APACHE CONFIGURATION", self.apache),
            ("SYSTEM CONFIGURATION", self.nothing),
            ("MISC CONFIGURATION", self.miscellaneous),
            ("END OF CONFIGURATION", self.nothing),
        ):
            self.dialog.title(title)
            ask()
        self.state.program.faults.ask(self.dialog)

    def nothing(self) -> None:
        """A heading under which nothing is asked."""

    def _decide(self, key: str, name: str, note: str, default: bool | None, *words: str) -> bool:
        if self.environment.get(key) is None:
            self.environment[key] = self.dialog.confirms(name, note, default, *words)
        return bool(self.environment[key])

    def _choose(self, key: str, value: Value) -> None:
        if self.environment.get(key) is None:
            self.environment[key] = value

    def components(self) -> None:
        """From 4.5.7 on the default of the first is no."""
        block = ("OVESETUP_MB_DB/enable", "ovirt-managedblock-enable", "Configure managed block integration")
        if not self.state.lab.version.startswith("4.5.8"):
            block = ("OVESETUP_CL_DB/enable", "ovirt-cinderlib-enable", "Configure Cinderlib integration")
        self._decide("OVESETUP_ENGINE_CORE/enable", "OVESETUP_ENGINE_ENABLE", CONFIGURE.format("Engine"), None)
        self._decide(block[0], block[1], block[2] + " (@VALUES@) [@DEFAULT@]: ", False)
        for key, name, what in (
            ("OVESETUP_OVN/ovirtProviderOvn", "ovirt-provider-ovn", "ovirt-provider-ovn"),
            ("OVESETUP_CONFIG/websocketProxyConfig", "OVESETUP_CONFIG_WEBSOCKET_PROXY", "WebSocket Proxy"),
            ("OVESETUP_DWH_CORE/enable", "OVESETUP_DWH_ENABLE", "Data Warehouse"),
            (
                "OVESETUP_VMCONSOLE_PROXY_CONFIG/vmconsoleProxyConfig",
                "OVESETUP_CONFIG_VMCONSOLE_PROXY",
                "VM Console Proxy",
            ),
            ("OVESETUP_GRAFANA_CORE/enable", "OVESETUP_GRAFANA_ENABLE", "Grafana"),
        ):
            self._decide(key, name, CONFIGURE.format(what), True)
        # An old engine without it is not asked.
        if self.state.is_new["engine"] and self.state.has_engine:
            key = "OVESETUP_CONFIG/keycloakEnable"
            self._decide(key, "OVESETUP_KEYCLOAK_ENABLE", CONFIGURE.format("Keycloak"), True)

    def network(self) -> None:
        """The name of the host, the firewall."""
        key = "OVESETUP_CONFIG/fqdn"
        if self.environment.get(key) is None:
            note = "Host fully qualified DNS name of this server [@DEFAULT@]: "
            self.environment[key] = self.dialog.query("OVESETUP_NETWORK_FQDN_this", note, self.state.lab.fqdn)
        name = str(self.environment[key])
        names.validate(self.dialog, name, self.state.lab.fqdn)
        self._choose("OVESETUP_ENGINE_CONFIG/fqdn", name)
        self._firewall()

    def _firewall(self) -> None:
        managers = tuple(self._words("etc/firewalls"))
        key = "OVESETUP_CONFIG/firewallManager"
        if not managers:
            self._choose("OVESETUP_CONFIG/updateFirewall", False)
            return
        note = "Do you want Setup to configure the firewall? (@VALUES@) [@DEFAULT@]: "
        if not self._decide("OVESETUP_CONFIG/updateFirewall", "OVESETUP_UPDATE_FIREWALL", note, True):
            return
        if self.environment.get(key) not in managers:
            self.dialog.note(
                "The following firewall managers were detected on this system: {}\n".format(", ".join(managers))
            )
            self.environment[key] = self.dialog.query(
                "OVESETUP_CONFIG_FIREWALL_MANAGER",
                "Firewall manager to configure (@VALUES@): ",
                choices=managers,
                case_sensitive=False,
            )
        self.dialog.info("{} will be configured as firewall manager.".format(self.environment[key]))

    def _words(self, path: str) -> list[str]:
        file = self.state.prefix / path
        return file.read_text(encoding="utf-8").split() if file.is_file() else []

    def databases(self) -> None:
        """Only where none is configured yet."""
        state = self.state
        if not state.has_engine or state.credentials["engine"].password:
            return
        key = "OVESETUP_PROVISIONING/postgresProvisioningEnabled"
        if self.environment.get(key) is None:
            self.environment[key] = self.dialog.confirms(
                "OVESETUP_PROVISIONING_POSTGRES_LOCATION",
                "Where is the Engine database located? (@VALUES@) [@DEFAULT@]: ",
                True,
                "Local",
                "Remote",
            ) and self.dialog.confirms(
                "OVESETUP_PROVISIONING_POSTGRES_ENABLED",
                "\nWould you like Setup to automatically configure postgresql and create Engine database, or prefer "
                "to perform that manually? (@VALUES@) [@DEFAULT@]: ",
                True,
                "Automatic",
                "Manual",
            )
        if not self.environment[key]:
            self._ask_credentials()

    def _ask_credentials(self) -> None:
        """A database somewhere else: without credentials that work this comes again and again."""
        key = "OVESETUP_DB/"
        for name, default in (("host", "localhost"), ("port", "5432"), ("database", "engine"), ("user", "engine")):
            if self.environment.get(key + name) is None:
                note = "Engine database {} [@DEFAULT@]: ".format(name)
                self.environment[key + name] = self.dialog.query("OVESETUP_ENGINE_DB_" + name.upper(), note, default)
        if self.environment.get(key + "password") is None:
            self.environment[key + "password"] = self.dialog.query(
                "OVESETUP_ENGINE_DB_PASSWORD", "Engine database password: ", hidden=True
            )

    def engine(self) -> None:
        """Vacuum of an old database, the administrator of a new one."""
        state = self.state
        if not state.has_engine:
            return
        if state.is_new["engine"]:
            self._choose("OVESETUP_CONFIG/applicationMode", "both")
        else:
            where = "engine database {0.database}@{0.host}".format(state.credentials["engine"])
            self._decide("OVESETUP_DB/engineVacuumFull", "ENGINE_VACUUM_FULL", VACUUM.format(where), False)
        forgotten = state.has_keycloak and not state.keycloak_is_configured
        key = "OVESETUP_CONFIG/adminPassword"
        if (state.is_new["engine"] or forgotten) and self.environment.get(key) is None:
            self._ask_password(key, "OVESETUP_CONFIG_ADMIN_SETUP", "ngine admin password: ")
        if forgotten and self.environment.get("OVESETUP_CONFIG/keycloakAdminPasswd") is None:
            note = "Use Engine admin password as initial keycloak admin password (@VALUES@) [@DEFAULT@]: "
            if self.dialog.confirms("KEYCLOAK_USE_ENGINE_ADMIN_PASSWORD", note, True):
                self.environment["OVESETUP_CONFIG/keycloakAdminPasswd"] = self.environment[key]
            else:
                self._ask_password("OVESETUP_CONFIG/keycloakAdminPasswd", "KEYCLOAK_ADMIN", "eycloak password: ")

    def _ask_password(self, key: str, name: str, note: str) -> None:
        while True:
            first = self.dialog.query(name, ("E" if name.startswith("OV") else "K") + note, hidden=True)
            second = self.dialog.query(name, "Confirm " + ("e" if name.startswith("OV") else "k") + note, hidden=True)
            if first == second:
                self.environment[key] = first
                return
            self.dialog.warning("Passwords do not match")

    def storage(self) -> None:
        """Only for a new engine."""
        if self.state.has_engine and self.state.is_new["engine"]:
            note = "Default SAN wipe after delete (@VALUES@) [@DEFAULT@]: "
            self._decide("OVESETUP_CONFIG/sanWipeAfterDelete", "OVESETUP_CONFIG_SAN_WIPE_AFTER_DELETE", note, False)

    def certificates(self) -> None:
        """New ones, or old ones that expire soon."""
        pki = self.state.prefix / "etc/pki/ovirt-engine"
        key = "OVESETUP_PKI/organization"
        if not self.state.has_engine:
            return
        if not (pki / "ca.pem").exists():
            if self.environment.get(key) is None:
                note = "Organization name for certificate [@DEFAULT@]: "
                self.environment[key] = self.dialog.query("OVESETUP_PKI_ORG", note, "lab.test")
            return
        if not expires_soon(pki) or self.environment.get("OVESETUP_PKI/renew") is not None:
            return
        renew = self._decide("OVESETUP_PKI/renew", "OVESETUP_RENEW_PKI", RENEW, None)
        if not renew and not self.dialog.confirms("OVESETUP_SKIP_RENEW_PKI_CONFIRM", SKIP_RENEW, False):
            raise RuntimeError("Aborted by user")

    def apache(self) -> None:
        """Only where it is not known to be configured, and never in a development installation."""
        known = self.environment.get("OVESETUP_APACHE/configured") or self.state.program.is_unprivileged
        if not self.state.has_engine or known:
            return
        note = "Do you wish to set the application as the default page of the web server? (@VALUES@) [@DEFAULT@]: "
        self._decide("OVESETUP_APACHE/configureRootRedirection", "OVESETUP_APACHE_CONFIG_ROOT_REDIRECTION", note, True)
        note = "Do you wish Setup to configure that, or prefer to perform that manually? (@VALUES@) [@DEFAULT@]: "
        key = "OVESETUP_APACHE/configureSsl"
        self._decide(key, "OVESETUP_APACHE_CONFIG_SSL", note, True, "Automatic", "Manual")

    def miscellaneous(self) -> None:
        """What belongs to the Data Warehouse and to Grafana."""
        state = self.state
        if state.has_dwh and not state.is_new["dwh"]:
            self._decide("OVESETUP_DWH_DB/performBackup", "DWH_DB_PERFORM_BACKUP", BACKUP_DWH, True)
            where = "oVirt engine history\ndatabase {0.database}@{0.host}".format(state.credentials["dwh"])
            self._decide("OVESETUP_DB/dwhVacuumFull", "DWH_VACUUM_FULL", VACUUM.format(where), False)
        key = "OVESETUP_GRAFANA_CONFIG/adminPassword"
        missing = not (state.prefix / "var/lib/grafana/grafana.db").exists()
        if state.has_grafana and missing and self.environment.get(key) is None:
            text = "Use Engine admin password as initial Grafana admin password (@VALUES@) [@DEFAULT@]: "
            is_known = bool(self.environment.get("OVESETUP_CONFIG/adminPassword"))
            if is_known and self.dialog.confirms("GRAFANA_USE_ENGINE_ADMIN_PASSWORD", text, True):
                self.environment[key] = self.environment["OVESETUP_CONFIG/adminPassword"]
            else:
                self.environment[key] = self.dialog.query(
                    "OVESETUP_GRAFANA_CONFIG_ADMIN_PASSWORD", "Grafana admin password: ", hidden=True
                )


def expires_soon(pki: Path) -> bool:
    """Whether a certificate is within its warning period; those of browsers live short and are warned of late."""
    for name, days in (
        ("ca.pem", YEAR),
        ("certs/engine.cer", YEAR),
        ("certs/apache.cer", TWO_MONTHS),
        ("certs/websocket-proxy.cer", TWO_MONTHS),
    ):
        words = ["openssl", "x509", "-noout", "-checkend", str(days * 86400), "-in", str(pki / name)]
        if (pki / name).exists() and subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return True
    return False
