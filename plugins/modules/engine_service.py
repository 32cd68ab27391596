#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start or stop services of an engine host, and prove it."""

DOCUMENTATION = r"""
module: engine_service
short_description: Start or stop services of an engine host, and prove it
version_added: "0.2.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Starts or stops services one after the other, in the given order, and waits until each is wholly up or down.
  - At the end the state of every service is read back. A service that fell over again meanwhile is a failure.
  - When C(ovirt-engine) is stopped, the process that the engine's up mark names must have ended, too.
    C(engine-backup) refuses to restore while it lives.
  - A service that is not installed is listed as missing and left out.
  - Needs systemd. A development installation, whose engine is started by hand, is refused.
  - Does not enable or disable anything.
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
  names:
    description: The services, in the order in which they are started or stopped.
    type: list
    elements: str
    required: true
  state:
    description: The state that all of them shall be in.
    type: str
    required: true
    choices: [started, stopped]
  timeout:
    description: The longest time that all of it may take, in seconds.
    type: int
    default: 300
requirements:
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_info
"""

EXAMPLES = r"""
- name: Stop what uses the databases
  ovirt.backup.engine_service:
    names: [ovirt-engine-notifier, ovirt-engine-dwhd, grafana-server, ovirt-engine]
    state: stopped

- name: Start the engine, then the Data Warehouse
  ovirt.backup.engine_service:
    names: [ovirt-engine, ovirt-engine-dwhd]
    state: started
    timeout: 600
"""

RETURN = r"""
services:
  description:
    - Service to C(before) and C(after), each C(active), C(inactive) or C(missing).
    - In check mode C(after) is the planned state. A failure tells what each service was when the module gave up.
  returned: success, and when a change failed
  type: dict
  sample:
    ovirt-engine: {before: active, after: inactive}
    grafana-server: {before: missing, after: missing}
service:
  description: The service that did not reach its state.
  returned: when a change failed
  type: str
rc:
  description: Exit status of C(systemctl).
  returned: when systemctl failed
  type: int
cmd:
  description: The command that failed.
  returned: when systemctl failed
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

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import run
from ..module_utils._engine.argspecs import ENGINE_HOST
from ..module_utils._engine.services import Services
from ..module_utils._engine.services_rules import describe_changes, list_changes

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    names={"type": "list", "elements": "str", "required": True},
    state={"type": "str", "required": True, "choices": ["started", "stopped"]},
    timeout={"type": "int", "default": 300},
)


def act(params: Dict[str, Any], services: Services, check_mode: bool) -> Dict[str, Any]:
    """Bring the services into the state, or say what would change; return the result of the module."""
    state = params["state"]
    with interruptible():
        before = services.plan(params["names"], state)
        after = None if check_mode else services.change(before, state)
    changes = list_changes(before, state)
    shown = describe_changes(before, after, state)
    return {
        "changed": bool(changes),
        "services": shown,
        "diff": {key: {name: shown[name][key] for name in changes} for key in ("before", "after")},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    services = Services(module.params["prefix"], module.params["timeout"])
    run(module, lambda: act(module.params, services, module.check_mode))


if __name__ == "__main__":
    main()
