#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read or set an option of the engine with engine-config."""

DOCUMENTATION = r"""
module: engine_config
short_description: Read or set an option of the engine with engine-config
version_added: "0.2.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Reads an option of the engine with C(engine-config), sets it where it differs, and reads it back.
  - The engine database must be up and set up. The engine itself may be stopped.
  - A running engine takes most options over when it is started again. This module does not restart it.
  - An option that is a password is refused, because C(engine-config) does not show it.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.engine_host
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: The option, such as V(DisableFenceAtStartupInSec).
    type: str
    required: true
  version:
    description: V(general), or the compatibility version that the value is for, such as V(4.7).
    type: str
    default: general
  value:
    description:
      - The value, written as C(engine-config) shows it. Put V("true") and V("false") in quotes.
      - When left out, the option is read only.
    type: str
requirements:
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_info
"""

EXAMPLES = r"""
- name: Let a restored engine fence no host on its first day
  ovirt.backup.engine_config:
    name: DisableFenceAtStartupInSec
    value: "86400"
  register: guard

- name: Put the old value back
  ovirt.backup.engine_config:
    name: DisableFenceAtStartupInSec
    value: "{{ guard.option.before }}"
"""

RETURN = r"""
option:
  description: The option. In check mode C(value) is the planned one.
  returned: success
  type: dict
  contains:
    name: {description: The option., type: str}
    version: {description: Its version., type: str}
    before: {description: The value that was found., type: str}
    value: {description: 'The value now, read back.', type: str}
  sample: {name: DisableFenceAtStartupInSec, version: general, before: '300', value: '86400'}
rc:
  description: Exit status of C(engine-config). V(none) when its time was up.
  returned: when engine-config failed
  type: int
cmd:
  description: The command that failed. It holds no secret.
  returned: when engine-config failed
  type: list
  elements: str
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

from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import run
from ..module_utils._engine.argspecs import ENGINE_HOST
from ..module_utils._engine.options import Option

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    name={"type": "str", "required": True},
    version={"type": "str", "default": "general"},
    value={"type": "str"},
)


def act(option: Option, wanted: Optional[str], check_mode: bool) -> Dict[str, Any]:
    """Set the option where it differs, or say what would change; return the result of the module."""
    with interruptible():
        before = option.read()
        value = before if wanted is None else wanted
        if value != before and not check_mode:
            option.set(value)
    return {
        "changed": value != before,
        "option": {"name": option.name, "version": option.version, "before": before, "value": value},
        "diff": {"before": {option.name: before}, "after": {option.name: value}},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    option = Option(params["prefix"], params["name"], params["version"])
    run(module, lambda: act(option, params["value"], module.check_mode))


if __name__ == "__main__":
    main()
