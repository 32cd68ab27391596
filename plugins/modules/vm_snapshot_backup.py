#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attach the disks of a virtual machine's snapshot to a backup VM, and take all of it away again."""

DOCUMENTATION = r"""
module: vm_snapshot_backup
short_description: Attach the disks of a virtual machine's snapshot to a backup VM, and take all of it away again
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - The engine's side of a backup through a snapshot. A snapshot of a virtual machine is made and proven good, its
    configuration is saved, and the snapshot's disks are attached to a backup VM, where any software reads them.
    Afterwards the disks are detached and the snapshot is removed.
  - Nothing is made before everything that can refuse was asked, and all reasons are named at once.
  - Where something fails after the snapshot was begun, this call takes back what it made. The error says what could not
    be taken back, and where it is.
  - The description of the snapshot is the mark of the backup. By it every step is found again after the module was
    killed or an answer of the engine was lost, and nothing without this mark is ever touched.
  - A disk is detached and never removed.
  - The whole way, and what to do on the backup VM, is the role P(ovirt.backup.vm_backup#role).
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.connection
  - ovirt.backup.waiting
attributes:
  check_mode:
    support: full
    details:
      - Everything is read and every refusal is made, nothing is written. The result holds the planned values.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A call that was killed at any point is resumed by the next one with the same O(name) and O(run).
options:
  vm:
    description: Name or id of the virtual machine. Where two have the name, the id is needed.
    type: str
    required: true
  backup_vm:
    description:
      - Name or id of the virtual machine that the disks are attached to.
      - It is in the same data center, up, and not O(vm) itself. With O(interface=virtio_scsi) it has a VirtIO-SCSI
        controller.
    type: str
    required: true
  name:
    description:
      - The name of the backup. With O(run) it is the mark in the snapshot's description.
      - One backup of a name and virtual machine works at a time.
    type: str
    required: true
  run:
    description:
      - Who works on this backup, as P(ovirt.backup.run_identity#lookup) tells it. Empty for calls by hand.
      - A snapshot of the same O(name) and another run is refused while that run lives, and taken away as a leftover
        when it does not.
      - When that run ends while this module still waits, for example because it was killed, this module ends, too, and
        takes back what it made.
    type: str
    default: ""
  stale_after:
    description:
      - Seconds after which the snapshot of another run counts as a leftover where nobody can tell whether that run
        still lives, because it is on another machine.
    type: int
    default: 86400
  disks:
    description: Ids or aliases of the disks to back up. All of the virtual machine where this is left out.
    type: list
    elements: str
  interface:
    description: The interface by which the disks are attached to the backup VM.
    type: str
    choices: [virtio_scsi, virtio, sata]
    default: virtio_scsi
  consistency:
    description:
      - Whether the guest's file systems are frozen while the snapshot is made, through its guest agent. They are thawed
        in every case.
      - V(auto) goes on where that does not work, and the result says so. V(require) fails. V(never) does not try, the
        engine may still do so for a moment.
      - A virtual machine that is down needs no freezing.
    type: str
    choices: [auto, require, never]
    default: auto
  freeze_timeout:
    description:
      - The longest time that the file systems stay frozen, in seconds. A snapshot that is not whole by then is not
        consistent.
    type: int
    default: 60
  configuration_path:
    description:
      - The file on the host that runs this module where the configuration of the virtual machine is saved, mode 0600.
        Its directory exists; in check mode it may be missing.
      - Required with O(state=attached).
    type: path
  unsupported_disks:
    description:
      - What to do with disks of which no snapshot can be made or attached, such as shareable disks and direct LUNs.
      - V(refuse) names them and makes nothing. V(skip) leaves them out and lists them in RV(skipped).
    type: str
    choices: [refuse, skip]
    default: refuse
  events:
    description: Write the begin, the end and the failure of the backup into the engine's event log.
    type: bool
    default: true
  outcome:
    description:
      - How the backup ended, for the closing event with O(state=detached) and O(state=absent). No such event where this
        is left out, or where nothing was to do.
      - With V(failure) and no snapshot found the guest's file systems are thawed, for a call may have been killed after
        it froze them.
    type: str
    choices: [success, failure]
  outcome_message:
    description: The text of the closing event.
    type: str
    default: ""
  state:
    description:
      - V(attached), the disks of a good snapshot are attached to the backup VM and active, the configuration is saved.
      - V(detached), the disks are off the backup VM, the snapshot is kept.
      - V(absent), the snapshot is removed, too, and waited for until it is gone.
      - A disk that may be attached from a snapshot of somebody else is left alone, and the call fails and names it.
    type: str
    choices: [attached, detached, absent]
    default: attached
seealso:
  - module: ovirt.backup.vm_snapshot_restore
"""

