# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-cleanup: what it refuses, asks, stops, dumps, clears and removes, in the order of its stages."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .. import systemctl
from ..host import clearing, configured, hosted, names, uninstall
from ..host.configured import Credentials
from ..host.sql import DUMPERS, Database, SqlError
from ..host.version import display_version, is_cleanable
from ..layout import load
from ..otopi.options import CLEANUP
from ..otopi.program import Program

NOT_SET_UP = 11
JUST_RESTORED = "SELECT option_value FROM vdc_options WHERE option_name = 'DbJustRestored' AND version = 'general'"
POST = "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
FOREIGN_ADDRESS = "Cannot validate host name settings, reason: resolved host does not match any of the local addresses"
REMOVE = "All the installed ovirt components are about to be removed, data will be lost (@VALUES@) [@DEFAULT@]: "
CHANGED = "The following files were changed since setup:\n{}\nRemove them anyway? (@VALUES@) [@DEFAULT@]: "
STOP = "During execution engine service will be stopped (@VALUES@) [@DEFAULT@]: "
PARTIAL = (
    "You will now be prompted for components to be removed, but regardless of which ones you choose, "
    "the engine will not be functional. Some parts of the configuration are removed unconditionally."
)
# In the order in which the tool stops them.
STOPPED = (
    "ovirt-engine-dwhd",
    "ovirt-engine-notifier",
    "grafana-server",
    "ovirt-fence-kdump-listener",
    "ovirt-websocket-proxy",
    "ovirt-imageio",
    "ovirt-engine",
)


class Target(NamedTuple):
    """One database to dump and clear."""

    title: str
    kind: str
    credentials: Credentials
    dumps: Path
    dump_prefix: str


