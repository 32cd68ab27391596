# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore is asked for and what it aims at. This file is private to the collection."""

from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from ..._archive.databases import GRAFANA_SIDE_FILES, KINDS
from ..._postgres.model import Settings

AUTO, NONE, ALL = "auto", "none", "all"


class RestoreRequest(NamedTuple):
    """What a restore is asked to do: the options of the module."""

    path: str
    scopes: List[str]
    provision: List[str]  # auto, none, all, or kinds
    credentials: Dict[str, Settings]  # by kind: those that change
    permissions: str  # auto, restore, skip
    keep_temporary_data: bool
    restore_jobs: int
    tmpdir: str
    log_path: str
    timeout: int
    prefix: str
    remove_storage_vm: bool
    remove_hosts: bool
    allow_hosted_engine: bool
    cleanup_planned: bool  # check mode: what engine-cleanup will have changed by then is no reason to refuse


class RestoreTarget(NamedTuple):
    """A database that a restore fills."""

    kind: str
    settings: Settings
    is_changed: bool  # other credentials than those of the configuration
    is_provisioned: bool  # made by the tool


class Marks(NamedTuple):
    """What ties an engine database to a backup."""

    just_restored: str  # option_value of DbJustRestored; empty where there is none
    started: bool  # the start of the backup is in the audit log
    finished: bool  # and its end: then it is the engine that made the backup, not a restored one


class Restored(NamedTuple):
    """What was read back after a restore."""

    rows: Dict[str, Dict[str, int]]  # kind -> table -> rows, as read back from the live databases
    marks: Optional[Marks]
    emptied: Tuple[str, ...]  # tables of the engine that the restore itself emptied


# Tables that a restore empties, those included that its TRUNCATE ... CASCADE reaches in the engine's schema.
EMPTIED: FrozenSet[str] = frozenset(
    "public." + name
    for name in (
        "async_tasks",
        "async_tasks_entities",
        "business_entity_snapshot",
        "command_entities",
        "command_assoc_entities",
        "job",
        "job_subject_entity",
        "step",
        "step_subject_entity",
    )
)
OPTIONS_TABLE = "public.vdc_options"  # gets the row DbJustRestored where there was none

# Files of the archive that the tool leaves out, and those that it changes after it put them there.
NEVER_RESTORED = (
    "etc/ovirt-engine/engine-config/engine-config.properties",
    "etc/pki/ovirt-engine/cacert.template.in",
    "etc/pki/ovirt-engine/cert.template.in",
    "etc/pki/ovirt-engine/openssl.conf",
    "etc/ovirt-engine/engine.conf.d/20-branding-rhv.conf",
    "etc/ovirt-engine/branding/50-rhv-2.brand",
    "ovirt-engine/engine.conf.d/10-scl-postgres.conf",
    "ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-scl-postgres.conf",
)
SETUP_DIRECTORY = "etc/ovirt-engine-setup.conf.d/"
SETUP_STATE = SETUP_DIRECTORY + "20-setup-ovirt-post.conf"
OF_THE_SYSTEM = ("etc/httpd/conf.d/ssl.conf", "etc/httpd/conf.d/ovirt-engine-root-redirect.conf")

ENGINE_FILE = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
ENGINE_DWH_FILE = "etc/ovirt-engine/engine.conf.d/10-setup-dwh-database.conf"
DWH_FILE = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf"
CREDENTIAL_FILES: Mapping[str, Tuple[str, ...]] = {
    "engine": (ENGINE_FILE, DWH_FILE),
    "dwh": (DWH_FILE, ENGINE_DWH_FILE),
    "cinderlib": ("etc/ovirt-engine/engine.conf.d/10-setup-cinderlib-database.conf",),
    "managedblock": ("etc/ovirt-engine/engine.conf.d/10-setup-managedblock-database.conf",),
    "keycloak": ("etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf",),
}
SERVERS = tuple(kind.name for kind in KINDS if kind.name != "grafana")  # the databases that PostgreSQL serves
STOPPED_SERVICES = ("ovirt-engine", "ovirt-engine-dwhd", "ovirt-engine-notifier", "grafana-server")


def rewritten_files(changed: FrozenSet[str]) -> FrozenSet[str]:
    """Return the configuration files that the tool rewrites, or insists on, when the credentials of kinds change.

    With the engine's it also rewrites those of the Data Warehouse, Keycloak and the block storage databases.
    """
    kinds = set(SERVERS) if "engine" in changed else set(changed)
    return frozenset(path for kind in kinds for path in CREDENTIAL_FILES[kind] if path != ENGINE_DWH_FILE)


def is_copy_with_password(path: str) -> bool:
    """Is this what a tool keeps beside a file with credentials that it replaced: FILE.YYYYmmddHHMMSS?"""
    original, _dot, stamp = path.rpartition(".")
    return is_time_stamp(stamp) and any(original in paths for paths in CREDENTIAL_FILES.values())


def is_time_stamp(text: str) -> bool:
    """Is this the time in the name of such a copy?"""
    return len(text) == len("YYYYmmddHHMMSS") and text.isdigit()


def is_restored_as_it_was(path: str, os_differs: bool, rewritten: FrozenSet[str]) -> bool:
    """Does the tool put this file of the archive in its place, and leave it as it was in the archive?"""
    if path in NEVER_RESTORED + GRAFANA_SIDE_FILES or path in rewritten:
        return False
    if rewritten and is_copy_with_password(path):  # removed with the password that it holds
        return False
    if path.endswith(".p12"):  # old keys are encrypted again
        return False
    if path.startswith(SETUP_DIRECTORY) and "packaging" in path:
        return False
    return not (os_differs and (path in OF_THE_SYSTEM or path == SETUP_STATE))
