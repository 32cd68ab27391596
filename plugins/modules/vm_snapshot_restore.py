#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a virtual machine through floating disks on a backup VM, and prove what was made."""

DOCUMENTATION = r"""
module: vm_snapshot_restore
short_description: Restore a virtual machine through floating disks on a backup VM
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Does the part of a restore that is the engine's. V(state=prepared) makes a floating disk for each saved one and
    attaches it to the backup VM. Then backup software on the backup VM fills these disks. V(state=restored) detaches
    them, makes the virtual machine from its saved configuration and attaches them to it, with their old interface,
    order and boot flag. Then everything is read back and compared.
  - V(state=absent) undoes what an unfinished restore made, and nothing else.
  - Until a restore is proven, its disks and its virtual machine carry a mark with O(name) and O(run) in description and
    comment. By it a run that was killed at any point is resumed by the next one with the same O(name) and O(run), and
    what a dead run left is taken away. Things without that mark are never changed or removed.
  - The disks are taken out of the configuration before it is posted. The engine would attach them by their ids, to the
    original virtual machine if that still exists. Snapshots are taken out, too.
  - The virtual machine is not started.
  - The role P(ovirt.backup.vm_restore#role) does the whole of it, with the images that
    P(ovirt.backup.vm_backup#role) made.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.connection
  - ovirt.backup.waiting
attributes:
  check_mode:
    support: full
    details:
      - Everything is read and every refusal is made, nothing is written. The result and the diff have every disk with
        its id and storage domain, every network interface with its MAC address and network, and what would be removed.
      - Where nothing of the restore was begun, V(state=restored) is planned as if V(state=prepared) had been done.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A disk that is there and attached, and a virtual machine that was restored before, are left as they are. In the
        latter case V(state=prepared) has nothing to do, either.
options:
  state:
    description:
      - V(prepared) has the floating disks attached to the backup VM, V(restored) has the virtual machine with them.
      - V(absent) has nothing of an unfinished restore. A restore that was finished is not touched.
    type: str
    choices: [prepared, restored, absent]
    required: true
  backup_vm:
    description:
      - Name or id of the virtual machine that the disks are attached to while they are filled. It must be up or down.
    type: str
    required: true
  vm_name:
    description:
      - The name of the restored virtual machine. Nothing is ever overwritten, so no virtual machine of the data center
        may have it.
    type: str
    required: true
  name:
    description:
      - The name of this restore, which its mark carries. Up to 100 letters, digits, spaces and C(.), C(_), C(-).
      - The default is O(vm_name).
    type: str
  run:
    description:
      - Who works on it, usually from the lookup plugin P(ovirt.backup.run_identity#lookup). Work of another run that
        still lives is refused, that of a dead one is taken away.
      - When that run ends while this module still waits, this module ends, too. What it had made is marked.
    type: str
    default: ""
  stale_after:
    description:
      - Seconds after which work of a run on another machine counts as left behind. Nobody here can tell whether such a
        run still lives.
      - Its age is taken from the event that it wrote. Where there is none, only V(0) makes it a leftover.
    type: int
    default: 86400
  configuration_path:
    description:
      - The file with the saved configuration of the virtual machine, as M(ovirt.backup.vm_snapshot_backup) wrote it.
      - This or O(configuration) is required but for O(state=absent).
    type: path
  configuration:
    description: The saved configuration itself, where its file is on another host.
    type: str
  configuration_type:
    description: The kind of the configuration.
    type: str
    choices: [ovf]
    default: ovf
  configuration_sha256:
    description: The SHA-256 that the configuration must have.
    type: str
  disks:
    description:
      - The saved disks, as RV(ovirt.backup.vm_snapshot_backup#module:disks) or a manifest describes them.
      - Read are C(id), C(alias), C(provisioned_size), C(actual_size), C(format), C(sparse), C(backup),
        C(wipe_after_delete), C(storage_domain), C(interface), C(bootable), C(active), C(read_only), C(pass_discard) and
        C(order). Other keys do no harm.
      - Required but for O(state=absent). There, only what these disks were to be restored to is removed, or, where they
        are left out, everything with the mark of the restore.
    type: list
    elements: dict
  storage_domain:
    description:
      - Name or id of the storage domain for all disks. The default is the one that each disk came from.
    type: str
  storage_domain_map:
    description:
      - Storage domains (name or id) by the one that a disk came from (name or id).
      - It wins over O(storage_domain).
    type: dict
    default: {}
  cluster:
    description: Name or id of the cluster. The default is the one that the configuration names.
    type: str
  keep_ids:
    description:
      - Give disks and virtual machine their original ids where these are free. A disk whose id is in use gets another
        one, which RV(disks[].note) says.
    type: bool
    default: true
  macs:
    description:
      - What becomes of the saved MAC addresses.
      - V(fail_if_used) keeps them, and refuses where a virtual machine of this engine has one of them.
      - V(keep) keeps those that are free. A network interface whose address is in use gets a new one, and a warning
        says so.
      - V(new) gives every network interface a new one.
      - New addresses are those of the cluster's MAC address pool.
    type: str
    choices: [fail_if_used, keep, new]
    default: fail_if_used
  nics:
    description:
      - V(keep) leaves network interfaces as plugged as they were. With V(unplugged) all are there and none is plugged,
        so that the guest can be started beside its original.
    type: str
    choices: [keep, unplugged]
    default: keep
  network_map:
    description:
      - vNIC profiles by saved network or C(network/profile). A value is the id of a profile, C(network/profile), or
        a network that has one profile or one of its own name. An empty value leaves the interface without a network.
      - A saved network that is neither here nor mapped is refused. The engine alone would import the interface without
        one.
    type: dict
    default: {}
  overwrite:
    description: Whether something that exists may be overwritten. There is one answer.
    type: str
    choices: [never]
    default: never
  interface:
    description: The interface by which the disks are attached to the backup VM.
    type: str
    choices: [virtio_scsi, virtio, sata]
    default: virtio_scsi
  events:
    description: Write begin, end and failure into the engine's event log.
    type: bool
    default: true
requirements:
  - ovirt-engine-sdk-python 4.4 or newer
  - Python 3.9 or newer
seealso:
  - module: ovirt.backup.vm_snapshot_backup
  - module: ovirt.backup.vm_disk_image
"""

