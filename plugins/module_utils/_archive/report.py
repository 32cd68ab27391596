# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report what was read from an archive as a result of a module. This file is private to the collection."""

from typing import Any, Dict, List, Optional, Sequence

from .._common.errors import Problem, list_problems
from .._common.times import to_iso
from .._dump.row_filter import backup_log_path, hosted_engine_name
from .databases import BY_NAME, GRAFANA_SIDE_FILES
from .manifest import compare_manifest
from .model import ArchiveReading, check_archive, created_of, os_version_of, scopes_of, set_up_scopes, version_of
from .versions import refuse_restore


def report_archive(
    reading: ArchiveReading,
    level: str,
    manifest: Optional[Dict[str, Any]],
    manifest_problems: Sequence[Problem],
    scopes: Sequence[str],
    installed: str,
) -> Dict[str, Any]:
    """Return one element of 'archives': what the archive is, whether it is good, whether it may be restored here."""
    problems = check_archive(reading, level, expected_scopes(reading, manifest, scopes)) + list(manifest_problems)
    if manifest is not None:
        problems += compare_manifest(manifest, reading)
    created = created_of(reading)
    return {
        "path": reading.path,
        "size": reading.size,
        "sha256": reading.sha256 or None,
        "created": to_iso(created) if created else None,
        "version": version_of(reading),
        "os_version": os_version_of(reading),
        "compressor": reading.compressor,
        "scopes": scopes_of(reading),
        "databases": {kind: _report_dump(kind, reading) for kind in sorted(reading.dumps)},
        "files": reading.files.entry_count if reading.files is not None else None,
        "side_files": side_files_of(reading),
        "certificates": manifest["certificates"] if manifest is not None else [],
        "identity": identify(manifest, reading),
        "hosted_engine": hosted_engine_of(reading) if level == "full" else None,
        "manifest": manifest is not None,
        "ok": not problems,
        "problems": list_problems(problems),
        "restorable": _report_restorable(version_of(reading), installed),
    }


def report_proven(path: str, compressor: str, manifest: Dict[str, Any], installed: str) -> Dict[str, Any]:
    """Return the same of an archive that is, byte for byte, the one of its manifest: what was proven then holds."""
    databases = {
        kind: dict(
            {key: item.get(key) for key in ("file", "format", "compressor", "size", "tables", "rows")},
            dump_version=None,
        )
        for kind, item in manifest["databases"].items()
    }
    return {
        "path": path,
        "size": manifest["size"],
        "sha256": manifest["sha256"],
        "created": manifest["created"],
        "version": manifest["version"],
        "os_version": manifest["os_version"],
        "compressor": compressor,
        "scopes": list(manifest["scopes"]),
        "databases": databases,
        "files": None,
        "side_files": [],
        "certificates": manifest["certificates"],
        "identity": manifest["log_path"],
        "hosted_engine": None,
        "manifest": True,
        "ok": True,
        "problems": [],
        "restorable": _report_restorable(manifest["version"], installed),
    }


def side_files_of(reading: ArchiveReading) -> List[str]:
    """Return what SQLite kept beside Grafana's file when the archive was made; no restore may leave it there."""
    return [path for path in GRAFANA_SIDE_FILES if reading.files is not None and path in reading.files.entries]


def identify(manifest: Optional[Dict[str, Any]], reading: ArchiveReading) -> str:
    """Return the path of the log of the backup: by its manifest, else by the audit log in the dump."""
    if manifest is not None:
        return str(manifest["log_path"])
    dump = reading.dumps.get("engine")
    return backup_log_path(dump.noted) if dump is not None else ""


def hosted_engine_of(reading: ArchiveReading) -> str:
    """Return the name of the virtual machine that the engine ran in, an empty string where that was none of its own."""
    dump = reading.dumps.get("engine")
    return hosted_engine_name(dump.noted) if dump is not None else ""


def expected_scopes(reading: ArchiveReading, manifest: Optional[Dict[str, Any]], scopes: Sequence[str]) -> List[str]:
    """Return what the archive must hold: by its manifest, or as asked; V(all) is what its own files say is set up."""
    if manifest is not None:
        return list(manifest["scopes"])
    if "all" not in scopes:
        return list(scopes)
    return set_up_scopes(reading.files.setup_state) if reading.files is not None else []


def _report_dump(kind: str, reading: ArchiveReading) -> Dict[str, Any]:
    dump = reading.dumps[kind]
    return {
        "file": BY_NAME[kind].member,
        "format": dump.format or None,
        "compressor": dump.compressor,
        "size": dump.size,
        "dump_version": dump.dump_version or None,
        "tables": dump.tables,
        "rows": sum(dump.tables.values()) if dump.tables is not None else None,
    }


def _report_restorable(version: str, installed: str) -> Optional[Dict[str, Any]]:
    if not installed:
        return None
    reason = refuse_restore(version, installed)
    return {"installed_version": installed, "ok": not reason, "reason": reason}
