# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pieces of an engine host to build tests from: settings, snapshots, readings of archives, manifests.

Python 3.6 syntax: the tests of the pure layers run on the Pythons of the managed hosts.
"""

import hashlib
from typing import Any, Dict, Iterable, Optional, Sequence, Tuple

from ansible_collections.ovirt.backup.plugins.module_utils._archive import databases
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import (
    NEEDED_FILES,
    ArchiveReading,
    DumpReading,
    FilesReading,
    Member,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import Settings, TableCounts, TableState
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.rules import Fitness

FQDN = "engine.lab.test"
NOW = 1795355032.0  # 2026-11-22T13:43:52Z
NOW_TEXT = "2026-11-22T13:43:52Z"
VERSION = "4.5.7"
CONFIG = "DB_DUMP_COMPRESSOR=\nDB_DUMP_FORMAT=custom\nDWH_DB_DUMP_COMPRESSOR=\nDWH_DB_DUMP_FORMAT=custom\n"
PLAIN_CONFIG = CONFIG.replace("custom", "plain")
STATE = "[environment:default]\nOVESETUP_ENGINE_CORE/enable=bool:True\nOVESETUP_DWH_CORE/enable=bool:True\n"

Rows = Dict[str, int]
ENGINE_ROWS: Rows = {"aaa_jdbc.users": 3, "public.vdc_options": 500, "public.vm_static": 20}
DWH_ROWS: Rows = {"public.calendar": 300, "public.vm_samples_history": 7000}
LIVE: Dict[str, Rows] = {"engine": ENGINE_ROWS, "dwh": DWH_ROWS}


# Settings of a server that are just enough for an engine.
ENOUGH = {
    "lc_messages": "en_US.UTF-8", "password_encryption": "scram-sha-256", "max_connections": "150", "work_mem": "8192",
    "maintenance_work_mem": "65536", "autovacuum_max_workers": "6", "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_analyze_scale_factor": "0.075",
}  # fmt: skip


def settings(database: str, password: str = "secret-of-%s", **others: Any) -> Settings:
    """Return how to reach a database; its password is its own unless given."""
    secret = password % database if "%s" in password else password
    found = Settings("localhost", 5432, database, secret, database, False, False, secret)
    return found._replace(**others)


def fitness(name: str, owner: str, **changes: Any) -> Fitness:
    """Return an empty database that an archive fits into."""
    locale = "en_US.UTF-8"
    made = ("plpgsql", "uuid-ossp")
    found = Fitness(name, owner, "UTF8", locale, locale, locale, made, "15.4", 150004, 0, 0, {})
    return found._replace(**changes)


def snapshot(rows: Rows, schemas: Sequence[str] = (), filenode: int = 1) -> TableCounts:
    """Return a count of tables that nobody wrote to; their schemas are those of the tables unless given."""
    found = schemas or sorted({name.partition(".")[0] for name in rows})
    return TableCounts({name: TableState(count, 0, 0, filenode) for name, count in rows.items()}, tuple(found))


def member(name: str, content: bytes = b"content", mtime: float = NOW) -> Member:
    return Member(name, len(content), hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest(), mtime)


def hash_list(members: Iterable[Member], md5: bool = False) -> str:
    return "".join("%s  %s\n" % (item.md5 if md5 else item.sha256, item.name) for item in members)


def dump(rows: Optional[Rows], **others: Any) -> DumpReading:
    """Return the reading of a good custom dump; None for one that was not read."""
    schemas = tuple(sorted({name.partition(".")[0] for name in rows or {}}))
    return DumpReading("custom", "none", 1000, rows, schemas, "15.4", None)._replace(**others)


def files(lacks: Sequence[str] = (), state: str = STATE) -> FilesReading:
    """Return the reading of a good files part, without the paths that it shall lack."""
    found = frozenset(path for path, _kind in NEEDED_FILES if path not in lacks)
    certificates = {"etc/pki/ovirt-engine/ca.pem": "a certificate"}
    return FilesReading(40, found, state, certificates, None)


def reading(
    live: Optional[Dict[str, Rows]] = None,
    config: str = CONFIG,
    mtime: float = NOW,
    without: Sequence[str] = (),
    with_files: bool = True,
) -> ArchiveReading:
    """Return the reading of a good archive at the full level; ``without`` names members that it shall not hold."""
    found = LIVE if live is None else live
    names = ["version", "os_version", "config"] + (["files"] if with_files else [])
    names += [databases.BY_NAME[kind].member for kind in found]
    members = [member(name, name.encode(), mtime) for name in names if name not in without]
    small = {"version": VERSION + "\n", "os_version": "centos9\n", "config": config, "sha256sum": hash_list(members)}
    return ArchiveReading(
        path="/srv/backup/one.backup",
        size=123456,
        sha256="a" * 64,
        compressor="gzip",
        members=tuple(members + [member("sha256sum", b"list", mtime)]),
        small={name: text for name, text in small.items() if name not in without},
        dumps={kind: dump(rows) for kind, rows in found.items() if databases.BY_NAME[kind].member not in without},
        files=files() if with_files and "files" not in without else None,
        problems=(),
    )


def manifest(**changes: Any) -> Dict[str, Any]:
    """Return the manifest of the archive that ``reading()`` reads."""
    found: Dict[str, Any] = {
        "schema_version": 1,
        "collection": "ovirt.backup",
        "name": "one.backup",
        "size": 123456,
        "sha256": "a" * 64,
        "created": NOW_TEXT,
        "version": VERSION,
        "os_version": "centos9",
        "fqdn": FQDN,
        "profile": "stock",
        "scopes": ["files", "db", "dwhdb"],
        "databases": {
            kind: {"tables": dict(rows), "rows": sum(rows.values()), "name": kind} for kind, rows in LIVE.items()
        },
        "certificates": [],
        "log_path": "/var/log/ovirt-engine-backup/one.log",
    }
    return dict(found, **changes)


def tool_output(scopes: Sequence[str], names: Dict[str, str], path: str = "/f", log_path: str = "/l") -> str:
    """Return what engine-backup prints when all is well."""
    lines = ["Start of engine-backup with mode 'backup'", "scope: " + ",".join(scopes), "archive file: " + path]
    lines += ["log file: " + log_path, "Backing up:", "Notifying engine"]
    lines += ["- Files"] if "files" in scopes else []
    for kind in databases.KINDS:
        if kind.name in names and kind.scope in scopes:
            lines.append("- %s database '%s'" % (kind.label, names[kind.name]))
    return "\n".join(lines + ["Packing into file '%s'" % path, "Notifying engine", "Done.", ""])


def codes(problems: Iterable[Any]) -> Tuple[str, ...]:
    """Return the codes of problems, in their order."""
    return tuple(problem.code for problem in problems)
