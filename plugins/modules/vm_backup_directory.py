#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin and finish the directory of a virtual machine's backup."""

DOCUMENTATION = r"""
module: vm_backup_directory
short_description: Begin and finish the directory of a virtual machine's backup
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - A backup begins as a directory with the configuration of the virtual machine. Its images are put there.
  - It is finished by C(manifest.json), which is written last and read back; then the directory gets its final name.
    A directory without a manifest is no backup, and files that are not proven get none.
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
    details:
      - With O(state=begun) what an unfinished backup left is removed and the directory made anew each time.
options:
  state:
    description:
      - V(begun) removes what an unfinished backup left in O(directory), and makes it with the configuration in it.
      - V(finished) proves what is there, writes the manifest beside it, and gives the directory its final name.
    type: str
    choices: [begun, finished]
    required: true
  directory:
    description: The directory of the unfinished backup. Its parent directory is made, too; the one above must exist.
    type: path
    required: true
  backup:
    description: The result of M(ovirt.backup.vm_snapshot_backup) with C(state=attached).
    type: dict
    required: true
  configuration:
    description:
      - The text of the saved configuration, where RV(ovirt.backup.vm_snapshot_backup#module:configuration.path) is on
        another host. Left out, it is read from there.
      - Its SHA-256 must be the one in O(backup).
    type: str
  device_directory:
    description:
      - With O(state=begun), where udev names the devices of the disks, such as C(/dev/disk/by-id). They are looked for
        before anything is made, as M(ovirt.backup.vm_disk_device_info) does.
      - Left out, no devices are looked for.
    type: path
  device_timeout:
    description: How long to wait for the devices of all disks together, in seconds.
    type: int
    default: 60
  path:
    description: The final name of the directory, on the same file system. Left out, it keeps its name.
    type: path
  name:
    description: The name of the backup. Needed with O(state=finished).
    type: str
  images:
    description:
      - By disk id, RV(ovirt.backup.vm_disk_image#module:image) of each of its disks.
      - Left out or empty, other software keeps the data, and the manifest tells only how to make the virtual machine.
    type: dict
    default: {}
  started:
    description: When the backup began, ISO 8601 in UTC. Needed with O(state=finished).
    type: str
  verify:
    description:
      - How far the files are proven before the manifest is written with O(state=finished), and those of a backup that
        is finished already.
      - V(none) compares only the sizes of the files.
      - V(checksums) reads every file and compares its SHA-256.
      - V(full) also checks the structure of each image with C(qemu-img check) and its virtual size.
    type: str
    choices: [none, checksums, full]
    default: none
  timeout:
    description: The longest time that C(qemu-img check) of one image may take, in seconds.
    type: int
    default: 86400
requirements:
  - Python 3.6 or newer
  - qemu-img, for O(verify=full)
seealso:
  - module: ovirt.backup.vm_backup_info
  - module: ovirt.backup.vm_disk_device_info
  - module: ovirt.backup.vm_disk_image
"""

EXAMPLES = r"""
- name: Begin a backup, and find the devices of its disks
  ovirt.backup.vm_backup_directory:
    state: begun
    directory: /srv/vm-backups/app/unfinished
    backup: "{{ attached }}"
    device_directory: /dev/disk/by-id
  register: begun

- name: Finish it, when every file was read once more
  ovirt.backup.vm_backup_directory:
    state: finished
    verify: checksums
    directory: /srv/vm-backups/app/unfinished
    path: /srv/vm-backups/app/20261122T210000Z
    name: nightly
    backup: "{{ attached }}"
    images: "{{ images }}"
    started: "2026-11-22T21:00:00Z"
"""

