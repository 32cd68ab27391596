# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest beside an archive: what was proven when it was made. It holds no secret.

This file is private to the collection.
"""

from typing import Any, Callable, Dict, List, Optional, Tuple

from .._common.errors import Problem
from .._common.times import from_iso
from .._dump.row_filter import HOSTED_ENGINE_TABLE
from .databases import BY_NAME, SCOPES
from .model import FILES_MEMBER, ArchiveReading, DumpReading, FilesReading, Member, scopes_of, version_of

SCHEMA_VERSION = 1
COLLECTION = "ovirt.backup"
SUFFIX = ".manifest.json"
LIMIT = 16 * 1024 * 1024
_TYPES: Dict[str, type] = {
    "name": str,
    "size": int,
    "sha256": str,
    "created": str,
    "version": str,
    "os_version": str,
    "fqdn": str,
    "profile": str,
    "scopes": list,
    "databases": dict,
    "certificates": list,
    "log_path": str,
}


# What manifests of the first releases do not hold: of each dump what a restore has to know, and the name of the virtual
# machine that the engine ran in.
_LATER: Dict[str, type] = {"dumps": dict, "hosted_engine": str}


def build_manifest(facts: Dict[str, Any]) -> Dict[str, Any]:
    """Return the content of a manifest for the facts of a proven archive; they are the keys of _TYPES and _LATER."""
    found = {key: facts[key] for key in tuple(_TYPES) + tuple(_LATER)}
    return dict(found, schema_version=SCHEMA_VERSION, collection=COLLECTION)


def describe_archive(manifest: Dict[str, Any], path: str) -> Dict[str, Any]:
    """Return the result value 'archive' of a module for an archive with this manifest."""
    found = {key: manifest[key] for key in _TYPES if key != "name"}
    return dict(found, path=path, manifest=path + SUFFIX, identity=manifest["log_path"])


def check_manifest(manifest: Dict[str, Any]) -> List[Problem]:
    """Return why a manifest can not be used: not ours, of a newer schema, or damaged."""
    schema = manifest.get("schema_version")
    if manifest.get("collection") != COLLECTION or not isinstance(schema, int):
        return [Problem("manifest_unreadable", "the manifest is not one of this collection")]
    if schema > SCHEMA_VERSION:
        text = "the manifest has schema %d, this version of the collection knows %d: update the collection"
        return [Problem("manifest_newer", text % (schema, SCHEMA_VERSION))]
    wrong = sorted(key for key, kind in _TYPES.items() if not isinstance(manifest.get(key), kind))
    if not wrong:
        wrong = [name for name, is_right in _INSIDES if not is_right(manifest[name])]
    if wrong:
        return [Problem("manifest_unreadable", "the manifest lacks or garbles: %s" % ", ".join(wrong))]
    return []


def _are_scopes(values: List[Any]) -> bool:
    return all(isinstance(value, str) and value in SCOPES for value in values)


def _are_databases(values: Dict[str, Any]) -> bool:
    return all(kind in BY_NAME and isinstance(item, dict) and _are_counts(item) for kind, item in values.items())


def _are_counts(item: Dict[str, Any]) -> bool:
    tables = item.get("tables")
    return (
        isinstance(tables, dict)
        and all(isinstance(rows, int) for rows in tables.values())
        and item.get("rows") == sum(tables.values())  # two witnesses of one number
        and isinstance(item.get("name"), str)
    )


def _is_time(text: str) -> bool:
    try:
        from_iso(text)
    except ValueError:
        return False
    return True


_INSIDES: Tuple[Tuple[str, Callable[[Any], bool]], ...] = (
    ("created", _is_time),
    ("scopes", _are_scopes),
    ("databases", _are_databases),
)


def describe_dumps(reading: ArchiveReading) -> Dict[str, Dict[str, Any]]:
    """Return, by kind of database, what a dump itself says and a restore has to know."""
    return {
        kind: {
            "dump_version": dump.dump_version,
            "server_version": dump.server_version,
            "schemas": list(dump.schemas),
            "owners": list(dump.owners),
            "grantees": list(dump.grantees),
            "extensions": list(dump.extensions),
        }
        for kind, dump in reading.dumps.items()
    }


def recall_dumps(manifest: Dict[str, Any]) -> Optional[Dict[str, DumpReading]]:
    """Return what was read of the dumps when the manifest was written; None where it does not hold all of that."""
    if any(not isinstance(manifest.get(key), kind) for key, kind in _LATER.items()):
        return None
    try:
        return {kind: _recall_dump(manifest, kind) for kind in manifest["databases"]}
    except (KeyError, TypeError):
        return None


def recall_reading(
    manifest: Dict[str, Any], path: str, compressor: str, dumps: Dict[str, DumpReading], files: Optional[FilesReading]
) -> ArchiveReading:
    """Return what is in an archive by its manifest. The files are not in that: they were read anew."""
    members = [Member(BY_NAME[kind].member, dump.size, "", "", 0.0) for kind, dump in sorted(dumps.items())]
    members += [Member(FILES_MEMBER, files.size, "", "", 0.0)] if files is not None else []
    small = {"version": manifest["version"], "os_version": manifest["os_version"]}
    return ArchiveReading(
        path, manifest["size"], manifest["sha256"], compressor, tuple(members), small, dumps, files, ()
    )


def _recall_dump(manifest: Dict[str, Any], kind: str) -> DumpReading:
    database, said = manifest["databases"][kind], manifest["dumps"][kind]
    name = manifest["hosted_engine"] if kind == "engine" else ""
    return DumpReading(
        format=str(database["format"]),
        compressor=str(database["compressor"]),
        size=int(database["size"]),
        tables=dict(database["tables"]),
        schemas=tuple(said["schemas"]),
        dump_version=str(said["dump_version"]),
        problem=None,
        owners=tuple(said["owners"]),
        grantees=tuple(said["grantees"]),
        extensions=tuple(said["extensions"]),
        server_version=str(said["server_version"]),
        noted={HOSTED_ENGINE_TABLE: [(name,)]} if name else {},
    )


def compare_manifest(manifest: Dict[str, Any], reading: ArchiveReading) -> List[Problem]:
    """Return each point in which an archive is not the one that its manifest describes."""
    pairs = [
        ("size", manifest["size"], reading.size),
        ("SHA-256", manifest["sha256"], reading.sha256 or manifest["sha256"]),
        ("version", manifest["version"], version_of(reading)),
        ("scopes", list(manifest["scopes"]), scopes_of(reading)),
    ]
    problems = [_disagreement(what, said, found) for what, said, found in pairs if said != found]
    for kind, said in sorted(manifest["databases"].items()):
        dump = reading.dumps.get(kind)
        if dump is not None and dump.tables is not None and dump.tables != said["tables"]:
            names = set(dump.tables) | set(said["tables"])
            changed = sorted(name for name in names if dump.tables.get(name) != said["tables"].get(name))
            text = "the rows read from the %s dump are not those of the manifest: %s" % (kind, ", ".join(changed[:5]))
            problems.append(Problem("manifest_disagrees", text))
    return problems


def _disagreement(what: str, said: Any, found: Any) -> Problem:
    text = "the manifest says %s %s, the archive has %s: it is not the archive that was proven" % (what, said, found)
    return Problem("manifest_disagrees", text)
