# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What engine-setup checks after its questions, and the questions that belong to the checks."""

from __future__ import annotations

import time

from ..host import hosted
from ..host.version import display_version, numbers
from .state import State

FOREIGN_ADDRESS = "Cannot validate host name settings, reason: resolved host does not match any of the local addresses"
WAIT_SECONDS = 20
DISCONNECT = (
    "An existing DWH is configured to work with this engine.\nIts hostname is {}.\n"
    "A positive answer to the following question will cause the existing DWH to be permanently disconnected from the "
    "engine.\nA negative answer will stop Setup.\n"
    "Do you want to permanently disconnect this DWH from the engine? (@VALUES@) [@DEFAULT@]: "
)
RUNNING_TASKS = (
    "Upgrade cannot be completed; asynchronious tasks or commands or compensations are still running. "
    "Please make sure that there are no running tasks before you continue."
)
WAIT = 'Would you like to try to wait for that?\n(Answering "no" will stop the upgrade (@VALUES@) '
COUNT = "SELECT (SELECT count(*) FROM async_tasks) + (SELECT count(*) FROM business_entity_snapshot)"
WRONG_OWNER = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_roles r ON r.oid = c.relowner"
    " WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND r.rolname <> current_user"
)
EXTENSION = "SELECT count(*) FROM pg_extension WHERE extname = 'uuid-ossp'"
PREVIEW = (
    ("Default SAN wipe after delete", "OVESETUP_CONFIG/sanWipeAfterDelete"),
    ("Host FQDN", "OVESETUP_CONFIG/fqdn"),
    ("Firewall manager", "OVESETUP_CONFIG/firewallManager"),
    ("Update Firewall", "OVESETUP_CONFIG/updateFirewall"),
    ("Keycloak installation", "OVESETUP_CONFIG/keycloakEnable"),
    ("Engine installation", "OVESETUP_ENGINE_CORE/enable"),
    ("PKI organization", "OVESETUP_PKI/organization"),
    ("Set up ovirt-provider-ovn", "OVESETUP_OVN/ovirtProviderOvn"),
    ("Grafana integration", "OVESETUP_GRAFANA_CORE/enable"),
    ("DWH installation", "OVESETUP_DWH_CORE/enable"),
    ("Backup DWH database", "OVESETUP_DWH_DB/performBackup"),
    ("Configure VMConsole Proxy", "OVESETUP_VMCONSOLE_PROXY_CONFIG/vmconsoleProxyConfig"),
    ("Configure WebSocket Proxy", "OVESETUP_CONFIG/websocketProxyConfig"),
)
TITLES = {"engine": "Engine", "dwh": "DWH", "keycloak": "Keycloak"}


