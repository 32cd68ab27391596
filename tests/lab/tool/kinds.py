# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the databases the tool knows: names of options, variables, members, titles."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of PostgreSQL database."""

    name: str
    option: str  # what stands before "db" in options: "" or "dwh-"
    conf: str  # prefix of variables in configuration files: ENGINE_DB
    dump: str  # prefix of variables in the archive's config member: DB
    scope: str
    event: str  # the scope's name in engine_backup_log
    member: str
    key: str  # the enable flag in the setup state
    backup_title: str
    backup_log: str
    restore_title: str
    restore_log: str
    credentials_title: str
    conf_file: str  # rewritten when credentials change

    @property
    def scope_variable(self) -> str:
        """The name the restore log gives the scope."""
        return "SCOPE_" + self.conf


ENGINE = Kind(
    "engine",
    "",
    "ENGINE_DB",
    "DB",
    "db",
    "db",
    "engine_backup.db",
    "OVESETUP_ENGINE_CORE/enable",
    "Engine",
    "database",
    "Engine",
    "engine database",
    "Engine",
    "etc/ovirt-engine/engine.conf.d/10-setup-database.conf",
)
DWH = Kind(
    "dwh",
    "dwh-",
    "DWH_DB",
    "DWH_DB",
    "dwhdb",
    "dwhdb",
    "dwh_backup.db",
    "OVESETUP_DWH_CORE/enable",
    "DWH",
    "dwh database",
    "DWH",
    "dwh database",
    "DWH",
    "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf",
)
CINDERLIB = Kind(
    "cinderlib",
    "cinderlib-",
    "CINDERLIB_DB",
    "CINDERLIB_DB",
    "cinderlibdb",
    "cinderlib",
    "cinderlib_backup.db",
    "OVESETUP_CL_DB/enable",
    "CINDERLIB",
    "cinderlib database",
    "Cinderlib",
    "Cinderlib database",
    "Cinderlib",
    "etc/ovirt-engine/engine.conf.d/10-setup-cinderlib-database.conf",
)
MANAGEDBLOCK = Kind(
    "managedblock",
    "managedblock-",
    "MANAGEDBLOCK_DB",
    "MANAGEDBLOCK_DB",
    "managedblockdb",
    "managedblock",
    "managedblock_backup.db",
    "OVESETUP_MB_DB/enable",
    "MANAGEDBLOCK",
    "managedblock database",
    "Managed Block",
    "Managed Block database",
    "Managed Block",
    "etc/ovirt-engine/engine.conf.d/10-setup-managedblock-database.conf",
)
KEYCLOAK = Kind(
    "keycloak",
    "keycloak-",
    "KEYCLOAK_DB",
    "KEYCLOAK_DB",
    "keycloakdb",
    "keycloak",
    "keycloak_backup.db",
    "OVESETUP_CONFIG/keycloakEnable",
    "KEYCLOAK",
    "keycloak database",
    "KEYCLOAK",
    "KEYCLOAK database",
    "Keycloak",
    "etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf",
)
GRAFANA_KEY = "OVESETUP_GRAFANA_CORE/enable"
GRAFANA_MEMBER = "grafana.db"


class Variant(NamedTuple):
    """What a version of the tool dumps, restores and writes into the config member, each in its order."""

    backup: tuple[Kind, ...]
    restore: tuple[Kind, ...]
    config: tuple[Kind, ...]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes --scope accepts besides all, in the order of notifications."""
        return ("files", *(kind.scope for kind in self.restore), "grafanadb")


CINDERLIB_VARIANT = Variant(
    (ENGINE, DWH, CINDERLIB, KEYCLOAK), (ENGINE, DWH, CINDERLIB, KEYCLOAK), (ENGINE, DWH, KEYCLOAK, CINDERLIB)
)
MANAGEDBLOCK_VARIANT = Variant(
    (ENGINE, DWH, MANAGEDBLOCK, KEYCLOAK),
    (ENGINE, DWH, CINDERLIB, MANAGEDBLOCK, KEYCLOAK),
    (ENGINE, DWH, KEYCLOAK, MANAGEDBLOCK),
)


def variant_of(version: str) -> Variant:
    """The variant of an installed version: managed block took cinderlib's place in 4.5.8."""
    return MANAGEDBLOCK_VARIANT if version.startswith("4.5.8") else CINDERLIB_VARIANT