EXAMPLES = r"""
- name: Show what a restore would do, and everything that stands against it
  ovirt.backup.vm_snapshot_restore:
    auth: "{{ ovirt_auth }}"
    backup_vm: backup
    vm_name: "{{ manifest.vm.name }}"
    configuration_path: /srv/backup/app/configuration.ovf
    configuration_sha256: "{{ manifest.configuration.sha256 }}"
    disks: "{{ manifest.disks }}"
    state: prepared
  check_mode: true
  diff: true

- name: Floating disks for a copy beside the original, on another storage domain
  ovirt.backup.vm_snapshot_restore:
    auth: "{{ ovirt_auth }}"
    backup_vm: backup
    vm_name: app-copy
    run: "{{ lookup('ovirt.backup.run_identity') }}"
    configuration_path: /srv/backup/app/configuration.ovf
    configuration_sha256: "{{ manifest.configuration.sha256 }}"
    disks: "{{ manifest.disks }}"
    storage_domain: data2
    macs: new
    nics: unplugged
    network_map:
      ovirtmgmt: isolated/isolated
    state: prepared
  register: prepared

- name: The virtual machine around them, after they were filled
  ovirt.backup.vm_snapshot_restore:
    auth: "{{ ovirt_auth }}"
    backup_vm: backup
    vm_name: app-copy
    run: "{{ lookup('ovirt.backup.run_identity') }}"
    configuration_path: /srv/backup/app/configuration.ovf
    configuration_sha256: "{{ manifest.configuration.sha256 }}"
    disks: "{{ manifest.disks }}"
    storage_domain: data2
    macs: new
    nics: unplugged
    network_map:
      ovirtmgmt: isolated/isolated
    state: restored

- name: Take away what an unfinished restore left
  ovirt.backup.vm_snapshot_restore:
    auth: "{{ ovirt_auth }}"
    backup_vm: backup
    vm_name: app-copy
    run: "{{ lookup('ovirt.backup.run_identity') }}"
    state: absent
"""

