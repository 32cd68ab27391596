# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a virtual machine's backup: what was saved, and what was proven when it was. It holds no secret.

The manifest is written last, so a directory without one is no backup. ``digest`` is the SHA-256 of everything else in
it: it tells a manifest that was cut or edited. This file is private to the collection.
"""

import hashlib
import json
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from .._common.errors import Problem
from .._common.times import from_iso

SCHEMA_VERSION = 1
COLLECTION = "ovirt.backup"
METHOD = "snapshot"
NAME = "manifest.json"
LIMIT = 16 * 1024 * 1024

_TOP: Dict[str, type] = {
    "method": str,
    "name": str,
    "started": str,
    "finished": str,
    "engine_version": str,
    "tool": str,
    "vm": dict,
    "configuration": dict,
    "snapshot": dict,
    "disks": list,
    "skipped": list,
    "digest": str,
}
_VM: Dict[str, type] = {"id": str, "name": str}
_CONFIGURATION: Dict[str, type] = {"type": str, "file": str, "sha256": str, "size": int}
_DISK: Dict[str, type] = {
    "id": str,
    "alias": str,
    "provisioned_size": int,
    "format": str,
    "sparse": bool,
    "interface": str,
    "bootable": bool,
    "active": bool,
}
_IMAGE: Dict[str, type] = {"file": str, "format": str, "size": int, "sha256": str, "virtual_size": int}
DISK_KEYS = (
    "id",
    "image_id",
    "alias",
    "provisioned_size",
    "actual_size",
    "format",
    "sparse",
    "backup",
    "wipe_after_delete",
    "storage_domain",
    "interface",
    "bootable",
    "active",
    "read_only",
    "pass_discard",
    "order",
)


def build_vm_manifest(
    name: str,
    backup: Mapping[str, Any],
    configuration: Mapping[str, Any],
    images: Mapping[str, Mapping[str, Any]],
    tool: str,
    started: str,
    finished: str,
) -> Dict[str, Any]:
    """Return the manifest for the result ``backup`` of vm_snapshot_backup and the proven images of its disks.

    ``configuration`` and the values of ``images`` (by disk id) describe files beside the manifest. A disk without an
    image is kept by other software.
    """
    disks = [
        dict({key: disk[key] for key in DISK_KEYS if key in disk}, image=dict(images.get(disk["id"], {})))
        for disk in backup["disks"]
    ]
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "collection": COLLECTION,
        "method": METHOD,
        "name": name,
        "started": started,
        "finished": finished,
        "engine_version": backup.get("engine_version", ""),
        "tool": tool,
        "vm": dict(backup["vm"]),
        "configuration": dict(configuration),
        "snapshot": dict(backup["snapshot"]),
        "disks": disks,
        "skipped": [dict(item) for item in backup.get("skipped", ())],
    }
    return dict(manifest, digest=digest_of(manifest))


def digest_of(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 over everything in a manifest but its digest."""
    content = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode("utf-8")).hexdigest()


def check_vm_manifest(manifest: Mapping[str, Any]) -> List[Problem]:
    """Return why a manifest can not be used: not ours, of a newer schema, cut, edited."""
    schema = manifest.get("schema_version")
    if manifest.get("collection") != COLLECTION or not isinstance(schema, int):
        return [Problem("manifest_unreadable", "the manifest is not one of this collection")]
    if schema > SCHEMA_VERSION:
        text = "the manifest has schema %d, this version of the collection knows %d: update the collection"
        return [Problem("manifest_newer", text % (schema, SCHEMA_VERSION))]
    if manifest.get("digest") != digest_of(manifest):
        text = "the manifest is not what was written: its digest is %s, its content has %s"
        return [Problem("manifest_tampered", text % (manifest.get("digest"), digest_of(manifest)))]
    wrong = list_garbled(manifest)
    if wrong:
        return [Problem("manifest_unreadable", "the manifest lacks or garbles: %s" % ", ".join(wrong))]
    return []


def list_garbled(manifest: Mapping[str, Any]) -> List[str]:
    """Return the names of what a manifest lacks or has of a wrong type."""
    wrong = _wrong("", manifest, _TOP)
    if not wrong:
        wrong = _wrong("vm.", manifest["vm"], _VM) + _wrong("configuration.", manifest["configuration"], _CONFIGURATION)
        for number, disk in enumerate(manifest["disks"]):
            wrong += _wrong_disk("disks[%d]." % number, disk)
    return wrong or [name for name, is_right in _INSIDES if not is_right(manifest)]


def _wrong_disk(where: str, disk: Any) -> List[str]:
    if not isinstance(disk, dict):
        return [where]
    image = disk.get("image")
    wrong = _wrong(where, disk, _DISK) + ([] if isinstance(image, dict) else [where + "image"])
    return wrong or (_wrong(where + "image.", disk["image"], _IMAGE) if image else [])


def _wrong(where: str, found: Mapping[str, Any], types: Mapping[str, type]) -> List[str]:
    return sorted(where + key for key, kind in types.items() if not isinstance(found.get(key), kind))


def _are_names(manifest: Mapping[str, Any]) -> bool:
    """No file of a manifest leads out of its directory."""
    return all(_is_name(item["file"]) for item in list_files(manifest))


def _is_name(file: str) -> bool:
    return bool(file) and "/" not in file and file not in (".", "..")


def _is_time(text: str) -> bool:
    try:
        from_iso(text)
    except ValueError:
        return False
    return True


_INSIDES: Tuple[Tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("started", lambda manifest: _is_time(manifest["started"])),
    ("finished", lambda manifest: _is_time(manifest["finished"])),
    ("file names", _are_names),
)


def list_files(manifest: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return what a manifest says of each file beside it: ``file``, ``size``, ``sha256``."""
    return [manifest["configuration"]] + [disk["image"] for disk in manifest["disks"] if disk["image"]]
