#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy a disk between a device and an image, and prove that both are equal."""

DOCUMENTATION = r"""
module: vm_disk_image
short_description: Copy a disk between a device and an image, and prove that both are equal
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Saves what a device holds as a compressed qcow2 image, or writes such an image to a device.
  - Afterwards both are read again from the disk and compared byte by byte. An image that differs is discarded; it never
    takes the place of one that stands there.
  - An image that already equals the device is not made again, nor a device written that already equals the image.
  - An image whose SHA-256 is another than the given one, that is no qcow2, or that has a backing file is not written.
  - A device that is mounted or held by LVM is not written.
  - While it works, C(PATH.state.json) beside the image tells phase, bytes done of how many, and since when. The screen
    shows it every O(progress) seconds.
extends_documentation_fragment:
  - ovirt.backup.attributes
attributes:
  check_mode:
    support: full
    details:
      - Compares for real, which reads both.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(saved) makes the image hold what the device holds.
      - V(written) makes the device hold what the image holds.
    type: str
    choices: [saved, written]
    default: saved
  device:
    description: The device, the C(device) of an entry of RV(ovirt.backup.vm_disk_device_info#module:disks).
    type: path
    required: true
  path:
    description: The image. Its directory must exist.
    type: path
    required: true
  provisioned_size:
    description: The size in bytes that the device must have. V(0) is any.
    type: int
    default: 0
  sha256:
    description: The SHA-256 that the image must have to be written.
    type: str
    default: ""
  compression:
    description:
      - How the image is compressed when O(state=saved).
      - V(zstd) needs qemu-img 5.1 or newer here and where it is restored.
    type: str
    choices: [zstd, zlib, none]
    default: zstd
  timeout:
    description: The longest time that one copy or one comparison may take, in seconds.
    type: int
    default: 86400
  progress:
    description: Seconds between two lines on the screen that tell how far it is. V(0) shows none.
    type: int
    default: 60
requirements:
  - Python 3.6 or newer
  - qemu-img
seealso:
  - module: ovirt.backup.vm_disk_device_info
  - module: ovirt.backup.vm_backup_directory
"""

EXAMPLES = r"""
- name: Save a disk
  ovirt.backup.vm_disk_image:
    state: saved
    device: /dev/sdb
    path: /srv/vm-backups/app/unfinished/0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1.qcow2
    provisioned_size: 1073741824

- name: Write it back
  ovirt.backup.vm_disk_image:
    state: written
    device: /dev/sdc
    path: /srv/vm-backups/app/20261122T210000Z/0f3b2a9e-6a3c-4b43-9a63-5b7e8e2ad0a1.qcow2
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

RETURN = r"""
image:
  description:
    - C(path), C(format), C(virtual_size) and C(size) in bytes, and C(sha256) of the image.
    - In check mode, size and SHA-256 of an image that would be made are V(0) and empty.
  returned: success
  type: dict
device:
  description: C(path) and C(size) in bytes of the device.
  returned: success
  type: dict
phase:
  description: What failed, V(save), V(write) or V(compare).
  returned: when a copy failed
  type: str
rc:
  description: Exit status of C(qemu-img).
  returned: when qemu-img failed
  type: int
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
from ..module_utils._vm.image.disk_images import DiskImages
from ..module_utils._vm.image.run import ImageRequest, ImageResult, save_image, write_image

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "state": {"type": "str", "choices": ["saved", "written"], "default": "saved"},
    "device": {"type": "path", "required": True},
    "path": {"type": "path", "required": True},
    "provisioned_size": {"type": "int", "default": 0},
    "sha256": {"type": "str", "default": ""},
    "compression": {"type": "str", "choices": ["zstd", "zlib", "none"], "default": "zstd"},
    "timeout": {"type": "int", "default": 86400},
    "progress": {"type": "int", "default": 60},  # for the action plugin
}
OUTCOME = {"saved": "the unfinished image was removed", "written": "the device holds a part of the image"}


def act(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Copy and compare, or say what would be copied; return the result of the module."""
    request = ImageRequest(
        params["device"], params["path"], params["provisioned_size"], params["sha256"], params["compression"]
    )
    work = save_image if params["state"] == "saved" else write_image
    with interruptible(OUTCOME[params["state"]]):
        done = work(request, DiskImages(params["path"], params["timeout"]), not check_mode)
    return {"changed": done.changed, "image": done.image, "device": done.device, "diff": describe(params, done)}


def describe(params: Dict[str, Any], done: ImageResult) -> Dict[str, str]:
    """Return what changes, for --diff."""
    if not done.changed:
        return {"before": "", "after": ""}
    source, target = params["device"], params["path"]
    if params["state"] == "written":
        source, target = target, source
    return {"before": "", "after": "%s holds what %s holds\n" % (target, source)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run(module, lambda: act(module.params, module.check_mode))


if __name__ == "__main__":
    main()
