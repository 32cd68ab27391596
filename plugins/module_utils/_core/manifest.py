# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest beside an archive: what was proven when it was made. It holds no secret.

This file is private to the collection.
"""
from typing import Any, Callable, Dict, List, Tuple

from .archive_model import ArchiveReading, scopes_of, version_of
from .databases import BY_NAME, SCOPES
from .errors import Problem
from .times import from_iso

SCHEMA_VERSION = 1
COLLECTION = "ovirt.backup"
SUFFIX = ".manifest.json"
LIMIT = 16 * 1024 * 1024
_TYPES: Dict[str, type] = {
    "name": str, "size": int, "sha256": str, "created": str, "version": str, "os_version": str, "fqdn": str,
    "profile": str, "scopes": list, "databases": dict, "certificates": list, "log_path": str,
}


def build_manifest(facts: Dict[str, Any]) -> Dict[str, Any]:
    """Return the content of a manifest for the facts of a proven archive; they are the keys of _TYPES."""
    return dict({key: facts[key] for key in _TYPES}, schema_version=SCHEMA_VERSION, collection=COLLECTION)


def describe_archive(manifest: Dict[str, Any], path: str) -> Dict[str, Any]:
    """Return the result value 'archive' of a module for an archive with this manifest."""
    found = {key: manifest[key] for key in _TYPES if key != "name"}
    return dict(found, path=path, manifest=path + SUFFIX, identity=manifest["log_path"])


def judge_manifest(manifest: Dict[str, Any]) -> List[Problem]:
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


def rows_of(manifest: Dict[str, Any]) -> Dict[str, Dict[str, int]]:
    """Return the rows of each table by kind of database, as they were read back when the archive was made."""
    return {kind: dict(item["tables"]) for kind, item in manifest["databases"].items()}


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