EXAMPLES = r"""
- name: Log in once
  ovirt.ovirt.ovirt_auth:
    url: https://engine.example.com/ovirt-engine/api
    username: backup@internal
    password: "{{ vault_password }}"
    ca_file: /etc/pki/ovirt-engine/ca.pem
  delegate_to: localhost

- name: Attach a snapshot of the virtual machine to the backup VM
  ovirt.backup.vm_snapshot_backup:
    auth: "{{ ovirt_auth }}"
    vm: app
    backup_vm: backup
    name: nightly
    configuration_path: /srv/backup/app/configuration.ovf
  delegate_to: localhost
  register: attached

- name: Take the disks off the backup VM and remove the snapshot
  ovirt.backup.vm_snapshot_backup:
    auth: "{{ ovirt_auth }}"
    vm: app
    backup_vm: backup
    name: nightly
    outcome: success
    state: absent
  delegate_to: localhost

- name: Back up one disk of a virtual machine, the login in one place
  hosts: localhost
  module_defaults:
    group/ovirt.backup.ovirt:
      auth:
        url: https://engine.example.com/ovirt-engine/api
        username: backup@internal
        password: "{{ vault_password }}"
        ca_file: /etc/pki/ovirt-engine/ca.pem
  tasks:
    - name: Attach the snapshot of one disk, with frozen file systems or not at all
      ovirt.backup.vm_snapshot_backup:
        vm: app
        backup_vm: backup
        name: nightly
        disks: [app_Disk1]
        consistency: require
        configuration_path: /srv/backup/app/configuration.ovf
"""

RETURN = r"""
snapshot:
  description:
    - The snapshot of this backup. V(none) where there is none.
  returned: success
  type: dict
  contains:
    id: {description: Its id. Empty in a plan., type: str}
    date: {description: 'When it was made, UTC. Empty in a plan.', type: str}
    description: {description: 'Its description, the mark of the backup.', type: str}
    consistency:
      description: The truth about the guest's file systems in it.
      type: dict
      contains:
        requested: {description: The option O(consistency)., type: str}
        frozen:
          description: Whether they were frozen until the snapshot was whole. V(none) where this call did not make it.
          type: bool
        seconds: {description: How long they were frozen., type: float}
        note: {description: Why they were not frozen. Empty where they were., type: str}
configuration:
  description: The saved configuration of the virtual machine.
  returned: with state attached
  type: dict
  contains:
    type: {description: 'What the engine calls it, C(ovf).', type: str}
    path: {description: The file., type: str}
    sha256: {description: Its SHA-256. Empty in a plan., type: str}
    size: {description: Its size in bytes., type: int}
disks:
  description: The disks that are attached, in the order of the virtual machine.
  returned: with state attached
  type: list
  elements: dict
  contains:
    id: {description: The disk's id., type: str}
    image_id: {description: The id of its image in the snapshot., type: str}
    alias: {description: Its alias., type: str}
    provisioned_size: {description: The size that a guest sees in bytes., type: int}
    actual_size: {description: What it takes on the storage in bytes., type: int}
    format: {description: 'C(cow) or C(raw), before the snapshot.', type: str}
    sparse: {description: Whether it is sparse., type: bool}
    backup: {description: 'C(incremental) where it is set up for changed-block backups, else C(none).', type: str}
    wipe_after_delete: {description: Whether it is wiped when it is removed., type: bool}
    storage_domain: {description: Its storage domain with C(id) and C(name)., type: dict}
    interface: {description: The interface on its own virtual machine., type: str}
    attached_interface: {description: The interface on the backup VM., type: str}
    bootable: {description: Whether its virtual machine boots from it., type: bool}
    active: {description: Whether it is plugged on its own virtual machine., type: bool}
    read_only: {description: Whether it is read-only there., type: bool}
    pass_discard: {description: Whether discards are passed on there., type: bool}
    order: {description: Its place among the disks of its virtual machine., type: int}
    devices:
      description: Names below C(/dev/disk/by-id) of the backup VM, in the order to try them.
      type: list
      elements: str
skipped:
  description: The disks that are not in the backup, with C(id), C(alias) and C(reason).
  returned: with state attached
  type: list
  elements: dict
detached:
  description: Ids of the disks that were taken off the backup VM.
  returned: with state detached or absent
  type: list
  elements: str
removed:
  description: Descriptions of the snapshots that were removed.
  returned: with state detached or absent
  type: list
  elements: str
vm:
  description:
    - The virtual machine with C(id), C(name), C(status) and, with state attached, C(cluster). V(none) where it is gone.
  returned: success
  type: dict
backup_vm:
  description: The backup VM with C(id), C(name) and C(status). V(none) where it is gone.
  returned: success
  type: dict
engine_version:
  description: The engine's version.
  returned: with state attached
  type: str
swept:
  description: What dead runs of this backup had left and this one took away, or would take away in check mode.
  returned: success
  type: list
  elements: str
warnings:
  description: What should be known, such as checkpoints of changed-block backups that become invalid.
  returned: when there is any
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
phase:
  description:
    - What was being done, C(plan), C(sweeping), C(snapshot), C(configuration), C(attaching), C(detaching) or
      C(removing).
  returned: failure
  type: str
undone:
  description: What this call had made and took back.
  returned: when the work had begun
  type: list
  elements: str
standing:
  description: What is still there and how come.
  returned: when the work had begun
  type: list
  elements: str
last_seen:
  description: What was seen last of what was awaited.
  returned: when the time was over
  type: str
"""

