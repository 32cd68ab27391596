#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the devices of attached disks in a guest."""

DOCUMENTATION = r"""
module: vm_disk_device_info
short_description: Find the devices of attached disks in a guest
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Runs on a virtual machine to which disks or snapshots were attached, and tells which of its devices they are.
  - The serial number of a virtual disk is the id of the disk, of which virtio-blk keeps 20 characters. A device is told
    by a name with the whole id, or one that ends with these 20 characters.
  - No device, two devices, or one of another size than the engine says is an error. Nothing is guessed by order.
  - Waits for devices that the guest has not seen yet, and for udev to settle.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.attributes.info
options:
  disks:
    description:
      - The disks to find, such as RV(ovirt.backup.vm_snapshot_backup#module:disks).
      - Of each, C(id) is needed. C(provisioned_size), where it is given, is the size in bytes that the device must
        have; C(devices) are names in O(directory) that are tried as well. Everything else is ignored.
    type: list
    elements: dict
    required: true
  directory:
    description: Where udev names the devices.
    type: path
    default: /dev/disk/by-id
  timeout:
    description: How long to wait for all of them together, in seconds.
    type: int
    default: 60
requirements:
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.vm_snapshot_backup
  - module: ovirt.backup.vm_disk_image
"""

EXAMPLES = r"""
- name: Find the disks that were attached
  ovirt.backup.vm_disk_device_info:
    disks: "{{ attached.disks }}"
  register: found

- name: Say where the first one is
  ansible.builtin.debug:
    msg: "{{ found.disks[0].device }}"
"""

RETURN = r"""
disks:
  description: The disks in the order of O(disks), each with C(id), the path of its C(device) and the C(size) of that.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1
      device: /dev/sdb
      size: 1073741824
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
from ..module_utils._vm.image.block_devices import find_devices
from ..module_utils._vm.image.devices import read_wanted

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "disks": {"type": "list", "elements": "dict", "required": True},
    "directory": {"type": "path", "default": "/dev/disk/by-id"},
    "timeout": {"type": "int", "default": 60},
}


def look(params: Dict[str, Any]) -> Dict[str, Any]:
    """Return the result of the module."""
    with interruptible("nothing was changed"):
        wanted = [read_wanted(disk) for disk in params["disks"]]
        return {"changed": False, "disks": find_devices(wanted, params["directory"], params["timeout"])}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run(module, lambda: look(module.params))


if __name__ == "__main__":
    main()
