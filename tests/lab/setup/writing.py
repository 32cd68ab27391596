# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration files that engine-setup writes from the credentials in effect, and how they are taken back."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from .. import configuration
from ..host.configured import Credentials
from ..host.version import display_version
from ..layout import Database
from ..otopi.values import type_name
from .state import State

POST = "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
ENGINE_CONF = "etc/ovirt-engine/engine.conf.d/"
DWH_CONF = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/"
KEPT_KEYS = (
    "OVESETUP_ENGINE_CORE/enable",
    "OVESETUP_DWH_CORE/enable",
    "OVESETUP_GRAFANA_CORE/enable",
    "OVESETUP_CONFIG/keycloakEnable",
    "OVESETUP_MB_DB/enable",
    "OVESETUP_CL_DB/enable",
    "OVESETUP_APACHE/configured",
    "OVESETUP_VMCONSOLE_PROXY_CONFIG/vmconsoleProxyConfig",
    "OVESETUP_OVN/ovirtProviderOvn",
    "OVESETUP_CONFIG/websocketProxyConfig",
    "OVESETUP_CONFIG/fqdn",
    "OVESETUP_ENGINE_CONFIG/fqdn",
    "OVESETUP_CONFIG/firewallManager",
    "OVESETUP_CONFIG/adminUser",
    "OVESETUP_PKI/country",
    "OVESETUP_PKI/organization",
    "OVESETUP_DWH_CONFIG/scale",
    "OVESETUP_CONFIG/keycloakOvirtClientSecret",
    "OVESETUP_CONFIG/sanWipeAfterDelete",
    "OVESETUP_GRAFANA_CORE/grafanaDbCreatedByUs",
)


class Files:
    """Writes files and remembers what stood there before."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.before: dict[Path, tuple[bytes, os.stat_result] | None] = {}
        self.copies: list[Path] = []

    def write(self, name: str, text: str, mode: int) -> None:
        """One file; its owner stays, a new one belongs to whom the lab's installation gives it."""
        path = self.prefix / name
        if path not in self.before:
            self.before[path] = (path.read_bytes(), path.stat()) if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._keep(path, text)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def _keep(self, path: Path, text: str) -> None:
        """What is replaced stays beside it, with owner and mode."""
        if path.exists() and path.read_text(encoding="utf-8") != text:
            copy = path.with_name("{}.{}".format(path.name, time.strftime("%Y%m%d%H%M%S")))
            shutil.copy2(path, copy)
            os.chown(copy, path.stat().st_uid, path.stat().st_gid)
            self.copies.append(copy)

    def take_back(self) -> None:
        """As before the first write."""
        for copy in self.copies:
            copy.unlink(missing_ok=True)
        for path, known in self.before.items():
            if known is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(known[0])
                path.chmod(known[1].st_mode & 0o7777)


def block(kind: str, credentials: Credentials) -> str:
    """The nine lines of one database; engine-setup protects only two characters of a password."""
    password = credentials.password.replace("\\", "\\\\").replace(":", "\\:")
    database = Database(credentials.database, credentials.user, password)
    return configuration.database_block(kind, database, int(credentials.port), credentials.host)


def write_all(state: State, files: Files) -> None:
    """Everything that holds credentials or names."""
    engine = state.credentials["engine"]
    files.write(ENGINE_CONF + "10-setup-database.conf", block("ENGINE", engine), 0o640)
    files.write(ENGINE_CONF + "10-setup-protocols.conf", configuration.protocols(state.lab), 0o644)
    files.write("etc/ovirt-engine/aaa/internal.properties", aaa(engine), 0o600)
    for name, (mode, text) in configuration.constant_files(state.lab).items():
        if not (state.prefix / name).exists():
            files.write(name, text, mode)
    if state.has_dwh and "dwh" in state.credentials:
        _write_dwh(state, files, engine, state.credentials["dwh"])
    if state.has_keycloak and not state.keycloak_is_configured and "keycloak" in state.credentials:
        text = configuration.keycloak(state.lab.fqdn, state.lab.secrets[2])
        files.write(
            ENGINE_CONF + "12-setup-keycloak.conf", text + block("KEYCLOAK", state.credentials["keycloak"]), 0o640
        )


def _write_dwh(state: State, files: Files, engine: Credentials, dwh: Credentials) -> None:
    own = block("DWH", dwh)
    files.write(ENGINE_CONF + "10-setup-dwh-database.conf", own, 0o600)
    files.write(DWH_CONF + "10-setup-database.conf", block("ENGINE", engine) + own, 0o600)
    elsewhere = dwh._replace(host=state.text_fqdn if dwh.host == "localhost" else dwh.host)
    files.write(configuration.DWH_EXAMPLE, block("DWH", elsewhere), 0o600)
    uuid = DWH_CONF + "10-setup-uuid.conf"
    if not (state.prefix / uuid).exists():
        files.write(uuid, "DWH_UUID={}\n".format(configuration.DWH_UUID), 0o644)
    if state.has_grafana:
        files.write(
            ENGINE_CONF + "10-setup-grafana-access.conf", 'ENGINE_GRAFANA_FQDN="{}"\n'.format(state.lab.fqdn), 0o640
        )
        text = configuration.grafana_block(state.lab.secrets[0], dwh.database)
        files.write(DWH_CONF + "10-setup-grafana-database.conf", text, 0o640)


def aaa(engine: Credentials) -> str:
    """The profile of the internal users: Java properties, where a colon is protected."""
    return configuration.aaa(engine.host, int(engine.port), engine.database, engine.user, engine.password)


def write_post_install(state: State, files: Files) -> None:
    """What the next run finds as its first answers."""
    lines = [
        "# action=setup",
        "[environment:default]",
        "OVESETUP_CORE/generatedByVersion=str:{}".format(display_version(state.prefix)),
    ]
    state.environment.setdefault("OVESETUP_APACHE/configured", True)
    state.environment.setdefault("OVESETUP_CONFIG/adminUser", "admin@internal")
    for key in KEPT_KEYS:
        if key in state.environment:
            value = state.environment[key]
            lines.append("{}={}:{}".format(key, type_name(value), value))
    files.write(POST, "\n".join(lines) + "\n", 0o600)