RETURN = r"""
finished:
  description:
    - Whether nothing is left to do, or nothing would be. V(true) for O(state=prepared) means that this backup was
      restored before, so there are no disks to fill.
  returned: success
  type: bool
vm:
  description: The virtual machine that is made, or going to be. Empty for O(state=absent).
  returned: success, and when what was made differs from what was saved
  type: dict
  contains:
    id: {description: 'Its id, also where it is not made yet.', type: str}
    name: {description: Its name., type: str}
    status: {description: 'Its status, V(none yet) while only its disks are made.', type: str}
    cluster: {description: The name of its cluster., type: str}
disks:
  description: The disks that are made, or going to be, in the order of their attachment.
  returned: success
  type: list
  elements: dict
  contains:
    id: {description: The id of the disk., type: str}
    source_id: {description: The id of the disk that was saved., type: str}
    alias: {description: Its alias., type: str}
    provisioned_size: {description: Its size in bytes., type: int}
    format: {description: 'V(cow) or V(raw).', type: str}
    sparse: {description: Whether it is thin., type: bool}
    storage_domain: {description: 'Its storage domain, C(id) and C(name).', type: dict}
    interface: {description: Its interface at the restored virtual machine., type: str}
    attached_interface: {description: Its interface at the backup VM., type: str}
    bootable: {description: Whether it is the boot disk., type: bool}
    active: {description: Whether it is plugged., type: bool}
    read_only: {description: Whether it is attached read-only., type: bool}
    pass_discard: {description: Whether discards are passed on., type: bool}
    order: {description: Its place among the disks., type: int}
    devices:
      description: Names below C(/dev/disk/by-id) of the backup VM, in the order in which to look for them.
      type: list
      elements: str
    note: {description: What is not as it was saved., type: str}
nics:
  description: The network interfaces that are made, or going to be.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: Its name., type: str}
    mac: {description: 'Its MAC address. Empty before it is made, where it gets a new one.', type: str}
    saved_mac: {description: The MAC address that was saved., type: str}
    network: {description: Its network., type: str}
    profile: {description: Its vNIC profile., type: str}
    plugged: {description: Whether it is plugged., type: bool}
    note: {description: What is not as it was saved., type: str}
removed:
  description: What was removed. Leftovers of dead runs, and for O(state=absent) what an unfinished restore made.
  returned: success, and failure after the plan
  type: list
  elements: str
kept:
  description: For O(state=absent) what stays because it carries no mark, or belongs to something that carries none.
  returned: success
  type: list
  elements: str
warnings:
  description: What a person should know. Disks that are not in the backup, addresses and formats that change.
  returned: success, where there is something
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
plan:
  description: What would have been made, as in the diff.
  returned: when it was refused before anything was changed
  type: dict
phase:
  description:
    - What was being done, C(plan), C(cleaning), C(making disks), C(attaching), C(detaching),
      C(making the virtual machine), C(proving), C(taking off the marks) or C(removing).
  returned: failure
  type: str
standing:
  description: The restored disks that are still there, attached to nothing.
  returned: when somebody removed the virtual machine before the restore had ended
  type: list
  elements: str
"""