import time
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._common.process_identity import is_run_alive, sleep_unless_orphaned
from ..module_utils._vm.api.connect import IMPORT_ERROR, LIBRARY, open_api
from ..module_utils._vm.api.engine import EngineApi
from ..module_utils._vm.api.wait import Waiter
from ..module_utils._vm.argspecs import CONNECTION, WAITING
from ..module_utils._vm.backup.plan import BackupContext, VmBackupRequest
from ..module_utils._vm.backup.run import attach, detach, preview_attaching, preview_removing, remove
from ..module_utils._vm.configuration_file import ConfigurationFile

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    CONNECTION,
    **WAITING,
    vm={"type": "str", "required": True},
    backup_vm={"type": "str", "required": True},
    name={"type": "str", "required": True},
    run={"type": "str", "default": ""},
    stale_after={"type": "int", "default": 86400},
    disks={"type": "list", "elements": "str"},
    interface={"type": "str", "choices": ["virtio_scsi", "virtio", "sata"], "default": "virtio_scsi"},
    consistency={"type": "str", "choices": ["auto", "require", "never"], "default": "auto"},
    freeze_timeout={"type": "int", "default": 60},
    configuration_path={"type": "path"},
    unsupported_disks={"type": "str", "choices": ["refuse", "skip"], "default": "refuse"},
    events={"type": "bool", "default": True},
    outcome={"type": "str", "choices": ["success", "failure"]},
    outcome_message={"type": "str", "default": ""},
    state={"type": "str", "choices": ["attached", "detached", "absent"], "default": "attached"},
)
# So many looks at the engine may pass before a request whose answer was lost is taken as not carried out.
LOOKS = 5
INTERRUPTED = "the work was broken off"


def read_request(params: Dict[str, Any]) -> VmBackupRequest:
    """Return the request that the options stand for."""
    return VmBackupRequest(
        vm=params["vm"],
        backup_vm=params["backup_vm"],
        name=params["name"],
        run=params["run"],
        stale_after=params["stale_after"],
        disks=None if params["disks"] is None else tuple(params["disks"]),
        interface=params["interface"],
        consistency=params["consistency"],
        freeze_timeout=params["freeze_timeout"],
        skips_unsupported=params["unsupported_disks"] == "skip",
        outcome=params["outcome"] or "",
        message=params["outcome_message"],
        events=params["events"],
        timeout=params["timeout"],
        poll_interval=params["poll_interval"],
        settle=LOOKS * params["poll_interval"],
    )


def make_tools(params: Dict[str, Any], api: EngineApi, check_mode: bool) -> BackupContext:
    """Return what the flow works with."""
    sleep = sleep_unless_orphaned(params["run"])

    def new_waiter(seconds: float) -> Waiter:
        return Waiter(time.monotonic, sleep, seconds, params["poll_interval"])

    configuration = ConfigurationFile(params["configuration_path"] or "", check_mode)
    return BackupContext(api, new_waiter(params["timeout"]), new_waiter, configuration, is_run_alive, time.time)


def act(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Bring the backup into the state, or say what would be done; return the result of the module."""
    request, state = read_request(params), params["state"]
    with interruptible(INTERRUPTED), open_api(params["auth"]) as api:
        tools = make_tools(params, api, check_mode)
        if state == "attached":
            return preview_attaching(request, tools) if check_mode else attach(request, tools)
        if check_mode:
            return preview_removing(request, tools, state == "absent")
        return remove(request, tools) if state == "absent" else detach(request, tools)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        supports_check_mode=True,
        required_if=[("state", "attached", ["configuration_path"])],
    )
    require(module, LIBRARY, IMPORT_ERROR)
    secrets = [module.params["auth"].get(key) for key in ("password", "token")]
    run(module, lambda: act(module.params, module.check_mode), [secret for secret in secrets if secret])


if __name__ == "__main__":
    main()
