# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_disk_image on the screen: a long copy says how far it is. The copy itself is in the roles' tests."""

import json
import os
import re
from pathlib import Path

from .. import runs
from ..installation import program

MIB = 1 << 20
SIZE = 96 * MIB  # takes some seconds to compress


def test_a_long_copy_shows_how_far_it_is(tmp_path: Path) -> None:
    device, image = tmp_path / "sdb", tmp_path / "sdb.qcow2"
    with device.open("wb") as stream:
        for _piece in range(SIZE // MIB):
            stream.write(os.urandom(MIB))
    options = {"device": str(device), "path": str(image), "compression": "zlib", "progress": 1}
    host = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    play = {
        "hosts": "localhost", "gather_facts": False, "vars": host,
        "tasks": [{"name": "Save it", "ovirt.backup.vm_disk_image": options}],
    }  # fmt: skip
    playbook = tmp_path / "play.yml"
    playbook.write_text(json.dumps([play]))
    run = runs.start([program("ansible-playbook"), "-i", "localhost,", str(playbook)], {}, tmp_path)
    said = run.communicate(timeout=120)[0]
    assert run.returncode == 0, said
    lines = re.findall(r"^(\S+): saving: \d\.\d of 0\.1 GiB \(\d+ %\), at wor[k] since \d{4}-\S+Z$", said, re.MULTILINE)
    assert set(lines) == {str(device)}, said
    assert image.exists()
    assert not image.with_name("sdb.qcow2.state.json").exists()
