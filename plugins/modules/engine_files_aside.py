#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the configuration, keys and Grafana file of an engine aside, put them back, remove the copy."""

DOCUMENTATION = r"""
module: engine_files_aside
short_description: Set the files of an oVirt Engine aside, put them back, or remove the copy
version_added: "0.4.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - The half of a rollback that concerns files, and needs no tool of oVirt. Configuration, PKI, setup state, the files
    of the web server and Grafana's data are copied with mode, owner, time and extended attributes, and listed with
    their SHA-256. Stop what writes them first.
  - Before anything is put back, each copy is compared with its hash. What the directories of the engine hold besides it
    is removed then, what differs is replaced whole, and everything is compared once more.
  - A run that was killed at any point is finished by the next one.
  - The copy holds private keys and passwords. It is as closed as the originals, below a directory of mode 0700.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.engine_host
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The diff names files. It never shows their content.
  idempotent:
    support: full
options:
  directory:
    description:
      - Where the copy is made. The directory above must exist, such as C(/var/lib/ovirt-engine-backup).
      - A copy that is there already is never overwritten.
    type: path
    required: true
  state:
    description:
      - V(aside) makes the copy, whole or not at all.
      - V(back) makes the files what they were when they were copied.
      - V(absent) removes the copy.
    type: str
    choices: [aside, back, absent]
    default: aside
requirements:
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_database_aside
  - module: ovirt.backup.engine_cleanup
"""

EXAMPLES = r"""
- name: Set the files of the engine aside
  ovirt.backup.engine_files_aside:
    directory: /var/lib/ovirt-engine-backup/before_20261201t0102z

- name: Put them back
  ovirt.backup.engine_files_aside:
    directory: /var/lib/ovirt-engine-backup/before_20261201t0102z
    state: back
"""

RETURN = r"""
aside:
  description:
    - The copy, with C(directory), the number of C(files), their C(size) in bytes and whether it is there (C(is_aside)).
    - The paths that were C(restored) and C(removed), 20 of each at most, how many there were (C(restored_count),
      C(removed_count)), and what could not be copied because it is a socket or a pipe (C(reported)).
  returned: success
  type: dict
  sample: {directory: /var/lib/ovirt-engine-backup/before_20261201t0102z, files: 412, size: 3145728, is_aside: true,
    restored: [], restored_count: 0, removed: [], removed_count: 0, reported: []}
code:
  description: A stable name of the error, explained in docs/troubleshooting.md.
  returned: failure
  type: str
problems:
  description: Every problem, with C(code) and C(message).
  returned: failure
  type: list
  elements: dict
phase:
  description: C(plan) where nothing was written.
  returned: failure
  type: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import run
from ..module_utils._engine.argspecs import ENGINE_HOST
from ..module_utils._engine.host_session import HostSession
from ..module_utils._engine.installation import below
from ..module_utils._engine.restore.aside_files import (
    AsideFiles,
    describe_aside,
    preview_aside_files,
    put_files_back,
    remove_aside_files,
    set_files_aside,
)
from ..module_utils._engine.restore.host import STATE_DIRECTORY

UNFINISHED = "the copy is whole or not there, and the next run goes on from here"

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    directory={"type": "path", "required": True},
    state={"type": "str", "default": "aside", "choices": ["aside", "back", "absent"]},
)


def describe_result(result: AsideFiles, directory: str) -> Dict[str, Any]:
    """Return the result of the module."""
    facts = describe_aside(result, directory)
    before = {"restored": [], "removed": []}  # type: Dict[str, Any]
    after = {"restored": facts["restored"], "removed": facts["removed"]}
    return {"changed": result.changed, "aside": facts, "diff": {"before": before, "after": after}}


def act(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Copy, put back or remove, or say what would be done; return the result of the module."""
    directory, prefix, state = params["directory"].rstrip("/"), params["prefix"], params["state"]
    if check_mode:
        return describe_result(preview_aside_files(state, directory, prefix), directory)
    session = HostSession(prefix)
    with interruptible(UNFINISHED):
        session.lock(below(prefix, STATE_DIRECTORY))
        try:
            if state == "aside":
                result = set_files_aside(directory, prefix)
            elif state == "back":
                result = put_files_back(directory, prefix)
            else:
                result = remove_aside_files(directory)
        finally:
            session.unlock()
    return describe_result(result, directory)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run(module, lambda: act(module.params, module.check_mode))


if __name__ == "__main__":
    main()
