#!/usr/bin/python

# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finish a backup of a virtual machine: write its manifest last."""

DOCUMENTATION = r"""
module: vm_backup_manifest
short_description: Finish a backup of a virtual machine with its manifest
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Writes C(manifest.json) beside the configuration and the proven images of a virtual machine, reads it back, and
    gives the directory its final name.
  - It is the last step of a backup. A directory without a manifest is no backup.
  - The manifest tells what is needed to restore without this collection, too. It holds no secret.
extends_documentation_fragment:
  - ovirt.backup.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  directory:
    description: Where the configuration and the images are.
    type: path
    required: true
  path:
    description: The final name of the directory, on the same file system. Left out, it keeps its name.
    type: path
  name:
    description: The name of the backup.
    type: str
    required: true
  backup:
    description: The result of M(ovirt.backup.vm_snapshot_backup) with C(state=attached).
    type: dict
    required: true
  images:
    description: By disk id, RV(ovirt.backup.vm_disk_image#module:image) of each of its disks.
    type: dict
    required: true
  configuration_file:
    description: The name of the saved configuration in O(directory).
    type: str
    default: configuration.ovf
  started:
    description: When the backup began, ISO 8601 in UTC.
    type: str
    required: true
requirements:
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.vm_backup_info
  - module: ovirt.backup.vm_disk_image
"""

EXAMPLES = r"""
- name: Finish the backup
  ovirt.backup.vm_backup_manifest:
    directory: /srv/vm-backups/app/unfinished
    path: /srv/vm-backups/app/20261122T210000Z
    name: nightly
    backup: "{{ attached }}"
    images: "{{ images }}"
    started: "2026-11-22T21:00:00Z"
"""

RETURN = r"""
backup:
  description: C(path) of the directory and the content of the manifest.
  returned: success
  type: dict
code:
  description: A stable name of the error, explained in docs/troubleshooting.md.
  returned: failure
  type: str
problems:
  description: Every problem, with C(code) and C(message).
  returned: failure
  type: list
  elements: dict
"""

import os
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ansible.run import run
from ..module_utils._core.errors import BackupError, Problem, Refused
from ..module_utils._core.vm_manifest import build_vm_manifest
from ..module_utils._host.interruption import interruptible
from ..module_utils._host.vm_backups import (
    hash_configuration,
    judge_places,
    now,
    read_manifest,
    tool_of_host,
    write_manifest,
)

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "directory": {"type": "path", "required": True},
    "path": {"type": "path"},
    "name": {"type": "str", "required": True},
    "backup": {"type": "dict", "required": True},
    "images": {"type": "dict", "required": True},
    "configuration_file": {"type": "str", "default": "configuration.ovf"},
    "started": {"type": "str", "required": True},
}


def act(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Write the manifest, or say what it would hold; return the result of the module."""
    final = params["path"] or params["directory"]
    done = read_finished(final, params)
    if done is not None:
        return describe(False, final, done)
    manifest = plan(params)
    refuse(judge_places(params["directory"], final))
    if not check_mode:
        with interruptible("the directory has no manifest, or is finished"):
            write_manifest(params["directory"], manifest, final)
    return describe(True, final, manifest)


def read_finished(final: str, params: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Return the manifest of this very snapshot where it is written already."""
    try:
        found = read_manifest(final)
    except BackupError:
        return None
    return found if found["snapshot"].get("id") == params["backup"].get("snapshot", {}).get("id") else None


def plan(params: Dict[str, Any]) -> Dict[str, Any]:
    """Return the manifest; raise Refused where something of the backup is missing."""
    backup, directory = params["backup"], params["directory"]
    lacking = [key for key in ("vm", "snapshot", "configuration", "disks") if key not in backup]
    if lacking:
        text = "backup lacks %s: it is not the result of vm_snapshot_backup" % ", ".join(lacking)
        raise Refused([Problem("backup_incomplete", text)])
    refuse(judge_images(backup["disks"], params["images"], directory))
    images = {
        disk_id: dict({key: image[key] for key in image if key != "path"}, file=os.path.basename(image["path"]))
        for disk_id, image in params["images"].items()
    }
    configuration = hash_configuration(directory, backup, params["configuration_file"])
    return build_vm_manifest(
        params["name"], backup, configuration, images, tool_of_host(), params["started"], now()
    )


def judge_images(disks: List[Dict[str, Any]], images: Dict[str, Any], directory: str) -> List[Problem]:
    """Return which disks have no image in the directory."""
    text = "disk %s (%s) has no image in %s: it was not backed up"
    return [
        Problem("image_missing", text % (disk["id"], disk.get("alias", ""), directory))
        for disk in disks
        if os.path.dirname(images.get(disk["id"], {}).get("path", "")) != directory.rstrip("/")
    ]


def refuse(problems: List[Problem]) -> None:
    """Raise Refused where there is a problem."""
    if problems:
        raise Refused(problems)


def describe(changed: bool, final: str, manifest: Dict[str, Any]) -> Dict[str, Any]:
    """Return the result of the module."""
    after = "%s is a finished backup of %s\n" % (final, manifest["vm"]["name"])
    return {
        "changed": changed,
        "backup": dict(manifest, path=final),
        "diff": {"before": "" if changed else after, "after": after},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run(module, lambda: act(module.params, module.check_mode))


if __name__ == "__main__":
    main()