RETURN = r"""
backup:
  description: C(path) of the directory and, with O(state=finished), the content of the manifest.
  returned: success
  type: dict
disks:
  description: The disks in the order of O(backup), each with C(id), the path of its C(device) and the C(size) of that.
  returned: with O(device_directory)
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

import os
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.errors import BackupError, Problem, Refused
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import run
from ..module_utils._vm.backup_sets import (
    LEVELS,
    begin_directory,
    check_beginning,
    check_places,
    describe_configuration,
    name_of_configuration,
    now,
    prove_files,
    read_configuration,
    read_manifest,
    tool_of_host,
    write_manifest,
)
from ..module_utils._vm.image.block_devices import find_devices
from ..module_utils._vm.image.devices import read_wanted
from ..module_utils._vm.manifest import build_vm_manifest

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "state": {"type": "str", "choices": ["begun", "finished"], "required": True},
    "directory": {"type": "path", "required": True},
    "backup": {"type": "dict", "required": True},
    "configuration": {"type": "str", "no_log": True},  # cloud-init puts passwords there
    "device_directory": {"type": "path"},
    "device_timeout": {"type": "int", "default": 60},
    "path": {"type": "path"},
    "name": {"type": "str"},
    "images": {"type": "dict", "default": {}},
    "started": {"type": "str"},
    "verify": {"type": "str", "choices": list(LEVELS), "default": "none"},
    "timeout": {"type": "int", "default": 86400},
}
REQUIRED_IF = [("state", "finished", ["name", "started"])]
NEEDED = ("vm", "snapshot", "configuration", "disks")


def begin(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Make the directory, or say that it would be made; return the result of the module."""
    directory, said = params["directory"], params["backup"]["configuration"]
    refuse(check_beginning(directory))
    text = None if params["configuration"] is None else params["configuration"].encode("utf-8")
    data = read_configuration(said, text)
    with interruptible("the directory has no manifest"):
        found = find(params)
        if not check_mode:
            begin_directory(directory, name_of_configuration(said), data)
    after = "%s holds the configuration of %s\n" % (directory, params["backup"]["vm"]["name"])
    return dict(found, changed=True, backup={"path": directory}, diff={"before": "", "after": after})


def find(params: Dict[str, Any]) -> Dict[str, Any]:
    """Return the devices of the disks, where they are asked for."""
    if params["device_directory"] is None:
        return {}
    wanted = [read_wanted(disk) for disk in params["backup"]["disks"]]
    return {"disks": find_devices(wanted, params["device_directory"], params["device_timeout"])}


def finish(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Write the manifest, or say what it would hold; return the result of the module."""
    final = params["path"] or params["directory"]
    done = read_finished(final, params)
    if done is not None:
        prove_files(final, done, params["verify"], params["timeout"])
        return describe(False, final, done)
    manifest = plan(params)
    refuse(check_places(params["directory"], final))
    if not check_mode:
        with interruptible("the directory has no manifest, or is finished"):
            write_manifest(params["directory"], manifest, final, params["verify"], params["timeout"])
    return describe(True, final, manifest)


def act(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Begin or finish; return the result of the module."""
    lacking = [key for key in NEEDED if key not in params["backup"]]
    if lacking:
        text = "backup lacks %s: it is not the result of vm_snapshot_backup" % ", ".join(lacking)
        raise Refused([Problem("backup_incomplete", text)])
    return begin(params, check_mode) if params["state"] == "begun" else finish(params, check_mode)


def read_finished(final: str, params: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Return the manifest of this very snapshot where it is written already."""
    try:
        found = read_manifest(final)
    except BackupError:
        return None
    return found if found["snapshot"].get("id") == params["backup"]["snapshot"].get("id") else None


def plan(params: Dict[str, Any]) -> Dict[str, Any]:
    """Return the manifest; raise Refused where something of the backup is missing."""
    backup, directory = params["backup"], params["directory"]
    refuse(check_images(backup["disks"], params["images"], directory))
    images = {
        disk_id: dict({key: image[key] for key in image if key != "path"}, file=os.path.basename(image["path"]))
        for disk_id, image in params["images"].items()
    }
    configuration = describe_configuration(directory, backup["configuration"])
    return build_vm_manifest(params["name"], backup, configuration, images, tool_of_host(), params["started"], now())


def check_images(disks: List[Dict[str, Any]], images: Dict[str, Any], directory: str) -> List[Problem]:
    """Return which disks have no image in the directory, where any has one."""
    text = "disk %s (%s) has no image in %s: it was not backed up"
    return [
        Problem("image_missing", text % (disk["id"], disk.get("alias", ""), directory))
        for disk in disks
        if images and os.path.dirname(images.get(disk["id"], {}).get("path", "")) != directory.rstrip("/")
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
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True)
    run(module, lambda: act(module.params, module.check_mode))


if __name__ == "__main__":
    main()