class Cleanup:
    """The events of one run."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.dialog = program.dialog
        self.lab = load(program.home)
        self.prefix = program.prefix
        self.summary: list[str] = []
        self.targets: list[Target] = []
        self.wants_hosted_check = False
        self.to_remove: list[Path] = []

    def run(self) -> int:
        """All of it."""
        return self.program.run(
            {
                "setup": [self.refuse_what_is_not_set_up, self.refuse_other_versions, self.look_at_databases],
                "customization": [self.resolve_name, self.ask_what_to_remove, self.program_faults],
                "validation": [self.compare_addresses, self.ask_to_stop, self.check_hosted, self.ask_to_remove],
                "transaction": [self.stop_services],
                "misc": [self.save_keys, self.clear_databases, self.remove_files],
                "closeup": [self.summarise],
            }
        )

    def refuse_what_is_not_set_up(self) -> None:
        """Exit status 11."""
        if (self.prefix / POST).exists():
            return
        self.dialog.error("Could not detect a completed product setup")
        self.dialog.note(
            "Please use the cleanup utility only after a setup or after an upgrade from an older installation."
        )
        self.program.exit_codes.append(NOT_SET_UP)
        raise RuntimeError("Could not detect product setup")

    def refuse_other_versions(self) -> None:
        """Only what this version set up."""
        ours, theirs = display_version(self.prefix), self.program.text("OVESETUP_CORE/generatedByVersion")
        if is_cleanable(ours, theirs):
            return
        self.dialog.error("Cleanup utility and installed version mismatch")
        self.dialog.note(
            "Please use a version of cleanup utility that matches the engine installed version "
            "(now engine-cleanup {}, engine {})".format(ours, theirs)
        )
        raise RuntimeError("Cleanup utility version mismatch")

    def look_at_databases(self) -> None:
        """Those whose credentials are configured; one that cannot be reached is only a warning."""
        backups, own = self.prefix / "var/lib/ovirt-engine/backups", self.prefix / "var/lib"
        for target in (
            Target("Engine", "engine", configured.engine(self.prefix), backups, "engine"),
            Target("DWH", "dwh", configured.dwh(self.prefix), own / "ovirt-engine-dwh/backups", "dwh"),
            Target(
                "Keycloak",
                "keycloak",
                configured.keycloak(self.prefix),
                own / "ovirt-engine-keycloak/backups",
                "keycloak",
            ),
        ):
            if target.credentials.password:
                self._look_at(target)

    def _look_at(self, target: Target) -> None:
        database = Database(self.lab, target.credentials)
        try:
            self._may_fail("cannot-connect", target)
            is_new = database.is_new()
        except SqlError as error:
            self.dialog.debug("Existing credential use failed: {}".format(error))
            name = (
                "Keycloak database '{}'".format(target.credentials.database)
                if target.kind == "keycloak"
                else (target.title + " database")
            )
            text = "Cannot connect to {} using existing credentials: {}"
            self.dialog.warning(text.format(name, target.credentials))
        else:
            if target.kind == "engine" and not is_new:
                self._look_at_options(database)
        self.targets.append(target)

    def _look_at_options(self, database: Database) -> None:
        """Any table at all makes it an engine's database, whose options it then wants to read."""
        restored = database.query(JUST_RESTORED) == "1"
        self.wants_hosted_check = not restored
        if restored:
            self.dialog.info("The engine DB has been restored from a backup")

    def _may_fail(self, fault: str, target: Target) -> None:
        words = self.program.faults.text(fault)
        if words is not None and (not words or target.kind in words.split()):
            raise SqlError(
                'Cannot connect to database: connection to server at "{}", port {} failed: Connection refused'.format(
                    target.credentials.host, target.credentials.port
                )
            )

    def resolve_name(self) -> None:
        """It must have an address."""
        names.validate(self.dialog, self.program.text("OVESETUP_CONFIG/fqdn"), self.lab.fqdn)

    def ask_what_to_remove(self) -> None:
        """Everything, unless told otherwise; files that changed since setup are asked about."""
        environment = self.program.environment
        self.dialog.title("PRODUCT OPTIONS")
        if environment.setdefault("OVESETUP_REMOVE/removeAll", True) is None:
            environment["OVESETUP_REMOVE/removeAll"] = self.dialog.confirms(
                "OVESETUP_REMOVE_ALL", "Do you want to remove all components? (@VALUES@) [@DEFAULT@]: ", True
            )
        if not environment["OVESETUP_REMOVE/removeAll"]:
            self.dialog.warning("Partial cleanup is not supported")
            self.dialog.note(PARTIAL)
        changed = uninstall.changed(self.prefix)
        if changed and environment.get("OVESETUP_REMOVE/removeChanged") is None:
            environment["OVESETUP_REMOVE/removeChanged"] = self.dialog.confirms(
                "OVESETUP_ENGINE_REMOVE_CHANGED", CHANGED.format("\n".join(map(str, changed))), True
            )
        kept = () if environment.get("OVESETUP_REMOVE/removeChanged") else changed
        if environment["OVESETUP_REMOVE/removeAll"]:
            self.to_remove = [path for path in uninstall.registered(self.prefix) if path not in kept]

    def program_faults(self) -> None:
        """Questions that nobody knows."""
        self.program.faults.ask(self.dialog)

    def compare_addresses(self) -> None:
        """The lab's name has no address at all."""
        self.dialog.warning(FOREIGN_ADDRESS)

    def ask_to_stop(self) -> None:
        """Only where the engine runs."""
        environment = self.program.environment
        if systemctl.active_word(self.program.home, "ovirt-engine") != "active":
            return
        if environment.get("OVESETUP_CORE/engineStop") is None:
            environment["OVESETUP_CORE/engineStop"] = self.dialog.confirms(
                "OVESETUP_CORE_ENGINE_STOP", STOP, True, "OK", "Cancel"
            )
        if not environment["OVESETUP_CORE/engineStop"]:
            raise RuntimeError("Engine service is running, no approval to stop")

    def check_hosted(self) -> None:
        """Only of an engine that is not restored and not empty."""
        if self.wants_hosted_check:
            hosted.check(self.program, Database(self.lab, configured.engine(self.prefix)))

    def ask_to_remove(self) -> None:
        """The last question."""
        environment = self.program.environment
        if environment.get("OVESETUP_CORE/remove") is None:
            environment["OVESETUP_CORE/remove"] = self.dialog.confirms(
                "OVESETUP_CORE_REMOVE", REMOVE, False, "OK", "Cancel"
            )
        if not environment["OVESETUP_CORE/remove"]:
            raise RuntimeError("Aborted by user")

    def stop_services(self) -> None:
        """Stop and disable what engine-setup enabled; the notifier is only stopped. In developer mode all go on."""
        if self.program.is_developer_mode:
            return
        for name in STOPPED:
            state = systemctl.read_state(self.lab.services, name)
            if state is None:
                continue
            if name == "ovirt-engine":
                self.dialog.info("Stopping engine service")
            if systemctl.change(self.program.home, "stop", name) != 0:
                raise RuntimeError("Failed to stop service '{}'".format(name))
            if name != "ovirt-engine-notifier":
                systemctl.change(self.program.home, "disable", name)

    def save_keys(self) -> None:
        """A tar file of the keys and of the configuration that names them."""
        self.dialog.info("Backing up PKI configuration and keys")
        stem = "engine-pki-" + time.strftime("%Y%m%d%H%M%S")
        folder = self.prefix / "var/lib/ovirt-engine/backups"
        descriptor, name = tempfile.mkstemp(prefix=stem, suffix=".tar.gz", dir=folder)
        os.close(descriptor)
        subprocess.run(["tar", "-czf", name, "-C", str(self.prefix), "etc/pki/ovirt-engine"], check=True)
        self.summary += [
            "A backup of PKI configuration and keys is available at {}".format(name),
            "ovirt-engine has been removed",
        ]

    def clear_databases(self) -> None:
        """Dump and clear each; a dump that fails is a warning and the run goes on, a drop that fails ends it."""
        for target in self.targets:
            database = Database(self.lab, target.credentials)
            where = "{}:{}".format(target.credentials.host, target.credentials.database)
            try:
                self._may_fail("cannot-connect", target)
                database.query("select 1")
                path = database.dump(target.dumps, target.dump_prefix)
                self.dialog.info("Backing up database {} to '{}'.".format(where, path))
                self.program.step("dump-" + target.kind)
                database.write_dump(path, str(self.program.environment.get(DUMPERS[target.kind]) or "pg_custom"))
                text = "A backup of the {} database is available at {}"
                self.summary.append(text.format(target.title, path))
                self.dialog.info("Clearing {} database {}".format(target.title, target.credentials.database))
                self.program.step("clear-" + target.kind)
                self._may_fail("cannot-clear", target)
                clearing.clear(database, self._steps("drop-{}-".format(target.kind)))
            except SqlError as error:
                self.dialog.warning("Cannot clear {} database: {}".format(target.title, error))

    def _steps(self, prefix: str) -> Callable[[str], None]:
        return lambda name: self.program.step(prefix + name)

    def remove_files(self) -> None:
        """The registered files, the post-install configuration among them, and then the lists."""
        self.dialog.info("Removing files")
        self.program.step("remove-files")
        for path in self.to_remove:
            if path.exists() or path.is_symlink():
                path.unlink()
        grafana = self.prefix / "var/lib/grafana/grafana.db"
        if self.program.environment.get("OVESETUP_GRAFANA_CORE/grafanaDbCreatedByUs") and grafana.exists():
            grafana.rename("{}.{}".format(grafana, time.strftime("%Y%m%d%H%M%S")))
        self.dialog.info("Reverting changes to files")
        for path in uninstall.lists(self.prefix):
            path.unlink()

    def summarise(self) -> None:
        """What was done and where the dumps are."""
        self.dialog.title("SUMMARY")
        for text in ["Engine setup successfully cleaned up", *self.summary]:
            self.dialog.note(text)
        self.dialog.title("END OF SUMMARY")


def main(home: Path, name: str, arguments: list[str]) -> int:
    """Run the tool; its exit status."""
    return Cleanup(Program(home, CLEANUP, name, arguments)).run()
