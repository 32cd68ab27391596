#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove old proven archives, never the last ones."""

DOCUMENTATION = r"""
module: engine_backup_prune
short_description: Remove old proven archives of the engine, never the last ones
version_added: "0.1.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Counts and removes only archives that M(ovirt.backup.engine_backup) made and that are still, byte for byte, what
    their manifest proves.
  - Anything else in the directory is left alone, and listed.
  - The age is that of the manifest, not the modification time of the file, which C(engine-backup --mode=verify)
    changes.
  - Archives of different engines in one directory are counted apart.
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
    description: The directory with the archives.
    type: path
    required: true
  keep:
    description: Keep so many of the newest archives.
    type: int
  keep_days:
    description: Keep every archive younger than so many days. An archive stays when O(keep) or O(keep_days) wants it.
    type: int
  minimum:
    description: Never leave fewer than this, whatever their age. At least 1.
    type: int
    default: 1
  fqdn:
    description: Count and remove only archives of the engine with this FQDN.
    type: str
requirements:
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_backup
"""

EXAMPLES = r"""
- name: Keep the last seven archives and everything of the last month
  ovirt.backup.engine_backup_prune:
    directory: /var/lib/ovirt-engine-backup
    keep: 7
    keep_days: 31
    minimum: 3
"""

RETURN = r"""
kept:
  description: Proven archives that stay, newest first.
  returned: success
  type: list
  elements: str
removed:
  description: Proven archives that were removed, or would be in check mode, newest first.
  returned: success
  type: list
  elements: str
ignored:
  description: Files that look like archives or manifests but were not counted, with C(path) and C(reason).
  returned: success
  type: list
  elements: dict
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

import time
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._archive.pruning import find_candidates, hold_directory, remove_archives
from ..module_utils._archive.retention import Policy, plan_retention
from ..module_utils._common.errors import BackupError
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import run

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "directory": {"type": "path", "required": True},
    "keep": {"type": "int"},
    "keep_days": {"type": "int"},
    "minimum": {"type": "int", "default": 1},
    "fqdn": {"type": "str"},
}


def prune(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Remove what no rule wants; return the result of the module."""
    if params["minimum"] < 1 or (params["keep"] or 0) < 0 or (params["keep_days"] or 0) < 0:
        raise BackupError("'minimum' must be at least 1, 'keep' and 'keep_days' at least 0", "option_out_of_range")
    policy = Policy(params["keep"], params["keep_days"], params["minimum"])
    with hold_directory(params["directory"], read_only=check_mode):
        candidates, ignored = find_candidates(params["directory"], params["fqdn"] or "")
        plan = plan_retention(candidates, policy, time.time())
        if not check_mode:
            remove_archives(plan["removed"])
    return {
        "changed": bool(plan["removed"]),
        "kept": plan["kept"],
        "removed": plan["removed"],
        "ignored": ignored,
        "diff": {"before": {"archives": plan["kept"] + plan["removed"]}, "after": {"archives": plan["kept"]}},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC, required_one_of=[("keep", "keep_days")], supports_check_mode=True
    )

    def body() -> Dict[str, Any]:
        with interruptible():
            return prune(module.params, module.check_mode)

    run(module, body)


if __name__ == "__main__":
    main()
