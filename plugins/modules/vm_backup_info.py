#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and prove a backup of a virtual machine."""

DOCUMENTATION = r"""
module: vm_backup_info
short_description: Read and prove a backup of a virtual machine
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Reads the manifest of a backup and proves the files beside it, as far as it is told to. Needs no engine.
  - A manifest that is missing, cut, edited or of a newer version is an error, and so is a file that is not the one that
    was backed up.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.attributes.info
options:
  path:
    description: The directory of the backup.
    type: path
    required: true
  verify:
    description:
      - V(none) compares only the sizes of the files.
      - V(checksums) reads every file and compares its SHA-256.
      - V(full) also checks the structure of each image with C(qemu-img check) and its virtual size.
    type: str
    choices: [none, checksums, full]
    default: checksums
  timeout:
    description: The longest time that C(qemu-img check) of one image may take, in seconds.
    type: int
    default: 86400
requirements:
  - Python 3.6 or newer
  - qemu-img, for O(verify=full)
seealso:
  - module: ovirt.backup.vm_backup_directory
"""

EXAMPLES = r"""
- name: Prove a backup
  ovirt.backup.vm_backup_info:
    path: /srv/vm-backups/app/20261122T210000Z
    verify: full
"""

RETURN = r"""
backup:
  description: C(path) of the directory, the content of the manifest, and C(verified), how far it was proven.
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

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import run
from ..module_utils._vm.backup_sets import LEVELS, prove_files, read_manifest

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "verify": {"type": "str", "choices": list(LEVELS), "default": "checksums"},
    "timeout": {"type": "int", "default": 86400},
}


def look(params: Dict[str, Any]) -> Dict[str, Any]:
    """Return the result of the module."""
    with interruptible("nothing was changed"):
        manifest = read_manifest(params["path"])
        prove_files(params["path"], manifest, params["verify"], params["timeout"])
    return {"changed": False, "backup": dict(manifest, path=params["path"], verified=params["verify"])}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run(module, lambda: look(module.params))


if __name__ == "__main__":
    main()