class Validation:
    """The checks, in their order."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.dialog = state.dialog
        self.environment = state.environment

    def run(self) -> None:
        """All of them."""
        self.dialog.warning(FOREIGN_ADDRESS)
        self._compare_versions()
        if not self.state.is_new["engine"] and not self.state.is_restored:
            hosted.check(self.state.program, self.state.database("engine"))
        self._check_memory()
        if self.state.has_engine and not self.state.is_new["engine"]:
            self._check_owner()
            self._check_tasks()
        self._check_dwh()
        self._ask_to_stop()
        self._preview()
        if self.state.has_engine and not self.state.is_new["engine"]:
            self.dialog.info("Checking the Engine database consistency")

    def _compare_versions(self) -> None:
        made_by = self.state.program.text("OVESETUP_CORE/generatedByVersion")
        if made_by and numbers(made_by) > numbers(display_version(self.state.prefix)):
            raise RuntimeError("Setup and (updated) Engine versions must match")

    def _check_memory(self) -> None:
        if self.state.program.faults.text("low-memory") is None:
            return
        self.dialog.warning(
            "Warning: Not enough memory is available on the host. Minimum requirement is 4096MB, "
            "and 16384MB is recommended."
        )
        text = "Do you want Setup to continue, with amount of memory less than recommended? (@VALUES@) [@DEFAULT@]: "
        is_checked = self.environment.setdefault("OVESETUP_SYSTEM/memCheckEnabled", True)
        if is_checked and not self.dialog.confirms("OVESETUP_MEMCHECK_ENABLED", text, False):
            raise RuntimeError("Aborted by user")

    def _check_owner(self) -> None:
        for kind in ("engine", "dwh"):
            if kind in self.state.credentials and not self.state.is_new[kind]:
                database = self.state.database(kind)
                if kind == "engine" and database.query(EXTENSION) == "0":
                    raise RuntimeError("uuid-ossp extension is not installed on database")
                if database.query(WRONG_OWNER) != "0":
                    raise RuntimeError(
                        "Cannot upgrade the {} database schema due to wrong ownership of some database "
                        "entities.\n".format(TITLES[kind])
                    )

    def _check_tasks(self) -> None:
        if not self.environment.setdefault("OVESETUP_ASYNC/clearTasks", True):
            return
        self.dialog.info("Cleaning stale zombie tasks and commands")
        self.dialog.info("Cleaning async tasks and compensations")
        running = self.state.database("engine").query(COUNT)
        if running != "0":
            self.dialog.note("The following compensations have been found running in the system:\n" + running)
            if not self.dialog.confirms("OVESETUP_WAIT_RUNNING_TASKS", WAIT):
                raise RuntimeError(RUNNING_TASKS)
            self._wait_for_tasks()
        self.dialog.info("Unlocking existing entities")

    def _wait_for_tasks(self) -> None:
        """Until they are gone; nobody ends them while the engine is down."""
        while True:
            running = self.state.database("engine").query(COUNT)
            if running == "0":
                return
            self.dialog.note(
                "Waiting for the completion of {} running tasks during the next {} seconds.\n"
                "Press Ctrl+C to interrupt. ".format(running, WAIT_SECONDS)
            )
            time.sleep(WAIT_SECONDS)

    def _check_dwh(self) -> None:
        state = self.state
        if not state.has_dwh or state.is_new["engine"]:
            return
        theirs, ours = state.timekeeping("dwhUuid"), own_uuid(state)
        key = "OVESETUP_DWH_DB/disconnectExistingDwh"
        if not theirs or theirs == ours:
            return
        if self.environment.get(key) is None:
            note = DISCONNECT.format(state.timekeeping("dwhHostname"))
            self.environment[key] = self.dialog.confirms("OVESETUP_DWH_DISCONNECT_EXISTING", note, False)
        if not self.environment[key]:
            raise RuntimeError("An existing DWH found - Setup cancelled by user")

    def _ask_to_stop(self) -> None:
        key = "OVESETUP_CORE/engineStop"
        if not self.state.service_is_active("ovirt-engine"):
            return
        if self.environment.get(key) is None:
            note = "During execution engine service will be stopped (@VALUES@) [@DEFAULT@]: "
            self.environment[key] = self.dialog.confirms("OVESETUP_CORE_ENGINE_STOP", note, True, "OK", "Cancel")
        if not self.environment[key]:
            raise RuntimeError("Engine service is running, no approval to stop")

    def _preview(self) -> None:
        self.dialog.title("CONFIGURATION PREVIEW")
        for title, key in PREVIEW:
            if self.environment.get(key) is not None:
                self.dialog.note("{:40}: {}".format(title, self.environment[key]))
        if self.state.has_engine:
            engine = self.state.credentials["engine"]
            for title, value in (
                ("host", engine.host),
                ("port", engine.port),
                ("name", engine.database),
                ("user name", engine.user),
            ):
                self.dialog.note("{:40}: {}".format("Engine database " + title, value))
        key = "OVESETUP_DIALOG/confirmSettings"
        if self.environment.get(key) is None:
            note = "\nPlease confirm installation settings (@VALUES@) [@DEFAULT@]: "
            self.environment[key] = self.dialog.confirms("OVESETUP_DIALOG_CONFIRM_SETTINGS", note, True, "OK", "Cancel")
        if not self.environment[key]:
            raise RuntimeError("Configuration was rejected by user")


def own_uuid(state: State) -> str:
    """The identity of this host's Data Warehouse."""
    path = state.prefix / "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-uuid.conf"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text.partition("DWH_UUID=")[2].strip().strip('"')