import os
import time
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.errors import BackupError, Refused
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._common.process_identity import is_run_alive, sleep_unless_orphaned
from ..module_utils._vm.api.connect import IMPORT_ERROR, LIBRARY, open_api
from ..module_utils._vm.api.wait import Waiter
from ..module_utils._vm.argspecs import CONNECTION, WAITING
from ..module_utils._vm.backup.rules import check_poll_interval
from ..module_utils._vm.restore.current_state import RestoreContext
from ..module_utils._vm.restore.model import VmRestoreRequest
from ..module_utils._vm.restore.run import VmRestoreResult, preview_restore, restore_vm

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    CONNECTION,
    **WAITING,
    state={"type": "str", "choices": ["prepared", "restored", "absent"], "required": True},
    backup_vm={"type": "str", "required": True},
    vm_name={"type": "str", "required": True},
    name={"type": "str"},
    run={"type": "str", "default": ""},
    stale_after={"type": "int", "default": 86400},
    configuration_path={"type": "path"},
    configuration={"type": "str", "no_log": True},  # it may hold what cloud-init was told
    configuration_type={"type": "str", "choices": ["ovf"], "default": "ovf"},
    configuration_sha256={"type": "str"},
    disks={"type": "list", "elements": "dict"},
    storage_domain={"type": "str"},
    storage_domain_map={"type": "dict", "default": {}},
    cluster={"type": "str"},
    keep_ids={"type": "bool", "default": True},
    macs={"type": "str", "choices": ["fail_if_used", "keep", "new"], "default": "fail_if_used"},
    nics={"type": "str", "choices": ["keep", "unplugged"], "default": "keep"},
    network_map={"type": "dict", "default": {}},
    overwrite={"type": "str", "choices": ["never"], "default": "never"},
    interface={"type": "str", "choices": ["virtio_scsi", "virtio", "sata"], "default": "virtio_scsi"},
    events={"type": "bool", "default": True},
)
CONFIGURATION = ["configuration", "configuration_path"]
REQUIRED_IF = [
    ("state", "prepared", ["disks"]),
    ("state", "prepared", CONFIGURATION, True),
    ("state", "restored", ["disks"]),
    ("state", "restored", CONFIGURATION, True),
]


def read_request(params: Dict[str, Any], now: float) -> VmRestoreRequest:
    """Return the request that the options stand for."""
    return VmRestoreRequest(
        backup_vm=params["backup_vm"],
        name=params["name"] or params["vm_name"],
        run=params["run"],
        stale_after=params["stale_after"],
        vm_name=params["vm_name"],
        cluster=params["cluster"] or "",
        configuration_path=params["configuration_path"] or "",
        configuration=params["configuration"] or read_configuration(params["configuration_path"] or ""),
        configuration_sha256=params["configuration_sha256"] or "",
        disks=params["disks"],
        storage_domain=params["storage_domain"] or "",
        storage_domain_map=read_map(params["storage_domain_map"]),
        keep_ids=params["keep_ids"],
        macs=params["macs"],
        nics=params["nics"],
        network_map=read_map(params["network_map"]),
        interface=params["interface"],
        events=params["events"],
        now=now,
    )


def read_configuration(path: str) -> str:
    """Return the text of the configuration, nothing where there is none; the plan says what that means."""
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as stream:
        return stream.read().decode("utf-8", "replace")


def read_map(given: Dict[Any, Any]) -> Dict[str, str]:
    """Return a mapping of texts; nothing stands for an empty one."""
    return {str(key): "" if value is None else str(value) for key, value in given.items()}


def describe_result(result: VmRestoreResult) -> Dict[str, Any]:
    """Return the result of the module."""
    return {
        "changed": result.changed,
        "finished": result.is_finished,
        "vm": result.vm,
        "disks": result.disks,
        "nics": result.nics,
        "removed": result.removed,
        "kept": result.kept,
        "warnings": result.warnings,
        "diff": {"before": result.before, "after": result.after if result.changed else result.before},
    }


def act(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Bring the restore into the wanted state, or say what would be done; return the result of the module."""
    request = read_request(params, time.time())
    waiter = Waiter(time.monotonic, sleep_unless_orphaned(params["run"]), params["timeout"], params["poll_interval"])
    work = preview_restore if check_mode else restore_vm
    outcome = "what it had made so far is marked, and the next run goes on with it"
    try:
        problems = check_poll_interval(params["poll_interval"])
        if problems:
            raise Refused(problems)
        with interruptible(outcome), open_api(params["auth"]) as api:
            return describe_result(work(request, params["state"], RestoreContext(api, waiter, is_run_alive)))
    except BackupError as error:
        error.facts.setdefault("phase", "plan")  # such as a login that was refused
        raise


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        required_if=REQUIRED_IF,
        mutually_exclusive=[CONFIGURATION],
        supports_check_mode=True,
    )
    require(module, LIBRARY, IMPORT_ERROR)
    secrets = [module.params["auth"].get(key) for key in ("password", "token")]
    run(module, lambda: act(module.params, module.check_mode), [secret for secret in secrets if secret])


if __name__ == "__main__":
    main()
