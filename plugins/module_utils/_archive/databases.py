# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of an engine: how each is named in scopes, archives, configuration and tool output.

Source: oVirt engine-backup and engine-setup (4.3 to 4.5). This file is private to the collection.
"""

from typing import Dict, List, NamedTuple, Tuple


class DatabaseKind(NamedTuple):
    """How one database of an engine is named in scopes, archives, configuration and tool output."""

    name: str  # key of results: engine, dwh, ...
    scope: str  # value of --scope
    member: str  # member of the archive
    flag: str  # key of the setup state that says "set up on this host"
    prefix: str  # start of the configuration variables, e.g. ENGINE_DB_
    label: str  # how the tool names it in "- <label> database '<name>'"
    record: str  # scope name in the engine's own backup log
    option: str  # start of the tool's options, e.g. --dwh-db-
    own_files: Tuple[str, ...]  # configuration that this host owns the database, below the prefix
    may_be_empty: bool  # set up, but without a table before its first use


ENGINE_CONFIGURATION = ("etc/ovirt-engine/engine.conf", "etc/ovirt-engine/engine.conf.d")
DWH_CONFIGURATION = ("etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf", "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d")
GRAFANA_FILE = "var/lib/grafana/grafana.db"
# SQLite keeps them beside the file while it is open. engine-backup takes them along with the other files; they are of
# another moment than its copy of the file itself.
SIDE_FILES = ("-wal", "-shm", "-journal")
GRAFANA_SIDE_FILES = tuple(GRAFANA_FILE + suffix for suffix in SIDE_FILES)

KINDS: Tuple[DatabaseKind, ...] = (
    DatabaseKind(
        "engine",
        "db",
        "db/engine_backup.db",
        "OVESETUP_ENGINE_CORE/enable",
        "ENGINE_DB_",
        "Engine",
        "db",
        "--db-",
        ENGINE_CONFIGURATION,
        False,
    ),
    DatabaseKind(
        "dwh",
        "dwhdb",
        "db/dwh_backup.db",
        "OVESETUP_DWH_CORE/enable",
        "DWH_DB_",
        "DWH",
        "dwhdb",
        "--dwh-db-",
        DWH_CONFIGURATION,
        False,
    ),
    DatabaseKind(
        "cinderlib",
        "cinderlibdb",
        "db/cinderlib_backup.db",
        "OVESETUP_CL_DB/enable",
        "CINDERLIB_DB_",
        "CINDERLIB",
        "cinderlib",
        "--cinderlib-db-",
        ENGINE_CONFIGURATION,
        True,
    ),
    DatabaseKind(
        "managedblock",
        "managedblockdb",
        "db/managedblock_backup.db",
        "OVESETUP_MB_DB/enable",
        "MANAGEDBLOCK_DB_",
        "MANAGEDBLOCK",
        "managedblock",
        "--managedblock-db-",
        ENGINE_CONFIGURATION,
        True,
    ),
    DatabaseKind(
        "keycloak",
        "keycloakdb",
        "db/keycloak_backup.db",
        "OVESETUP_CONFIG/keycloakEnable",
        "KEYCLOAK_DB_",
        "KEYCLOAK",
        "keycloak",
        "--keycloak-db-",
        ENGINE_CONFIGURATION,
        False,
    ),
    DatabaseKind(
        "grafana",
        "grafanadb",
        "db/grafana.db",
        "OVESETUP_GRAFANA_CORE/enable",
        "GRAFANA_DB_",
        "Grafana",
        "grafanadb",
        "",
        DWH_CONFIGURATION,
        False,
    ),
)

BY_NAME: Dict[str, DatabaseKind] = {kind.name: kind for kind in KINDS}
BY_MEMBER: Dict[str, DatabaseKind] = {kind.member: kind for kind in KINDS}
SCOPES = ("files",) + tuple(kind.scope for kind in KINDS)
FILES_RECORD = "files"


def expand_scopes(scopes: List[str]) -> List[str]:
    """Return the single scopes that a list with V(all) in it stands for, in the tool's order."""
    return [scope for scope in SCOPES if scope in scopes or "all" in scopes]
